"""InfluxDB's line protocol for our measurements, at about a million points a second.

(docs.influxdata.com, Line protocol reference.) The client's own `Point` is ten times slower.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from daemon.series import schema
from models.judgement import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from daemon.series import Points
    from daemon.series.schema import Value
    from models.alerts import AlertEvent
    from models.judgement import Judgement
    from pipelines.window import SensorKey

_TAG: Final = str.maketrans({",": r"\,", "=": r"\=", " ": r"\ ", "\n": " ", "\r": " "})
_TEXT: Final = str.maketrans({'"': r"\"", "\\": r"\\", "\n": " ", "\r": " "})
_LOSS: Final = (
    "%s loss=%.6g,threshold=%.6g,anchored_ratio=%.6g,adaptive_ratio=%.6g,"
    'zone="%s",louder=%s,late=%s %d'
)
_BOOLEAN: Final = ("false", "true")


def told_by(points: Points) -> Iterator[Judgement | AlertEvent]:
    """Yield what each line of `LineEncoder.encode` is of, in their order."""
    yield from points.losses
    for judgement in points.vibrations:
        yield from (judgement for _ in judgement.observation.axes)
    yield from points.alerts


class LineEncoder:
    """Encodes points; remembers the escaped tags of each sensor."""

    def __init__(self) -> None:
        self._heads: dict[tuple[str, ...], str] = {}
        self._loss_heads: dict[SensorKey, str] = {}

    def encode(self, points: Points) -> list[str]:
        """Return one line per point."""
        lines = [self._loss(judgement) for judgement in points.losses]
        for judgement in points.vibrations:
            lines += self._vibration(judgement)
        lines += [self._alert(event) for event in points.alerts]
        return lines

    def _head(self, *names: str) -> str:
        """Return measurement and tags; `names` are the measurement, asset, sensor and the third."""
        head = self._heads.get(names)
        if head is None:
            third = {schema.VIBRATION: "axis", schema.ALERTS: "zone"}.get(names[0], "")
            tags = zip(("asset", "sensor", third), names[1:], strict=False)
            escaped = [f"{tag}={name.translate(_TAG)}" for tag, name in tags]
            head = self._heads[names] = ",".join([names[0], *escaped])
        return head

    def _loss(self, judgement: Judgement) -> str:
        key, time_ns = judgement.observation.key, judgement.observation.start_ns
        head = self._loss_heads.get(key)
        if head is None:
            head = self._loss_heads[key] = self._head(schema.LOSSES, key.asset, key.sensor)
        numbers = judgement.loss, judgement.threshold, judgement.anchored, judgement.adaptive
        if not math.isfinite(sum(numbers)):
            return _line(head, schema.LOSS_FIELDS, schema.loss_values(judgement), time_ns)
        flags = _BOOLEAN[bool(judgement.louder)], _BOOLEAN[judgement.verdict is Verdict.LATE]
        return _LOSS % (head, *numbers, judgement.zone, *flags, time_ns)

    def _vibration(self, judgement: Judgement) -> Iterator[str]:
        key = judgement.observation.key
        for axis, values in schema.vibration_values(judgement):
            head = self._head(schema.VIBRATION, key.asset, key.sensor, axis)
            yield _line(head, schema.VIBRATION_FIELDS, values, judgement.observation.start_ns)

    def _alert(self, event: AlertEvent) -> str:
        head = self._head(schema.ALERTS, event.asset, event.sensor, str(event.zone))
        return _line(head, schema.ALERT_FIELDS, schema.alert_values(event), event.time_ns)


def _line(head: str, names: Iterable[str], values: Iterable[Value], time_ns: int) -> str:
    fields = [
        f"{name}={_field(value)}"
        for name, value in zip(names, values, strict=True)
        if value is not None
    ]
    return f"{head} {','.join(fields)} {time_ns}"


def _field(value: Value) -> str:
    if isinstance(value, bool):
        return _BOOLEAN[value]
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, int):
        return f"{value}i"
    return f'"{str(value).translate(_TEXT)}"'
