"""What is a sensor's fault, and what failing bearings do as well."""

import numpy as np
import pytest

from pipelines.fault_orders import BearingGeometry
from pipelines.quality import CLIPPED_LIMIT, CLIPPED_MOST, Quality, SensorFault, assess
from pipelines.window import Window
from tests.unit.pipelines.signals import Known, build_window, noise, observe, sine


def counts(signal: np.ndarray, unit: str = "g") -> Window:
    return build_window(signal, dtype="i2", scale=0.001, unit=unit)


@pytest.mark.parametrize("std", [0.002, 0.05, 3.0])
def test_a_live_signal_is_fit(std: float) -> None:
    assert assess(counts(noise(1, std))) == Quality()


@pytest.mark.parametrize("amplitude", [0.06, 0.1, 1.0, 20.0])
def test_a_pure_tone_is_not_clipped(amplitude: float) -> None:
    assert assess(counts(sine(157.3, amplitude))) == Quality()


def test_an_idle_converter_is_not_clipped() -> None:
    steps = np.random.default_rng(2).choice([-2, 0, 2, 5], size=20_480, p=[0.1, 0.5, 0.3, 0.1])
    assert assess(counts(steps * 0.001)) == Quality()


@pytest.mark.parametrize(
    "signal", [np.zeros(20_480), np.full(20_480, 3.0), np.arange(20_480) % 2 * 1e-3]
)
def test_a_signal_that_does_not_move_is_stuck(signal: np.ndarray) -> None:
    assert assess(counts(signal)).fault is SensorFault.STUCK


def test_a_long_drop_out_is_stuck() -> None:
    signal = noise(3)[0]
    signal[5_000:13_000] = 0.0
    assert assess(counts(signal)).fault is SensorFault.STUCK


@pytest.mark.parametrize(
    ("mean", "unit", "fault"),
    [
        (1.0, "g", SensorFault.NONE),
        (8.0, "g", SensorFault.OFFSET),
        (9.8, "m/s2", SensorFault.NONE),
        (8.0, "V", SensorFault.OFFSET),
    ],
)
def test_an_offset_counts_beyond_the_earth_s_pull(
    mean: float, unit: str, fault: SensorFault
) -> None:
    assert assess(counts(mean + noise(4, 0.02), unit)).fault is fault


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
def test_one_sample_that_is_no_number_is_enough(value: float) -> None:
    signal = noise(5)
    signal[0, 7] = value
    window = build_window(signal)
    assert assess(window).fault is SensorFault.NON_FINITE
    machine = Known(BearingGeometry(9, 7.94, 39.04), 1480.0)
    observation = observe(window, lookup=lambda _: machine)
    assert observation.quality.fault is SensorFault.NON_FINITE
    assert np.isnan(observation.rms).all()
    assert np.isnan(observation.log_bands).all()
    assert observation.fault_lines is not None
    assert np.isnan(observation.fault_lines).all()


@pytest.mark.parametrize("rail", [32.767, 5.0])
@pytest.mark.parametrize("dtype", ["i2", "f4"])
def test_mostly_clipped_is_a_fault(rail: float, dtype: str) -> None:
    signal = np.clip(noise(6, rail / 2), -rail, rail)
    quality = assess(build_window(signal, dtype=dtype, scale=0.001 if dtype == "i2" else 1.0))
    assert quality.fault is SensorFault.CLIPPED
    assert quality.clipped_share == pytest.approx(np.mean(np.abs(signal) >= rail), rel=0.01)


@pytest.mark.parametrize("rail", [32.767, 5.0])
def test_a_few_clipped_samples_are_no_fault_but_a_number(rail: float) -> None:
    signal = noise(7, rail / 20)
    signal[0, 100:6_100:100] = 2 * rail
    quality = assess(counts(np.clip(signal, -rail, rail)))
    assert quality.fault is SensorFault.NONE
    assert 0.002 < quality.clipped_share < CLIPPED_LIMIT


def test_the_worst_axis_speaks_for_the_window() -> None:
    signal = np.concatenate([noise(8), np.zeros((1, 20_480))])
    assert assess(counts(signal)).fault is SensorFault.STUCK


def test_extract_finds_what_assess_finds() -> None:
    signals = [noise(9), np.zeros((1, 20_480)), 8 + noise(9, 0.01), np.clip(noise(9, 20), -9, 9)]
    for window in map(counts, signals):
        assert observe(window).quality == assess(window)


def test_an_axis_that_is_lost_is_named_while_another_is_left() -> None:
    live, still = noise(1)[0], np.zeros(20_480)
    assert assess(counts(np.stack([live, still]))) == Quality(SensorFault.STUCK, lost=(1,))
    assert assess(counts(np.stack([still, still]))).lost == ()


def test_a_clipped_axis_is_not_lost() -> None:
    clipped = np.clip(noise(1, 3.0)[0], -6.0, 6.0)
    found = assess(counts(np.stack([clipped, noise(2)[0]])))
    assert (found.fault, found.lost) == (SensorFault.CLIPPED, ())
    assert 0.01 < found.clipped_share < CLIPPED_MOST


def test_an_axis_that_is_nearly_always_at_the_rail_is_lost_while_another_is_left() -> None:
    clipped, live = np.clip(noise(1, 3.0)[0], -3.0, 3.0), noise(2)[0]
    found = assess(counts(np.stack([clipped, live])))
    assert found == Quality(SensorFault.CLIPPED, 0.0, lost=(0,))
    alone = assess(counts(np.stack([clipped, clipped])))
    assert (alone.fault, alone.lost) == (SensorFault.CLIPPED, ())
    assert alone.clipped_share > CLIPPED_MOST


def test_a_clipped_axis_is_what_is_left_where_the_other_is_stuck() -> None:
    clipped, still = np.clip(noise(1, 3.0)[0], -6.0, 6.0), np.zeros(20_480)
    found = assess(counts(np.stack([clipped, still])))
    assert (found.fault, found.lost) == (SensorFault.STUCK, (1,))
    assert found.clipped_share > 0.01
