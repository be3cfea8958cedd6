"""A few whole windows of a sensor's commissioning, kept so that another network can be measured.

A baseline says where the bands lie, not how well a network reconstructs them. When the network
changes, these windows are scored by the new one, and what the sensor's loss was under the old one
is carried over instead of being learnt again.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from pipelines.quantised import dequantise, quantise, thinned

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipelines.features import Observation

    Floats = NDArray[np.float32]

MOST_EXAMPLES: Final = 14
"""Of 100 windows 13 are kept, every eighth; never fewer than half of the room."""

FEWEST_EXAMPLES: Final = 8
"""Room for so many also where a sensor's axes do not fit into `EXAMPLES_BYTES`."""

EXAMPLES_BYTES: Final = 8192
"""Bytes of kept windows: of one axis (8 frames x 32 bands) 14 take 3.5 KiB, of three 10 take
7.5 KiB; of eight axes 8 take 16 KiB. Each axis adds 4 bytes a band of reference."""


class ExamplesError(ValueError):
    """Stored bytes are no examples that this version can read."""


class _Record(msgspec.Struct, frozen=True, array_like=True):
    """How examples lie on disk: the reference as little-endian float32, windows as bytes."""

    axes: int
    frames: int
    count: int
    stride: int
    reference: bytes
    kept: bytes


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """Every `stride`-th window so far, one byte a value; a value, bounded as said above.

    Values are log bands relative to `reference` (axes, bands), the first window's mean over its
    frames. When the room is full, every second window goes and the stride doubles: which windows
    are kept follows from their count alone.
    """

    frames: int = 0
    count: int = 0
    stride: int = 1
    reference: Floats = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    kept: bytes = b""

    def __len__(self) -> int:
        """Return how many windows are kept."""
        return len(self.kept) // self._width if self._width else 0

    @property
    def _width(self) -> int:
        return self.reference.size * self.frames

    def add(self, observation: Observation) -> Examples:
        """Return these examples with one more window met; its shape must be the first one's."""
        bands = observation.log_bands
        usual = bands.mean(axis=1)
        known = usual if not self.count else self.reference
        reference = np.where(np.isnan(known), usual, known).astype(np.float32)
        begun = replace(self, frames=bands.shape[1], reference=reference, count=self.count + 1)
        if self.count % self.stride:
            return begun
        kept = self.kept + quantise(bands - reference[:, None, :])
        stride, kept = thinned(self.stride, kept, bands.size, _room(bands.size))
        return replace(begun, stride=stride, kept=kept)

    def log_bands(self) -> Floats:
        """Return the kept windows, (windows, axes, frames, bands), NaN where a band is unknown."""
        axes, bands = self.reference.shape
        relative = dequantise(self.kept).reshape(-1, axes, self.frames, bands)
        return (relative + self.reference[:, None, :]).astype(np.float32)

    def encode(self) -> bytes:
        """Return the examples as bytes; `decode` is the inverse."""
        return msgspec.msgpack.encode(
            _Record(
                axes=len(self.reference),
                frames=self.frames,
                count=self.count,
                stride=self.stride,
                reference=self.reference.astype("<f4").tobytes(),
                kept=self.kept,
            )
        )

    @classmethod
    def decode(cls, data: bytes) -> Examples:
        """Return the examples that `encode` wrote, or raise `ExamplesError`."""
        try:
            record = msgspec.msgpack.decode(data, type=_Record)
            reference = np.frombuffer(record.reference, "<f4").astype(np.float32)
            reference = reference.reshape(record.axes, -1) if record.axes else cls().reference
        except (msgspec.MsgspecError, ValueError) as error:
            raise ExamplesError(f"examples are damaged: {error}") from error
        made = cls(record.frames, record.count, record.stride, reference, record.kept)
        if len(made.kept) != len(made) * made._width:
            raise ExamplesError(f"examples are damaged: {len(made.kept)} bytes of windows")
        return made


def _room(width: int) -> int:
    """Return how many windows of `width` bytes may be kept, an even number."""
    return max(FEWEST_EXAMPLES, min(MOST_EXAMPLES, EXAMPLES_BYTES // width // 2 * 2))
