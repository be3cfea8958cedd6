"""Fixed and adaptive limits on one number: what most plants use today."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from models.evaluation import WARNING, Track

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from models.evaluation.lives import Life

    Floats = NDArray[np.float64]
    Reading = Callable[[Life], Floats]

CONSECUTIVE: Final = 3
"""So many windows in a row over the limit are an alert; it ends with the first below."""

MEMORY: Final = 100.0
"""Windows that an adaptive limit remembers."""


SMALLEST: Final = 1e-12
"""No deviation is smaller: first windows that are all alike must divide nothing by zero."""


@dataclass(frozen=True, slots=True)
class FixedLimit:
    """Alerts where a number exceeds the first windows' mean by `sigmas` deviations, on any axis."""

    name: str
    about: str
    reading: Reading
    sigmas: float
    random: bool = False
    whole_rig: bool = False
    alarms: bool = False

    def fit(self, first: Life, seed: int) -> FittedLimit:
        """Learn mean and standard deviation of each axis."""
        values = first.fit_to_learn(self.reading(first))
        return FittedLimit(self.reading, *_usual(values), self.sigmas)


@dataclass(frozen=True, slots=True)
class FittedLimit:
    """Limits of one sensor; `mean` and `deviation` are (axes,)."""

    reading: Reading
    mean: Floats
    deviation: Floats
    sigmas: float

    def judge(self, rest: Life) -> Track:
        """Compare each window with the limits."""
        return tracked(worst(self.reading(rest), self.mean, self.deviation), self.sigmas)


@dataclass(frozen=True, slots=True)
class AdaptiveLimit:
    """The same with a mean and variance that follow while nothing exceeds (West 1979)."""

    name: str
    about: str
    reading: Reading
    sigmas: float
    random: bool = False
    whole_rig: bool = False
    alarms: bool = False

    def fit(self, first: Life, seed: int) -> FittedAdaptive:
        """Start from the first windows' mean and variance."""
        values = first.fit_to_learn(self.reading(first))
        mean, deviation = _usual(values)
        return FittedAdaptive(self.reading, mean, deviation**2, self.sigmas)


@dataclass(frozen=True, slots=True)
class FittedAdaptive:
    """Where the limits of one sensor begin."""

    reading: Reading
    mean: Floats
    variance: Floats
    sigmas: float

    def judge(self, rest: Life) -> Track:
        """Compare each window with limits that earlier windows made."""
        mean, variance = self.mean.copy(), self.variance.copy()
        values = self.reading(rest)
        distances = np.empty(len(values))
        for k, value in enumerate(values):
            distances[k] = worst(value[None], mean, np.sqrt(variance))[0]
            if distances[k] <= self.sigmas:
                delta = value - mean
                known = np.isfinite(delta)
                moved = (delta**2 - variance) / MEMORY - (delta / MEMORY) ** 2
                mean += np.where(known, delta / MEMORY, 0.0)
                variance += np.where(known, moved, 0.0)
        return tracked(distances, self.sigmas)


def worst(values: Floats, mean: Floats, deviation: Floats) -> Floats:
    """Return the largest distance over the axes in standard deviations, (windows,).

    An axis that says nothing is passed over; NaN where none says anything.
    """
    each = (values - mean) / np.maximum(deviation, SMALLEST)
    distance: Floats = np.fmax.reduce(each, axis=1)
    return distance


def _usual(values: Floats) -> tuple[Floats, Floats]:
    """Return mean and standard deviation of each axis; NaN of one that is never finite."""
    known = np.isfinite(values)
    count = np.where(known.any(axis=0), known.sum(axis=0), np.nan)
    mean = np.where(known, values, 0.0).sum(axis=0) / count
    deviation = np.sqrt(np.where(known, (values - mean) ** 2, 0.0).sum(axis=0) / count)
    return mean, deviation


def tracked(distance: Floats, limit: float) -> Track:
    """Return the track of a number with one limit: a warning after `CONSECUTIVE` exceedances."""
    over = distance > limit
    counted = np.convolve(over, np.ones(CONSECUTIVE), mode="full")[: len(over)]
    zones = np.where(counted >= CONSECUTIVE, WARNING, 0).astype(np.int8)
    return Track(zones, distance, np.full(len(distance), limit))


def log_rms(life: Life) -> Floats:
    """Return log10 of RMS, (windows, axes)."""
    logs: Floats = np.log10(np.maximum(life.rms(), SMALLEST))
    return logs
