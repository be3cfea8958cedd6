"""How far out limits lie for a stated number of false alerts a sensor and year.

By chance enough windows of a healthy sensor exceed at once. The share of windows that raise an
alert falls with the limits as a normal tail does, and at wider limits where neighbouring windows
stray together. With every limit at `f` times its standard deviations a sensor with `n` windows a
year, whose charted loss has the lag-1 correlation r, is alerted by chance

    R(f) = n 10**(level - slope (f / (1 + stretch r))**2)

times a year, which `factor` solves for a share of the budget. The rest of the budget is left to
what limits hardly lessen: rough spells, restarts, fresh grease, a new mount. The fleet gives the
tail; the sensor's own healthy scores give r, and the standard deviations that `f` multiplies.
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

    `slow` are sensors that take more windows to confirm, `young` those whose correlation is not
    known yet. Rounded, since a cadence is never quite steady.
    """
    windows = SECONDS_PER_YEAR / np.maximum(cadence_s, SHORTEST_S)
    chances = np.log10(windows / (policy.chance_share * policy.false_alerts_per_sensor_year))
    alike = np.clip(correlation, 0.0, policy.correlation_most)
    tails = (_reached(chances, alike, tail) for tail in (policy.slow, policy.quick))
    found = np.clip(np.where(slow, *tails), policy.narrowest, policy.widest)
    held: Floats = np.where(young, np.minimum(found, policy.young_widest), found)
    return np.round(held, 3)


def _reached(chances: Floats, correlation: Floats, tail: Tail) -> Floats:
    """Return the factor at which one window in 10**`chances` raises an alert by chance."""
    beyond = np.maximum(chances + tail.level, 0.0) / tail.slope
    return (1.0 + tail.stretch * correlation) * np.sqrt(beyond)
