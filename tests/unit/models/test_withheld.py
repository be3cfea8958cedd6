"""Windows that say nothing of the bearing, through the detector: faults, stops, speed, gaps."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from models.alerts import Zone
from models.detector import Status, Verdict
from models.policy import CommissioningPolicy, DetectorSettings, Limits
from pipelines.quality import Quality, SensorFault
from tests.unit.models.fleet import (
    CADENCE_NS,
    FAULTY,
    KEY,
    QUICK,
    commissioned,
    detector,
    healthy,
    judge_all,
    observation,
)

SECOND_NS = 10**9
HOUR_NS = 3600 * SECOND_NS


def test_a_sensor_fault_never_clears_an_open_alert() -> None:
    judging, states = commissioned()
    states, _ = judge_all(judging, [observation(60 + k, louder=1.0) for k in range(5)], (), states)
    stream = [observation(65 + k, quality=FAULTY) for k in range(100)]
    _, judged = judge_all(judging, stream, states=states)
    assert {one.verdict for one in judged} == {Verdict.SENSOR_FAULT}
    assert {one.status for one in judged} == {Status.SENSOR_FAULT}
    assert Zone.NORMAL not in {one.zone for one in judged}
    assert judged[0].notes == ("sensor_fault_began",)


def test_a_standing_machine_is_not_scored() -> None:
    judging, states = commissioned()
    _, judged = judge_all(judging, [observation(60 + k, louder=-3.0) for k in range(3)], (), states)
    assert {one.verdict for one in judged} == {Verdict.STOPPED}
    assert judged[0].notes == ("stopped",)


def test_a_sudden_step_is_not_held_back_while_the_speed_is_steady() -> None:
    judging, states = commissioned()
    _, judged = judge_all(judging, [observation(60, louder=1.8, rpm=1500.0)], (), states)
    assert judged[0].verdict is Verdict.SCORED
    assert judged[0].loss > judged[0].threshold


def test_a_changing_speed_holds_windows_back_but_not_for_ever() -> None:
    judging = detector(QUICK)
    states, _ = judge_all(judging, [observation(k, rpm=1500.0) for k in range(60)])
    _, judged = judge_all(judging, [observation(60 + k, rpm=1200.0) for k in range(12)], (), states)
    assert [one.verdict for one in judged] == [Verdict.HELD] * 10 + [Verdict.SCORED] * 2


def test_what_is_loud_is_released_whatever_the_speed_does() -> None:
    judging = detector(QUICK)
    states, _ = judge_all(judging, [observation(k, rpm=1500.0) for k in range(60)])
    _, judged = judge_all(judging, [observation(60, rpm=1200.0, louder=1.0)], (), states)
    assert judged[0].verdict is Verdict.SCORED


def test_coast_down_and_run_up_are_no_run_of_exceedances() -> None:
    judging, states = commissioned()
    levels = [1.0, 1.0, *[-3.0] * 5, 1.0, *[0.0] * 5]
    stream = [observation(60 + k, louder=level) for k, level in enumerate(levels)]
    _, judged = judge_all(judging, stream, states=states)
    assert {one.zone for one in judged} == {Zone.NORMAL}


def test_before_and_behind_a_silence_is_no_run_of_exceedances() -> None:
    judging, states = commissioned()
    hours = 8 * 3600 * SECOND_NS // CADENCE_NS
    loud = [observation(60 + k, louder=1.0) for k in range(2)]
    behind = [observation(62 + hours, louder=1.0), *healthy(5, 63 + hours)]
    _, judged = judge_all(judging, [*loud, *behind], states=states)
    assert {one.zone for one in judged} == {Zone.NORMAL}
    soon = [observation(62 + 50, louder=1.0), *healthy(5, 63 + 50)]
    _, judged = judge_all(judging, [*loud, *soon], states=states)
    assert judged[2].zone is Zone.WARNING


@pytest.mark.parametrize("pause", [180, 360])
def test_a_machine_that_sends_in_bursts_is_heard(pause: int) -> None:
    judging, states = commissioned()
    bursts = [60 + pause * burst + k for burst in range(12) for k in range(3)]
    _, judged = judge_all(judging, [observation(k) for k in bursts], states=states)
    assert {one.zone for one in judged} == {Zone.NORMAL}
    _, judged = judge_all(judging, [observation(k, louder=1.0) for k in bursts], states=states)
    assert judged[8].zone is not Zone.NORMAL


def test_a_new_speed_is_held_for_ten_windows_also_between_silences() -> None:
    judging = detector(QUICK)
    states, _ = judge_all(judging, [observation(k, rpm=1500.0) for k in range(60)])
    bursts = [60 + 180 * burst + k for burst in range(6) for k in range(5)]
    _, judged = judge_all(judging, [observation(k, rpm=1350.0) for k in bursts], states=states)
    assert sum(one.verdict is Verdict.HELD for one in judged) == 10


def test_behind_a_silence_a_machine_runs_up() -> None:
    judging, states = commissioned()
    stream = [observation(60 + 360 + k, louder=level) for k, level in enumerate((-0.6, 0.0, -0.6))]
    _, judged = judge_all(judging, stream, states=states)
    assert [one.verdict for one in judged] == [Verdict.HELD, Verdict.SCORED, Verdict.SCORED]


@pytest.mark.parametrize("run", [1, 2, 3])
def test_a_machine_that_runs_for_a_window_at_a_time_is_judged_by_its_level(run: int) -> None:
    """Windows come hourly: no run-up takes so long."""
    judging = detector(QUICK)
    states, _ = judge_all(judging, [observation(k, cadence_ns=HOUR_NS) for k in range(60)])
    levels = ([1.8] * run + [-3.0]) * 6
    stream = [
        observation(60 + k, cadence_ns=HOUR_NS, louder=level) for k, level in enumerate(levels)
    ]
    _, judged = judge_all(judging, stream, states=states)
    assert judged[-1].zone is Zone.ALARM
    once = [1.8] * run + [-3.0] + [0.0, -3.0] * 6
    stream = [observation(60 + k, cadence_ns=HOUR_NS, louder=level) for k, level in enumerate(once)]
    _, judged = judge_all(judging, stream, states=states)
    assert (judged[-1].zone is Zone.NORMAL) == (run < 3)


@pytest.mark.parametrize(("count", "share"), [(0, 0.02), (0, 0.3), (60, 0.03), (60, 0.3)])
def test_a_declared_limit_holds_for_what_clips(count: int, share: float) -> None:
    """What clips is louder than it looks, and no fault of the sensor where a limit is exceeded."""
    judging = detector(QUICK, limits=lambda _: Limits("g", rms_warning=0.7, rms_alarm=0.8))
    states, _ = judge_all(judging, healthy(count))
    clipped = Quality(SensorFault.CLIPPED, share)
    stream = [observation(count + k, louder=0.5, quality=clipped) for k in range(6)]
    states, judged = judge_all(judging, stream, states=states)
    assert judged[-1].zone is Zone.ALARM
    assert states[KEY].cold.summary is None
    within = [observation(count + 6 + k, quality=clipped) for k in range(6)]
    _, judged = judge_all(judging, within, states=states)
    assert {one.verdict for one in judged} == {Verdict.SENSOR_FAULT}


def test_a_failing_bearing_that_drives_the_converter_to_its_rail_is_judged() -> None:
    judging, states = commissioned()
    some = Quality(SensorFault.CLIPPED, 0.03)
    stream = [observation(60 + k, louder=1.8, quality=some) for k in range(8)]
    _, judged = judge_all(judging, stream, states=states)
    assert judged[-1].zone is Zone.ALARM


@pytest.mark.parametrize(("louder", "share"), [(0.0, 0.03), (1.8, 0.3)])
def test_what_clips_without_being_loud_or_nearly_always_is_a_sensor_fault(
    louder: float, share: float
) -> None:
    judging, states = commissioned()
    clipped = Quality(SensorFault.CLIPPED, share)
    stream = [observation(60 + k, louder=louder, quality=clipped) for k in range(8)]
    _, judged = judge_all(judging, stream, states=states)
    assert {one.verdict for one in judged} == {Verdict.SENSOR_FAULT}


@pytest.mark.parametrize("quiet", [-4.0, -7.0, -8.0])
@pytest.mark.parametrize(
    "standing",
    [range(1), range(20), range(5, 20), range(1, 99, 2), range(0, 99, 2)],
    ids=str,
)
def test_windows_in_which_the_machine_stood_are_no_part_of_a_baseline(
    standing: Sequence[int], quiet: float
) -> None:
    """Also where it stood first, so far below its running level that a summary cannot tell how."""
    stream = [observation(k, louder=quiet if k in standing else 0.0) for k in range(300)]
    states, judged = judge_all(detector(QUICK), stream)
    assert {one.zone for one in judged} == {Zone.NORMAL}
    assert judged[-1].status is Status.MONITORING
    baseline = states[KEY].cold.baseline
    assert baseline is not None
    assert baseline.power == pytest.approx(2 * math.log10(0.5), abs=0.1)


@pytest.mark.parametrize("axes", [("x",), ("x", "y", "z"), tuple("abcdefgh")], ids=len)
@pytest.mark.parametrize("stands", [0, 1])
def test_a_machine_that_stands_in_every_second_window_is_learnt_by_the_others(
    axes: tuple[str, ...], stands: int
) -> None:
    """More windows than a summary keeps: thinning them out leaves every second one."""
    stream = [observation(k, axes=axes, louder=-4.0 * (k % 2 == stands)) for k in range(240)]
    states, _ = judge_all(detector(), stream)
    baseline = states[KEY].cold.baseline
    assert baseline is not None
    assert baseline.power == pytest.approx(2 * math.log10(0.5), abs=0.1)


@pytest.mark.parametrize(("runs", "stands"), [(10, 12), (20, 30), (5, 6), (1, 2), (30, 90)])
def test_a_machine_that_stands_most_of_the_time_is_commissioned(runs: int, stands: int) -> None:
    period = runs + stands
    stream = [observation(k, louder=-7.0 * (k % period >= runs)) for k in range(450)]
    states, _ = judge_all(detector(), stream)
    baseline = states[KEY].cold.baseline
    assert baseline is not None
    assert baseline.power == pytest.approx(2 * math.log10(0.5), abs=0.1)


def test_learning_ends_whatever_the_machine_does_in_between() -> None:
    policy = DetectorSettings(commissioning=CommissioningPolicy(windows=300))
    stream = [observation(k, louder=-4.0 * (k % 3 > 0)) for k in range(1_000)]
    states, judged = judge_all(detector(policy), stream)
    assert judged[-1].status is not Status.COMMISSIONING
    baseline = states[KEY].cold.baseline
    assert baseline is not None
    assert baseline.power == pytest.approx(2 * math.log10(0.5), abs=0.1)


def test_a_glitch_as_the_first_window_is_no_part_of_a_baseline() -> None:
    stream = [observation(k, louder=7.0 * (k == 0)) for k in range(60)]
    states, _ = judge_all(detector(QUICK), stream)
    baseline = states[KEY].cold.baseline
    assert baseline is not None
    assert baseline.power == pytest.approx(2 * math.log10(0.5), abs=0.1)


def test_what_is_loud_for_less_than_a_quarter_of_commissioning_is_not_all_that_counts() -> None:
    stream = [observation(k, louder=2.0 if k < 6 else 0.0) for k in range(120)]
    states, judged = judge_all(detector(QUICK), stream)
    assert judged[-1].status is Status.MONITORING
    baseline = states[KEY].cold.baseline
    assert baseline is not None
    assert baseline.power == pytest.approx(2 * math.log10(0.5), abs=0.1)


def test_a_tachometer_that_reads_nothing_hides_no_damage() -> None:
    judging = detector(QUICK)
    states, _ = judge_all(judging, [observation(k, rpm=1500.0) for k in range(60)])
    stream = [observation(60 + k, rpm=0.0, louder=2.0) for k in range(8)]
    _, judged = judge_all(judging, stream, states=states)
    assert judged[-1].zone is Zone.ALARM


def test_a_standing_machine_over_a_declared_limit_is_judged() -> None:
    limits = Limits(unit="g", rms_warning=0.4)
    stream = [observation(k, rpm=0.0) for k in range(5)]
    _, judged = judge_all(detector(QUICK, limits=lambda _key: limits), stream)
    assert [one.zone for one in judged] == [Zone.NORMAL] * 2 + [Zone.WARNING] * 3


def test_a_gap_says_nothing_of_the_cadence() -> None:
    judging = detector(QUICK)
    states, _ = judge_all(judging, healthy(60))
    after, _ = judge_all(judging, [observation(60 + 10_000)], states=states)
    assert after[KEY].row["cadence_s"] < 1.2 * states[KEY].row["cadence_s"]


def test_a_gap_is_three_windows_of_a_day() -> None:
    judging, states = commissioned()
    before = states[KEY].row["day_s"]
    after, _ = judge_all(judging, [observation(59 + 50)], states=states)
    assert after[KEY].row["day_s"] - before == pytest.approx(3 * 10.0)
