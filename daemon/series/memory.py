"""A series in memory: the fake, which overwrites as a real store does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daemon.errors import Unavailable
from daemon.series import Rejected
from daemon.series.schema import (
    ALERT_FIELDS,
    LOSS_FIELDS,
    VIBRATION_FIELDS,
    Value,
    alert_values,
    loss_values,
    vibration_values,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from daemon.series import Points

Key = tuple[str, ...]
"""Values of the tags, in the schema's order."""
Fields = dict[str, Value]


class MemorySeries:
    """Keeps points by tags and time; `outage` and `refused` stand for what a server does."""

    def __init__(self) -> None:
        self.losses: dict[tuple[Key, int], Fields] = {}
        self.vibrations: dict[tuple[Key, int], Fields] = {}
        self.alerts: dict[tuple[Key, int], Fields] = {}
        self.outage = False
        self.refused: set[str] = set()
        """Assets whose loss points are refused for good."""
        self.writes = 0

    def start(self) -> None:
        """Do nothing but fail while `outage` is set."""
        self._check_outage()

    def write(self, points: Points) -> None:
        """Keep `points`, over those of the same tags and time."""
        self._check_outage()
        self.writes += 1
        refused = []
        for key, time_ns, fields in _losses(points):
            if key[0] in self.refused:
                refused.append((f"{key} {time_ns}", f"asset {key[0]} is refused"))
            else:
                self.losses[key, time_ns] = fields
        self.vibrations |= {(key, time_ns): fields for key, time_ns, fields in _vibrations(points)}
        self.alerts |= {(key, time_ns): fields for key, time_ns, fields in _alerts(points)}
        if refused:
            raise Rejected(refused)

    def _check_outage(self) -> None:
        if self.outage:
            raise Unavailable("the series in memory pretends to be away")

    def close(self) -> None:
        """Do nothing: the points stay readable."""


def _losses(points: Points) -> Iterator[tuple[Key, int, Fields]]:
    for judgement in points.losses:
        seen = judgement.observation
        fields = dict(zip(LOSS_FIELDS, loss_values(judgement), strict=True))
        yield tuple(seen.key), seen.start_ns, fields


def _vibrations(points: Points) -> Iterator[tuple[Key, int, Fields]]:
    for judgement in points.vibrations:
        seen = judgement.observation
        for axis, values in vibration_values(judgement):
            fields = dict(zip(VIBRATION_FIELDS, values, strict=True))
            yield (*seen.key, axis), seen.start_ns, fields


def _alerts(points: Points) -> Iterator[tuple[Key, int, Fields]]:
    for event in points.alerts:
        fields = dict(zip(ALERT_FIELDS, alert_values(event), strict=True))
        yield (event.asset, event.sensor, str(event.zone)), event.time_ns, fields
