"""`extract`: order, grouping, and the same bits in any company."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.fault_orders import BearingGeometry
from pipelines.features import FeatureSettings, Observation, TooShort, TooSlow, check, extract
from pipelines.window import SensorKey, Window
from tests.unit.pipelines.signals import SETTINGS, Known, build_window, noise, observe

GEOMETRY = BearingGeometry(9, 7.94, 39.04)
SHAPES = (
    (20_480.0, 20_480, 1, "i2"),
    (25_600.0, 2_560, 2, "i4"),
    (12_800.0, 6_401, 3, "f4"),
    (10_000.0, 5_003, 1, "f4"),
)


def known(key: SensorKey) -> Known | None:
    return Known(GEOMETRY, 1480.0) if key.asset == "pump" else None


def assorted(
    count: int, seed: int, shapes: Sequence[tuple[float, int, int, str]] = SHAPES
) -> list[Window]:
    """Windows of several kinds, mixed; one in five of a machine of which nothing is known."""
    rng = np.random.default_rng(seed)
    windows = []
    for index in range(count):
        rate_hz, samples, axes, dtype = shapes[int(rng.integers(len(shapes)))]
        level = 10.0 ** rng.uniform(-2, 1)
        signal = noise(seed * 1_000 + index, level, samples / rate_hz, rate_hz, axes)
        window = build_window(signal, rate_hz=rate_hz, dtype=dtype, scale=0.001, index=index)
        windows.append(replace(window, asset="fan" if index % 5 == 4 else "pump"))
    return windows


def bits(observation: Observation) -> tuple[bytes | None, ...]:
    arrays = (
        observation.log_bands,
        observation.rms,
        observation.peak,
        observation.crest,
        observation.kurtosis,
        observation.velocity_rms,
        observation.fault_lines,
    )
    return tuple(None if array is None else array.tobytes() for array in arrays)


@pytest.mark.parametrize("size", [1, 7, 256])
def test_batches_of_any_size_give_the_same_bits(size: int) -> None:
    windows = assorted(256, 1)
    whole = extract(windows, SETTINGS, known)
    parts = [
        observation
        for start in range(0, len(windows), size)
        for observation in extract(windows[start : start + size], SETTINGS, known)
    ]
    assert [bits(a) for a in parts] == [bits(a) for a in whole]


@given(st.permutations(range(12)), st.integers(0, 3))
@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_company_and_place_change_no_bit(order: list[int], seed: int) -> None:
    windows = assorted(12, seed, SHAPES[1:])
    alone = {i: bits(extract([window], SETTINGS, known)[0]) for i, window in enumerate(windows)}
    mixed = extract([windows[i] for i in order], SETTINGS, known)
    assert [bits(observation) for observation in mixed] == [alone[i] for i in order]


@pytest.mark.parametrize("frames", [1, 5, 8])
def test_bits_hold_for_any_number_of_frames(frames: int) -> None:
    chosen = FeatureSettings(frames=frames)
    windows = assorted(9, 2)
    alone = [bits(extract([window], chosen)[0]) for window in windows]
    assert [bits(observation) for observation in extract(windows, chosen)] == alone


def test_a_neighbour_that_is_no_number_changes_no_bit() -> None:
    good = build_window(noise(3))
    broken = build_window(np.full(20_480, np.nan))
    huge = build_window(np.full(20_480, 1e38) * np.sign(noise(4)[0]))
    assert bits(extract([broken, good, huge], SETTINGS)[1]) == bits(observe(good))


def test_observations_come_in_the_order_of_their_windows() -> None:
    windows = assorted(40, 5)
    found = extract(windows, SETTINGS, known)
    assert [o.start_ns for o in found] == [w.start_ns for w in windows]
    assert [o.axes for o in found] == [w.axes for w in windows]


def test_an_observation_carries_what_the_window_said() -> None:
    window = replace(build_window(noise(6)), rpm=900.0, load=0.4, temperature=61.0)
    found = observe(window)
    assert (found.rpm, found.load, found.temperature) == (900.0, 0.4, 61.0)
    assert (found.key, found.unit, found.duration_s) == (window.key, "g", 1.0)
    assert found.shaft_hz == pytest.approx(15.0)


def test_the_sign_of_a_speed_is_a_direction_and_changes_no_bit() -> None:
    window = build_window(noise(6))  # of a machine whose rated speed is another one
    (ahead, back) = extract(
        [replace(window, asset="pump", rpm=rpm) for rpm in (1800.0, -1800.0)], SETTINGS, known
    )
    assert ahead.fault_lines is not None
    assert bits(back) == bits(ahead)
    assert (back.rpm, back.shaft_hz) == (ahead.rpm, ahead.shaft_hz) == (1800.0, 30.0)


def test_shapes_follow_the_settings() -> None:
    chosen = FeatureSettings(frames=5, bands=11, envelope_bands=3)
    found = extract(assorted(6, 7), chosen, known)
    assert {o.log_bands.shape for o in found} == {(len(o.axes), 5, 14) for o in found}
    assert {o.log_bands.dtype for o in found} == {np.dtype(np.float32)}
    assert chosen.edges_hz().shape == (chosen.width, 2)


def test_an_axis_is_worked_on_by_itself() -> None:
    signal = noise(8, axes=3)
    together = observe(build_window(signal))
    for axis in range(3):
        assert np.array_equal(
            observe(build_window(signal[axis])).log_bands[0],
            together.log_bands[axis],
            equal_nan=True,
        )


def test_a_stored_dtype_and_its_scale_make_no_difference() -> None:
    signal = np.rint(noise(9) * 1000.0) / 1000.0
    short = observe(build_window(signal, dtype="i2", scale=0.001))
    wide = observe(build_window(signal, dtype="i4", scale=0.001))
    assert bits(short) == bits(wide)


@pytest.mark.parametrize(
    ("rate_hz", "samples", "error", "expected"),
    [(20_480.0, 511, TooShort, "512"), (600.0, 20_480, TooSlow, "640")],
)
def test_a_window_that_is_too_small_is_refused_by_name(
    rate_hz: float, samples: int, error: type[Exception], expected: str
) -> None:
    window = build_window(noise(10)[:, :samples], rate_hz=rate_hz)
    with pytest.raises(error, match=rf"pump/bearing: .*expected {expected}"):
        check(window, SETTINGS)
    with pytest.raises(error):
        extract([window], SETTINGS)


def test_the_shortest_window_has_features() -> None:
    window = build_window(noise(11)[:, :512])
    check(window, SETTINGS)
    assert np.isfinite(observe(window).log_bands[0, :, :23]).all()


def test_the_hash_names_the_settings() -> None:
    assert FeatureSettings().hash == FeatureSettings().hash
    assert (
        len(
            {FeatureSettings().hash, FeatureSettings(bands=23).hash, FeatureSettings(frames=4).hash}
        )
        == 3
    )


def test_nothing_makes_nothing() -> None:
    assert extract([], SETTINGS) == []
