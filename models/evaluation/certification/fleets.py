"""The fleet to certify on: machines of a family, and what happens to them in a year."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from models.budget import SECONDS_PER_YEAR
from pipelines.simulator import (
    PROVING,
    Burst,
    DropOut,
    Regreasing,
    Remount,
    Stop,
    WearIn,
    quiet,
    random_fleet,
)
from pipelines.simulator.streams import stream

if TYPE_CHECKING:
    from pipelines.simulator import Event, FleetSpec, MachineSpec
    from pipelines.simulator.family import Family, Range


@dataclass(frozen=True, slots=True)
class Year:
    """How often things happen to a healthy sensor in a year, and how long they last in windows.

    Extents (levels, gains) are the family's. Every restart settles at a level of its own beside
    the usual one; it does not add to the last one's. A burst outlasts confirmation now and then.
    """

    stops: float = 12.0
    bursts: float = 24.0
    regreasings: float = 4.0
    remounts: float = 0.2
    drop_outs: float = 2.0
    stop_windows: Range = (3.0, 300.0)
    burst_windows: Range = (1.0, 12.0)
    grease_memory: Range = (200.0, 2_000.0)
    wear_in_memory: Range = (200.0, 4_000.0)
    drop_out_windows: Range = (1.0, 20.0)


USUAL: Final = Year()
BUSIER: Final = Year(
    stops=26.0,
    bursts=36.0,
    regreasings=2.0,
    remounts=0.5,
    drop_outs=4.0,
    stop_windows=(6.0, 100.0),
    burst_windows=(1.0, 8.0),
    grease_memory=(100.0, 1_000.0),
    wear_in_memory=(400.0, 8_000.0),
    drop_out_windows=(1.0, 40.0),
)
"""A calendar that limits are not set on: more stops, spells, mounts and cables, fewer greasings."""
CALM: Final = Year(stops=0.0, bursts=0.0, regreasings=0.0, remounts=0.0, drop_outs=0.0)
"""Nothing happens but wear-in, load and the wander of the spectrum."""


def healthy_fleet(
    seed: int,
    *,
    sensors: int,
    windows: int,
    cadence_s: float,
    year: Year = USUAL,
    family: Family = PROVING,
) -> FleetSpec:
    """Draw machines of one sensor each, so that sensors are independent, and their calendars."""
    calm = replace(quiet(family), wear_in=0.0)
    drawn = random_fleet(
        seed,
        machines=sensors,
        sensors_per_machine=1,
        degrading=0,
        windows=windows,
        cadence_s=cadence_s,
        family=calm,
    )
    machines = tuple(_with_events(machine, drawn, year, family) for machine in drawn.machines)
    return replace(drawn, machines=machines)


def _with_events(machine: MachineSpec, frame: FleetSpec, year: Year, family: Family) -> MachineSpec:
    draw = _Calendar(frame, year, family, stream(frame.seed, machine.asset, "calendar"))
    stops, bursts = draw.stops(), draw.bursts()
    sensor = replace(machine.sensors[0], events=draw.own(), drop_outs=draw.drop_outs())
    return replace(machine, events=(*stops, *bursts), sensors=(sensor,))


@dataclass(frozen=True, slots=True)
class _Calendar:
    """Draws the events of one sensor in the order in which its methods are called."""

    frame: FleetSpec
    year: Year
    family: Family
    rng: np.random.Generator

    def stops(self) -> tuple[Event, ...]:
        """Draw stops, one after the other, whose restarts settle within the family's levels."""
        found: list[Event] = []
        before, over = 1.0, 0
        for at in self._times(self.year.stops):
            level = float(self.rng.uniform(*self.family.events.restart_level))
            length = self._length(self.year.stop_windows)
            if at > over:
                # Levels multiply, so each is given relative to the last.
                found.append(Stop(at, length, level / before))
                before, over = level, at + length
        return tuple(found)

    def bursts(self) -> tuple[Event, ...]:
        """Draw rough spells of the process."""
        levels = self.family.events.burst_level
        return tuple(
            Burst(at, self._length(self.year.burst_windows), float(self.rng.uniform(*levels)))
            for at in self._times(self.year.bursts)
        )

    def own(self) -> tuple[Event, ...]:
        """Draw what happens to this sensor: wear-in, fresh grease, a new mount."""
        year, events = self.year, self.family.events
        found: list[Event] = []
        if self.rng.random() < self.family.wear_in:
            drop = float(self.rng.uniform(*self.family.wear_in_drop))
            found.append(WearIn(drop, self._log_uniform(year.wear_in_memory)))
        for at in self._times(year.regreasings):
            high = float(self.rng.uniform(0.3, 0.7))
            found.append(Regreasing(at, high, self._log_uniform(year.grease_memory)))
        for at in self._times(year.remounts):
            gain, shift = (
                float(self.rng.uniform(*each))
                for each in (events.remount_gain, events.remount_shift)
            )
            found.append(Remount(at, gain, shift))
        return tuple(found)

    def drop_outs(self) -> tuple[DropOut, ...]:
        """Draw cables that fail for a while; losses of a few samples are not drawn."""
        return tuple(
            DropOut(at, self._length(self.year.drop_out_windows), float(self.rng.uniform(0.4, 1.0)))
            for at in self._times(self.year.drop_outs)
        )

    def _times(self, a_year: float) -> list[int]:
        """Draw when something happens that comes so often a year, in windows, in order."""
        years = self.frame.windows * self.frame.cadence_s / SECONDS_PER_YEAR
        count = int(self.rng.poisson(a_year * years))
        return sorted(self.rng.integers(1, self.frame.windows, count).tolist())

    def _length(self, limits: Range) -> int:
        return max(1, round(self._log_uniform(limits)))

    def _log_uniform(self, limits: Range) -> float:
        return float(np.exp(self.rng.uniform(*np.log(limits))))
