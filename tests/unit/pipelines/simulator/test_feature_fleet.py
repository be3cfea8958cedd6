"""Observations without waveforms: the same as with them, but for chance."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from pipelines.features import FeatureSettings, Observation, extract
from pipelines.quality import SensorFault
from pipelines.simulator import (
    PROVING,
    Burst,
    DropOut,
    Event,
    Fault,
    FaultKind,
    Fleet,
    FleetSpec,
    Regreasing,
    Remount,
    Stop,
    quiet,
    random_fleet,
)
from pipelines.simulator.feature_fleet import BLOCK, FeatureFleet
from pipelines.simulator.plant import MachineSpec
from tests.unit.pipelines.simulator.builders import fleet, key, sensor

SETTINGS = FeatureSettings()


@cache
def drawn(windows: int = 192, duration_s: float = 0.2) -> FleetSpec:
    return random_fleet(
        3,
        machines=3,
        sensors_per_machine=1,
        degrading=0,
        windows=windows,
        duration_s=duration_s,
        family=quiet(PROVING),
    )


def with_events(*events: Event) -> FleetSpec:
    spec = drawn()
    machines = tuple(replace(machine, events=events) for machine in spec.machines)
    return replace(spec, machines=machines)


def whole(run: FeatureFleet, at: int = 0) -> list[Observation]:
    chosen = run.keys[at]
    return [one for number in range(run.blocks) for one in run.block(chosen, number)]


def levels(seen: list[Observation]) -> np.ndarray:
    return np.array([float(one.rms[0]) for one in seen])


@pytest.mark.parametrize("at", range(3))
def test_bands_have_the_mean_and_the_scatter_that_waveforms_have(at: int) -> None:
    spec = drawn(96, duration_s=1.0)
    run, short = Fleet(spec), FeatureFleet(spec, SETTINGS)
    chosen = run.keys[at]
    waves = extract([run.window(chosen, k) for k in range(96)], SETTINGS)
    long = np.stack([one.log_bands[0] for one in waves]).astype(float)
    quick = np.stack([one.log_bands[0] for one in whole(short, at)[:96]]).astype(float)
    known = np.isfinite(long[0, 0])
    np.testing.assert_array_equal(known, np.isfinite(quick[0, 0]))
    spectral = known & (np.arange(SETTINGS.width) < SETTINGS.bands)
    difference = quick.mean(axis=(0, 1)) - long.mean(axis=(0, 1))
    assert np.abs(difference[spectral]).max() < 0.08
    assert np.median(np.abs(difference[spectral])) < 0.025
    frames = quick[..., spectral].std(axis=1).mean(axis=0)
    frames /= long[..., spectral].std(axis=1).mean(axis=0)
    assert frames == pytest.approx(1.0, abs=0.25)
    windows = quick[..., spectral].mean(axis=1).std(axis=0)
    windows /= long[..., spectral].mean(axis=1).std(axis=0)
    assert np.median(windows) == pytest.approx(1.0, abs=0.35)
    envelope = quick[:, 0, SETTINGS.bands :].mean(axis=0) - long[:, 0, SETTINGS.bands :].mean(
        axis=0
    )
    assert np.abs(envelope).max() < 0.3


def test_levels_and_telemetry_follow_the_same_operation() -> None:
    spec = drawn()
    run, short = Fleet(spec), whole(FeatureFleet(spec, SETTINGS))
    chosen = run.keys[0]
    for k in (0, 50, 150):
        window = run.window(chosen, k)
        assert short[k].rpm == window.rpm
        assert short[k].load == window.load
        assert short[k].start_ns == window.start_ns
    waves = np.array([run.window(chosen, k).signal().std() for k in range(60)])
    assert levels(short)[:60].mean() == pytest.approx(waves.mean(), rel=0.05)


def test_a_block_does_not_depend_on_what_was_made_before_or_on_other_machines() -> None:
    alone = FeatureFleet(replace(drawn(), machines=drawn().machines[:1]), SETTINGS)
    many = FeatureFleet(drawn(), SETTINGS)
    many.block(many.keys[1], 0)
    one, other = alone.block(alone.keys[0], 1), many.block(many.keys[0], 1)
    assert len(one) == 192 - BLOCK
    for mine, theirs in zip(one, other, strict=True):
        np.testing.assert_array_equal(mine.log_bands, theirs.log_bands)
        assert mine.rms == theirs.rms


def test_a_rough_spell_is_louder_while_it_lasts() -> None:
    calm, rough = (
        levels(whole(FeatureFleet(with_events(*events), SETTINGS)))
        for events in ((), (Burst(40, 5, 1.6),))
    )
    ratio = rough / calm
    assert ratio[40:45] == pytest.approx(1.6)
    assert np.delete(ratio, range(40, 45)) == pytest.approx(1.0)


def test_a_standing_machine_leaves_the_converters_noise() -> None:
    spec = with_events(Stop(30, 10, 1.1))
    seen = whole(FeatureFleet(spec, SETTINGS))
    noise = spec.machines[0].sensors[0].converter.noise
    assert levels(seen)[30:40] == pytest.approx(noise, rel=0.1)
    assert {one.rpm for one in seen[30:40]} == {0.0}
    assert all(one.fault_lines is None for one in seen[30:40])


@pytest.mark.parametrize("event", [Regreasing(96, 0.4, 1e9), Remount(96, 1.0, 1.1)])
def test_changes_of_grease_and_mount_move_the_same_bands_as_in_waveforms(event: Event) -> None:
    spec = with_events(event)
    run = Fleet(spec)
    chosen = run.keys[0]
    waves = extract([run.window(chosen, k) for k in range(64, 128)], SETTINGS)
    seen = whole(FeatureFleet(spec, SETTINGS))[64:128]
    changes = []
    for each in (waves, seen):
        table = np.stack([one.log_bands[0, :, : SETTINGS.bands - 1].mean(axis=0) for one in each])
        changes.append(table[32:].mean(axis=0) - table[:32].mean(axis=0))
    assert np.abs(changes[0]).max() > 0.1
    assert changes[1] == pytest.approx(changes[0], abs=0.1)


def test_a_lost_signal_is_a_stuck_sensor() -> None:
    spec = drawn()
    first = spec.machines[0]
    lost = replace(first.sensors[0], drop_outs=(DropOut(20, 3, 0.8),))
    spec = replace(spec, machines=(replace(first, sensors=(lost,)),))
    faults = [one.quality.fault for one in whole(FeatureFleet(spec, SETTINGS))]
    assert [k for k, fault in enumerate(faults) if fault is SensorFault.STUCK] == [20, 21, 22]


def test_what_has_no_shortcut_is_refused() -> None:
    failing = fleet(sensor(fault=Fault(FaultKind.BALL, 10, 50)))
    with pytest.raises(ValueError, match="faults need waveforms"):
        FeatureFleet(failing, SETTINGS)
    short = fleet(sensor(drop_outs=(DropOut(1, 1, 0.1),)))
    with pytest.raises(ValueError, match="drop-outs need waveforms"):
        FeatureFleet(short, SETTINGS)


def test_blocks_outside_the_run_are_refused() -> None:
    run = FeatureFleet(fleet(windows=10), SETTINGS)
    assert run.blocks == 1
    with pytest.raises(IndexError, match="blocks 0 to 0"):
        run.block(key(), 1)


def test_machines_of_several_axes_have_a_band_table_for_each() -> None:
    spec = fleet(sensor(axes=("x", "y")), windows=10)
    assert isinstance(spec.machines[0], MachineSpec)
    seen = whole(FeatureFleet(spec, SETTINGS))
    assert seen[0].log_bands.shape == (2, SETTINGS.frames, SETTINGS.width)
    assert seen[0].rms.shape == (2,)
