"""Bearings that are damaged when their sensor is commissioned, and whether they are suspected."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from models.evaluation.bounds import clopper_pearson
from models.evaluation.certification.degrading import GROUP, Known, known
from models.judgement import Note
from pipelines.features import extract
from pipelines.simulator import PROVING, Fault, FaultKind, Fleet, quiet, random_fleet
from pipelines.simulator.disturbances import Remount

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from models.evaluation.bounds import Interval
    from models.evaluation.certification.panel import Juror
    from pipelines.features import FeatureSettings, Machine
    from pipelines.simulator import FleetSpec, MachineSpec
    from pipelines.window import SensorKey

MEDIUM: Final = (1.0, 2.0)
"""Fault RMS over healthy RMS: the level is up by 40 to 120 %."""

PEER: Final = "-like-"
GAIN: Final = 0.1
SHIFT: Final = 0.02
HISS: Final = 0.15
"""How machines of one make differ: standard deviations in decades of amplitude, of the frequencies
of resonances, and of the power of the high band."""

WINDOWS: Final = 230
"""Enough for a disturbed start to reach its deadline."""

NOTES: Final = frozenset({Note.COMMISSIONED, Note.COMMISSIONED_PROVISIONALLY})


@dataclass(slots=True)
class Arrival:
    """Sensors by what fails: how many were commissioned, how many of these with suspicion."""

    commissioned: dict[str, int] = field(default_factory=dict)
    suspected: dict[str, int] = field(default_factory=dict)

    def share(self, name: str | None = None) -> tuple[int, int, Interval]:
        """Return how many were suspected, of how many, with the exact 95 % bounds of the share.

        Without a name those of all but the peers.
        """
        names = [name] if name is not None else [one for one in self.commissioned if one != "peer"]
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


def among_peers(fleets: Iterator[FleetSpec], peers: int, *, seed: int) -> Iterator[FleetSpec]:
    """Yield fleets with so many healthy machines of the same make beside each machine.

    They have the same drawing and each its own mount: gain, resonances and hiss differ as much as
    `GAIN`, `SHIFT` and `HISS` say.
    """
    rng = np.random.default_rng([seed, peers])
    for spec in fleets:
        machines = [
            one
            for machine in spec.machines
            for one in (machine, *(_peer(machine, number, rng) for number in range(peers)))
        ]
        yield replace(spec, machines=tuple(machines))


def same_make(key: SensorKey) -> str:
    """Return the group of a sensor of `among_peers`."""
    return key.asset.split(PEER)[0]


def _peer(machine: MachineSpec, number: int, rng: np.random.Generator) -> MachineSpec:
    """Return a healthy machine of the same make."""
    gain, shift, hiss = 10 ** (rng.standard_normal(3) * (GAIN, SHIFT, HISS))
    sensor = machine.sensors[0]
    own = replace(
        sensor,
        fault=None,
        high_share=min(sensor.high_share * hiss, 0.9),
        events=(*sensor.events, Remount(0, gain, shift)),
    )
    return replace(machine, asset=f"{machine.asset}{PEER}{number}", sensors=(own,))


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
    if PEER in key.asset:
        return "peer"
    fault = fleet.sensor(key).fault
    return "healthy" if fault is None else fault.kind.value
