"""TensorFlow, a compiled function of fixed shape: for GPUs. Imported only when chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import tensorflow as tf

from models.engines.blocks import in_blocks
from models.loss import bounded
from models.networks import load_network

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

ROWS: Final = 48
"""Sequences a call: a multiple of the 3, 6, 12, 16 and 24 rows that Eigen's kernels take at a time,
with AVX2 as with AVX-512. Of 32 the last two met another kernel with AVX2, and other bits."""


class TensorflowEngine:
    """Runs `network.keras`, in blocks of a fixed size; see `models.engines`."""

    name = "tensorflow"

    def __init__(self, path: Path) -> None:
        network = load_network(path)
        shape = (ROWS, *network.input_shape[1:])
        self._call = tf.function(
            lambda block: network(block, training=False),
            input_signature=[tf.TensorSpec(shape, tf.float32)],
        )

    def reconstruct(self, sequences: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the reconstruction of `sequences`, both (n, frames, bands)."""
        return bounded(sequences, in_blocks(self._run, sequences, ROWS))

    def _run(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(self._call(block), np.float32)
