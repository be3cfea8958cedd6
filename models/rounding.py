"""Rounding to significant digits, the same bits on every machine.

A loss is rounded before it is charted: what differs between engines in the last bits must not
decide about an alert.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

DIGITS: Final = 6
LARGEST_EXACT: Final = 22
"""10**22 is the largest power of ten that a float64 holds exactly."""

POWERS: Final = np.array([10.0**k for k in range(LARGEST_EXACT + 1)])


def round_significant(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return non-negative `values` rounded to 6 significant digits.

    Only multiplication, rounding and division by exact powers of ten: each is correctly rounded
    by IEEE 754, so the outcome is the float64 nearest to a decimal of 6 digits. Values below
    1e-16 become 0 and those from 1e6 on whole numbers; NaN stays.
    """
    # The number of powers at or below 1 / value, and at or below the value, tell its magnitude.
    above = np.searchsorted(POWERS, values, side="right")
    with np.errstate(divide="ignore", over="ignore"):
        below = np.searchsorted(POWERS, 1.0 / values, side="left")
    shift = POWERS[np.clip(DIGITS - above + np.where(above == 0, below - 1, 0), 0, LARGEST_EXACT)]
    rounded: NDArray[np.float64] = np.rint(values * shift) / shift
    return rounded
