"""Resonances and the noise they colour."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import fft

from pipelines.simulator.structure import (
    high_noise,
    impulse_response,
    noise_spectrum,
    running_noise,
    transfer,
)
from tests.unit.pipelines.simulator.builders import GRID, STRUCTURE, band_rms, kurtosis, rms


def test_impulse_response_has_unit_energy_and_dies_away() -> None:
    response = impulse_response(STRUCTURE, GRID)
    assert np.sum(response**2) == pytest.approx(1.0)
    assert response.size < GRID.count / 10
    assert np.abs(response[-10:]).max() < 1e-6


def test_transfer_peaks_at_the_first_mode_and_moves_with_the_shift() -> None:
    plain, moved = (int(np.argmax(np.abs(transfer(STRUCTURE, GRID, 0, s)))) for s in (1.0, 0.9))
    assert plain == pytest.approx(3_200, abs=60)
    assert moved == pytest.approx(0.9 * 3_200, abs=60)


def test_axes_see_the_modes_with_other_weights() -> None:
    first, second = (np.abs(transfer(STRUCTURE, GRID, axis, 1.0)) for axis in (0, 1))
    assert first[3_200] / first[6_100] > second[3_200] / second[6_100]


def test_running_noise_has_rms_one_and_is_gaussian() -> None:
    power = running_noise(STRUCTURE, GRID, 0, 1.0)
    noise = fft.irfft(noise_spectrum(power, GRID, np.random.default_rng(1)), GRID.count)
    assert rms(noise) == pytest.approx(1.0, rel=0.05)
    assert kurtosis(noise) == pytest.approx(3.0, abs=0.3)


def test_high_noise_lies_above_its_corner() -> None:
    power = high_noise(STRUCTURE, GRID)
    noise = fft.irfft(noise_spectrum(power, GRID, np.random.default_rng(1)), GRID.count)
    assert band_rms(noise, 5_000, 10_241, GRID.rate_hz) > 3 * band_rms(noise, 0, 5_000, 20_480)
    assert rms(noise) == pytest.approx(1.0, rel=0.05)


def test_shared_arrays_cannot_be_written_to() -> None:
    with pytest.raises(ValueError, match="read-only"):
        transfer(STRUCTURE, GRID, 0, 1.0)[0] = 1.0
