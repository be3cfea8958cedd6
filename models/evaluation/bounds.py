"""Exact confidence bounds: a count says little without them, and here counts are small."""

from __future__ import annotations

from typing import Final, NamedTuple

from scipy.stats import beta, chi2

CONFIDENCE: Final = 0.95


class Interval(NamedTuple):
    """Lower and upper bound."""

    lower: float
    upper: float


def clopper_pearson(hits: int, trials: int, confidence: float = CONFIDENCE) -> Interval:
    """Return the exact interval of a share (Clopper & Pearson, Biometrika 26, 1934)."""
    if trials == 0:
        return Interval(0.0, 1.0)
    tail = (1.0 - confidence) / 2
    lower = beta.ppf(tail, hits, trials - hits + 1) if hits else 0.0
    upper = beta.ppf(1.0 - tail, hits + 1, trials - hits) if hits < trials else 1.0
    return Interval(float(lower), float(upper))


def poisson_rate(events: int, exposure: float, confidence: float = CONFIDENCE) -> Interval:
    """Return the exact interval of a rate of events (Garwood, Biometrika 28, 1936)."""
    if exposure <= 0.0:
        return Interval(0.0, float("inf"))
    tail = (1.0 - confidence) / 2
    lower = chi2.ppf(tail, 2 * events) / 2 if events else 0.0
    upper = chi2.ppf(1.0 - tail, 2 * events + 2) / 2
    return Interval(float(lower / exposure), float(upper / exposure))
