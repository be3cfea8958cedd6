"""The time and frequency grid that the windows of a fleet share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from scipy import fft

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Grid:
    """`count` samples at `rate_hz`."""

    count: int
    rate_hz: float

    @property
    def duration_s(self) -> float:
        """Length of a window in seconds."""
        return self.count / self.rate_hz

    @property
    def nyquist_hz(self) -> float:
        """Half the sample rate."""
        return self.rate_hz / 2

    def frequencies_hz(self) -> NDArray[np.float32]:
        """Return the bins of `rfft`, shape (count // 2 + 1,), read-only."""
        return _frequencies(self)

    def times_s(self) -> NDArray[np.float32]:
        """Return the time of each sample from the first, shape (count,), read-only."""
        return _times(self)


@lru_cache(maxsize=8)
def _frequencies(grid: Grid) -> NDArray[np.float32]:
    return _frozen(fft.rfftfreq(grid.count, 1 / grid.rate_hz))


@lru_cache(maxsize=8)
def _times(grid: Grid) -> NDArray[np.float32]:
    return _frozen(np.arange(grid.count) / grid.rate_hz)


def _frozen(values: NDArray[np.float64]) -> NDArray[np.float32]:
    single = values.astype(np.float32)
    single.flags.writeable = False
    return single
