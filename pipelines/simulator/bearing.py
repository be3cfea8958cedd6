"""What a damaged bearing does: impact trains that slip, and the noise of a wide spall.

Models: McFadden & Smith, 'Model for the vibration produced by a single point defect in a rolling
element bearing', J. Sound and Vibration 96 (1984); Antoni & Randall, 'A stochastic model for
simulation and diagnostics of rolling element bearings with localized faults', J. Vibration and
Acoustics 125 (2003); Randall & Antoni, 'Rolling element bearing diagnostics - a tutorial',
Mechanical Systems and Signal Processing 25 (2011).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import ceil
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipelines.fault_orders import FaultOrders
    from pipelines.simulator.grid import Grid


class FaultKind(StrEnum):
    """Which part fails, or that its lubricant does."""

    OUTER_RACE = "outer_race"
    INNER_RACE = "inner_race"
    BALL = "ball"
    CAGE = "cage"
    LUBRICATION = "lubrication"


LOCALISED: Final = (FaultKind.OUTER_RACE, FaultKind.INNER_RACE, FaultKind.BALL, FaultKind.CAGE)
"""Kinds that strike; lubrication loss only hisses."""

_SPALL_DEPTH: Final = 0.4
_UNLOADED: Final = 0.15
# Over a turn the load zone has a mean of 0.278 and a mean square of 2 / (3 pi).
_MODULATION_RMS: Final = 0.497
_WEAKER_RACE: Final = 0.8


@dataclass(frozen=True, slots=True)
class Strike:
    """A localised fault as it is in one window.

    `rms` is that of the vibration it causes; `spread` the share of that power that a widened
    spall gives off as noise rather than as impacts; `jitter` the standard deviation of one
    interval between impacts, relative; `slip` how much slower than pure rolling the balls go.
    """

    kind: FaultKind
    rms: float
    spread: float = 0.0
    jitter: float = 0.01
    slip: float = 0.01


def impact_order(kind: FaultKind, orders: FaultOrders) -> float:
    """Return impacts per shaft turn without slip; a ball strikes both races, hence 2 x BSF."""
    table = {
        FaultKind.OUTER_RACE: orders.bpfo,
        FaultKind.INNER_RACE: orders.bpfi,
        FaultKind.BALL: 2.0 * orders.bsf,
        FaultKind.CAGE: orders.ftf,
    }
    return table[kind]


def impact_times(
    rate_hz: float, duration_s: float, jitter: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return the times in seconds of impacts at a mean rate, shape (impacts,).

    Each interval is T (1 + jitter * n) with independent n: the phase is a random walk, so the
    train is never periodic and its lines widen with the harmonic (Antoni & Randall 2003;
    Randall & Antoni 2011 give 1-2 % for the slip).
    """
    count = ceil(duration_s * rate_hz * 1.05) + 8
    intervals = 1.0 + jitter * rng.standard_normal(count)
    intervals[0] = rng.uniform()
    times = np.cumsum(np.maximum(intervals, 0.0)) / rate_hz
    return np.asarray(times[times < duration_s], dtype=np.float64)


def load_zone(angle: NDArray[np.float64], extent: float = 0.5) -> NDArray[np.float64]:
    """Return the share of the largest load at an angle (radians) from its direction.

    Stribeck: q = (1 - (1 - cos angle) / (2 extent))^n where positive, n = 3/2 for balls
    (McFadden & Smith 1984); `extent` 0.5 loads half the circumference.
    """
    share = np.maximum(1.0 - (1.0 - np.cos(angle)) / (2.0 * extent), 0.0)
    return np.asarray(share * np.sqrt(share), dtype=np.float64)


def impact_weights(
    strike: Strike,
    times: NDArray[np.float64],
    shaft_hz: float,
    orders: FaultOrders,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Return the strength of each impact, of mean square about 1, shape (impacts,).

    An inner-race defect turns through the load zone with the shaft, a ball with the cage (and
    strikes the two races unequally); the outer race and its defect stand still.
    """
    phase = rng.uniform(0.0, 2 * np.pi)
    weights = rng.lognormal(-0.02, 0.15, times.size)
    if strike.kind is FaultKind.INNER_RACE:
        weights *= _modulated(phase + 2 * np.pi * shaft_hz * times)
    elif strike.kind is FaultKind.BALL:
        turning_hz = orders.ftf * shaft_hz * (1.0 - strike.slip)
        weights *= _modulated(phase + 2 * np.pi * turning_hz * times)
        weights[::2] *= _WEAKER_RACE
        weights /= np.sqrt((1.0 + _WEAKER_RACE**2) / 2)
    return weights


def _modulated(angle: NDArray[np.float64]) -> NDArray[np.float64]:
    strength = (_UNLOADED + (1.0 - _UNLOADED) * load_zone(angle)) / _MODULATION_RMS
    return np.asarray(strength, dtype=np.float64)


def impacts(
    times: NDArray[np.float64], weights: NDArray[np.float64], grid: Grid
) -> NDArray[np.float32]:
    """Return impulses on the grid, each on the sample before it, shape (count,).

    Sharing an impulse between two samples would be truer to its time and take power from the
    high modes; half a sample is nothing beside the slip.
    """
    train = np.bincount((times * grid.rate_hz).astype(np.int64), weights, grid.count)
    return train[: grid.count].astype(np.float32)


def spall_noise(rate_hz: float, grid: Grid, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return white noise of RMS 1 whose strength swells at the fault's rate, shape (count,).

    A spall wider than the spacing of impacts is rolled over at random points: what repeats is
    the power, not the waveform (purely cyclostationary; Antoni & Randall 2003).
    """
    phase = np.float32(rng.uniform(0.0, 2 * np.pi))
    swell = np.cos(np.float32(2 * np.pi * rate_hz) * grid.times_s() + phase)
    swell *= np.float32(_SPALL_DEPTH)
    swell += 1.0
    swell *= rng.standard_normal(grid.count, dtype=np.float32)
    swell *= np.float32(1.0 / np.sqrt(1.0 + _SPALL_DEPTH**2 / 2))
    return np.asarray(swell, dtype=np.float32)


def excitation(
    strike: Strike, shaft_hz: float, orders: FaultOrders, grid: Grid, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Return the force of a localised fault over one window, shape (count,).

    Sent through an impulse response of unit energy it has an RMS of about `strike.rms`: impulses
    of strength a at rate r give a^2 r / rate_hz. While the spall widens (`spread` 0 to 1), power
    moves from impulses to noise: kurtosis falls, the broad band rises.
    """
    rate_hz = impact_order(strike.kind, orders) * shaft_hz * (1.0 - strike.slip)
    times = impact_times(rate_hz, grid.duration_s, strike.jitter, rng)
    weights = impact_weights(strike, times, shaft_hz, orders, rng)
    weights *= strike.rms * np.sqrt((1.0 - strike.spread) * grid.rate_hz / rate_hz)
    force = impacts(times, weights, grid)
    if strike.spread > 0.0:
        force += np.float32(strike.rms * np.sqrt(strike.spread)) * spall_noise(rate_hz, grid, rng)
    return force
