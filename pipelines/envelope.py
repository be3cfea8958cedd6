"""Envelope spectra: the repetition rate of impacts, read from the high band that they ring in.

The band-limited analytic signal comes from the window's own transform: keep the bins of the band,
transform back at the band's low rate (Randall & Antoni, Mech. Syst. Signal Process. 25, 2011,
sec. 4). Its magnitude is the envelope; lines in the spectrum of that are impacts that repeat. What
is kept of a line is its prominence, its power over the floor around it, since the level has
features of its own. `docs/features.md` has the measurements behind the choices made here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import scipy.fft

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipelines.fault_orders import FaultOrders
    from pipelines.features import FeatureSettings

LOWEST_LINE_HZ: Final = 15.0
HIGHEST_LINE_HZ: Final = 1_000.0
"""Range of the geometry-free bands: cage to outer and inner race of common machines."""

SPECTRUM_HZ: Final = 1_600.0
"""Lines are read up to here: second harmonics of fast machines; cheap for windows of 1 s."""

SLIP: Final = 0.02
"""Rolling elements slip; a line lies within 2 % of its kinematic place."""

FLOOR_REACH: Final = 1.5
"""The floor of a line at f is taken from f / 1.5 to 1.5 f."""

FLOOR_BINS: Final = 8
"""... and from at least so many bins on either side, where the window is short."""

HARMONICS: Final = (1, 2)
FAULT_LINES: Final = ("BPFO", "BPFI", "2xBSF", "FTF")
"""What the four fault lines are, in order."""

STANDS_OUT: Final = 0.6
"""From this prominence on, 6 dB, it is asked where a line lies: below, none is there."""

FIRST_BIN: Final = 1.5
"""A line nearer to zero than this many bins cannot be told from slow changes of level."""

FEWEST_LINES: Final = 2
"""A band with a single line says nothing: the power of one line of noise varies without measure."""

TINY: Final = np.float32(1e-12)
"""Keeps the logarithm of silence finite; amplitudes are relative to their mean."""

_WIDEST: Final = 4096
_HARMONIC_NUMBERS: Final = np.cumsum(1.0 / np.maximum(np.arange(_WIDEST + 1), 1)) - 1.0


@dataclass(frozen=True, slots=True)
class EnvelopePlan:
    """How windows of one length and rate are demodulated.

    The band is bins `low` to `high` (excluded) of the window's transform; `length` is that of the
    envelope; `bins` of its spectrum are kept, `bin_hz` apart. `known` are the positions of the
    envelope bands that hold enough lines; `limits` are their first and last (excluded) bins,
    `around` those of their floors, interleaved as `reduceat` wants them.
    """

    low: int
    high: int
    length: int
    bins: int
    bin_hz: float
    bands: int
    known: NDArray[np.intp]
    limits: NDArray[np.intp]
    around: NDArray[np.intp]


def envelope_edges_hz(settings: FeatureSettings) -> NDArray[np.float64]:
    """Return the envelope bands' edges in Hz of the envelope spectrum, (envelope_bands, 2)."""
    edges = np.geomspace(LOWEST_LINE_HZ, HIGHEST_LINE_HZ, settings.envelope_bands + 1)
    return np.column_stack([edges[:-1], edges[1:]])


def demodulation_band_hz(settings: FeatureSettings, sample_rate_hz: float) -> tuple[float, float]:
    """Return the band that is demodulated in Hz: as set, or what the sample rate leaves of it."""
    nyquist = sample_rate_hz / 2
    low = min(settings.demodulate_from_hz, 0.4 * nyquist)
    return low, min(settings.demodulate_to_hz, 0.98 * nyquist)


@lru_cache(maxsize=256)
def plan_envelope(settings: FeatureSettings, sample_rate_hz: float, samples: int) -> EnvelopePlan:
    """Return the plan for windows of `samples` samples."""
    bin_hz = sample_rate_hz / samples
    low, high = (round(edge / bin_hz) for edge in demodulation_band_hz(settings, sample_rate_hz))
    # Differences up to half the band are well fed; beyond, few pairs of bins are left.
    bins = min(int(SPECTRUM_HZ / bin_hz), (high - low) // 2) + 1
    edges = envelope_edges_hz(settings)
    limits = np.ceil(edges / bin_hz - 1e-9).astype(np.intp)
    holds = (limits[:, 1] - limits[:, 0] >= FEWEST_LINES) & (limits[:, 1] < bins)
    holds &= limits[:, 0] >= FIRST_BIN
    return EnvelopePlan(
        low=low,
        high=high,
        # Just so long that no difference of two bins aliases onto a kept line.
        length=int(scipy.fft.next_fast_len(high - low + bins - 1)),
        bins=bins,
        bin_hz=bin_hz,
        bands=settings.envelope_bands,
        known=np.flatnonzero(holds),
        limits=limits[holds].ravel(),
        around=_floor_limits(edges[holds], bin_hz, bins).ravel(),
    )


def envelope_spectrum(spectrum: NDArray[np.complex64], plan: EnvelopePlan) -> NDArray[np.float32]:
    """Return the amplitudes of the envelope's lines over their mean, (rows, plan.bins) float32.

    `spectrum` is the (rows, n // 2 + 1) transform of the whole, untapered window: lines of a short
    window lie few bins apart, and a taper would widen them. Line 0 is 0; silence is all 0.
    """
    band = np.zeros((spectrum.shape[0], plan.length), dtype=np.complex64)
    band[:, : plan.high - plan.low] = spectrum[:, plan.low : plan.high]
    analytic = scipy.fft.ifft(band, axis=-1, workers=1, overwrite_x=True)
    lines = scipy.fft.rfft(_magnitude(analytic), axis=-1, workers=1, overwrite_x=True)
    amplitude = _magnitude(np.ascontiguousarray(lines[:, : plan.bins]))
    amplitude[:, 0] = 0.0
    mean = amplitude.sum(axis=1, keepdims=True) / np.float32(plan.bins)
    return np.asarray(amplitude / np.where(mean > 0.0, mean, np.float32(1.0)), np.float32)


def band_prominence(amplitude: NDArray[np.float32], plan: EnvelopePlan) -> NDArray[np.float32]:
    """Return how much the lines stand out in each envelope band, (rows, envelope_bands).

    log10 of 1 + the mean fourth power of the lines over the fourth power of the floor, a kurtosis
    of the spectrum: noise gives about 0.6 at fine resolution and less at coarse, and one strong
    line, or several weak ones, lift it. The 1 keeps the chance gaps between lines, where a band
    holds a bin or two, from being news. NaN for bands that hold fewer than two lines.
    """
    result = np.full((amplitude.shape[0], plan.bands), np.nan, dtype=np.float32)
    if plan.known.size:
        fourth = np.square(np.square(amplitude))
        lines = _mean_between(fourth, plan.limits)
        floor = np.square(np.square(_mean_between(amplitude, plan.around)))
        result[:, plan.known] = np.log10(1.0 + lines / (floor + TINY))
    return result


class FaultLines(NamedTuple):
    """What is read at the places of fault lines, (rows, 4) float32 each.

    `prominence` is the sum over the harmonics of log10((1 + r) / 2), r the harmonic's power over
    what noise alone would reach: about 0 without a line, at any resolution; a harmonic that is
    absent takes nothing away from one that is there. `seen_hz` is where the fundamental lies, by
    the strongest bin within the slip of the harmonic that stands out most; NaN where none does.
    """

    prominence: NDArray[np.float32]
    seen_hz: NDArray[np.float32]


def read_fault_lines(
    amplitude: NDArray[np.float32], plan: EnvelopePlan, lines_hz: NDArray[np.float64]
) -> FaultLines:
    """Read the lines that are expected at `lines_hz`, (rows, 4).

    NaN where `lines_hz` is, where the window is too short to tell the line from zero, and where
    the line lies above the spectrum.
    """
    hz = lines_hz[:, :, None] * np.array(HARMONICS)
    highest = (plan.bins - 2) * plan.bin_hz
    readable = (hz >= FIRST_BIN * plan.bin_hz) & (hz * (1 + SLIP) < highest)
    # Any place will do for a line that is not read; the result is put right below.
    places = np.where(readable, hz, min(highest, FLOOR_BINS))
    slip = np.maximum(places * SLIP, plan.bin_hz)
    limits = _bin_limits(places - slip, places + slip, plan)
    ratio = np.where(readable, _over_noise(amplitude, plan, places, limits), 0.0)
    decades = np.log10((1.0 + ratio) / np.where(readable, 2.0, 1.0)).sum(axis=-1)
    decades = np.where(readable[..., 0], decades, np.nan).astype(np.float32)
    seen_hz = np.full_like(decades, np.nan)
    for row, line in zip(*np.nonzero(decades >= STANDS_OUT), strict=True):
        harmonic = ratio[row, line].argmax()
        first, last = limits[row, line, harmonic]
        strongest = first + amplitude[row, first:last].argmax()
        seen_hz[row, line] = strongest * plan.bin_hz / HARMONICS[harmonic]
    return FaultLines(decades, seen_hz)


def _over_noise(
    amplitude: NDArray[np.float32],
    plan: EnvelopePlan,
    hz: NDArray[np.float64],
    limits: NDArray[np.intp],
) -> NDArray[np.float64]:
    """Return the largest power within the `limits` around `hz` (rows, ...) over the mean of noise.

    The largest of m exponential variables (powers of noise) has the m-th harmonic number as its
    mean (Renyi, 1953); the squared mean of Rayleigh amplitudes is pi / 4 of the mean power.
    """
    largest = np.square(_reduce_at(np.maximum, amplitude, limits))
    around = _floor_limits(np.stack([hz, hz], axis=-1), plan.bin_hz, plan.bins)
    floor = _reduce_at(np.add, amplitude, around) / (around[..., 1] - around[..., 0])
    width = np.minimum(limits[..., 1] - limits[..., 0], _WIDEST)
    noise = np.square(floor) * (4.0 / np.pi) * _HARMONIC_NUMBERS[width]
    return np.asarray(largest / (noise + TINY), np.float64)


def fault_lines_hz(orders: FaultOrders, shaft_hz: float) -> tuple[float, float, float, float]:
    """Return where the fault lines are expected in Hz, in the order of `FAULT_LINES`."""
    return (
        shaft_hz * orders.bpfo,
        shaft_hz * orders.bpfi,
        shaft_hz * 2.0 * orders.bsf,
        shaft_hz * orders.ftf,
    )


def _magnitude(values: NDArray[np.complex64]) -> NDArray[np.float32]:
    """Return the absolute values; overwrites `values`."""
    # NumPy's own absolute value guards against overflow and costs several times as much.
    parts = values.view(np.float32)
    np.square(parts, out=parts)
    total: NDArray[np.float32] = parts[..., ::2] + parts[..., 1::2]
    return np.sqrt(total, out=total)


def _mean_between(values: NDArray[np.float32], limits: NDArray[np.intp]) -> NDArray[np.float32]:
    """Return the mean of (rows, bins) between each pair of `limits`, (rows, pairs)."""
    # Every second stretch is what lies between two pairs: not asked for.
    total: NDArray[np.float32] = np.add.reduceat(values, limits, axis=1)[:, ::2]
    return np.asarray(total / (limits[1::2] - limits[::2]), np.float32)


def _reduce_at(
    operation: np.ufunc, values: NDArray[np.float32], limits: NDArray[np.intp]
) -> NDArray[np.float32]:
    """Return `operation` over (rows, bins) between limits (rows, ..., 2) of each row's own."""
    rows, bins = values.shape
    offset = (np.arange(rows) * bins).reshape(-1, *(1,) * (limits.ndim - 1))
    flat = operation.reduceat(values.ravel(), (limits + offset).ravel())[::2]
    return np.asarray(flat.reshape(limits.shape[:-1]), dtype=np.float32)


def _bin_limits(
    low_hz: NDArray[np.float64], high_hz: NDArray[np.float64], plan: EnvelopePlan
) -> NDArray[np.intp]:
    """Return first and last (excluded) bins from `low_hz` to `high_hz`, (..., 2), never empty."""
    first = np.clip(np.round(low_hz / plan.bin_hz), 1, plan.bins - 2)
    last = np.clip(np.round(high_hz / plan.bin_hz) + 1, first + 1, plan.bins - 1)
    limits: NDArray[np.intp] = np.stack([first, last], axis=-1).astype(np.intp)
    return limits


def _floor_limits(edges_hz: NDArray[np.float64], bin_hz: float, bins: int) -> NDArray[np.intp]:
    """Return first and last (excluded) bins of the floor around `edges_hz` (..., 2)."""
    low, high = edges_hz[..., 0] / bin_hz, edges_hz[..., 1] / bin_hz
    first = np.clip(np.minimum(low / FLOOR_REACH, low - FLOOR_BINS), 1, bins - 2)
    last = np.clip(np.maximum(high * FLOOR_REACH, high + FLOOR_BINS), 2, bins - 1)
    limits: NDArray[np.intp] = np.stack([first, last], axis=-1).astype(np.intp)
    return limits
