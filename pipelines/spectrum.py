"""Short-time power spectra in log-spaced bands, many windows at once.

A window is cut into `frames` equal segments; each frame is the Welch average (Welch, IEEE Trans.
Audio 15, 1967) of Hann-tapered pieces of `frame_s` inside its segment. Where a segment is shorter
than one piece, the pieces of neighbouring frames overlap instead. Lengths are fixed in seconds and
bands in Hz, so that a sequence means the same at every sample rate.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np
import scipy.fft

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipelines.features import FeatureSettings

LANES: Final = 4
"""Rows that the transform works on side by side: what an SSE or NEON register holds.

A transform that is left over when registers are full goes another way, on which some processors
round differently; with whole registers every row goes the same.
"""

CACHED_SAMPLES: Final = 163_840
"""Samples of overlapping pieces that are worked on together; with their spectra 2 MB."""

SILENCE: Final = 1e-20
"""Power, in unit**2, below which a float signal is silence; float32 itself ends at 1e-38."""


@dataclass(frozen=True, slots=True)
class FramePlan:
    """How windows of one length and rate are cut into pieces, and bins gathered into bands.

    `starts` are the first bins of the covered bands and, as last entry, the end of the last one.
    `covered` of `bands` bands lie below the Nyquist frequency: the first ones, since bands ascend.
    """

    piece: int
    frames: int
    pieces: int
    frame_step: int
    piece_step: int
    taper: NDArray[np.float32]
    bands: int
    covered: int
    starts: NDArray[np.intp]

    @property
    def scale(self) -> float:
        """Factor from summed squared magnitude to one-sided mean square, by Parseval's theorem."""
        taper_power = float(np.sum(np.square(self.taper, dtype=np.float64)))
        return 2.0 / (self.piece * taper_power * self.pieces)

    @property
    def noise_share(self) -> NDArray[np.float32]:
        """Share of white noise that falls in each covered band, (covered,)."""
        return (np.diff(self.starts) / (self.piece / 2)).astype(np.float32)


def band_edges_hz(settings: FeatureSettings) -> NDArray[np.float64]:
    """Return the spectral bands' edges in Hz, (bands, 2): log-spaced, each at least a bin wide.

    A bin is 1 / `frame_s` wide and centred on its frequency, so the first band starts half a bin
    below `lowest_hz`. What the lowest bands take beyond their logarithmic share, the others give.
    """
    bin_hz = 1.0 / settings.frame_s
    edges = [settings.lowest_hz - bin_hz / 2]
    for left in range(settings.bands, 0, -1):
        ratio = (settings.highest_hz / edges[-1]) ** (1.0 / left)
        edges.append(max(edges[-1] * ratio, edges[-1] + bin_hz))
    return np.column_stack([edges[:-1], edges[1:]])


@lru_cache(maxsize=256)
def plan_frames(settings: FeatureSettings, sample_rate_hz: float, samples: int) -> FramePlan:
    """Return the plan for windows of `samples` samples; the window must hold one piece."""
    piece = piece_length(settings, sample_rate_hz)
    segment = samples // settings.frames
    # Half-overlapping Hann pieces waste least of the signal (Welch; Harris, Proc. IEEE 66, 1978).
    pieces = 1 + max(0, segment - piece) // (piece // 2)
    piece_step = (segment - piece) // (pieces - 1) if pieces > 1 else 0
    span = piece + (pieces - 1) * piece_step
    covered, starts = _bins(settings, sample_rate_hz, piece)
    return FramePlan(
        piece=piece,
        frames=settings.frames,
        pieces=pieces,
        frame_step=(samples - span) // max(settings.frames - 1, 1),
        piece_step=piece_step,
        taper=_hann(piece),
        bands=settings.bands,
        covered=covered,
        starts=starts,
    )


def piece_length(settings: FeatureSettings, sample_rate_hz: float) -> int:
    """Return how many samples a piece of `frame_s` has."""
    return round(settings.frame_s * sample_rate_hz)


def log_bands(
    signal: NDArray[np.float32], plan: FramePlan, floor: NDArray[np.float32], used: int
) -> NDArray[np.float32]:
    """Return log10 of band power in unit**2, (rows, frames, bands), NaN for uncovered bands.

    `signal` is (rows, n) with its mean removed, `rows` a multiple of `LANES`; only the first
    `used` rows are asked for, the others may be NaN. `floor` (rows,) is the mean square of noise
    that the converter makes anyway; it keeps silence finite.
    """
    rows = signal.shape[0]
    result = np.full((rows, plan.frames, plan.bands), np.nan, dtype=np.float32)
    noise = (floor[:, None] * plan.noise_share)[:, None, :]
    together = _rows_together(plan)
    for start in range(0, used if plan.covered else 0, together):
        part = slice(start, start + together)
        power = _band_power(signal[part], plan) + noise[part]
        result[part, :, : plan.covered] = np.log10(power)
    return result


def quantisation_floor(scale: NDArray[np.float64], *, integer: bool) -> NDArray[np.float32]:
    """Return the mean square of rounding to steps of `scale`: scale**2 / 12 (Bennett, 1948).

    The steps of floating-point samples are unknown: theirs is next to nothing.
    """
    if not integer:
        return np.full(scale.shape, SILENCE, dtype=np.float32)
    return np.maximum(np.square(scale) / 12.0, SILENCE).astype(np.float32)


def _rows_together(plan: FramePlan) -> int:
    """Return how many rows to transform at once: few enough for the cache, a divisor of `LANES`."""
    row = plan.frames * plan.pieces * plan.piece
    return int(2 ** np.clip(np.floor(np.log2(CACHED_SAMPLES / row)), 0, np.log2(LANES)))


def _band_power(signal: NDArray[np.float32], plan: FramePlan) -> NDArray[np.float32]:
    """Return one-sided power per band, (rows, frames, covered)."""
    tapered = _pieces(signal, plan) * plan.taper
    spectra = scipy.fft.rfft(tapered, axis=-1, workers=1, overwrite_x=True)
    # Real and imaginary parts side by side: squared in place and summed with the bins.
    parts = spectra.view(np.float32)
    np.square(parts, out=parts)
    summed = parts[:, :, 0].copy() if plan.pieces == 1 else parts.sum(axis=2)
    power = np.add.reduceat(summed, 2 * plan.starts, axis=-1)[..., : plan.covered]
    return np.multiply(power, np.float32(plan.scale), dtype=np.float32)


def _pieces(signal: NDArray[np.float32], plan: FramePlan) -> NDArray[np.float32]:
    """Return a read-only view (rows, frames, pieces, piece) of overlapping pieces."""
    row, sample = signal.strides
    return np.lib.stride_tricks.as_strided(
        signal,
        shape=(signal.shape[0], plan.frames, plan.pieces, plan.piece),
        strides=(row, sample * plan.frame_step, sample * plan.piece_step, sample),
        writeable=False,
    )


def _bins(
    settings: FeatureSettings, sample_rate_hz: float, piece: int
) -> tuple[int, NDArray[np.intp]]:
    """Return how many bands lie below Nyquist, and the bins at which they begin and end."""
    edges = band_edges_hz(settings)
    covered = int(np.count_nonzero(edges[:, 1] <= sample_rate_hz / 2))
    limits = np.append(edges[:covered, 0], edges[covered - 1, 1] if covered else [])
    starts = np.ceil(limits * piece / sample_rate_hz - 1e-9).astype(np.intp)
    # A piece is a whole number of samples, so its bins may be a little wider than a narrow band.
    for i in range(1, len(starts)):
        starts[i] = max(starts[i], starts[i - 1] + 1)
    return covered, np.minimum(starts, piece // 2)


def _hann(length: int) -> NDArray[np.float32]:
    """Return the periodic Hann taper."""
    return (0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(length) / length)).astype(np.float32)
