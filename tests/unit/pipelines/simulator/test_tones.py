"""Discrete lines: where they are and how tall."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import fft

from pipelines.simulator import InverterTone, ShaftTone
from pipelines.simulator.tones import Tone, shaft_angle, tone_signal
from tests.unit.pipelines.simulator.builders import GRID, SHAFT_HZ

if TYPE_CHECKING:
    from numpy.typing import NDArray


def _amplitudes(*tones: Tone, shaft_hz: float = SHAFT_HZ) -> NDArray[np.float64]:
    rng = np.random.default_rng(4)
    angle = shaft_angle(shaft_hz, 0.0, GRID, rng)
    signal = tone_signal(tones, shaft_hz, angle, GRID, rng)
    return np.asarray(2 * np.abs(fft.rfft(signal)) / GRID.count, dtype=np.float64)


@pytest.mark.parametrize("order", [1, 2, 3, 7])
def test_a_shaft_tone_has_its_amplitude_at_its_order(order: int) -> None:
    lines = _amplitudes(ShaftTone(order, 0.4))
    assert lines[round(order * SHAFT_HZ)] == pytest.approx(0.4, rel=1e-3)
    assert np.delete(lines, round(order * SHAFT_HZ)).max() < 1e-3


def test_a_gear_mesh_has_sidebands_one_order_away() -> None:
    lines = _amplitudes(ShaftTone(23, 1.0, sidebands=0.3))
    found = [lines[round(order * SHAFT_HZ)] for order in (22, 23, 24)]
    assert found == pytest.approx([0.15, 1.0, 0.15], rel=1e-2)


def test_an_inverter_keeps_its_switching_frequency_when_speed_changes() -> None:
    for shaft_hz in (20.0, 30.0):
        lines = _amplitudes(InverterTone(4_000.0, 0.2, pole_pairs=2), shaft_hz=shaft_hz)
        found = sorted(int(at) for at in np.argsort(lines)[-2:])
        assert found == [4_000 - 4 * shaft_hz, 4_000 + 4 * shaft_hz]


def test_tones_above_the_nyquist_frequency_are_left_out() -> None:
    assert _amplitudes(ShaftTone(500, 1.0)).max() == 0.0


def test_flutter_makes_speed_swing_by_its_share() -> None:
    angle = shaft_angle(SHAFT_HZ, 0.01, GRID, np.random.default_rng(4)).astype(np.float64)
    speed = np.gradient(angle[::100], 100 / GRID.rate_hz) / (2 * np.pi)
    assert np.ptp(speed) == pytest.approx(2 * 0.01 * SHAFT_HZ, rel=0.1)
