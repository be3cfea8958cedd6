"""How seldom healthy sensors cross limits, fitted to a fleet: what `models.budget` reckons with.

Each sensor is judged at several factors on all limits, and its false alerts are counted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy.optimize import minimize

from models.evaluation.certification.fleets import SECONDS_PER_YEAR
from models.judgement import Verdict
from models.policy import Tail
from pipelines.simulator.feature_fleet import FeatureFleet

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from models.evaluation.certification.healthy import Exposure
    from models.evaluation.certification.panel import Juror
    from pipelines.features import FeatureSettings

    Floats = NDArray[np.float64]

LN_10: Final = math.log(10.0)
START: Final = (-2.0, 5.0, 2.0)
"""Level, slope and effect of the correlation that the fit begins with."""


@dataclass(frozen=True, slots=True)
class Crossings:
    """What became of one healthy sensor at one factor.

    `correlation` is what the sensor showed at the largest factor, where least is left out of it.
    """

    factor: float
    windows: int
    years: float
    correlation: float
    alerts: int


def crossings(
    exposure: Exposure,
    jurors: Mapping[float, Juror],
    settings: FeatureSettings,
    progress: Callable[[int], None] = lambda _: None,
) -> list[Crossings]:
    """Let jurors at pinned factors judge a healthy exposure; one entry a sensor and factor."""
    found: list[Crossings] = []
    for spec in exposure.groups():
        fleet = FeatureFleet(spec, settings)
        windows = {(factor, key): 0 for factor in jurors for key in fleet.keys}
        first = {factor: len(juror.raised) for factor, juror in jurors.items()}
        for number in range(fleet.blocks):
            observations = [one for key in fleet.keys for one in fleet.block(key, number)]
            for factor, juror in jurors.items():
                for one in juror.judge(observations):
                    windows[factor, one.observation.key] += one.verdict is Verdict.SCORED
            progress(len(observations))
        widest = jurors[max(jurors)]
        for (factor, key), count in windows.items():
            alerts = sum(alert.key == key for alert in jurors[factor].raised[first[factor] :])
            years = count * exposure.cadence_s / SECONDS_PER_YEAR
            correlation = float(widest.states[key].row["correlation"])
            found.append(Crossings(factor, count, years, correlation, alerts))
        for juror in jurors.values():
            juror.forget()
    return found


def fit(found: Sequence[Crossings]) -> Tail:
    """Return the tail that makes these numbers of false alerts likeliest.

    A sensor's alerts at one factor are Poisson with the mean of `models.budget`. Raises
    `ValueError` where there was no false alert to fit to.
    """
    if not any(one.alerts for one in found):
        raise ValueError("no false alert at any factor: take lower factors or more sensor-years")
    factor, windows, correlation, alerts = (
        np.array([getattr(one, name) for one in found], np.float64)
        for name in ("factor", "windows", "correlation", "alerts")
    )

    def deviance(x: Floats) -> float:
        log_mean = np.log(windows) + LN_10 * (x[0] - x[1] * factor + x[2] * correlation)
        return float(np.sum(np.exp(log_mean) - alerts * log_mean))

    result: Any = minimize(deviance, np.array(START), method="Nelder-Mead")
    return Tail(*(round(float(value), 2) for value in result.x))
