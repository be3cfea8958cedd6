"""What a simulated sensor's bands hold on average, and how they scatter: without a waveform.

`pipelines.spectrum` averages periodograms of Hann-tapered pieces. Of Gaussian noise a bin of one
periodogram is exponential, neighbouring bins and overlapping pieces are correlated by known
amounts (Harris, Proc. IEEE 66, 1978; Welch 1967), and a sum of such is close to a gamma variable
of the same mean and variance (Satterthwaite, 1946). A line adds its power and makes the sum
steadier.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from pipelines.simulator.grid import Grid
from pipelines.simulator.tones import HIGHEST, InverterTone, highest_hz
from pipelines.spectrum import plan_frames

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from pipelines.features import FeatureSettings
    from pipelines.simulator.tones import Tone

    Floats = NDArray[np.float64]

_REACH: Final = 4.0
"""Bins around a line that the taper's main lobe and first side lobes fill."""

_CORRELATION: Final = (1.0, 2 / 3, 1 / 6)
"""Of the amplitudes of Hann-tapered noise, bins 0, 1 and 2 apart (without sign)."""


@dataclass(frozen=True, slots=True)
class Bands:
    """How bins of a piece gather into bands; `covered` of `bands` lie below the Nyquist frequency.

    `starts` (covered + 1,) are bins of a piece, `bin_hz` apart. `average` is the variance of a
    frame's power over that of one piece's.
    """

    bands: int
    covered: int
    starts: NDArray[np.intp]
    bins: int
    bin_hz: float
    average: float
    grid: Grid

    def gather(self, per_bin: Floats) -> Floats:
        """Sum (..., bins) over each band, (..., covered)."""
        return np.add.reduceat(per_bin, self.starts, axis=-1)[..., : self.covered]


def bands_of(settings: FeatureSettings, grid: Grid) -> Bands:
    """Return how windows on `grid` are cut up."""
    plan = plan_frames(settings, grid.rate_hz, grid.count)
    taper = plan.taper.astype(np.float64)
    return Bands(
        bands=plan.bands,
        covered=plan.covered,
        starts=plan.starts,
        bins=plan.piece // 2 + 1,
        bin_hz=grid.rate_hz / plan.piece,
        average=_average(taper, plan.pieces, plan.piece_step),
        grid=grid,
    )


def _average(taper: Floats, pieces: int, step: int) -> float:
    """Return the variance of the mean of overlapping periodograms over that of one (Welch 1967)."""
    power = float(np.sum(taper**2))
    total = 1.0
    for lag in range(1, pieces):
        shift = min(lag * step, taper.size)
        common = float(np.sum(taper[shift:] * taper[: taper.size - shift]))
        total += 2.0 * (1.0 - lag / pieces) * (common / power) ** 2
    return total / pieces


def noise_per_bin(power: NDArray[np.float32], bands: Bands) -> Floats:
    """Return the mean power in each bin of a piece, (bins,), of noise of mean `power` 1 = RMS 1.

    `power` has one value a bin of the whole window, as `structure.running_noise` gives it.
    """
    kernel = _leakage(bands.bin_hz * bands.grid.duration_s)
    smooth = np.convolve(np.pad(power.astype(np.float64), kernel.size // 2, "reflect"), kernel)
    whole = smooth[kernel.size - 1 : kernel.size - 1 + power.size]
    at = np.arange(bands.bins) * bands.bin_hz * bands.grid.duration_s
    per_bin: Floats = np.interp(at, np.arange(power.size), whole) / (bands.bins - 1)
    return per_bin


@lru_cache(maxsize=8)
def _leakage(bins: float) -> Floats:
    """Return the share of a window's bins, `bins` to one of a piece, in that one, by distance."""
    reach = int(np.ceil(_REACH * bins))
    kernel = hann_power(np.arange(-reach, reach + 1) / bins)
    shares: Floats = kernel / kernel.sum()
    return shares


def hann_power(distance: Floats) -> Floats:
    """Return the share of a line's power at distances in bins; over whole bins they add up to 1.

    |W|^2 = (2 / 3) (sinc d / (1 - d^2))^2 for a Hann taper (Harris 1978).
    """
    singular = np.isclose(np.abs(distance), 1.0)
    safe = np.where(singular, 0.0, distance)
    share = np.where(singular, 0.5, np.sinc(safe) / (1.0 - safe**2))
    return np.asarray(2.0 / 3.0 * share**2)


def tones_per_bin(tones: Iterable[Tone], shaft_hz: float, bands: Bands) -> Floats:
    """Return the mean power that lines put into each bin of a piece, (bins,), phases averaged."""
    at: Floats = np.arange(bands.bins, dtype=np.float64) * bands.bin_hz
    total = np.zeros(bands.bins)
    for hz, power in lines_of(tones, shaft_hz, bands.grid):
        for image in (hz, -hz):
            total += power * hann_power(np.asarray((at - image) / bands.bin_hz, np.float64))
    return total


def lines_of(tones: Iterable[Tone], shaft_hz: float, grid: Grid) -> list[tuple[float, float]]:
    """Return frequency in Hz and power of every line, sidebands apart (see `tones`)."""
    found: list[tuple[float, float]] = []
    for tone in tones:
        if highest_hz(tone, shaft_hz) >= HIGHEST * grid.nyquist_hz:
            continue
        power = tone.amplitude**2 / 2
        if isinstance(tone, InverterTone):
            spacing = 2 * tone.pole_pairs * shaft_hz
            found += [(tone.switching_hz + side * spacing, power / 4) for side in (-1, 1)]
            continue
        found.append((tone.order * shaft_hz, power))
        side = power * (tone.sidebands / 2) ** 2
        found += [((tone.order + k) * shaft_hz, side) for k in (-1, 1) if side]
    return found


def steadiness(noise: Floats, lines: Floats, bands: Bands) -> Floats:
    """Return the shape of the gamma variable that each band of a frame is, (covered,).

    `noise` and `lines` are mean power in the bins of a piece. The larger, the steadier: mean
    squared over variance; noise beats with noise and with the lines.
    """
    amplitude = np.sqrt(noise * lines)
    variance = np.zeros(bands.covered)
    for k, (first, last) in enumerate(zip(bands.starts[:-1], bands.starts[1:], strict=True)):
        own, beat = noise[first:last], amplitude[first:last]
        for lag, shared in enumerate(_CORRELATION):
            twice = 1.0 if lag == 0 else 2.0
            near = slice(lag, None), slice(None, own.size - lag if lag < own.size else 0)
            variance[k] += twice * shared**2 * float(own[near[0]] @ own[near[1]])
            variance[k] += 2.0 * twice * shared * float(beat[near[0]] @ beat[near[1]])
    mean = bands.gather(noise + lines)
    shape: Floats = mean**2 / np.maximum(variance * bands.average, 1e-300)
    return shape
