"""Expected band powers and their scatter, against the spectra that waveforms have."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.features import FeatureSettings
from pipelines.simulator import InverterTone, ShaftTone
from pipelines.simulator.band_power import (
    bands_of,
    hann_power,
    lines_of,
    noise_per_bin,
    steadiness,
    tones_per_bin,
)
from pipelines.simulator.grid import Grid
from pipelines.spectrum import log_bands, plan_frames
from tests.unit.pipelines.simulator.builders import GRID

SETTINGS = FeatureSettings()
SHORT = Grid(2_048, 20_480.0)


def bands_of_signals(signals: np.ndarray, grid: Grid) -> np.ndarray:
    plan = plan_frames(SETTINGS, grid.rate_hz, grid.count)
    floor = np.full(len(signals), 1e-20, np.float32)
    power = log_bands(signals.astype(np.float32), plan, floor, len(signals))
    return np.asarray(10.0 ** power.astype(np.float64)[..., : plan.covered])


@pytest.mark.parametrize("grid", [GRID, SHORT])
def test_white_noise_has_the_power_and_the_scatter_that_is_expected(grid: Grid) -> None:
    signals = np.random.default_rng(1).standard_normal((64, grid.count))
    measured = bands_of_signals(signals, grid).reshape(-1, bands_of(SETTINGS, grid).covered)
    bands = bands_of(SETTINGS, grid)
    white = noise_per_bin(np.ones(grid.count // 2 + 1, np.float32), bands)
    assert measured.mean(axis=0) == pytest.approx(bands.gather(white), rel=0.12)
    shape = measured.mean(axis=0) ** 2 / measured.var(axis=0)
    expected = steadiness(white, np.zeros_like(white), bands)
    assert shape == pytest.approx(expected, rel=0.35)
    assert np.median(shape / expected) == pytest.approx(1.0, abs=0.08)


def test_a_line_adds_its_power_and_steadies_its_band() -> None:
    bands = bands_of(SETTINGS, GRID)
    tone = ShaftTone(10.0, 1.0)
    time = np.arange(GRID.count) / GRID.rate_hz
    noise = 0.3 * np.random.default_rng(2).standard_normal((64, GRID.count))
    measured = bands_of_signals(noise + np.cos(2 * np.pi * 300.0 * time), GRID)
    measured = measured.reshape(-1, bands.covered)
    quiet = 0.09 * noise_per_bin(np.ones(GRID.count // 2 + 1, np.float32), bands)
    lines = tones_per_bin([tone], 30.0, bands)
    assert measured.mean(axis=0) == pytest.approx(bands.gather(quiet + lines), rel=0.1)
    loud = int(np.argmax(bands.gather(lines)))
    shape = measured[:, loud].mean() ** 2 / measured[:, loud].var()
    assert shape == pytest.approx(steadiness(quiet, lines, bands)[loud], rel=0.3)


def test_the_taper_shares_a_line_out_among_whole_bins() -> None:
    assert hann_power(np.arange(-8.0, 9.0)).sum() == pytest.approx(1.0)
    assert hann_power(np.array([0.0, 1.0])) == pytest.approx([2 / 3, 1 / 6])


def test_sidebands_and_carriers_have_the_power_of_the_tone() -> None:
    mesh = lines_of([ShaftTone(40.0, 0.2, 0.5)], 30.0, GRID)
    assert [hz for hz, _ in mesh] == pytest.approx([1200.0, 1170.0, 1230.0])
    assert sum(power for _, power in mesh) == pytest.approx(0.02 * (1 + 0.5**2 / 2))
    carrier = lines_of([InverterTone(4_000.0, 0.2, 2)], 30.0, GRID)
    assert [hz for hz, _ in carrier] == [3_880.0, 4_120.0]
    assert [power for _, power in carrier] == pytest.approx([0.005, 0.005])


def test_tones_near_the_nyquist_frequency_are_left_out_as_in_waveforms() -> None:
    assert lines_of([ShaftTone(400.0, 0.2)], 30.0, GRID) == []
