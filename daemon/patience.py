"""How long to wait while a service is away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Backoff:
    """Doubling limits with full jitter: many processes must not come back together.

    (M. Brooker, Exponential Backoff And Jitter, AWS Architecture Blog, 2015.)
    """

    first_s: float
    longest_s: float

    def limit_s(self, failures: int) -> float:
        """Return the longest wait after so many failures in a row, 1 or more."""
        # 2**30 first waits are longer than any longest one; a larger power would overflow.
        return float(min(self.longest_s, self.first_s * 2 ** min(failures - 1, 30)))


class Patience:
    """How far we are in waiting for the services; `random` gives numbers in [0, 1)."""

    def __init__(self, backoff: Backoff, random: Callable[[], float]) -> None:
        self._backoff = backoff
        self._random = random
        self._due = 0.0
        self.failures = 0

    @property
    def waiting(self) -> bool:
        """Whether something failed and has not succeeded since."""
        return self.failures > 0

    def failed(self, now: float, wish_s: float | None = None) -> float:
        """Note a failure; return the wait, which is the service's own wish where it has one."""
        self.failures += 1
        wait_s = self._random() * self._backoff.limit_s(self.failures)
        if wish_s is not None:
            wait_s = max(wait_s, min(wish_s, self._backoff.longest_s))
        self._due = now + wait_s
        return wait_s

    def succeeded(self) -> None:
        """Note that the service answers again."""
        self.failures = 0

    def left_s(self, now: float) -> float:
        """Return how long to wait yet; 0 when it is time."""
        return max(0.0, self._due - now) if self.waiting else 0.0
