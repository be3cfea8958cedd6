"""Several settings judge the same windows side by side, the network's work shared."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

import numpy as np

from models.alerts import Transition
from models.detector import Detector, DetectorSettings
from models.peers import no_group
from models.policy import BudgetPolicy

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from models.alerts import AlertEvent
    from models.bundle import Bundle
    from models.engines import Engine
    from models.judgement import Judgement
    from models.peers import GroupLookup
    from models.state import SensorState
    from pipelines.features import Observation
    from pipelines.window import SensorKey

REMEMBERED: Final = 8
"""Calls that the shared engine keeps: those of one batch."""


def pinned(factors: Iterable[float]) -> dict[float, BudgetPolicy]:
    """Return budgets whose limits are at so many times their standard deviations, come what may."""
    return {
        factor: BudgetPolicy(narrowest=factor, widest=factor, young_widest=factor)
        for factor in factors
    }


def stated(budgets: Iterable[float]) -> dict[float, BudgetPolicy]:
    """Return budgets of so many false alerts a sensor-year."""
    return {budget: BudgetPolicy(false_alerts_per_sensor_year=budget) for budget in budgets}


class Shared:
    """Another engine that gives the same answer to the same call without doing it again."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: dict[bytes, NDArray[np.float32]] = {}
        self.name = engine.name

    def reconstruct(self, sequences: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what the engine behind says."""
        key = blake2b(np.ascontiguousarray(sequences).data, digest_size=16).digest()
        if key not in self._known:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[key] = self._engine.reconstruct(sequences)
        return self._known[key].copy()


@dataclass(frozen=True, slots=True)
class Raised:
    """An alert when it was raised; `index` counts the sensor's windows from 0."""

    key: SensorKey
    index: int
    event: AlertEvent


class Juror:
    """One detector and the states of the sensors it has met."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self.states: dict[SensorKey, SensorState] = {}
        self.raised: list[Raised] = []

    def judge(self, observations: Sequence[Observation]) -> list[Judgement]:
        """Judge windows, and keep the alerts that they raise."""
        new, judged = self._detector.judge(self.states, observations)
        self.states.update(new)
        for one in judged:
            self.raised += [
                Raised(one.observation.key, one.index, event)
                for event in one.events
                if event.transition is Transition.RAISED
            ]
        return judged

    def forget(self) -> None:
        """Let go of all sensors; the alerts stay."""
        self.states.clear()


def panel(
    bundle: Bundle,
    engine: Engine,
    budgets: Mapping[float, BudgetPolicy],
    *,
    group_of: GroupLookup = no_group,
) -> dict[float, Juror]:
    """Return a juror for each budget, at the bundle's other settings."""
    shared = Shared(engine)
    settings = {
        name: DetectorSettings(charts=bundle.charts, budget=budget)
        for name, budget in budgets.items()
    }
    return {
        name: Juror(Detector(bundle, shared, one, group_of=group_of))
        for name, one in settings.items()
    }
