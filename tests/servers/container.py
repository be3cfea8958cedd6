"""Servers in containers, where a container engine really answers."""

import functools
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping

from tests.servers.process import START_TIMEOUT_S, STOP_TIMEOUT_S, ServerFailed

_ENGINES = ("docker", "podman")
_ANSWER_TIMEOUT_S = 10.0
_POLL_S = 0.1


@functools.cache
def engine() -> str | None:
    """Name of a container engine that answers; a client without its daemon does not count."""
    return next((name for name in _ENGINES if shutil.which(name) and _answers(name)), None)


def _answers(name: str) -> bool:
    try:
        done = subprocess.run(
            [name, "info"], capture_output=True, timeout=_ANSWER_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def holder(image: str) -> str | None:
    """Name of the engine that answers and has `image`; one that cannot have it is no use."""
    command = engine()
    if command is None:
        return None
    done = subprocess.run([command, "image", "inspect", image], capture_output=True, check=False)
    return command if done.returncode == 0 else None


def pull(image: str) -> str | None:
    """Let the engine have `image`; what it says where it cannot."""
    if holder(image) is None:
        try:
            _run(str(engine()), "pull", image)
        except ServerFailed as error:
            return str(error)
    return None


class ContainerServer:
    """Runs `image` with its `inside_port` on loopback `port`; a ``process.Lifecycle``."""

    def __init__(
        self,
        command: str,
        *,
        image: str,
        ports: tuple[int, int],
        environment: Mapping[str, str],
        is_ready: Callable[[], bool],
    ) -> None:
        self._command = command
        self._image = image
        self._port, self._inside_port = ports
        self._environment = environment
        self._is_ready = is_ready
        self._container: str | None = None

    def start(self) -> None:
        """Create or start the container and wait until the server answers."""
        if self._container is None:
            self._container = self._create()
        _run(self._command, "start", self._container)
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._is_ready():
            if time.monotonic() > deadline:
                said = _run(self._command, "logs", "--tail", "40", self._container)
                raise ServerFailed(f"{self._image} was not ready in time:\n{said}")
            time.sleep(_POLL_S)

    def stop(self) -> None:
        """Ask the server to stop, and let the engine kill it if it does not."""
        if self._container is not None:
            _run(self._command, "stop", "-t", f"{STOP_TIMEOUT_S:.0f}", self._container)

    def kill(self) -> None:
        """End the server at once."""
        if self._container is not None:
            _run(self._command, "stop", "-t", "0", self._container)

    def freeze(self) -> None:
        """Let the server answer nothing."""
        if self._container is not None:
            _run(self._command, "pause", self._container)

    def thaw(self) -> None:
        """Let it go on."""
        if self._container is not None:
            _run(self._command, "unpause", self._container)

    def discard(self) -> None:
        """Remove the container with its data."""
        if self._container is not None:
            _run(self._command, "rm", "-f", "-v", self._container)
            self._container = None

    def _create(self) -> str:
        variables = [f"--env={name}={value}" for name, value in self._environment.items()]
        published = f"--publish=127.0.0.1:{self._port}:{self._inside_port}"
        return _run(self._command, "create", published, *variables, self._image).splitlines()[-1]


def _run(*command: str) -> str:
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise ServerFailed(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout.strip() or done.stderr.strip()
