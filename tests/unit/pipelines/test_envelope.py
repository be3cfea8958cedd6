"""Lines of the envelope: found where impacts repeat, absent in noise, at any resolution."""

from dataclasses import replace

import numpy as np
import pytest

from pipelines.envelope import STANDS_OUT, demodulation_band_hz, envelope_edges_hz
from pipelines.fault_orders import BearingGeometry
from pipelines.window import SensorKey
from tests.unit.pipelines.signals import (
    SETTINGS,
    Known,
    build_window,
    impacts,
    noise,
    observe,
    sine,
)

GEOMETRY = BearingGeometry(16, 0.331, 2.815, 15.17)
BPFO_HZ, BPFI_HZ, TWICE_BSF_HZ, FTF_HZ = 236.4, 296.9, 279.8, 14.8
EDGES = envelope_edges_hz(SETTINGS)


def known(_: SensorKey) -> Known:
    return Known(GEOMETRY, 2000.0)


def prominence(signal: np.ndarray, rate_hz: float = 20_480.0) -> np.ndarray:
    bands = observe(build_window(signal, rate_hz=rate_hz)).log_bands
    return np.asarray(bands[0, 0, SETTINGS.bands :])


def seen_hz(signal: np.ndarray) -> np.ndarray:
    seen = observe(build_window(signal), lookup=known).fault_lines_hz
    assert seen is not None
    return np.asarray(seen[0])


def fault_lines(signal: np.ndarray, rate_hz: float = 20_480.0) -> np.ndarray:
    lines = observe(build_window(signal, rate_hz=rate_hz), lookup=known).fault_lines
    assert lines is not None
    return np.asarray(lines[0])


@pytest.mark.parametrize("repeat_hz", [52.0, 91.0, 163.0, 270.0, 430.0, 780.0])
def test_impacts_stand_out_in_the_band_of_their_rate(repeat_hz: float) -> None:
    rise = prominence(noise(1) + impacts(repeat_hz, 3.0)) - prominence(noise(1))
    inside = (EDGES[:, 0] <= repeat_hz) & (repeat_hz < EDGES[:, 1])
    assert rise[inside].item() > 1.0


def test_noise_has_no_line_whatever_the_window_s_length() -> None:
    for seconds in (0.1, 0.5, 1.0, 2.0):
        found = [prominence(noise(seed, seconds=seconds)) for seed in range(12)]
        assert np.nanmedian(found) == pytest.approx(0.55, abs=0.15)
        assert np.nanmax(found) < 1.6


def test_a_steady_tone_in_the_high_band_is_no_impact() -> None:
    assert np.nanmax(prominence(noise(2) + sine(5_000.0, 2.0))) < 1.6


def test_prominence_is_the_same_in_every_frame() -> None:
    bands = observe(build_window(noise(3))).log_bands[0, :, SETTINGS.bands :]
    assert np.array_equal(bands, np.broadcast_to(bands[0], bands.shape))


def test_bands_with_fewer_than_two_lines_are_masked() -> None:
    found = prominence(noise(4, seconds=0.1, rate_hz=25_600.0), 25_600.0)
    assert np.isnan(found[0])
    assert np.isfinite(found[1:]).all()


@pytest.mark.parametrize(
    ("rate_hz", "band"),
    [
        (51_200.0, (2_000.0, 10_000.0)),
        (20_480.0, (2_000.0, 10_000.0)),
        (10_000.0, (2_000.0, 4_900.0)),
        (5_000.0, (1_000.0, 2_450.0)),
    ],
)
def test_the_demodulated_band_is_what_the_rate_leaves(
    rate_hz: float, band: tuple[float, float]
) -> None:
    assert demodulation_band_hz(SETTINGS, rate_hz) == pytest.approx(band)


@pytest.mark.parametrize("rate_hz", [700.0, 1_000.0, 2_560.0, 6_400.0])
def test_slow_sensors_have_features_too(rate_hz: float) -> None:
    observation = observe(build_window(noise(5, rate_hz=rate_hz), rate_hz=rate_hz), lookup=known)
    assert np.isfinite(observation.log_bands[0, 0, 0])
    assert observation.fault_lines is not None


@pytest.mark.parametrize(("line", "frequency_hz"), [(0, BPFO_HZ), (1, BPFI_HZ), (2, TWICE_BSF_HZ)])
@pytest.mark.parametrize("slip", [0.985, 1.0, 1.015])
def test_a_fault_shows_at_its_own_line_within_the_slip(
    line: int, frequency_hz: float, slip: float
) -> None:
    signal = noise(6) + impacts(frequency_hz * slip, 2.0)
    found = fault_lines(signal)
    assert int(np.argmax(found)) == line
    assert found[line] > 1.0
    assert seen_hz(signal)[line] == pytest.approx(frequency_hz * slip, abs=0.6)


def test_a_line_is_seen_where_its_harmonic_says_when_that_stands_out_most() -> None:
    # The harmonic alone: impacts at twice the rate.
    seen = seen_hz(noise(6) + impacts(2 * BPFO_HZ * 1.01, 2.0))
    assert seen[0] == pytest.approx(BPFO_HZ * 1.01, abs=0.3)


def test_where_nothing_stands_out_no_line_is_seen() -> None:
    signal = noise(7)
    assert np.array_equal(np.isnan(seen_hz(signal)), fault_lines(signal) < STANDS_OUT)


def test_lines_of_noise_are_about_zero_at_any_resolution() -> None:
    for seconds in (0.25, 1.0, 4.0):
        found = [fault_lines(noise(seed, seconds=seconds)) for seed in range(20)]
        assert np.nanmean(found) == pytest.approx(0.0, abs=0.08)


def test_the_cage_line_is_not_claimed_in_a_short_window() -> None:
    found = fault_lines(noise(7, seconds=0.1))
    assert np.isnan(found[3])
    assert np.isfinite(found[:3]).all()


def test_a_cage_line_is_found_in_a_long_window() -> None:
    # Impacts that come and go with the cage.
    modulated = impacts(BPFO_HZ, 1.0) * (1.0 + sine(FTF_HZ))
    assert fault_lines(noise(8, 0.3) + modulated)[3] > 1.0


def test_telemetry_goes_before_the_rated_speed() -> None:
    window = replace(build_window(noise(9) + impacts(BPFO_HZ / 2, 3.0)), rpm=1000.0)
    observation = observe(window, lookup=known)
    assert observation.shaft_hz == pytest.approx(1000.0 / 60.0)
    assert observation.fault_lines is not None
    assert observation.fault_lines[0, 0] > 1.0


@pytest.mark.parametrize(
    ("machine", "rpm"),
    [
        (None, None),
        (Known(None, 1500.0), None),
        (Known(GEOMETRY, None), None),
        (Known(GEOMETRY, 1500.0), 0.0),
    ],
)
def test_no_line_without_geometry_and_speed(machine: Known | None, rpm: float | None) -> None:
    window = replace(build_window(noise(10)), rpm=rpm)
    assert observe(window, lookup=lambda _: machine).fault_lines is None
