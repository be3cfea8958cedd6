"""Failing bearings: found or not, how long before, after how much damage."""

from __future__ import annotations

from functools import cache

import pytest

from models.evaluation.bounds import clopper_pearson
from models.evaluation.certification.degrading import (
    AUDIBLE,
    LIVES,
    Degrading,
    Fate,
    degrade,
    failing_fleets,
)
from models.evaluation.certification.panel import panel, pinned
from pipelines.simulator import FaultKind, Truth
from pipelines.window import SensorKey
from tests.unit.models.fleet import FEATURES, ZeroEngine, bundle


def fate(
    detected: int | None, *, kind: FaultKind = FaultKind.BALL, audible: int = 220, false: int = 0
) -> Fate:
    truth = Truth(SensorKey("m", "a"), kind, 200, 300)
    return Fate(truth, detected, bool(false) and detected is None, false, audible, 0.7)


def test_lead_delay_and_share_count_windows() -> None:
    one = fate(250)
    assert (one.lead, one.delay, one.share) == (50, 30, 0.5)
    missed = fate(None)
    assert (missed.lead, missed.delay, missed.share) == (None, None, None)


def test_an_alert_before_damage_is_audible_has_a_negative_delay() -> None:
    assert fate(210).delay == -10


def test_sums_are_over_the_bearings_found_and_can_be_by_kind() -> None:
    fates = [fate(250), fate(270), fate(None, false=1), fate(230, kind=FaultKind.CAGE, false=2)]
    result = Degrading(600.0, {1.0: fates})
    assert result.found(1.0) == (3, 4, clopper_pearson(3, 4))
    assert result.found(1.0, FaultKind.CAGE)[:2] == (1, 1)
    assert result.median(1.0, "lead") == 50.0
    assert result.median(1.0, "delay", FaultKind.BALL) == 40.0
    assert result.false(1.0) == 3
    assert str(result.median(1.0, "lead", FaultKind.LUBRICATION)) == "nan"


def test_bearings_that_move_are_counted_and_one_not_found_is_told_at_its_failure() -> None:
    before = [fate(250), fate(250), fate(250), fate(None), fate(None), fate(290), fate(None)]
    after = [fate(240), fate(250), fate(260), fate(299), fate(None), fate(280), fate(None, false=1)]
    assert Degrading(600.0, {0.1: before, 1.0: after}).moved(1.0, 0.1) == (4, 1)


def test_all_machines_fail_and_growth_is_from_sudden_to_slow() -> None:
    fleets = list(failing_fleets(60, seed=2, windows=600, cadence_s=600.0))
    assert [len(each.machines) for each in fleets] == [25, 25, 10]
    faults = [machine.sensors[0].fault for each in fleets for machine in each.machines]
    lives = [fault.failure - fault.onset for fault in faults if fault is not None]
    assert len(lives) == 60
    assert min(lives) < 0.1 * 600
    assert max(lives) > 0.3 * 600
    assert max(fault.failure for fault in faults if fault is not None) <= 600
    assert LIVES.bearings == failing_family_bearings()


def failing_family_bearings() -> object:
    from pipelines.simulator import PROVING

    return PROVING.bearings


@cache
def judged() -> Degrading:
    fleets = failing_fleets(2, seed=1, windows=300, cadence_s=600.0)
    return degrade(fleets, panel(bundle(), ZeroEngine(), pinned((0.8, 1.2))), FEATURES)


@pytest.mark.parametrize("budget", [0.8, 1.2])
def test_failing_bearings_are_judged_at_every_factor(budget: float) -> None:
    fates = judged().fates[budget]
    assert len(fates) == 2
    for one in fates:
        assert one.truth.onset <= one.audible <= one.truth.failure
        assert one.detected is None or one.truth.onset <= one.detected < one.truth.failure


def test_damage_is_found_once_it_is_audible_and_not_long_before() -> None:
    found = [one for one in judged().fates[0.8] if one.detected is not None]
    assert found
    assert all(one.severity > AUDIBLE / 5 for one in found)
