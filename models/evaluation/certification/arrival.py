"""Bearings that are damaged when their sensor is commissioned, and whether they are suspected."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from models.evaluation.bounds import clopper_pearson
from models.evaluation.certification.degrading import GROUP, Known, known
from models.judgement import Note
from pipelines.features import extract
from pipelines.simulator import PROVING, Fault, FaultKind, Fleet, quiet, random_fleet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from models.evaluation.bounds import Interval
    from models.evaluation.certification.panel import Juror
    from pipelines.features import FeatureSettings, Machine
    from pipelines.simulator import FleetSpec, MachineSpec
    from pipelines.window import SensorKey

MEDIUM: Final = (1.0, 2.0)
"""Fault RMS over healthy RMS: the level is up by 40 to 120 %."""

WINDOWS: Final = 230
"""Enough for a disturbed start to reach its deadline."""

NOTES: Final = frozenset({Note.COMMISSIONED, Note.COMMISSIONED_PROVISIONALLY})


@dataclass(slots=True)
class Arrival:
    """Sensors by what fails: how many were commissioned, how many of these with suspicion."""

    commissioned: dict[str, int] = field(default_factory=dict)
    suspected: dict[str, int] = field(default_factory=dict)

    def share(self, name: str | None = None) -> tuple[int, int, Interval]:
        """Return how many were suspected, of how many, with the exact 95 % bounds of the share."""
        names = [name] if name is not None else list(self.commissioned)
        hits = sum(self.suspected.get(one, 0) for one in names)
        of = sum(self.commissioned.get(one, 0) for one in names)
        return hits, of, clopper_pearson(hits, of)


def damaged_fleets(count: int, *, seed: int, cadence_s: float) -> Iterator[FleetSpec]:
    """Yield machines whose one bearing has the same damage from the first window to the last."""
    for number, spec in enumerate(healthy_starts(count, seed=seed, cadence_s=cadence_s)):
        machines = tuple(
            _damaged(machine, number * GROUP + k, seed) for k, machine in enumerate(spec.machines)
        )
        yield replace(spec, machines=machines)


def healthy_starts(count: int, *, seed: int, cadence_s: float) -> Iterator[FleetSpec]:
    """Yield the same machines in health."""
    for number, first in enumerate(range(0, count, GROUP)):
        yield random_fleet(
            seed * 100_000 + 50_000 + number,
            machines=min(GROUP, count - first),
            sensors_per_machine=1,
            degrading=0,
            windows=WINDOWS,
            cadence_s=cadence_s,
            family=quiet(PROVING),
        )


def _damaged(machine: MachineSpec, number: int, seed: int) -> MachineSpec:
    kinds = list(FaultKind)
    low, high = MEDIUM
    # Evenly over the range and over the kinds, so that few bearings cover both.
    level = low * (high / low) ** ((number // len(kinds) % 10 + 0.5) / 10)
    fault = Fault(
        kind=kinds[number % len(kinds)],
        onset=0,
        failure=100 * WINDOWS,
        start=level,
        final=level,
        widening=0.9,
    )
    return replace(machine, sensors=(replace(machine.sensors[0], fault=fault),))


def arrive(
    fleets: Iterator[FleetSpec],
    juror: Juror,
    settings: FeatureSettings,
    *,
    geometry: bool = True,
    progress: Callable[[int], None] = lambda _: None,
) -> Arrival:
    """Commission every sensor; with `geometry` the fault lines are known."""
    result = Arrival()
    for spec in fleets:
        fleet = Fleet(spec)
        lookup = partial(known if geometry else _speed_only, fleet)
        for first in range(0, WINDOWS, 64):
            windows = list(fleet.windows(first, min(first + 64, WINDOWS)))
            for one in juror.judge(extract(windows, settings, lookup)):
                name = _failing(fleet, one.observation.key)
                if NOTES & set(one.notes):
                    result.commissioned[name] = result.commissioned.get(name, 0) + 1
                if Note.COMMISSIONED_WITH_SUSPICION in one.notes:
                    result.suspected[name] = result.suspected.get(name, 0) + 1
            progress(len(windows))
        juror.forget()
    return result


def _speed_only(fleet: Fleet, key: SensorKey) -> Machine:
    return Known(None, known(fleet, key).rated_rpm)


def _failing(fleet: Fleet, key: SensorKey) -> str:
    fault = fleet.sensor(key).fault
    return "healthy" if fault is None else fault.kind.value
