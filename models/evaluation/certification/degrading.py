"""Bearings that fail, as waveforms: how many are found, how long before, after how much damage."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from models.evaluation.bounds import clopper_pearson
from pipelines.features import extract
from pipelines.simulator import PROVING, Fleet, random_fleet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from models.evaluation.bounds import Interval
    from models.evaluation.certification.panel import Juror, Raised
    from pipelines.fault_orders import BearingGeometry
    from pipelines.features import FeatureSettings, Machine
    from pipelines.simulator import FaultKind, FleetSpec, Truth
    from pipelines.simulator.family import Family
    from pipelines.window import SensorKey

GROUP: Final = 25
"""Machines that are simulated together; their windows fit the memory."""

LIVES: Final = replace(PROVING, onset=(0.3, 0.55), life=(0.03, 0.4), final=(3.0, 20.0))
"""The family to certify on, with growth from sudden to slow and ends from weak to violent."""

AUDIBLE: Final = 0.5
"""Fault RMS over healthy RMS from which damage raises the level by 12 %."""


@dataclass(frozen=True, slots=True)
class Known:
    """What `extract` asks of a machine."""

    geometry: BearingGeometry | None
    rated_rpm: float | None


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one failing bearing within one budget; indices are windows.

    `detected` is the first alert raised between `onset` and `failure`; `open` says that a false one
    was on when the onset came. `audible` is the first window in which the fault's RMS is `AUDIBLE`
    of health's, `severity` that share when the alert was raised.
    """

    truth: Truth
    detected: int | None
    open: bool
    false: int
    audible: int
    severity: float

    @property
    def told(self) -> int:
        """From when on somebody knew: the alert, the onset where one was open, or the failure."""
        if self.detected is not None:
            return self.detected
        return self.truth.onset if self.open else self.truth.failure

    @property
    def lead(self) -> int | None:
        """Windows from the alert to failure."""
        return None if self.detected is None else self.truth.failure - self.detected

    @property
    def delay(self) -> int | None:
        """Windows from audible damage to the alert; negative where it came before."""
        return None if self.detected is None else self.detected - self.audible

    @property
    def share(self) -> float | None:
        """Share of the time from onset to failure that had passed at the alert."""
        life = self.truth.failure - self.truth.onset
        return None if self.detected is None else (self.detected - self.truth.onset) / life


@dataclass(slots=True)
class Degrading:
    """The fates within each budget; grows group by group."""

    cadence_s: float
    fates: dict[float, list[Fate]] = field(default_factory=dict)

    def moved(self, budget: float, before: float) -> tuple[int, int]:
        """Count the bearings that one budget tells earlier, and later, than another.

        One that is not found counts as told at its failure, or at its onset if an alert was on.
        """
        told = [[one.told for one in self.fates[each]] for each in (before, budget)]
        change = np.diff(told, axis=0)
        return int(np.sum(change < 0)), int(np.sum(change > 0))

    def found(self, budget: float, kind: FaultKind | None = None) -> tuple[int, int, Interval]:
        """Return bearings found, of how many, and the exact 95 % bounds of the share."""
        chosen = [one for one in self.fates[budget] if kind in (None, one.truth.kind)]
        hits = sum(one.detected is not None for one in chosen)
        return hits, len(chosen), clopper_pearson(hits, len(chosen))

    def median(self, budget: float, what: str, kind: FaultKind | None = None) -> float:
        """Return the median of a property over the bearings found."""
        chosen = [one for one in self.fates[budget] if kind in (None, one.truth.kind)]
        values = [getattr(one, what) for one in chosen if one.detected is not None]
        return float(np.median(values)) if values else float("nan")

    def false(self, budget: float) -> int:
        """Return the alerts raised before the onset."""
        return sum(one.false for one in self.fates[budget])


def failing_fleets(
    count: int, *, seed: int, windows: int, cadence_s: float, family: Family = LIVES
) -> Iterator[FleetSpec]:
    """Yield fleets of machines of one sensor each, all of which fail."""
    for number, first in enumerate(range(0, count, GROUP)):
        machines = min(GROUP, count - first)
        yield random_fleet(
            seed * 100_000 + number,
            machines=machines,
            sensors_per_machine=1,
            degrading=machines,
            windows=windows,
            cadence_s=cadence_s,
            family=family,
        )


def degrade(
    fleets: Iterator[FleetSpec],
    jurors: Mapping[float, Juror],
    settings: FeatureSettings,
    progress: Callable[[int], None] = lambda _: None,
) -> Degrading:
    """Let the jurors judge every window of failing bearings."""
    result = Degrading(0.0)
    for spec in fleets:
        result.cadence_s = spec.cadence_s
        fleet = Fleet(spec)
        before = {budget: len(juror.raised) for budget, juror in jurors.items()}
        for number in range(0, spec.windows, 64):
            windows = list(fleet.windows(number, min(number + 64, spec.windows)))
            observations = extract(windows, settings, partial(known, fleet))
            for juror in jurors.values():
                juror.judge(observations)
            progress(len(windows))
        for budget, juror in jurors.items():
            raised = juror.raised[before[budget] :]
            result.fates.setdefault(budget, []).extend(_fates(fleet, raised))
            juror.forget()
    return result


def known(fleet: Fleet, key: SensorKey) -> Machine:
    """Return geometry and rated speed of a simulated sensor."""
    duty = fleet.machine(key.asset).duty
    return Known(fleet.sensor(key).bearing, 60.0 * duty.shaft_hz)


def _fates(fleet: Fleet, raised: Sequence[Raised]) -> Iterator[Fate]:
    for truth in fleet.truth:
        own = [alert for alert in raised if alert.key == truth.key]
        before = [alert.index for alert in own if alert.index < truth.onset]
        after = [a.index for a in own if truth.onset <= a.index < truth.failure]
        level = fleet.severity(truth.key)
        heard = np.flatnonzero(level[: truth.failure] >= AUDIBLE)
        detected = after[0] if after else None
        yield Fate(
            truth=truth,
            detected=detected,
            open=bool(before) and detected is None,
            false=len(before),
            audible=int(heard[0]) if heard.size else truth.failure,
            severity=float("nan") if detected is None else float(level[detected]),
        )
