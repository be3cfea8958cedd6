"""How the process ends: a first signal drains, a second forces; parts stop last in, first out."""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, Protocol

import structlog

from daemon.errors import ExitStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGALRM)
"""SIGALRM is our own timer's."""

ECHO_S: Final = 0.5
"""The first signal again within so long is the same request."""

_log: Any = structlog.get_logger("bearingwatch.stopping")


class Closable(Protocol):
    """A part that holds something."""

    def start(self) -> None:
        """Take what is needed."""
        ...

    def close(self) -> None:
        """Release it; may be called twice."""
        ...


class Stopping:
    """Whether we were asked to stop, and the end of our time for it."""

    def __init__(
        self,
        within_s: float = 25.0,
        force: Callable[[int], object] = os._exit,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.requested = False
        self.within_s = within_s
        self._force = force
        self._now = now
        self._asked: tuple[int, float] | None = None

    def __call__(self) -> bool:
        """Return whether a stop was asked for."""
        return self.requested

    def on_signal(self, number: int, _frame: FrameType | None) -> None:
        """Ask for a stop; the second time, or out of time, end at once.

        Ending at once is as safe as being killed: what was not committed is done again.
        """
        if self._repeated(number):
            return
        if self.requested:
            self._tell(number)
            self._force(ExitStatus.FATAL)
            return
        self._asked = number, self._now()
        self.requested = True
        signal.setitimer(signal.ITIMER_REAL, self.within_s)

    def _repeated(self, number: int) -> bool:
        """Whether it is the first signal once more: `timeout` sends it to us and to our group."""
        asked = self._asked
        return asked is not None and asked[0] == number and self._now() - asked[1] < ECHO_S

    def _tell(self, number: int) -> None:
        """Say why, if that does not block, and past the log: its lock may be what hangs."""
        late = f"stopping took over {self.within_s:g} s"
        why = late if number == signal.SIGALRM else f"a second {signal.Signals(number).name}"
        text = f"bearingwatch: {why}, so it ended at once\n"
        with suppress(OSError, ValueError):
            out = sys.stderr.fileno()
            if select.select([], [out], [], 0)[1]:  # a pipe takes at least 4 KiB then (POSIX)
                os.write(out, text.encode())

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Listen for signals inside the block."""
        before = {number: signal.signal(number, self.on_signal) for number in SIGNALS}
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            for number, handler in before.items():
                signal.signal(number, handler)


class Started:
    """Parts that were started, to be closed in reverse, also when starting fails half-way."""

    def __init__(self) -> None:
        self._parts: list[tuple[str, Closable]] = []

    def add(self, name: str, part: Closable) -> None:
        """Note a part before it starts: one that fails to may hold something all the same."""
        self._parts.append((name, part))

    def close(self) -> None:
        """Close all, last in first out; one that fails does not keep the others."""
        while self._parts:
            name, part = self._parts.pop()
            try:
                part.close()
            except Exception as error:  # the others must still be closed
                _log.warning("closing_failed", part=name, reason=str(error))
