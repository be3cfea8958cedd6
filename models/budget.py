"""How far out limits lie for a stated number of false alerts a sensor and year.

By chance enough windows of a healthy sensor exceed at once. The share of windows that raise an
alert falls exponentially with the limits, as the tail of a maximum does (Coles, An Introduction to
Statistical Modeling of Extreme Values, 2001, 3.1: the Gumbel domain), and it is larger where
neighbouring windows stray together. With every limit at `f` times its standard deviations a sensor
with `n` windows a year, whose charted loss has the lag-1 correlation r, is alerted falsely

    R(f) = n 10**(level - slope f + by_correlation r)

times a year, which `factor` solves for R(f) = budget, less a margin for what no simulation shows.
The fleet gives the tail; the sensor's own healthy scores give r, and the standard deviations that
`f` multiplies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.policy import BudgetPolicy, Tail

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

SECONDS_PER_YEAR: Final = 365.25 * 86_400

SHORTEST_S: Final = 1e-3
"""A cadence that is not known yet counts as this one."""


def factor(
    cadence_s: Floats, correlation: Floats, slow: Bools, young: Bools, policy: BudgetPolicy
) -> Floats:
    """Return the factor on all limits of each sensor, (sensors,).

    `slow` are sensors that take more windows to confirm, `young` those whose limits are not widened
    yet. Rounded, since a cadence is never quite steady.
    """
    windows = SECONDS_PER_YEAR / np.maximum(cadence_s, SHORTEST_S)
    wanted = np.log10(windows / policy.false_alerts_per_sensor_year) + policy.margin
    alike = np.clip(correlation, 0.0, policy.correlation_most)
    tails = (_reached(wanted, alike, tail) for tail in (policy.slow, policy.quick))
    found = np.clip(np.where(slow, *tails), policy.narrowest, policy.widest)
    held: Floats = np.where(young, np.minimum(found, policy.young_widest), found)
    return np.round(held, 3)


def _reached(wanted: Floats, correlation: Floats, tail: Tail) -> Floats:
    """Return the factor at which so many decades fewer windows than all raise an alert."""
    return (wanted + tail.level + tail.by_correlation * correlation) / tail.slope
