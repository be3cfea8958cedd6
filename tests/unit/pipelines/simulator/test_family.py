"""Fleets drawn at random: plausible, varied, and true to their family."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.simulator import (
    PROVING,
    SETTING,
    WORKSHOP,
    Family,
    FaultKind,
    Fleet,
    quiet,
    random_fleet,
)
from tests.unit.pipelines.simulator.builders import kurtosis, rms


@pytest.mark.parametrize("family", [WORKSHOP, PROVING])
@given(seed=st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_truth_lies_within_the_run_and_the_family(family: Family, seed: int) -> None:
    spec = random_fleet(seed, machines=4, degrading=3, windows=200, family=family)
    truth = Fleet(spec).truth
    assert len({found.key.asset for found in truth}) == 3
    for found in truth:
        assert 0.34 * 200 <= found.onset < found.failure < 200
        assert found.kind in family.kinds


def test_kinds_are_spread_evenly() -> None:
    truth = Fleet(random_fleet(1, machines=10, degrading=10)).truth
    kinds = [found.kind for found in truth]
    assert all(kinds.count(kind) == 2 for kind in FaultKind)


def test_the_same_seed_draws_the_same_fleet() -> None:
    assert random_fleet(9) == random_fleet(9)
    assert random_fleet(9) != random_fleet(10)


def test_a_machine_does_not_depend_on_how_many_others_there_are() -> None:
    few, many = (random_fleet(9, machines=count, degrading=0) for count in (2, 5))
    assert few.machines == many.machines[:2]


@pytest.mark.parametrize(
    ("one", "other"), list(combinations((WORKSHOP, PROVING, SETTING), 2)), ids=lambda it: it.name
)
def test_families_share_no_bearing(one: Family, other: Family) -> None:
    assert not set(one.bearings) & set(other.bearings)


def test_a_quiet_family_has_nothing_but_wear_in() -> None:
    spec = random_fleet(2, machines=20, degrading=0, family=replace(quiet(WORKSHOP), wear_in=0.0))
    sensors = [sensor for machine in spec.machines for sensor in machine.sensors]
    assert not any(machine.events for machine in spec.machines)
    assert not any(sensor.events or sensor.drop_outs for sensor in sensors)


def test_more_failures_than_machines_are_refused() -> None:
    with pytest.raises(ValueError, match="at most one bearing a machine"):
        random_fleet(1, machines=2, degrading=3)


@pytest.mark.parametrize("sample_rate_hz", [10_000.0, 20_480.0, 50_000.0])
def test_healthy_sensors_look_healthy_at_any_rate(sample_rate_hz: float) -> None:
    spec = random_fleet(4, machines=6, degrading=0, sample_rate_hz=sample_rate_hz, duration_s=0.2)
    signals = [window.signal() for window in Fleet(spec).round(120)]
    levels = [rms(signal) for signal in signals]
    assert min(levels) > 0.05
    assert max(levels) < 4.0
    assert np.median([kurtosis(signal) for signal in signals]) == pytest.approx(3.0, abs=0.25)


@pytest.mark.parametrize("family", [WORKSHOP, PROVING])
def test_failing_sensors_rise_and_clip_little(family: Family) -> None:
    spec = random_fleet(
        6, machines=5, degrading=5, windows=200, duration_s=0.2, family=quiet(family)
    )
    run = Fleet(spec)
    for key, _, onset, failure in run.truth:
        before, last = (run.window(key, k) for k in (onset - 1, failure - 1))
        clipped = np.mean(np.abs(last.samples) >= 32_767)
        assert rms(last.signal()) > 2.5 * rms(before.signal())
        assert clipped < 0.05
