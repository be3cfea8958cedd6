"""Lets windows pass at a rate, or at a multiple of their own time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pipelines.window import Window


LONGEST_S: Final = 3_600.0
"""Of one sleep: the system's clock takes no number of seconds that a float can hold."""


def paced(
    windows: Iterable[Window],
    rate_hz: float | None,
    speed: float | None,
    monotonic: Callable[[], float],
    sleep: Callable[[float], None],
) -> Iterator[Window]:
    """Yield `windows` no sooner than `rate_hz` and `speed` allow; None does not hold back.

    Due times count from the first window, so that waits that were too long are made up for.
    """
    began: float | None = None
    first_ns = 0
    for count, window in enumerate(windows):
        if began is None:
            began, first_ns = monotonic(), window.start_ns
        by_rate = count / rate_hz if rate_hz else 0.0
        by_time = (window.start_ns - first_ns) * 1e-9 / speed if speed else 0.0
        while (wait_s := began + max(by_rate, by_time) - monotonic()) > 0:
            sleep(min(wait_s, LONGEST_S))
        yield window
