"""One run of the loop from start to stop: boring on purpose.

Start: journal first (it fences an older process of the same identity), then series, then source. A
service that is away at the start is waited for like any other time. Stop: finish the batch in
hand, then close in reverse, within one deadline.
"""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Any, Final

import structlog

from daemon.errors import Unavailable
from daemon.loop import Clock, Loop
from daemon.patience import Patience
from daemon.stopping import Started

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from daemon.loop import Parts, Policy
    from daemon.stopping import Closable
    from daemon.telemetry.report import Report

REAL_CLOCK: Final = Clock(time.monotonic, time.sleep, random.random)
CLOSING_SHARE: Final = 0.4
"""Part of the time to stop that is kept for closing: leaving the group, the last marks."""

_log: Any = structlog.get_logger("bearingwatch.process")


class Process:
    """Starts the parts, runs the loop, stops the parts."""

    def __init__(
        self,
        parts: Parts,
        policy: Policy,
        report: Report,
        *,
        drain_s: float = 25.0,
        clock: Clock = REAL_CLOCK,
        at_the_end: Callable[[], None] = lambda: None,
    ) -> None:
        """`at_the_end` is called when all of a finite source is done, before parts are closed."""
        self._parts = parts
        self._policy = policy
        self._report = report
        self._drain_s = drain_s
        self._clock = clock
        self._at_the_end = at_the_end

    def run(
        self, stopping: Callable[[], bool], beside: Sequence[tuple[str, Closable]] = ()
    ) -> bool:
        """Run until `stopping` or the source's end; return whether it was the source's end.

        Raises what ends the process. `beside` are further parts, started first and closed last.
        """
        started = Started()
        try:
            for name, part in (*beside, *self._named_parts()):
                if not self._start(started, name, part, stopping):
                    _log.info("stop_requested", drain_s=0.0)  # nothing was read yet
                    return False
            self._report.starting("partitions")
            return self._go(stopping)
        finally:
            started.close()

    def _named_parts(self) -> list[tuple[str, Closable]]:
        parts = self._parts
        return [("journal", parts.journal), ("series", parts.series), ("source", parts.source)]

    def _start(
        self, started: Started, name: str, part: Closable, stopping: Callable[[], bool]
    ) -> bool:
        """Start a part, waiting for its service; return False when asked to stop before."""
        started.add(name, part)
        self._report.starting(name)
        patience = Patience(self._policy.backoff, self._clock.random)
        while not stopping():
            try:
                with self._report.reaching(name):
                    part.start()
            except Unavailable as error:
                wait_s = patience.failed(self._clock.monotonic(), error.retry_after_s)
                self._report.went_away(error, wait_s, patience.failures)
                self._sleep(patience, stopping)
            else:
                if patience.waiting:
                    self._report.came_back(patience.failures)
                return True
        return False

    def _sleep(self, patience: Patience, stopping: Callable[[], bool]) -> None:
        """Wait in pieces, so that a signal is answered at once."""
        while (left_s := patience.left_s(self._clock.monotonic())) > 0 and not stopping():
            self._report.round(waiting=True)
            self._clock.sleep(min(left_s, self._policy.poll_timeout_s))

    def _go(self, stopping: Callable[[], bool]) -> bool:
        loop = Loop(self._parts, self._policy, self._clock, self._report)
        try:
            return self._run(loop, stopping)
        finally:
            loop.leave()

    def _run(self, loop: Loop, stopping: Callable[[], bool]) -> bool:
        loop.run(stopping)
        finished = loop.finished  # before a drain, which throws away what is queued
        if finished:
            self._at_the_end()
        if stopping():
            began = self._clock.monotonic()
            _log.info("stop_requested", drain_s=self._drain_s)
            done = loop.drain(began + self._drain_s * (1 - CLOSING_SHARE))
            spent_s = round(self._clock.monotonic() - began, 2)
            _log.info("drained" if done else "drain_ended_early", spent_s=spent_s)
        return finished
