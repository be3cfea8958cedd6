"""Logarithms as one byte each, and rows that thin out as they grow in number.

Both keep what a sensor remembers of its windows small, however many there were.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

MISSING: Final = -128
FINE: Final = 0.01
COARSE: Final = 0.08
FINE_STEPS: Final = 60
"""A value is one byte, relative to the first window: 0.01 decades a step up to 0.6, where healthy
windows lie; 0.08 beyond, up to 6 decades, should the first window have been none."""

FARTHEST: Final = FINE * FINE_STEPS + COARSE * (127 - FINE_STEPS)
"""Decades from the reference beyond which a byte tells no more."""


def quantise(values: NDArray[np.float32]) -> bytes:
    """Return values in decades as one byte each: fine near zero, coarse far away; NaN stays."""
    size = np.abs(values)
    near = size <= FINE * FINE_STEPS
    steps = np.where(near, size / FINE, FINE_STEPS + (size - FINE * FINE_STEPS) / COARSE)
    codes = np.copysign(np.minimum(np.rint(steps), 127), values)
    return np.where(np.isnan(codes), MISSING, codes).astype(np.int8).tobytes()


def dequantise(data: bytes) -> NDArray[np.float64]:
    """Return the values that `quantise` was given, in one row, to half a step."""
    return _VALUE_OF_BYTE[np.frombuffer(data, dtype=np.uint8)]


def thinned(stride: int, kept: bytes, width: int, room: int) -> tuple[int, bytes]:
    """Return stride and rows of `width` after every second went, if there were more than `room`."""
    if len(kept) <= room * width:
        return stride, kept
    rows = np.frombuffer(kept, dtype=np.uint8).reshape(-1, width)
    return 2 * stride, rows[::2].tobytes()


def _decoded_bytes() -> NDArray[np.float64]:
    """Return the value of each unsigned byte that `quantise` writes."""
    codes = np.arange(256, dtype=np.uint8).view(np.int8).astype(np.float64)
    far = np.maximum(np.abs(codes) - FINE_STEPS, 0)
    size = np.minimum(np.abs(codes), FINE_STEPS) * FINE + far * COARSE
    return np.where(codes == MISSING, np.nan, np.copysign(size, codes))


_VALUE_OF_BYTE: Final = _decoded_bytes()
