"""What the charts of healthy sensors read: the distribution that thresholds follow from.

A chart's value is its reading over its limit (1 = at the limit). Two statistics are kept: the
value of each window, and the *confirmed* value: an alert is raised where `needed` of the last
`among` windows exceed, hence where the `needed`-th largest of their values does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.policy import ConfirmationPolicy

    Floats = NDArray[np.float64]

EDGES: Final = np.round(np.arange(-1.0, 4.0001, 0.02), 2)
"""Bins of the values."""

LAGS: Final = (1, 2, 3, 5, 10, 20, 50, 100)
QUANTILES: Final = (0.5, 0.9, 0.99, 0.999, 0.9999)


def confirmation(policy: ConfirmationPolicy, cadence_s: float) -> tuple[int, int]:
    """Return how many of how many windows confirm an alert at this cadence."""
    more = policy.slow_windows if cadence_s >= policy.slow_cadence_s else 0
    return policy.needed + more, policy.among + more


def confirmed(values: Floats, needed: int, among: int) -> Floats:
    """Return the `needed`-th largest of each `among` windows, (windows,); the first are -inf."""
    padded = np.concatenate([np.full(among - 1, -np.inf), np.nan_to_num(values, nan=-np.inf)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, among)
    largest: Floats = np.partition(windows, among - needed, axis=1)[:, among - needed]
    return largest


@dataclass(slots=True)
class Statistic:
    """The values of one chart over many sensors; grows sensor by sensor."""

    single: Floats = field(default_factory=lambda: np.zeros(EDGES.size + 1))
    confirmed: Floats = field(default_factory=lambda: np.zeros(EDGES.size + 1))
    daily: list[Floats] = field(default_factory=list)
    daily_confirmed: list[Floats] = field(default_factory=list)
    correlations: list[Floats] = field(default_factory=list)

    def add(self, values: Floats, *, needed: int, among: int, a_day: int) -> None:
        """Take in one sensor's values in order, NaN where the chart was not asked."""
        ordered = confirmed(values, needed, among)
        self.single += _counted(values)
        self.confirmed += _counted(ordered)
        self.daily.append(_maxima(values, a_day))
        self.daily_confirmed.append(_maxima(ordered, a_day))
        self.correlations.append(autocorrelation(values))

    def tail(self, *, confirmed: bool) -> Floats:
        """Return the share of windows whose value is over each of `EDGES`."""
        counts = self.confirmed if confirmed else self.single
        over: Floats = counts[::-1].cumsum()[::-1][1:] / max(counts.sum(), 1.0)
        return over

    def day_quantiles(self, *, confirmed: bool) -> dict[float, float]:
        """Return quantiles of the largest value of a sensor-day."""
        days = np.concatenate(self.daily_confirmed if confirmed else self.daily)
        return {q: float(np.quantile(days, q)) for q in QUANTILES} if days.size else {}

    def correlation(self) -> dict[int, float]:
        """Return the autocorrelation at `LAGS`, the median over sensors."""
        table = np.array(self.correlations)
        return dict(zip(LAGS, np.nanmedian(table, axis=0).tolist(), strict=True))


def _counted(values: Floats) -> Floats:
    known = values[np.isfinite(values)]
    return np.bincount(np.searchsorted(EDGES, known), minlength=EDGES.size + 1).astype(float)


def _maxima(values: Floats, a_day: int) -> Floats:
    """Return the largest value of each whole day in which there was one."""
    whole = values[: values.size // a_day * a_day].reshape(-1, a_day)
    largest = np.where(np.isfinite(whole), whole, -np.inf).max(axis=1)
    maxima: Floats = largest[np.isfinite(largest)]
    return maxima


def autocorrelation(values: Floats) -> Floats:
    """Return the correlation of values with those `LAGS` earlier, NaN where there are too few."""
    known = np.isfinite(values)
    centred = np.where(known, values - values[known].mean(), 0.0) if known.any() else values
    found = []
    for lag in LAGS:
        both = known[lag:] & known[:-lag] if values.size > lag else np.zeros(0, np.bool_)
        if both.sum() < 2 * lag + 50:
            found.append(np.nan)
            continue
        product = float((centred[lag:] * centred[:-lag])[both].mean())
        found.append(product / max(float((centred[known] ** 2).mean()), 1e-300))
    return np.array(found)
