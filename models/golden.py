"""Golden sequences: what a network must say of windows from healthy to failing, anywhere."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from models.loss import reconstruction_loss

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.engines import Engine

TOLERANCE: Final = 1e-4
"""Relative difference that a golden loss may have on another machine or engine."""


@dataclass(frozen=True, slots=True)
class Golden:
    """Sequences with the losses that the network must give.

    `sequences` is (n, frames, bands) float32, `mask` (n, bands), `loss` (n,) float64.
    """

    sequences: NDArray[np.float32]
    mask: NDArray[np.bool_]
    loss: NDArray[np.float64]

    def losses(self, engine: Engine) -> NDArray[np.float64]:
        """Return the losses that `engine` gives."""
        reconstruction = engine.reconstruct(self.sequences)
        return reconstruction_loss(self.sequences, reconstruction, self.mask)[0]

    def difference(self, losses: NDArray[np.float64]) -> str:
        """Say where `losses` are furthest from what they must be; empty within `TOLERANCE`."""
        relative = np.abs(losses - self.loss) / np.maximum(self.loss, 1e-6)
        index = int(np.argmax(np.where(np.isfinite(relative), relative, np.inf)))
        if relative[index] <= TOLERANCE:
            return ""
        return (
            f"golden sequence {index} has loss {losses[index]:.6g}, "
            f"expected {self.loss[index]:.6g} ({TOLERANCE:g} relative is allowed)"
        )

    def encode(self) -> bytes:
        """Return the bytes of `golden.npz`; sequences are kept in float16."""
        buffer = io.BytesIO()
        half = self.sequences.astype(np.float16)
        np.savez_compressed(buffer, sequences=half, mask=self.mask, loss=self.loss)
        return buffer.getvalue()

    @classmethod
    def decode(cls, data: bytes) -> Golden:
        """Return what `encode` wrote; raises `ValueError` or `KeyError` for anything else."""
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            sequences = arrays["sequences"].astype(np.float32)
            return cls(sequences, arrays["mask"].astype(bool), arrays["loss"].astype(np.float64))
