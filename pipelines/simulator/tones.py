"""The discrete lines of a healthy machine: shaft orders, gear mesh, fan blades, inverter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipelines.simulator.grid import Grid

_FLUTTER_HZ: Final = 1.7
HIGHEST: Final = 0.9
"""Share of the Nyquist frequency from which on a tone is left out."""


@dataclass(frozen=True, slots=True)
class ShaftTone:
    """A line at `order` times the shaft speed, `amplitude` in shares of healthy RMS.

    `sidebands` is the depth of modulation once per turn: A (1 + m cos theta) cos(order theta),
    with lines of A m / 2 at order +- 1. Order 1-3: unbalance, misalignment, looseness; a gear
    meshes at its number of teeth, a fan at its blades (Randall, Vibration-based Condition
    Monitoring, 2011).
    """

    order: float
    amplitude: float
    sidebands: float = 0.0


@dataclass(frozen=True, slots=True)
class InverterTone:
    """A frequency converter's switching: lines at f_s +- 2 f_e, f_e = pole pairs x shaft speed.

    The pair about the first carrier dominates with pulse-width modulation; it does not move
    with speed, its spacing does.
    """

    switching_hz: float
    amplitude: float
    pole_pairs: int = 2


Tone = ShaftTone | InverterTone


def shaft_angle(
    shaft_hz: float, flutter: float, grid: Grid, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Return the shaft's angle in radians at each sample, shape (count,).

    theta = 2 pi f (t + flutter / w cos(w t + phase)): speed swings by the share `flutter`.
    """
    omega = np.float32(2 * np.pi * _FLUTTER_HZ)
    phase, start = rng.uniform(0.0, 2 * np.pi, 2).astype(np.float32)
    swing = np.cos(omega * grid.times_s() + phase) * (np.float32(flutter) / omega)
    swing += grid.times_s()
    swing *= np.float32(2 * np.pi * shaft_hz)
    swing += start
    return np.asarray(swing, dtype=np.float32)


def tone_signal(
    tones: tuple[Tone, ...],
    shaft_hz: float,
    angle: NDArray[np.float32],
    grid: Grid,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Return the sum of all tones below the Nyquist frequency, in their unit, shape (count,)."""
    total = np.zeros(grid.count, dtype=np.float32)
    turn = np.cos(angle)
    for tone, phase in zip(tones, rng.uniform(0.0, 2 * np.pi, len(tones)), strict=True):
        if highest_hz(tone, shaft_hz) < HIGHEST * grid.nyquist_hz:
            total += _line(tone, angle, turn, np.float32(phase), grid)
    return total


def highest_hz(tone: Tone, shaft_hz: float) -> float:
    """Return the highest frequency of a tone in Hz, sidebands included."""
    if isinstance(tone, ShaftTone):
        return (tone.order + 1) * shaft_hz
    return tone.switching_hz + 2 * tone.pole_pairs * shaft_hz


def _line(
    tone: Tone,
    angle: NDArray[np.float32],
    turn: NDArray[np.float32],
    phase: np.float32,
    grid: Grid,
) -> NDArray[np.float32]:
    amplitude = np.float32(tone.amplitude)
    if isinstance(tone, InverterTone):
        carrier = _cosine(2 * np.pi * tone.switching_hz, grid.times_s(), phase)
        carrier *= _cosine(2 * tone.pole_pairs, angle, np.float32(0.0))
        return np.multiply(carrier, amplitude, out=carrier)
    line = _cosine(tone.order, angle, phase)
    if tone.sidebands:
        line *= np.float32(1.0) + np.float32(tone.sidebands) * turn
    return np.multiply(line, amplitude, out=line)


def _cosine(rate: float, angle: NDArray[np.float32], phase: np.float32) -> NDArray[np.float32]:
    turned = angle * np.float32(rate)
    turned += phase
    return np.asarray(np.cos(turned, out=turned), dtype=np.float32)
