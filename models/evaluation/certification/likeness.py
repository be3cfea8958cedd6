"""Figures of healthy running, to set simulated beside real."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pipelines.features import Observation

    Floats = NDArray[np.float64]

SMOOTH: Final = 51
"""Windows of the running mean that is taken off where fast changes are asked for."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """Figures of one axis of one sensor in health; levels in decades.

    `spread` is the standard deviation of log10 RMS and `scatter` that of what a running mean
    leaves, `memory` and `scatter_memory` their lag-1 correlations. `drift_hour` and
    `drift_100` are the linear trend of log10 RMS. `band` is the median over the bands of the
    standard deviation of the window's mean log power; `common` the share of the largest component
    of the bands' covariance; `band_1` and `band_20` the mean correlation at lags 1 and 20 of what
    the mean over the bands leaves.
    """

    spread: float
    memory: float
    scatter: float
    scatter_memory: float
    drift_hour: float
    drift_100: float
    kurtosis: float
    kurtosis_99: float
    band: float
    common: float
    band_1: float
    band_20: float


def likeness(observations: Sequence[Observation], axis: int, bands: int) -> Likeness:
    """Return the figures of one axis; `bands` are the spectral ones."""
    log_rms = np.log10([float(one.rms[axis]) for one in observations])
    table = np.stack([one.log_bands[axis, :, :bands].mean(axis=0) for one in observations])
    table = table[:, np.isfinite(table).all(axis=0)].astype(np.float64)
    hours = (observations[-1].start_ns - observations[0].start_ns) / 3.6e12
    trend = float(np.polyfit(np.arange(log_rms.size), log_rms, 1)[0])
    fast = log_rms - _running_mean(log_rms)
    kurtosis = [float(one.kurtosis[axis]) for one in observations]
    values = np.linalg.eigvalsh(np.cov(table.T))
    rest = table - table.mean(axis=1, keepdims=True)
    return Likeness(
        spread=float(log_rms.std()),
        memory=_lagged(log_rms, 1),
        scatter=float(fast.std()),
        scatter_memory=_lagged(fast, 1),
        drift_hour=trend * (log_rms.size - 1) / hours,
        drift_100=100.0 * trend,
        kurtosis=float(np.median(kurtosis)),
        kurtosis_99=float(np.quantile(kurtosis, 0.99)),
        band=float(np.median(table.std(axis=0))),
        common=float(values[-1] / values.sum()),
        band_1=float(np.mean([_lagged(band, 1) for band in rest.T])),
        band_20=float(np.mean([_lagged(band, 20) for band in rest.T])),
    )


def _running_mean(values: Floats) -> Floats:
    padded = np.pad(values, SMOOTH // 2, "edge")
    mean: Floats = np.convolve(padded, np.full(SMOOTH, 1.0 / SMOOTH), "valid")
    return mean


def _lagged(values: Floats, lag: int) -> float:
    if values.size <= 2 * lag or values.std() < 1e-9:
        return float("nan")
    return float(np.corrcoef(values[:-lag], values[lag:])[0, 1])
