"""From acceleration to the int16 that a gateway sends: noise, rails, drop-outs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

RAIL: Final = 32_767
"""Largest code; the range is symmetric."""


@dataclass(frozen=True, slots=True)
class Converter:
    """`full_scale` is the acceleration at the rail, `noise` the RMS of its own noise, in g."""

    full_scale: float = 50.0
    noise: float = 0.002

    @property
    def scale(self) -> float:
        """Acceleration in g of one code."""
        return self.full_scale / RAIL


@dataclass(frozen=True, slots=True)
class DropOut:
    """A failing cable: in windows `at` to `at + length` a `share` of the samples is lost.

    `stuck` repeats the last good sample, `zero` reads 0.
    """

    at: int
    length: int
    share: float
    kind: Literal["stuck", "zero"] = "stuck"

    def active(self, index: int) -> bool:
        """Say whether window `index` suffers."""
        return self.at <= index < self.at + self.length


def digitise(acceleration: NDArray[np.float32], converter: Converter) -> NDArray[np.int16]:
    """Round acceleration in g to codes and hold it at the rails; any shape, the input is used up.

    The converter's own noise is part of the acceleration given.
    """
    acceleration *= np.float32(1.0 / converter.scale)
    np.rint(acceleration, out=acceleration)
    np.clip(acceleration, -RAIL, RAIL, out=acceleration)
    return acceleration.astype(np.int16)


def drop_out(
    codes: NDArray[np.int16], drop: DropOut, rng: np.random.Generator
) -> NDArray[np.int16]:
    """Return a copy with one lost segment, the same in all axes; shape (axes, count)."""
    count = codes.shape[1]
    length = max(1, round(drop.share * count))
    start = int(rng.integers(0, count - length + 1))
    spoiled = codes.copy()
    held = codes[:, max(start - 1, 0)] if drop.kind == "stuck" else np.zeros_like(codes[:, 0])
    spoiled[:, start : start + length] = held[:, np.newaxis]
    return spoiled
