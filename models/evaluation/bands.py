"""Methods that learn the product's own bands from one sensor alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from models.evaluation.limits import SMALLEST, tracked
from pipelines.normalise import BaselineSummary, normalise

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.evaluation import Track
    from models.evaluation.lives import Life
    from pipelines.normalise import Baseline

    Floats = NDArray[np.float64]


def baseline_of(first: Life) -> Baseline:
    """Return what commissioning would make of these windows."""
    summary = BaselineSummary.empty()
    for observation in first.observations:
        summary = summary.add(observation)
    return summary.baseline()


def sequences_of(life: Life, baseline: Baseline) -> NDArray[np.float32]:
    """Return normalised sequences, (windows, axes, frames, bands)."""
    log_bands = np.stack([one.log_bands for one in life.observations])
    return normalise(log_bands, baseline.location, baseline.scale)[0]


def band_means(life: Life, baseline: Baseline) -> Floats:
    """Return departures averaged over the frames, all axes side by side, (windows, columns)."""
    means = sequences_of(life, baseline).mean(axis=2, dtype=np.float64)
    rows: Floats = np.asarray(means.reshape(len(life), -1), np.float64)
    return rows


def principal_axes(rows: Floats, count: int) -> tuple[Floats, Floats]:
    """Return mean (columns,) and the first principal axes (count, columns) of (n, columns)."""
    mean = rows.mean(axis=0)
    _, _, axes = np.linalg.svd(rows - mean, full_matrices=False)
    return mean, axes[:count]


@dataclass(frozen=True, slots=True)
class PcaLimit:
    """Log residual of a principal component model, with a fixed limit."""

    components: int = 8
    sigmas: float = 6.0
    name: str = "pca-6-sigma"
    about: str = "PCA on the product's bands, 6 sigma on the log residual"
    random: bool = False
    whole_rig: bool = False
    alarms: bool = False

    def fit(self, first: Life, seed: int) -> FittedPca:
        """Learn the components from every second window, and the limit from the others.

        The residual of windows that the components were fitted to says nothing of others.
        """
        baseline = baseline_of(first)
        rows = band_means(first, baseline)
        mean, axes = principal_axes(rows[::2], self.components)
        fitted = FittedPca(baseline, mean, axes, 0.0, 1.0, self.sigmas)
        usual = fitted.log_residual(first)[1::2]
        return FittedPca(baseline, mean, axes, float(usual.mean()), float(usual.std()), self.sigmas)


@dataclass(frozen=True, slots=True)
class FittedPca:
    """Components and usual log residual of one sensor."""

    baseline: Baseline
    mean: Floats
    axes: Floats
    usual: float
    deviation: float
    sigmas: float

    def log_residual(self, life: Life) -> Floats:
        """Return log10 of the mean square that the components leave, (windows,)."""
        rows = band_means(life, self.baseline) - self.mean
        rest = rows - rows @ self.axes.T @ self.axes
        logs: Floats = np.log10((rest**2).mean(axis=1) + 1e-9)
        return logs

    def judge(self, rest: Life) -> Track:
        """Compare each window's residual with the limit."""
        distance = (self.log_residual(rest) - self.usual) / max(self.deviation, SMALLEST)
        return tracked(distance, self.sigmas)


@dataclass(frozen=True, slots=True)
class IsolationLimit:
    """Isolation forest (Liu, Ting & Zhou, ICDM 2008), with a fixed limit on its score."""

    sigmas: float = 6.0
    name: str = "isolation-forest"
    about: str = "isolation forest on the product's bands, 6 sigma on its score"
    random: bool = True
    whole_rig: bool = False
    alarms: bool = False

    def fit(self, first: Life, seed: int) -> FittedIsolation:
        """Grow the trees on the first windows."""
        from sklearn.ensemble import IsolationForest

        baseline = baseline_of(first)
        rows = band_means(first, baseline)
        forest = IsolationForest(n_estimators=200, random_state=seed, n_jobs=1).fit(rows)
        usual = -forest.score_samples(rows)
        return FittedIsolation(
            baseline, forest, float(usual.mean()), float(usual.std()), self.sigmas
        )


@dataclass(frozen=True, slots=True)
class FittedIsolation:
    """Trees and usual score of one sensor."""

    baseline: Baseline
    forest: Any
    usual: float
    deviation: float
    sigmas: float

    def judge(self, rest: Life) -> Track:
        """Compare each window's score with the limit."""
        score = -self.forest.score_samples(band_means(rest, self.baseline))
        return tracked((score - self.usual) / max(self.deviation, SMALLEST), self.sigmas)
