"""Is this window fit to judge? Facts about the signal, not yet a decision.

A few clipped samples are what failing bearings do, so they are a number here and a fault only
over `CLIPPED_LIMIT`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipelines.window import Window

CLIPPED_LIMIT: Final = 0.01
"""Share of samples at the rail from which the sensor, not the machine, is at fault."""

CLIPPED_MOST: Final = 0.1
"""Share of samples at the rail from which an axis holds no signal any more, however loud."""

LARGEST: Final = 1e7
"""Far beyond any unit's range; float32 overflows where such a value is raised to the fourth and
summed over a long window."""

STUCK_BLOCKS: Final = 16
STUCK_LIMIT: Final = 4
"""A window is stuck when so many of its `STUCK_BLOCKS` stretches do not move at all."""

REPEATED: Final = 5
"""An extreme value reached so often may be a rail; fewer times is chance."""

REPEATED_RATIO: Final = 3
NEAR: Final = 0.01
"""A rail holds 3 times the samples of the next 1 % of the range; a sine's crest does not."""

COARSE_STEPS: Final = 100
"""In fewer steps than this every extreme repeats: an idle converter is not a clipped one."""

ONE_STEP: Final = 1.001
"""One count of the converter, with room for float32."""

OFFSET_RATIO: Final = 20.0
"""Mean over standard deviation of an offset signal ..."""

OFFSET_LIMIT: Final = {"g": 2.0, "m/s2": 20.0, "mm/s": 20.0, "V": 2.0}
"""... and the least mean that counts: a DC-coupled accelerometer shows the earth's 1 g."""


class SensorFault(StrEnum):
    """Why a window says something of the sensor and nothing of the machine."""

    NONE = "none"
    STUCK = "stuck"
    OFFSET = "offset"
    NON_FINITE = "non_finite"
    CLIPPED = "clipped"


@dataclass(frozen=True, slots=True)
class Quality:
    """The worst fault over a window's axes, and the share of samples at the rail (0-1).

    `lost` are the axes that say nothing where another one says something, empty where none does. A
    clipped axis still says something up to `CLIPPED_MOST`. The share is that of the axes left.
    """

    fault: SensorFault = SensorFault.NONE
    clipped_share: float = 0.0
    lost: tuple[int, ...] = ()


FIT: Final = Quality()

_BY_SEVERITY: Final = (
    SensorFault.NONE,
    SensorFault.CLIPPED,
    SensorFault.OFFSET,
    SensorFault.STUCK,
    SensorFault.NON_FINITE,
)


@dataclass(frozen=True, slots=True)
class Extremes:
    """Where some signals turn back, and how often they reach it; arrays (rows,).

    `moving` counts the stretches of a row in which the value changes at all.
    """

    highest: NDArray[np.float32]
    lowest: NDArray[np.float32]
    at_highest: NDArray[np.intp]
    at_lowest: NDArray[np.intp]
    moving: NDArray[np.intp]

    def span(self) -> NDArray[np.float64]:
        """Return highest minus lowest, (rows,); not finite where a sample is not."""
        return np.subtract(self.highest, self.lowest, dtype=np.float64)

    def usable(self) -> NDArray[np.bool_]:
        """Return whether all samples are numbers whose fourth power is one, (rows,)."""
        largest = np.maximum(self.highest, -self.lowest)
        return np.asarray(largest < LARGEST)


@dataclass(frozen=True, slots=True)
class Converter:
    """What turned volts into samples: `step` (rows,) is one count in the signal's unit.

    `full_scale` (rows,) is the largest value that the stored type can hold, inf for floats.
    """

    unit: str
    step: NDArray[np.float64]
    full_scale: NDArray[np.float64]

    @classmethod
    def of(cls, dtype: np.dtype[Any], unit: str, scale: NDArray[np.float64]) -> Converter:
        """Return the converter behind samples of `dtype`, one count of which is `scale`."""
        if dtype.kind != "i":
            return cls(unit, np.zeros_like(scale), np.full_like(scale, np.inf))
        # Float32, like the signal that is compared with it.
        full = np.float32(np.iinfo(dtype).max) * np.abs(scale).astype(np.float32)
        return cls(unit, np.abs(scale), full.astype(np.float64))


def assess(window: Window) -> Quality:
    """Return the quality of one window."""
    signal = window.signal()
    scale = np.full(signal.shape[0], window.scale)
    converter = Converter.of(window.samples.dtype, window.unit, scale)
    with np.errstate(invalid="ignore", over="ignore"):
        extremes = find_extremes(signal)
        clipped = clipped_share(signal, extremes, converter)
        mean, std = np.abs(signal.mean(axis=1)), signal.std(axis=1)
        return assess_rows(extremes, clipped, mean, std, converter, axes=len(signal))[0]


def find_extremes(signal: NDArray[np.float32]) -> Extremes:
    """Return the extremes of `signal` (rows, n); NaN or inf where a sample is not finite."""
    samples = signal.shape[1]
    stretches = min(STUCK_BLOCKS, samples)
    starts = np.arange(stretches) * (samples // stretches)
    tops = np.maximum.reduceat(signal, starts, axis=1)
    bottoms = np.minimum.reduceat(signal, starts, axis=1)
    highest, lowest = tops.max(axis=1), bottoms.min(axis=1)
    return Extremes(
        highest=highest,
        lowest=lowest,
        at_highest=_count(signal, highest),
        at_lowest=_count(signal, lowest),
        moving=np.count_nonzero(tops != bottoms, axis=1),
    )


def _count(signal: NDArray[np.float32], values: NDArray[np.float32]) -> NDArray[np.intp]:
    """Return how often each row holds its value; row by row, twice as fast as along an axis."""
    pairs = zip(signal, values, strict=True)
    return np.array([np.count_nonzero(row == value) for row, value in pairs], dtype=np.intp)


def clipped_share(
    signal: NDArray[np.float32], extremes: Extremes, converter: Converter
) -> NDArray[np.float64]:
    """Return the share of samples at a rail, (rows,).

    A rail is the largest value that the stored type holds, or an extreme that is reached again
    and again while next to nothing lies just below it. A signal that does not move has none.
    """
    span = extremes.span()
    varies = extremes.usable() & (span > converter.step * ONE_STEP)
    fine = varies & (span >= converter.step * COARSE_STEPS)
    at_rail = np.zeros(len(signal))
    for sign, extreme, count in (
        (1, extremes.highest, extremes.at_highest),
        (-1, extremes.lowest, extremes.at_lowest),
    ):
        certain = varies & (sign * extreme >= converter.full_scale)
        at_rail += np.where(certain, count, 0)
        # Rows that reach an extreme several times are few, so each is looked at by itself.
        for row in np.flatnonzero(fine & ~certain & (count >= REPEATED)).tolist():
            near = max(float(converter.step[row]) * ONE_STEP, span[row] * NEAR)
            close = np.count_nonzero(sign * (extreme[row] - signal[row]) <= near)
            if count[row] >= REPEATED_RATIO * max(close - count[row], 1):
                at_rail[row] += count[row]
    return np.asarray(at_rail / signal.shape[1], np.float64)


def assess_rows(
    extremes: Extremes,
    clipped: NDArray[np.float64],
    mean: NDArray[np.float32],
    std: NDArray[np.float32],
    converter: Converter,
    *,
    axes: int,
) -> list[Quality]:
    """Return one quality for each `axes` rows; `mean` is without its sign."""
    span = extremes.span()
    stuck = (extremes.moving <= STUCK_BLOCKS - STUCK_LIMIT) | (span <= converter.step * ONE_STEP)
    offset = (mean > OFFSET_LIMIT[converter.unit]) & (mean > OFFSET_RATIO * std)
    faults = [~extremes.usable(), stuck, offset, clipped > CLIPPED_LIMIT]
    severity = np.select(faults, [4, 3, 2, 1], 0)
    each, shares = severity.reshape(-1, axes), clipped.reshape(-1, axes)
    return [
        _of_axes(own, share) if own.any() or share.any() else FIT
        for own, share in zip(each, shares, strict=True)
    ]


def _of_axes(severity: NDArray[np.int_], clipped: NDArray[np.float64]) -> Quality:
    """Return the quality of one window from the severity and the clipped share of each axis."""
    lost = (severity > _BY_SEVERITY.index(SensorFault.CLIPPED)) | (clipped > CLIPPED_MOST)
    if lost.all():
        lost = np.zeros_like(lost)
    fault, share = _BY_SEVERITY[int(severity.max())], float(clipped[~lost].max())
    return Quality(fault, share, tuple(np.flatnonzero(lost).tolist()))
