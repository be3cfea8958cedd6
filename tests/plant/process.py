"""The real process, watched from outside."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.plant.site import Site

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60.0
_POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class Running:
    """One run of the process: its facts, its log, its end."""

    child: subprocess.Popen[bytes]
    facts_path: Path
    log_path: Path
    began: float
    """Monotonic time of the start."""

    def facts(self) -> list[dict[str, Any]]:
        """Return the facts of this run so far."""
        return list(_facts(self.facts_path))

    def log(self) -> str:
        """Return what the process said."""
        return self.log_path.read_text("utf-8", "replace")

    def events(self) -> list[str]:
        """Return the events in the log, in order."""
        lines = [line for line in self.log().splitlines() if line.startswith("{")]
        return [str(json.loads(line).get("event")) for line in lines]

    def wait_for(self, what: str, done: Callable[[], bool], timeout_s: float = PATIENCE_S) -> None:
        """Wait until `done`; the process must live until then."""
        deadline = time.monotonic() + timeout_s
        while not done():
            assert self.child.poll() is None, f"ended before {what}:\n{self.log()[-4000:]}"
            assert time.monotonic() < deadline, f"no {what}:\n{self.log()[-4000:]}"
            time.sleep(_POLL_S)

    def wait_until_ready(self) -> None:
        """Wait until partitions are restored."""
        self.wait_for("ready", lambda: any(one["fact"] == "ready" for one in self.facts()))

    def wait_for_commit(
        self, ends: Mapping[int, int], site: Site, timeout_s: float = PATIENCE_S
    ) -> None:
        """Wait until the group has committed everything before `ends`."""
        with site.group_offsets() as committed:
            self.wait_for(f"commit of {ends}", lambda: committed() == ends, timeout_s)

    def wait_for_event(self, event: str, timeout_s: float = PATIENCE_S) -> None:
        """Wait until the log has an event."""
        self.wait_for(event, lambda: event in self.events(), timeout_s)

    def ended(self, timeout_s: float = PATIENCE_S) -> int:
        """Wait for the end and return the exit status, negative for a signal's number."""
        try:
            return self.child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running:\n{self.log()[-4000:]}") from None

    def stop(self) -> int:
        """Ask it to stop as a supervisor does, and return the exit status."""
        self.child.terminate()
        return self.ended()

    @contextmanager
    def suspended(self) -> Iterator[None]:
        """Let it stand still for the block, as in a virtual machine that is moved."""
        os.kill(self.child.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.child.pid, signal.SIGCONT)

    def kill(self) -> None:
        """End it as a power cut would."""
        os.kill(self.child.pid, signal.SIGKILL)
        self.ended()


def _facts(path: Path) -> Iterator[dict[str, Any]]:
    """Yield what a run told; the last line may still be in the making."""
    lines = path.read_text("utf-8").splitlines(keepends=True)
    return (json.loads(line) for line in lines if line.endswith("\n"))


@contextmanager
def running(settings: Path, *, death: str = "") -> Iterator[Running]:
    """Run the process until the block ends; `death` is a point and passage of `dying`."""
    run = len(list(settings.parent.glob("run-*.log")))
    facts = settings.parent / f"run-{run:02d}.facts"
    log = settings.parent / f"run-{run:02d}.log"
    command = [sys.executable, "-m", "tests.plant.dying", str(settings), str(facts)]
    facts.touch()
    began = time.monotonic()
    with log.open("wb") as out:
        child = subprocess.Popen(
            [*command, death] if death else command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Running(child, facts, log, began)
    finally:
        child.kill()
        child.wait()


def command(*arguments: str, timeout_s: float = PATIENCE_S) -> subprocess.CompletedProcess[str]:
    """Run one command of bearingwatch to its end."""
    return subprocess.run(
        [sys.executable, "-c", "from daemon.entry import main; main()", *arguments],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
