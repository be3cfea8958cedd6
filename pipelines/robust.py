"""Location and scale that a few windows do not move, over the first axis of a table with gaps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

MAD_TO_STD: Final = 1.4826
"""Median absolute deviation to standard deviation, for Gaussian values."""


def median(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the median over the first axis, NaN left out, NaN where there is nothing else."""
    return _middle(table, lambda known: (known - 1) // 2, lambda known: known // 2 + 1)


def midmean(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean of the middle half over the first axis, NaN left out."""
    return _middle(table, lambda known: known // 4, lambda known: known - known // 4)


def _middle(
    table: NDArray[np.float64],
    start: Callable[[NDArray[np.intp]], NDArray[np.intp]],
    stop: Callable[[NDArray[np.intp]], NDArray[np.intp]],
) -> NDArray[np.float64]:
    """Return the mean of the order statistics from `start` to `stop` of the known count."""
    ordered = np.sort(table, axis=0)  # NaN last
    known = np.count_nonzero(~np.isnan(table), axis=0)
    total = np.zeros((len(table) + 1, *table.shape[1:]))
    np.cumsum(np.nan_to_num(ordered), axis=0, out=total[1:])
    first, last = np.maximum(start(known), 0), stop(known)
    upper = np.take_along_axis(total, last[None], axis=0)[0]
    lower = np.take_along_axis(total, first[None], axis=0)[0]
    return np.where(known > 0, (upper - lower) / np.maximum(last - first, 1), np.nan)


def deviation(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the robust standard deviation over the first axis."""
    return MAD_TO_STD * median(np.abs(table - median(table)))
