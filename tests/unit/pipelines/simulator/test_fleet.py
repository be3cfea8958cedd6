"""The contract of a fleet, and that its windows look like life."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from pipelines.simulator import (
    AfterFailure,
    Burst,
    DropOut,
    Duty,
    Event,
    Fault,
    FaultKind,
    Fleet,
    FleetSpec,
    Regreasing,
    Remount,
    Stop,
    WearIn,
    random_fleet,
)
from pipelines.simulator.converter import RAIL
from pipelines.window import SensorKey, Window
from tests.unit.pipelines.simulator.builders import (
    BEARING,
    SHAFT_HZ,
    band_rms,
    envelope_spectrum,
    fleet,
    key,
    kurtosis,
    line,
    rms,
    sensor,
)


def _small(seed: int = 5, **changes: int) -> FleetSpec:
    options = {"machines": 2, "sensors_per_machine": 2, "degrading": 1, "windows": 40} | changes
    return random_fleet(seed, duration_s=0.05, **options)  # type: ignore[arg-type]


def _same(one: Window, other: Window) -> bool:
    return (
        one.samples.tobytes() == other.samples.tobytes()
        and one.key == other.key
        and (one.start_ns, one.scale, one.rpm, one.load, one.temperature, one.sequence)
        == (other.start_ns, other.scale, other.rpm, other.load, other.temperature, other.sequence)
    )


def _failing(kind: FaultKind, *, final: float = 10.0, **more: float) -> Fault:
    return Fault(kind, 10, 90, final=final, unrest=0.0, **more)  # type: ignore[arg-type]


def _level(run: Fleet, index: int, name: str = "a") -> float:
    return rms(run.window(key(name), index).signal())


def test_same_seed_same_bytes() -> None:
    pairs = zip(Fleet(_small()).windows(), Fleet(_small()).windows(), strict=True)
    assert all(_same(one, other) for one, other in pairs)


def test_another_seed_gives_other_samples() -> None:
    one, other = (next(Fleet(_small(seed)).windows()) for seed in (1, 2))
    assert not np.array_equal(one.samples, other.samples)


def test_a_window_alone_equals_the_window_in_sequence() -> None:
    sequence = list(Fleet(_small()).windows())
    for window in reversed(sequence[::7]):
        assert _same(Fleet(_small()).window(window.key, window.sequence or 0), window)


def test_windows_do_not_depend_on_other_machines_or_the_length_of_the_run() -> None:
    spec = _small()
    alone = replace(spec, machines=spec.machines[1:], windows=20)
    wanted = [w for w in Fleet(spec).windows(stop=20) if w.asset == spec.machines[1].asset]
    assert all(_same(*pair) for pair in zip(wanted, Fleet(alone).windows(), strict=True))


def test_rounds_are_in_time_order_at_the_cadence() -> None:
    run = Fleet(_small())
    starts = [window.start_ns for window in run.windows()]
    steps = {later - earlier for earlier, later in pairwise(starts)}
    assert steps == {0, 600_000_000_000}
    assert [window.key for window in run.round(3)] == list(run.keys)


def test_consecutive_windows_are_not_copies() -> None:
    run = Fleet(fleet())
    assert not np.array_equal(run.window(key(), 1).samples, run.window(key(), 2).samples)


def test_healthy_windows_are_gaussian_at_the_level_asked_for() -> None:
    windows = [Fleet(fleet()).window(key(), index).signal() for index in range(10)]
    assert np.mean([rms(w) for w in windows]) == pytest.approx(0.5, rel=0.05)
    assert np.mean([kurtosis(w) for w in windows]) == pytest.approx(3.0, abs=0.2)


def test_healthy_level_wanders_slowly_and_little() -> None:
    duty = Duty(load_unrest=0.06, memory=20.0)
    spec = fleet(replace(sensor(), unrest=0.02), windows=400, duty=duty, duration_s=0.05)
    logs = np.log([rms(window.signal()) for window in Fleet(spec).windows()])
    centred = logs - logs.mean()
    assert 0.02 < logs.std() < 0.2
    assert 0.3 < np.sum(centred[1:] * centred[:-1]) / np.sum(centred**2) < 0.98


def test_an_incipient_fault_is_hidden_and_a_failing_one_is_not() -> None:
    run = Fleet(fleet(sensor(fault=_failing(FaultKind.OUTER_RACE))))
    assert _level(run, 15) == pytest.approx(_level(run, 5), rel=0.1)
    assert _level(run, 89) > 8 * _level(run, 5)


def test_kurtosis_rises_then_falls_as_the_spall_widens() -> None:
    fault = _failing(FaultKind.OUTER_RACE, start=0.4, spread=0.95)
    run = Fleet(fleet(sensor(fault=fault, full_scale=200.0), duration_s=1.0))
    before, local, wide = (kurtosis(run.window(key(), k).signal()) for k in (5, 56, 89))
    assert before == pytest.approx(3.0, abs=0.3)
    assert local > 1.5 * wide
    assert wide < 5


def test_envelope_of_a_failing_bearing_shows_its_fault() -> None:
    fault = _failing(FaultKind.OUTER_RACE, slip=0.01)
    run = Fleet(fleet(sensor(fault=fault), duration_s=1.0))
    bpfo_hz = 0.99 * BEARING.fault_orders().bpfo * SHAFT_HZ
    spectra = [
        envelope_spectrum(run.window(key(), k).signal()[0].astype(np.float64)) for k in (75, 76, 77)
    ]
    assert line(np.mean(spectra, axis=0), bpfo_hz) > 3


def test_lost_lubrication_raises_the_band_above_5_khz_only() -> None:
    run = Fleet(fleet(sensor(fault=_failing(FaultKind.LUBRICATION))))
    early, late = (run.window(key(), k).signal()[0] for k in (5, 85))
    assert band_rms(late, 5_000, 10_240, 20_480) > 4 * band_rms(early, 5_000, 10_240, 20_480)
    assert band_rms(late, 0, 2_000, 20_480) < 1.2 * band_rms(early, 0, 2_000, 20_480)


@pytest.mark.parametrize("kind", [FaultKind.OUTER_RACE, FaultKind.LUBRICATION])
def test_crosstalk_reaches_neighbours_weaker_the_farther(kind: FaultKind) -> None:
    sensors = (sensor("a", fault=_failing(kind)), sensor("b"), sensor("c"), sensor("d"))
    run = Fleet(fleet(*sensors, crosstalk=0.3))
    near, next_to, far, farthest = (_level(run, 89, name) for name in "abcd")
    assert near > 2 * next_to > 2 * far
    assert next_to > 2 * 0.5
    assert farthest == pytest.approx(0.5, rel=0.15)


def test_neighbours_feel_the_same_impacts() -> None:
    sensors = (sensor("a", fault=_failing(FaultKind.INNER_RACE, final=30.0)), sensor("b"))
    run = Fleet(fleet(*sensors, crosstalk=0.9))
    one, other = (np.abs(run.window(key(name), 89).signal()[0]) for name in "ab")
    assert np.corrcoef(one, other)[0, 1] > 0.5


def test_a_machine_stands_or_runs_on_after_failure() -> None:
    faulty = sensor(fault=_failing(FaultKind.OUTER_RACE))
    stopped = Fleet(fleet(faulty))
    running = Fleet(fleet(faulty, after_failure=AfterFailure.RUN_ON))
    assert stopped.window(key(), 89).rpm == pytest.approx(60 * SHAFT_HZ)
    assert stopped.window(key(), 90).rpm == 0.0
    assert _level(stopped, 95) < 0.01
    assert _level(running, 95) == pytest.approx(_level(running, 89), rel=0.5)


def test_a_failing_bearing_reaches_the_rails() -> None:
    run = Fleet(fleet(sensor(fault=_failing(FaultKind.OUTER_RACE), full_scale=10.0)))
    codes = run.window(key(), 89).samples
    assert codes.max() == RAIL
    assert codes.min() == -RAIL


@pytest.mark.parametrize(
    ("event", "before", "after", "ratio"),
    [
        (WearIn(0.3, 5.0), 0, 60, 0.7),
        (Stop(40, 5, 1.15), 30, 60, 1.15),
        (Burst(40, 3, 1.6), 30, 41, 1.6),
        (Remount(40, 0.8, 1.0), 30, 60, 0.8),
    ],
)
def test_events_change_the_level_by_what_they_say(
    event: Event, before: int, after: int, ratio: float
) -> None:
    run = Fleet(fleet(events=(event,)))
    assert _level(run, after) / _level(run, before) == pytest.approx(ratio, rel=0.1)


def test_a_stopped_machine_gives_only_the_converters_noise() -> None:
    run = Fleet(fleet(events=(Stop(40, 5),)))
    assert _level(run, 42) == pytest.approx(0.002, rel=0.1)


def test_regreasing_quietens_the_high_band_for_a_while() -> None:
    run = Fleet(fleet(events=(Regreasing(40, 0.4, 10.0),)))
    bands = [
        band_rms(run.window(key(), k).signal()[0], 6_500, 10_240, 20_480) for k in (39, 40, 99)
    ]
    assert bands[1] < 0.9 * bands[0]
    assert bands[2] == pytest.approx(bands[0], rel=0.1)


def test_a_drop_out_spoils_its_windows_only() -> None:
    clean = Fleet(fleet())
    spoiled = Fleet(fleet(sensor(drop_outs=(DropOut(20, 2, 0.5, "zero"),))))
    changed = [
        k
        for k in range(18, 25)
        if not np.array_equal(clean.window(key(), k).samples, spoiled.window(key(), k).samples)
    ]
    assert changed == [20, 21]


def test_axes_are_not_copies_and_share_the_impacts() -> None:
    fault = _failing(FaultKind.OUTER_RACE, final=30.0)
    run = Fleet(fleet(sensor(fault=fault, axes=("x", "y"), full_scale=200.0)))
    healthy, failing = (run.window(key(), k).signal() for k in (5, 89))
    assert healthy.shape == (2, 4_096)
    assert abs(np.corrcoef(*healthy)[0, 1]) < 0.2
    assert np.corrcoef(*np.abs(failing))[0, 1] > 0.3


def test_windows_without_telemetry_carry_none() -> None:
    window = Fleet(replace(fleet(), telemetry=False)).window(key(), 0)
    assert (window.rpm, window.load, window.temperature) == (None, None, None)


@pytest.mark.parametrize("index", [-1, 100])
def test_a_window_outside_the_run_is_refused(index: int) -> None:
    with pytest.raises(IndexError, match="windows 0 to 99"):
        Fleet(fleet()).window(key(), index)


def test_an_unknown_sensor_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        Fleet(fleet()).window(SensorKey("m", "nowhere"), 0)


def test_two_machines_of_one_name_are_refused() -> None:
    spec = fleet()
    with pytest.raises(ValueError, match="same name"):
        replace(spec, machines=spec.machines * 2)
