"""How badly a sequence was reconstructed: what training minimises and the charts judge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LOSS_FLOOR: Final = 1e-3
"""Added to the charted loss: its logarithm must not follow a perfect reconstruction down."""


def bounded(
    sequences: NDArray[np.float32], reconstruction: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the reconstruction, (n, frames, bands), kept between 0 and what was given.

    A network may explain a departure away, never invent one: where it expects more than there is,
    or the opposite, a band could otherwise lose more than its whole departure, and a sensor that
    wears in far below its baseline would look louder than it is.
    """
    low, high = np.minimum(sequences, 0.0), np.maximum(sequences, 0.0)
    return np.asarray(np.clip(reconstruction, low, high), np.float32)


def reconstruction_loss(
    sequences: NDArray[np.float32],
    reconstruction: NDArray[np.float32],
    mask: NDArray[np.bool_],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean squared residual of each sequence, and of each of its bands.

    `sequences` and `reconstruction` are (n, frames, bands); `mask` is (n, bands), true where a
    band counts. Returns loss (n,) and band loss (n, bands), both float64; the band loss is 0
    where masked, and the loss is the mean over the bands that count (0 when none does).

    Every sequence is summed by itself in one fixed order, in float64, so that its loss has the
    same bits in any batch.
    """
    residual = np.subtract(sequences, reconstruction, dtype=np.float64, order="C")
    frames = residual.shape[1]
    band_loss = np.where(mask, _sum_in_order(residual * residual, 1) / frames, 0.0)
    counted = mask.sum(axis=1)
    return _sum_in_order(band_loss, 1) / np.maximum(counted, 1), band_loss


def charted_loss(
    sequences: NDArray[np.float32], band_loss: NDArray[np.float64], mask: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return the part of each sequence's loss (n,) that bands louder than the baseline carry.

    A band is louder when its departure, averaged over the frames, is not negative. Shapes are
    those of `reconstruction_loss`; `LOSS_FLOOR` is added, so that the logarithm exists.
    """
    louder = _sum_in_order(sequences.astype(np.float64), 1) >= 0
    kept = np.where(louder & mask, band_loss, 0.0)
    mean: NDArray[np.float64] = _sum_in_order(kept, 1) / np.maximum(mask.sum(axis=1), 1)
    return mean + LOSS_FLOOR


def _sum_in_order(values: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """Sum one term after the other: numpy's own order depends on the shape of the whole."""
    terms = np.moveaxis(values, axis, 0)
    total = np.zeros(terms.shape[1:])
    for term in terms:
        total += term
    return total
