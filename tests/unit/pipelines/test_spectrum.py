"""Band spectra by their properties: place, power, gain, rate."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.features import FeatureSettings
from pipelines.spectrum import band_edges_hz, plan_frames, quantisation_floor
from tests.unit.pipelines.signals import SETTINGS, build_window, noise, observe, sine

BANDS = slice(0, SETTINGS.bands)
EDGES = band_edges_hz(SETTINGS)


def mean_bands(
    signal: np.ndarray, rate_hz: float = 20_480.0, seconds_per_frame: int = 8
) -> np.ndarray:
    """Power in each band, averaged over the frames."""
    bands = observe(build_window(signal, rate_hz=rate_hz)).log_bands[0, :, BANDS]
    return np.asarray(np.mean(10.0**bands, axis=0))


@given(
    low=st.floats(10.0, 200.0),
    octaves=st.floats(2.0, 8.0),
    bands=st.integers(1, 40),
    frame_s=st.floats(0.01, 0.1),
)
def test_bands_tile_the_range_and_hold_a_bin_each(
    low: float, octaves: float, bands: int, frame_s: float
) -> None:
    high = low * 2**octaves + bands / frame_s
    edges = band_edges_hz(
        FeatureSettings(
            bands=bands, lowest_hz=low + 0.5 / frame_s, highest_hz=high, frame_s=frame_s
        )
    )
    assert np.array_equal(edges[1:, 0], edges[:-1, 1])
    assert np.all(np.diff(edges, axis=1) >= 1.0 / frame_s - 1e-6)


@pytest.mark.parametrize("frequency_hz", [130.0, 480.0, 1_300.0, 3_900.0, 7_000.0])
@pytest.mark.parametrize(
    ("rate_hz", "seconds"), [(20_480.0, 1.0), (25_600.0, 0.1), (50_000.0, 0.25)]
)
def test_a_sine_shows_in_its_own_band(frequency_hz: float, rate_hz: float, seconds: float) -> None:
    power = mean_bands(sine(frequency_hz, 2.0, seconds, rate_hz), rate_hz)
    inside = (EDGES[:, 0] <= frequency_hz) & (frequency_hz < EDGES[:, 1])
    assert int(np.nanargmax(power)) == int(np.flatnonzero(inside)[0])


def test_a_sine_in_the_middle_of_a_wide_band_has_half_its_amplitude_squared() -> None:
    power = mean_bands(sine(4_800.0, 3.0))
    assert np.nanmax(power) == pytest.approx(3.0**2 / 2, rel=0.01)


@pytest.mark.parametrize(
    ("rate_hz", "seconds"), [(20_480.0, 1.0), (25_600.0, 0.1), (12_800.0, 2.0)]
)
def test_the_bands_together_hold_the_power_of_the_signal(rate_hz: float, seconds: float) -> None:
    # Parseval: all bins but those below the first band and the part above the last.
    settings = FeatureSettings(bands=6, lowest_hz=40.0, highest_hz=rate_hz / 2, frame_s=0.025)
    signal = noise(1, 0.7, seconds, rate_hz)
    found = observe(build_window(signal, rate_hz=rate_hz), settings).log_bands[0, :, :6]
    total = np.sum(np.mean(10.0**found, axis=0))
    assert total == pytest.approx(np.var(signal), rel=0.12 if seconds < 1 else 0.03)


@given(st.floats(1e-3, 1e3))
def test_gain_moves_every_band_by_as_many_decades(gain: float) -> None:
    signal = noise(2)
    plain = observe(build_window(signal)).log_bands[..., BANDS]
    louder = observe(build_window(gain * signal)).log_bands[..., BANDS]
    known = ~np.isnan(plain)
    assert (louder - plain)[known] == pytest.approx(2 * np.log10(gain), abs=2e-3)


def test_the_envelope_features_do_not_follow_the_gain() -> None:
    signal = noise(3)
    plain = observe(build_window(signal)).log_bands[..., SETTINGS.bands :]
    louder = observe(build_window(50.0 * signal)).log_bands[..., SETTINGS.bands :]
    assert louder == pytest.approx(plain, abs=1e-3)


def test_twice_the_sample_rate_gives_the_same_bands() -> None:
    tones = [(90.0, 1.0), (400.0, 0.3), (2_500.0, 0.1), (7_500.0, 0.2)]
    slow = sum(sine(f, a, 1.0, 20_480.0) for f, a in tones)
    fast = sum(sine(f, a, 1.0, 40_960.0) for f, a in tones)
    a, b = mean_bands(np.asarray(slow)), mean_bands(np.asarray(fast), 40_960.0)
    strong = np.nan_to_num(a) > 1e-4
    assert strong.sum() >= 4
    assert np.log10(a[strong]) == pytest.approx(np.log10(b[strong]), abs=0.02)


@pytest.mark.parametrize(("rate_hz", "covered"), [(25_600.0, 24), (20_480.0, 23), (5_120.0, 16)])
def test_bands_not_wholly_below_nyquist_are_masked(rate_hz: float, covered: int) -> None:
    bands = observe(build_window(noise(4, rate_hz=rate_hz), rate_hz=rate_hz)).log_bands[..., BANDS]
    assert np.isfinite(bands[..., :covered]).all()
    assert np.isnan(bands[..., covered:]).all()


def test_silence_is_finite_and_lies_at_the_converter_s_own_noise() -> None:
    bands = observe(build_window(np.zeros(20_480), dtype="i2", scale=0.001)).log_bands[0, :, BANDS]
    total = np.nansum(10.0 ** bands[0])
    assert np.isfinite(bands[:, :23]).all()
    assert 0.5 < total / (0.001**2 / 12) <= 1.0


def test_the_floor_of_floats_is_next_to_nothing() -> None:
    scale = np.array([1.0, 1e-3])
    assert np.all(quantisation_floor(scale, integer=False) < 1e-15)
    assert quantisation_floor(scale, integer=True) == pytest.approx(scale**2 / 12)


@given(st.integers(640, 60_000), st.integers(1, 12))
def test_frames_lie_inside_the_window_and_reach_its_end(samples: int, frames: int) -> None:
    plan = plan_frames(FeatureSettings(frames=frames), 25_600.0, samples)
    last = (plan.frames - 1) * plan.frame_step + (plan.pieces - 1) * plan.piece_step + plan.piece
    assert last <= samples
    assert frames == 1 or samples - last < plan.frames + plan.pieces
