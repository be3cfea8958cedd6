"""Calls of one fixed size: the way to the same bits in any batch.

Matrix products of different heights may take different kernels, which add up in different orders.
With every call padded to the same height a sequence meets the same kernel always; the tests show
that its place within the block does not matter either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

BLOCK: Final = 32
"""Sequences a call: larger blocks measured no faster, smaller ones waste more on each call."""


def in_blocks(
    run: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    sequences: NDArray[np.float32],
    size: int = BLOCK,
) -> NDArray[np.float32]:
    """Return `run` of `sequences` (n, frames, bands), called with blocks of `size` sequences."""
    n = len(sequences)
    padded = np.zeros((-(-n // size) * size, *sequences.shape[1:]), np.float32)
    padded[:n] = sequences
    result = np.empty_like(padded)
    for start in range(0, n, size):
        result[start : start + size] = run(padded[start : start + size])
    return result[:n]
