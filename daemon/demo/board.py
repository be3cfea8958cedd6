"""What is known of each machine so far, for whoever shows it."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from models.alerts import Zone
from models.judgement import Status

if TYPE_CHECKING:
    from collections.abc import Iterable

    from models.alerts import AlertEvent
    from models.judgement import Judgement

REMEMBERED: Final = 40
"""Ratios that a sparkline has room for."""

SEVERITY: Final = {Zone.NORMAL: 0, Zone.WARNING: 1, Zone.ALARM: 2}
_BARS: Final = "▁▂▃▄▅▆▇█"


@dataclass(slots=True)
class SensorBoard:
    """The latest of one sensor; `ratios` are loss over threshold, oldest first."""

    name: str
    zone: Zone = Zone.NORMAL
    status: Status = Status.COMMISSIONING
    windows: int = 0
    ratios: deque[float] = field(default_factory=lambda: deque(maxlen=REMEMBERED))


@dataclass(slots=True)
class Board:
    """All machines, and the alert events so far."""

    every: int = 8
    """A sparkline shows the largest of so many ratios as one bar."""
    time_ns: int = 0
    windows: int = 0
    machines: dict[str, dict[str, SensorBoard]] = field(default_factory=dict)
    events: list[AlertEvent] = field(default_factory=list)

    def add(self, judgements: Iterable[Judgement]) -> list[AlertEvent]:
        """Take in what was committed; return the alert events that are new."""
        new: list[AlertEvent] = []
        for judgement in judgements:
            self._add(judgement)
            new += judgement.events
        self.events += new
        return new

    def _add(self, judgement: Judgement) -> None:
        seen = judgement.observation
        self.windows += 1
        self.time_ns = max(self.time_ns, seen.start_ns)
        machine = self.machines.setdefault(seen.key.asset, {})
        sensor = machine.setdefault(seen.key.sensor, SensorBoard(seen.key.sensor))
        sensor.zone, sensor.status = judgement.zone, judgement.status
        sensor.windows += 1
        if math.isnan(judgement.loss) or not judgement.threshold > 0:
            return
        ratio = judgement.loss / judgement.threshold
        if sensor.windows % self.every == 0 or not sensor.ratios:
            sensor.ratios.append(ratio)
        else:
            sensor.ratios[-1] = max(sensor.ratios[-1], ratio)


def worst(machine: dict[str, SensorBoard]) -> SensorBoard:
    """Return the sensor that a person should look at first."""
    return max(
        machine.values(),
        key=lambda sensor: (SEVERITY[sensor.zone], sensor.ratios[-1] if sensor.ratios else 0.0),
    )


def sparkline(ratios: Iterable[float]) -> str:
    """Draw ratios from a tenth of the threshold (lowest bar) to ten times it, by logarithm.

    The threshold itself is the middle.
    """
    bars = []
    for ratio in ratios:
        height = (math.log10(max(ratio, 1e-3)) + 1.0) / 2.0
        bars.append(_BARS[min(len(_BARS) - 1, max(0, int(height * len(_BARS))))])
    return "".join(bars)
