"""Where loss points, vibration points and alert points go.

Contract
--------
* `write` returns when every point is durable, or raises `Unavailable` (nothing may be assumed;
  the same call may be made again: points with the same tags and time overwrite) or `Rejected`
  (the others are durable; it names those that the store refuses for good, each with what it is
  of, so that the loop can keep it as a dead letter).
* `write` may block for its own timeout only; the loop does the waiting and the retrying. Finding
  out which points are refused takes a bounded number of further tries.
* `start` may raise `StartError` or `Unavailable`; `close` is idempotent.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from daemon.errors import BearingwatchError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.alerts import AlertEvent
    from models.detector import Judgement


@dataclass(frozen=True, slots=True)
class Points:
    """What one batch adds to the series.

    `losses` are judgements that were scored (a loss is there), `vibrations` those whose
    descriptors are due for the decimated measurement, `alerts` committed alert events. `rows` are
    all judgements of the batch, scored or not, in their order: only `csv` writes those, and it
    writes nothing else.
    """

    losses: Sequence[Judgement] = field(default=())
    vibrations: Sequence[Judgement] = field(default=())
    alerts: Sequence[AlertEvent] = field(default=())
    rows: Sequence[Judgement] = field(default=())

    def __bool__(self) -> bool:
        return bool(self.losses or self.vibrations or self.alerts or self.rows)


@dataclass(frozen=True, slots=True)
class Refused:
    """One point that the store will never take."""

    point: str
    """The point as the store was given it."""
    message: str
    """The store's own words."""
    of: Judgement | AlertEvent
    """What the point says; the very object of `Points`."""


class Rejected(BearingwatchError):
    """The store refuses some points for good; each with the store's own message."""

    def __init__(self, refused: Sequence[Refused]) -> None:
        super().__init__(f"{len(refused)} points refused, the first: {refused[0].message}")
        self.refused = tuple(refused)


class Series(Protocol):
    """Writes points, idempotently."""

    def start(self) -> None:
        """Connect and check that writing is allowed."""
        ...

    def write(self, points: Points) -> None:
        """Make `points` durable."""
        ...

    def close(self) -> None:
        """Release what is held; may be called twice."""
        ...
