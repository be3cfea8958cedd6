"""A server as a child process: started, waited for, stopped by its own pid, else killed."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from tests.servers.cache import log_tail

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 20.0
_POLL_S = 0.05


class ServerFailed(Exception):
    """A server that is installed did not start; the message ends with its log."""


class Lifecycle(Protocol):
    """What starts and stops a server, whatever it runs in.

    ``start`` returns when the server answers. ``stop``, ``kill`` and ``discard`` return when it is
    gone and may be called twice; after ``stop`` and ``kill``, ``start`` brings back the same
    server with its data. ``freeze`` keeps it from answering, with its connections open, until
    ``thaw``.
    """

    def start(self) -> None: ...
    def stop(self) -> None: ...
    def kill(self) -> None: ...
    def freeze(self) -> None: ...
    def thaw(self) -> None: ...
    def discard(self) -> None: ...


class ServerProcess:
    """Runs `command` in `directory`, with its output in ``<name>.log`` there; a ``Lifecycle``."""

    def __init__(
        self,
        name: str,
        *,
        command: Sequence[str | Path],
        directory: Path,
        is_ready: Callable[[], bool],
    ) -> None:
        self._name = name
        self._command = command
        self._directory = directory
        self._is_ready = is_ready
        self._log_path = directory / f"{name}.log"
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Process id of the running server."""
        if self._child is None:
            raise ServerFailed(f"{self._name} is not running")
        return self._child.pid

    def start(self) -> None:
        """Start and wait until ready; raise ``ServerFailed`` if that does not come about."""
        if self._child is not None:
            return
        with self._log_path.open("ab") as log:
            self._child = subprocess.Popen(
                self._command,
                cwd=self._directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            self._wait_until_ready(self._child)
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """Ask the server to stop, and kill it if it has not within ``STOP_TIMEOUT_S``."""
        if self._child is None:
            return
        self._child.terminate()
        try:
            self._child.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._child = None

    def kill(self) -> None:
        """End the server at once, as a power cut would."""
        if self._child is None:
            return
        self._child.kill()
        self._child.wait()
        self._child = None

    def freeze(self) -> None:
        """Let the server answer nothing, as a machine that swaps."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)

    def discard(self) -> None:
        """Stop for good; what is left lies in the caller's directory."""
        self.stop()

    def _wait_until_ready(self, child: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._is_ready():
            if child.poll() is not None:
                raise ServerFailed(self._explained(f"ended with status {child.returncode}"))
            if time.monotonic() > deadline:
                raise ServerFailed(self._explained(f"was not ready in {START_TIMEOUT_S:.0f} s"))
            time.sleep(_POLL_S)

    def _explained(self, what: str) -> str:
        return f"{self._name} {what}, {self._log_path} ends with:\n{log_tail(self._log_path)}"


def free_ports(count: int) -> list[int]:
    """Loopback ports that nobody listens on, all different."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports: list[int] = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def port_answers(port: int, host: str = "127.0.0.1") -> bool:
    """Whether something accepts connections there."""
    try:
        socket.create_connection((host, port), timeout=1.0).close()
    except OSError:
        return False
    return True
