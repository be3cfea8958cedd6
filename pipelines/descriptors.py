"""Numbers an analyst expects of a window: level, peak, shape and velocity.

Kurtosis is Pearson's: 3 for Gaussian noise. Velocity is what ISO 20816 speaks of: mm/s RMS from
10 Hz to 1000 Hz, and only where unit, band and length allow it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

STANDARD_GRAVITY: Final = 9.80665
"""m/s2 in one g (ISO 80000-3)."""

VELOCITY_BAND_HZ: Final = (10.0, 1000.0)
MINIMUM_RATE_HZ: Final = 2_500.0
MINIMUM_LENGTH_S: Final = 1.0

TO_MM_PER_S2: Final = {"g": 1000.0 * STANDARD_GRAVITY, "m/s2": 1000.0}


class Descriptors(NamedTuple):
    """Time-domain numbers of some signals, (rows,) float32 each, in the signals' unit."""

    rms: NDArray[np.float32]
    peak: NDArray[np.float32]
    crest: NDArray[np.float32]
    kurtosis: NDArray[np.float32]


def describe(
    signal: NDArray[np.float32], highest: NDArray[np.float32], lowest: NDArray[np.float32]
) -> Descriptors:
    """Return the descriptors of `signal` (rows, n) without its mean, extremes (rows,) given.

    A silent row has crest 0 and kurtosis 0.
    """
    samples = signal.shape[1]
    square = np.square(signal)
    mean_square = square.sum(axis=1) / np.float32(samples)
    # Twice squared: numpy's general power of float32 costs 70 times more.
    np.square(square, out=square)
    fourth = square.sum(axis=1) / np.float32(samples)
    rms = np.sqrt(mean_square)
    peak = np.maximum(highest, -lowest)
    audible = mean_square > np.finfo(np.float32).tiny
    safe = np.where(audible, mean_square, np.float32(1.0))
    crest = np.where(audible, peak / np.sqrt(safe), np.float32(0.0))
    kurtosis = np.where(audible, fourth / safe / safe, np.float32(0.0))
    return Descriptors(rms, peak, crest, kurtosis)


def velocity_refusal(unit: str, sample_rate_hz: float, samples: int) -> str | None:
    """Return why a window has no velocity RMS, or None where it has one."""
    if unit not in TO_MM_PER_S2 and unit != "mm/s":
        return f"unit is {unit}: velocity needs g, m/s2 or mm/s"
    if sample_rate_hz < MINIMUM_RATE_HZ:
        return f"sample rate is {sample_rate_hz:g} Hz: 10-1000 Hz needs {MINIMUM_RATE_HZ:g} Hz"
    length_s = samples / sample_rate_hz
    if length_s < MINIMUM_LENGTH_S * (1.0 - 1e-3):
        return f"window is {length_s:.3g} s long: 10 Hz needs {MINIMUM_LENGTH_S:g} s"
    return None


def velocity_rms(
    spectrum: NDArray[np.complex64], unit: str, sample_rate_hz: float, samples: int
) -> NDArray[np.float32]:
    """Return velocity RMS in mm/s, 10-1000 Hz, (rows,); NaN where `velocity_refusal` says why.

    `spectrum` is the (rows, n // 2 + 1) transform of the whole, untapered window. The Hann taper
    is applied to it as a convolution, for the few bins that count: without one, what leaks from
    below 10 Hz would be weighted up by the integration, 1 / (2 pi f)**2.
    """
    if velocity_refusal(unit, sample_rate_hz, samples) is not None:
        return np.full(spectrum.shape[0], np.nan, dtype=np.float32)
    bin_hz = sample_rate_hz / samples
    first = int(np.ceil(VELOCITY_BAND_HZ[0] / bin_hz - 1e-9))
    last = int(np.floor(VELOCITY_BAND_HZ[1] / bin_hz + 1e-9))
    part = spectrum[:, first - 1 : last + 2]
    tapered = part[:, 1:-1] - np.float32(0.5) * (part[:, :-2] + part[:, 2:])
    power = np.square(tapered.real) + np.square(tapered.imag)
    power *= _velocity_weights(unit, first, last, bin_hz, samples)
    return np.asarray(np.sqrt(power.sum(axis=1)), np.float32)


@lru_cache(maxsize=64)
def _velocity_weights(
    unit: str, first: int, last: int, bin_hz: float, samples: int
) -> NDArray[np.float32]:
    """Return what turns the squared magnitudes of bins `first` to `last` into mm2/s2.

    2 / n**2 is Parseval's one-sided scale, 1/4 the Hann taper's own (the convolution above is
    twice the taper), 8/3 gives back the power that a Hann taper takes.
    """
    frequency_hz = np.arange(first, last + 1, dtype=np.float64) * bin_hz
    weights = np.full(frequency_hz.shape, 2.0 / samples**2 / 4.0 * 8.0 / 3.0)
    if unit != "mm/s":
        weights *= np.square(TO_MM_PER_S2[unit] / (2.0 * np.pi * frequency_hz))
    return weights.astype(np.float32)
