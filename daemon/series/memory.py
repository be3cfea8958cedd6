"""A series in memory: the fake, which overwrites as a real store does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daemon.errors import Unavailable
from daemon.series import Refused, Rejected
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
    from models.alerts import AlertEvent
    from models.judgement import Judgement

Key = tuple[str, ...]
"""Values of the tags, in the schema's order."""
Fields = dict[str, Value]
Row = tuple["Judgement | AlertEvent", Key, int, Fields]
"""What a point is of, its tags, time and fields."""


class MemorySeries:
    """Keeps points by tags and time; `outage` and `refused` stand for what a server does."""

    def __init__(self) -> None:
        self.losses: dict[tuple[Key, int], Fields] = {}
        self.vibrations: dict[tuple[Key, int], Fields] = {}
        self.alerts: dict[tuple[Key, int], Fields] = {}
        self.outage = False
        self.refused: set[str] = set()
        """Assets whose points are refused for good."""
        self.writes = 0

    def start(self) -> None:
        """Do nothing but fail while `outage` is set."""
        self._check_outage()

    def write(self, points: Points) -> None:
        """Keep `points`, over those of the same tags and time."""
        self._check_outage()
        self.writes += 1
        refused: list[Refused] = []
        for store, rows in (
            (self.losses, _losses(points)),
            (self.vibrations, _vibrations(points)),
            (self.alerts, _alerts(points)),
        ):
            refused += self._keep(store, rows)
        if refused:
            raise Rejected(refused)

    def _keep(self, store: dict[tuple[Key, int], Fields], rows: Iterator[Row]) -> Iterator[Refused]:
        for of, key, time_ns, fields in rows:
            if key[0] in self.refused:
                yield Refused(f"{key} {time_ns}", f"asset {key[0]} is refused", of)
            else:
                store[key, time_ns] = fields

    def _check_outage(self) -> None:
        if self.outage:
            raise Unavailable("the series in memory pretends to be away")

    def close(self) -> None:
        """Do nothing: the points stay readable."""


def _losses(points: Points) -> Iterator[Row]:
    for judgement in points.losses:
        seen = judgement.observation
        fields = dict(zip(LOSS_FIELDS, loss_values(judgement), strict=True))
        yield judgement, tuple(seen.key), seen.start_ns, fields


def _vibrations(points: Points) -> Iterator[Row]:
    for judgement in points.vibrations:
        seen = judgement.observation
        for axis, values in vibration_values(judgement):
            fields = dict(zip(VIBRATION_FIELDS, values, strict=True))
            yield judgement, (*seen.key, axis), seen.start_ns, fields


def _alerts(points: Points) -> Iterator[Row]:
    for event in points.alerts:
        fields = dict(zip(ALERT_FIELDS, alert_values(event), strict=True))
        yield event, (event.asset, event.sensor, str(event.zone)), event.time_ns, fields
