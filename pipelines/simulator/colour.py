"""How the shape of a healthy spectrum wanders: no two hours of a real machine sound quite alike.

Load and speed move all bands together; what moves some against others (film thickness, clearance,
the process) is drawn here. Real bearings show it with memories from minutes to the whole
recording; `docs/evaluation.md` compares.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from pipelines.simulator.streams import stream, wander

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipelines.simulator.grid import Grid

KNOTS: Final = 8
LOWEST_HZ: Final = 40.0


@dataclass(frozen=True, slots=True)
class Colour:
    """The noise rises and falls by `unrest` (standard deviation, decades of power).

    At `KNOTS` frequencies independently, between them linearly in the logarithm of frequency;
    remembered for about `memory` windows.
    """

    unrest: float = 0.0
    memory: float = 100.0


STEADY: Final = Colour()


def wandering(colour: Colour, count: int, seed: int, *path: str) -> NDArray[np.float64]:
    """Return how far each knot is from usual in each window, decades, (windows, KNOTS).

    A longer run begins with the same values.
    """
    knots = [
        wander(stream(seed, *path, "colour", knot), count, colour.memory) for knot in range(KNOTS)
    ]
    return np.asarray(colour.unrest * np.stack(knots, axis=1), dtype=np.float64)


@lru_cache(maxsize=8)
def over_bins(grid: Grid) -> NDArray[np.float32]:
    """Return the share of each knot in each bin of the grid, (KNOTS, bins), read-only."""
    shares = over(grid.frequencies_hz().astype(np.float64), grid.nyquist_hz).astype(np.float32)
    shares.flags.writeable = False
    return shares


def over(frequencies_hz: NDArray[np.float64], nyquist_hz: float) -> NDArray[np.float64]:
    """Return the share of each knot at frequencies, (KNOTS, frequencies); shares add up to 1."""
    knots = np.linspace(np.log(LOWEST_HZ), np.log(nyquist_hz), KNOTS)
    at = np.log(np.maximum(frequencies_hz, LOWEST_HZ))
    return np.stack([np.interp(at, knots, row) for row in np.eye(KNOTS)])
