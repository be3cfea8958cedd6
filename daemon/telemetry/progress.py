"""How the loop is getting on: alive by its own rounds, ready by its partitions.

Neither looks at Kafka or InfluxDB: an outage there must not make a supervisor restart the fleet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(slots=True)
class Progress:
    """Written by the loop's thread, read by others; single assignments need no lock."""

    monotonic: Callable[[], float]
    stalled_after_s: float = 60.0
    last_round: float | None = None
    ready: bool = False
    status: str = "starting"
    away: frozenset[str] = frozenset()
    """Services that did not answer when they were last asked."""

    def beat(self) -> None:
        """Note that the loop came round."""
        self.last_round = self.monotonic()

    @property
    def told(self) -> str:
        """The status, and what is away: that is said, and makes nobody less ready."""
        return "; ".join([self.status, *(f"{name} is away" for name in sorted(self.away))])

    @property
    def alive(self) -> bool:
        """Whether the loop came round lately, or has not begun yet."""
        last = self.last_round
        return last is None or self.monotonic() - last < self.stalled_after_s
