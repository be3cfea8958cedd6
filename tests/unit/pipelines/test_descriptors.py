"""Level, shape and velocity of signals whose values are known."""

from math import pi, sqrt

import numpy as np
import pytest

from pipelines.descriptors import STANDARD_GRAVITY, velocity_refusal
from tests.unit.pipelines.signals import build_window, noise, observe, sine


@pytest.mark.parametrize("amplitude", [0.01, 1.0, 40.0])
@pytest.mark.parametrize("offset", [0.0, 1.0])
def test_a_sine_has_its_textbook_values(amplitude: float, offset: float) -> None:
    observation = observe(build_window(sine(500.0, amplitude) + offset * amplitude))
    assert observation.rms.item() == pytest.approx(amplitude / sqrt(2), rel=1e-4)
    assert observation.peak.item() == pytest.approx(amplitude, rel=1e-2)
    assert observation.crest.item() == pytest.approx(sqrt(2), rel=1e-2)
    assert observation.kurtosis.item() == pytest.approx(1.5, rel=1e-3)


def test_gaussian_noise_has_kurtosis_three() -> None:
    assert observe(build_window(noise(1))).kurtosis.item() == pytest.approx(3.0, abs=0.1)


def test_silence_has_no_shape() -> None:
    observation = observe(build_window(np.zeros(4_096)))
    assert (observation.rms.item(), observation.crest.item(), observation.kurtosis.item()) == (
        0,
        0,
        0,
    )


@pytest.mark.parametrize("frequency_hz", [16.0, 30.5, 159.2, 700.0])
@pytest.mark.parametrize(("unit", "to_mm"), [("g", 1000 * STANDARD_GRAVITY), ("m/s2", 1000.0)])
def test_velocity_is_the_integral_of_acceleration(
    frequency_hz: float, unit: str, to_mm: float
) -> None:
    observation = observe(build_window(sine(frequency_hz, 0.5), unit=unit))
    expected = 0.5 * to_mm / (2 * pi * frequency_hz) / sqrt(2)
    assert observation.velocity_rms.item() == pytest.approx(expected, rel=0.03)


def test_a_velocity_signal_is_taken_as_it_is() -> None:
    observation = observe(build_window(sine(60.0, 4.0), unit="mm/s"))
    assert observation.velocity_rms.item() == pytest.approx(4.0 / sqrt(2), rel=0.01)


@pytest.mark.parametrize("frequency_hz", [4.0, 1_500.0])
def test_velocity_leaves_out_what_lies_outside_its_band(frequency_hz: float) -> None:
    inside = observe(build_window(sine(100.0))).velocity_rms.item()
    assert observe(build_window(sine(frequency_hz))).velocity_rms.item() < 0.02 * inside


@pytest.mark.parametrize(
    ("unit", "rate_hz", "samples", "reason"),
    [
        ("V", 20_480.0, 20_480, "unit is V"),
        ("g", 2_000.0, 4_000, "sample rate is 2000 Hz"),
        ("g", 25_600.0, 2_560, "window is 0.1 s long"),
    ],
)
def test_velocity_is_refused_with_the_reason(
    unit: str, rate_hz: float, samples: int, reason: str
) -> None:
    refusal = velocity_refusal(unit, rate_hz, samples)
    assert refusal is not None
    assert reason in refusal
    window = build_window(noise(2)[:, :samples], rate_hz=rate_hz, unit=unit)
    assert np.isnan(observe(window).velocity_rms).all()


def test_velocity_is_given_where_all_is_right() -> None:
    assert velocity_refusal("g", 20_480.0, 20_480) is None
