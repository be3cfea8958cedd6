"""How seldom healthy sensors cross limits, fitted to a fleet: what `models.budget` reckons with.

Each sensor is judged at several factors on all limits, and its false alerts are counted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy.optimize import minimize
from scipy.special import gammaln

from models.budget import SECONDS_PER_YEAR
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
START: Final = (-2.0, 3.0, 1.0, 0.0)
"""Where the fit begins: level, slope, stretch, log shape of the frailty."""

STRONGEST: Final = 7.0
"""Bound on the log shape: beyond it sensors are all alike, or nothing alike."""


@dataclass(frozen=True, slots=True)
class Crossings:
    """What became of one healthy sensor at one factor.

    `sensor` tells the sensors of one exposure apart.
    `correlation` is what the sensor showed at the largest factor, where least is left out of it.
    """

    sensor: str
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
            found.append(Crossings(f"{spec.seed} {key}", factor, count, years, correlation, alerts))
        for juror in jurors.values():
            juror.forget()
    return found


def fit(found: Sequence[Crossings], most: float) -> Tail:
    """Return the tail that makes these numbers of false alerts likeliest.

    A sensor's alerts at one factor are Poisson with the mean of `models.budget` times what is the
    sensor's own, a gamma variable of mean 1 (frailty: Hougaard, Analysis of Multivariate Survival
    Data, 2000, 7.2), so that a few restless sensors do not pass for the correlation's doing.
    Correlations over `most` count as that. Raises `ValueError` where there was no false alert to
    fit to.
    """
    if not any(one.alerts for one in found):
        raise ValueError("no false alert at any factor: take lower factors or more sensor-years")
    counted = _Counted.of(found, most)

    def deviance(x: Floats) -> float:
        possible = min(x[1], x[2]) >= 0 and abs(x[3]) <= STRONGEST
        return counted.deviance(x) if possible else math.inf

    result: Any = minimize(
        deviance,
        np.array(START),
        method="Nelder-Mead",
        options={"maxfev": 40_000, "maxiter": 40_000, "xatol": 1e-4, "fatol": 1e-4},
    )
    return Tail(*(round(float(value), 2) for value in result.x[:3]))


@dataclass(frozen=True, slots=True)
class _Counted:
    """Crossings as columns, one entry a sensor and factor; `sensor` numbers the sensors."""

    sensor: NDArray[np.int64]
    factor: Floats
    windows: Floats
    correlation: Floats
    alerts: Floats

    @classmethod
    def of(cls, found: Sequence[Crossings], most: float) -> _Counted:
        _, sensor = np.unique([one.sensor for one in found], return_inverse=True)
        names = ("factor", "windows", "correlation", "alerts")
        columns = {
            name: np.array([getattr(one, name) for one in found], np.float64) for name in names
        }
        columns["correlation"] = np.clip(columns["correlation"], 0.0, most)
        return cls(sensor=sensor.astype(np.int64), **columns)

    def deviance(self, x: Floats) -> float:
        """Return minus the log-likelihood, without what no parameter changes.

        The frailty is integrated out, which leaves a negative binomial for each sensor.
        """
        level, slope, stretch, log_shape = x
        reach = self.factor / (1.0 + stretch * self.correlation)
        log_mean = np.log(self.windows) + LN_10 * (level - slope * reach**2)
        shape = math.exp(log_shape)
        alerts = np.bincount(self.sensor, self.alerts)
        expected = np.bincount(self.sensor, np.exp(log_mean))
        frail = gammaln(shape + alerts) - gammaln(shape) + shape * log_shape
        frail = frail - (shape + alerts) * np.log(shape + expected)
        return -float(np.sum(self.alerts * log_mean) + np.sum(frail))
