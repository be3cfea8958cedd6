"""The path from a bearing to its sensor: resonances, and the noise that they colour."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import ceil
from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np
from scipy import fft

_T = TypeVar("_T", bound=np.generic)
_FADED: Final = 14.0
"""Time constants after which a mode is gone: exp(-14) is under 1e-6."""

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipelines.simulator.grid import Grid


@dataclass(frozen=True, slots=True)
class Mode:
    """One decaying resonance of housing and sensor mount."""

    frequency_hz: float
    damping: float
    gain: float


@dataclass(frozen=True, slots=True)
class Structure:
    """What colours a sensor's signal.

    `slope_hz` is the corner below which the running noise rises; `white` the share of its power
    that is white; `high_hz` where the lubrication's band begins.
    """

    modes: tuple[Mode, ...]
    slope_hz: float = 400.0
    white: float = 0.3
    high_hz: float = 5_000.0


def impulse_response(
    structure: Structure, grid: Grid, *, axis: int = 0, shift: float = 1.0
) -> NDArray[np.float64]:
    """Return h(t) = sum g exp(-z w t) sin(w sqrt(1 - z^2) t), of unit energy.

    Shape (length,), as long as the slowest mode takes to fade, and a window at most.

    Each mode rings with natural frequency w = 2 pi f and damping ratio z, as in the vibration
    model of McFadden & Smith, J. Sound and Vibration 96 (1984) 69-82. Unit energy makes white
    noise of RMS s, sent through h, come out with RMS s. Further axes see the same modes with the
    gains in another order; `shift` multiplies the frequencies (a sensor mounted anew).
    """
    slowest = min(mode.damping * mode.frequency_hz for mode in structure.modes) * shift
    length = min(grid.count, ceil(_FADED / (2 * np.pi * slowest) * grid.rate_hz))
    time = np.arange(length) / grid.rate_hz
    response = np.zeros(length)
    gains = np.roll([mode.gain for mode in structure.modes], axis)
    for mode, gain in zip(structure.modes, gains, strict=True):
        omega = 2 * np.pi * min(mode.frequency_hz * shift, 0.95 * grid.nyquist_hz)
        ring = np.sin(omega * np.sqrt(1 - mode.damping**2) * time)
        response += gain * np.exp(-mode.damping * omega * time) * ring
    return np.asarray(response / np.linalg.norm(response), dtype=np.float64)


@lru_cache(maxsize=256)
def transfer(structure: Structure, grid: Grid, axis: int, shift: float) -> NDArray[np.complex64]:
    """Return the spectrum of `impulse_response`, shape (bins,), read-only.

    Products with it convolve in a circle: what rings past the end of a window comes in at its
    start, which stands for the impacts just before the window.
    """
    spectrum = fft.rfft(impulse_response(structure, grid, axis=axis, shift=shift), grid.count)
    return _read_only(spectrum.astype(np.complex64))


@lru_cache(maxsize=256)
def running_noise(structure: Structure, grid: Grid, axis: int, shift: float) -> NDArray[np.float32]:
    """Return the power per bin of healthy running noise of RMS 1, shape (bins,), read-only.

    Rising to low frequencies (flow, rolling contact), lifted at the resonances, white beneath.
    """
    frequency = np.maximum(grid.frequencies_hz(), 1.0).astype(np.float64)
    slope = unit_power(1.0 / (1.0 + (frequency / structure.slope_hz) ** 2))
    path = transfer(structure, grid, axis, shift)
    resonant = unit_power((path.real**2 + path.imag**2).astype(np.float64))
    coloured = (1 - structure.white) * (0.6 * slope + 0.4 * resonant)
    return _read_only(unit_power(structure.white + coloured).astype(np.float32))


def high_noise(structure: Structure, grid: Grid) -> NDArray[np.float32]:
    """Return the power per bin of noise of RMS 1 above `high_hz`, shape (bins,), read-only.

    Metal contact through a thin film emits short, dense bursts whose sum is broadband noise at
    high frequency; the corner is a fourth-order high-pass.
    """
    return _high_noise(min(structure.high_hz, 0.6 * grid.nyquist_hz), grid)


@lru_cache(maxsize=64)
def _high_noise(corner: float, grid: Grid) -> NDArray[np.float32]:
    ratio = (np.maximum(grid.frequencies_hz(), 1.0).astype(np.float64) / corner) ** 8
    return _read_only(unit_power(ratio / (1 + ratio)).astype(np.float32))


def unit_power(power: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scale power per bin to a mean of 1 over the bins, without a constant part."""
    scaled = power * (power.size / power[1:].sum())
    scaled[0] = 0.0
    return np.asarray(scaled, dtype=np.float64)


def noise_spectrum(
    power: NDArray[np.float32], grid: Grid, rng: np.random.Generator
) -> NDArray[np.complex64]:
    """Return a Gaussian spectrum for `irfft`; a mean `power` of r^2 over the bins gives RMS r.

    `power` and the result have shape (..., bins).
    """
    parts = rng.standard_normal((*power.shape, 2), dtype=np.float32)
    spectrum = parts.view(np.complex64)[..., 0]
    # irfft divides by the count and counts each bin twice: the mean square of the result is
    # 4 / count^2 times the sum over bins of the variance of one part.
    spectrum *= np.sqrt(power * np.float32(grid.count / 2))
    return spectrum


def _read_only(values: NDArray[_T]) -> NDArray[_T]:
    values.flags.writeable = False
    return values
