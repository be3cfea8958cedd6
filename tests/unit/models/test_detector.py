"""The detector's contract: pure, batched, and the life of a sensor from first window to alarm."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.alerts import Transition, Zone
from models.commanding import rebaseline
from models.detector import Detector, Judgement, Status, Verdict
from models.judgement import Run
from models.policy import BudgetPolicy, CommissioningPolicy, DetectorSettings, Limits
from models.state import SensorState, decode_state, encode_cold, encode_hot, with_row
from pipelines.features import Observation
from pipelines.quality import Quality, SensorFault
from pipelines.window import SensorKey
from tests.unit.models.fleet import (
    FEATURES,
    KEY,
    ZeroEngine,
    detector,
    healthy,
    judge_all,
    observation,
)

QUICK = DetectorSettings(commissioning=CommissioningPolicy(windows=30, span_s=0.0))
FAULTY = Quality(SensorFault.STUCK)
STUCK_Y = Quality(SensorFault.STUCK, lost=(1,))
NEIGHBOUR = SensorKey("pump", "free-end")


def comparable(judgement: Judgement) -> str:
    """Return everything a judgement says as text: NaN equals NaN there."""
    return repr(replace(judgement, observation=None))  # type: ignore[arg-type]


def stored(states: dict[SensorKey, SensorState]) -> dict[SensorKey, tuple[bytes, bytes]]:
    return {key: (encode_hot(state), encode_cold(state)) for key, state in states.items()}


def commissioned() -> tuple[Detector, dict[SensorKey, SensorState]]:
    judging = detector(QUICK)
    states, _ = judge_all(judging, healthy(60))
    return judging, states


def trouble(noise: np.random.Generator, key: SensorKey) -> Quality | None:
    """Draw what is wrong with a window, if anything; only the neighbour has an axis to spare."""
    lost = STUCK_Y if key == NEIGHBOUR else FAULTY
    kinds = {0: FAULTY, 1: lost, 2: Quality(SensorFault.CLIPPED, 0.03)}
    return kinds.get(int(noise.integers(40)))


def life(seed: int) -> list[Observation]:
    """Return a stream of three sensors with everything that can happen in it."""
    noise = np.random.default_rng(seed)
    stream: list[Observation] = []
    for index in range(70):
        for key in (KEY, NEIGHBOUR, SensorKey("fan", "x")):
            failing = key.asset == "pump" and index > 50
            one = observation(
                index,
                key=key,
                louder=1.0 if failing else 0.0,
                seed=seed,
                quality=trouble(noise, key),
                axes=("x", "y") if key == NEIGHBOUR else ("x",),
                lines=[1.5 if failing else 0.0, 0.1, 0.0, 0.1] if key == KEY else None,
                rpm=1500.0 if index % 20 else 1200.0,
            )
            stream.append(one)
            if noise.random() < 0.1:
                old = max(0, index - (12 if index % 2 else 3))  # late, or sent again
                stream.append(observation(old, key=key, axes=one.axes, seed=seed + 1))
    return stream


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 5), sizes=st.lists(st.integers(1, 40), max_size=20))
def test_any_split_into_batches_gives_the_same_bytes(seed: int, sizes: list[int]) -> None:
    stream = life(seed)
    whole_states, whole = judge_all(detector(QUICK), stream)
    split_states, split = judge_all(detector(QUICK), stream, sizes)
    assert [comparable(one) for one in split] == [comparable(one) for one in whole]
    assert stored(split_states) == stored(whole_states)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 5), cuts=st.lists(st.integers(1, 60), max_size=8))
def test_saving_and_loading_between_windows_changes_nothing(seed: int, cuts: list[int]) -> None:
    stream = life(seed)
    _, whole = judge_all(detector(QUICK), stream)
    states: dict[SensorKey, SensorState] = {}
    judged: list[Judgement] = []
    first = 0
    for size in (*cuts, len(stream)):
        states, part = judge_all(detector(QUICK), stream[first : first + size], states=states)
        states = {key: decode_state(*pair) for key, pair in stored(states).items()}
        judged += part
        first += size
    assert [comparable(one) for one in judged] == [comparable(one) for one in whole]


def test_judge_leaves_its_arguments_alone() -> None:
    judging, states = commissioned()
    before = stored(states)
    judging.judge(states, [observation(60, louder=1.0)])
    assert stored(states) == before


def test_a_new_sensor_learns_and_then_is_scored() -> None:
    _, judged = judge_all(detector(QUICK), healthy(40))
    assert [one.verdict for one in judged] == [Verdict.LEARNT] * 30 + [Verdict.SCORED] * 10
    assert judged[29].notes == ("commissioned",)
    assert {one.status for one in judged[30:]} == {Status.MONITORING}
    assert all(math.isnan(one.loss) for one in judged[:30])
    assert all(one.loss < one.threshold for one in judged[30:])
    assert [one.index for one in judged] == list(range(40))


STEPS = tuple(k / 50 for k in range(5, 50))


def smallest_step(budget: BudgetPolicy) -> float:
    """Return the smallest step of the high bands, in decades, that raises an alert."""
    judging = detector(replace(QUICK, budget=budget))
    states, _ = judge_all(judging, healthy(250))
    for step in STEPS:
        stepped = [shaped(250 + k, common=0.0, high=step) for k in range(6)]
        _, judged = judge_all(judging, stepped, states=states)
        if any(one.events for one in judged):
            return step
    return math.inf


def test_a_larger_budget_of_false_alerts_finds_smaller_departures() -> None:
    aged = BudgetPolicy(correlation_windows=0.0)
    ample, usual, spare = (
        smallest_step(replace(aged, false_alerts_per_sensor_year=each))
        for each in (50.0, 0.1, 1e-3)
    )
    assert ample < usual < spare < math.inf


def test_limits_of_a_new_sensor_are_not_widened() -> None:
    spare = BudgetPolicy(false_alerts_per_sensor_year=0.001)
    assert smallest_step(spare) < smallest_step(replace(spare, correlation_windows=0.0))


def threshold(budget: BudgetPolicy, **row: float) -> float:
    """Return the limit that a healthy window is held against, after `row` was put into its state.

    The sensor has shown its correlation, unless `row` says otherwise.
    """
    judging = detector(replace(QUICK, budget=budget))
    states, _ = judge_all(judging, healthy(60))
    fields = {"correlation_count": budget.correlation_windows, "correlation": 0.0} | row
    states = {KEY: with_row(states[KEY], mean_deviation=0.0, **fields)}
    _, (judged,) = judge_all(judging, healthy(1, start=60), states=states)
    return judged.threshold


def test_the_limits_are_those_of_the_sensors_own_cadence_and_restlessness() -> None:
    usual = BudgetPolicy()
    assert threshold(usual, correlation=0.2) > threshold(usual)
    assert threshold(usual, cadence_s=1.0) > threshold(usual, cadence_s=30.0)
    assert threshold(usual, correlation=0.2, correlation_count=3.0) < threshold(
        usual, correlation=0.2
    )


@pytest.mark.parametrize(("cadence_s", "tail"), [(10.0, "quick"), (600.0, "slow")])
def test_each_cadence_has_a_tail_of_its_own(cadence_s: float, tail: str) -> None:
    usual = BudgetPolicy()
    heavier = replace(usual, quick=replace(usual.quick, slope=2.0))
    if tail == "slow":
        heavier = replace(usual, slow=replace(usual.slow, slope=2.0))
    other = 610.0 - cadence_s
    assert threshold(heavier, cadence_s=cadence_s) > threshold(usual, cadence_s=cadence_s)
    assert threshold(heavier, cadence_s=other) == threshold(usual, cadence_s=other)


def test_the_correlation_is_learnt_from_healthy_windows_alone() -> None:
    judging = detector(QUICK)
    states, _ = judge_all(judging, healthy(60))
    learnt = states[KEY].row["correlation_count"]
    assert learnt == 30
    failing = [observation(60 + k, louder=1.0) for k in range(6)]
    states, _ = judge_all(judging, failing, states=states)
    assert states[KEY].row["correlation_count"] == learnt


def test_commissioning_needs_a_span_as_well_as_a_count() -> None:
    policy = CommissioningPolicy(windows=30, span_s=50 * 10.0)
    _, judged = judge_all(detector(DetectorSettings(commissioning=policy)), healthy(60))
    assert [one.verdict for one in judged].index(Verdict.SCORED) == 51


def test_a_step_raises_an_alert_then_escalates_it_then_clears_it() -> None:
    judging, states = commissioned()
    stream = [observation(60 + k, louder=2.0 if k < 10 else 0.0) for k in range(80)]
    states, judged = judge_all(judging, stream, states=states)
    events = [event for one in judged for event in one.events]
    assert [event.transition for event in events] == [
        Transition.RAISED,
        Transition.ESCALATED,
        Transition.LOWERED,
        Transition.CLEARED,
    ]
    assert len({event.id for event in events}) == 1
    assert events[0].first_exceedance_ns == stream[0].start_ns
    assert events[0].confirmed_ns == stream[2].start_ns
    assert events[0].loss > events[0].threshold
    assert judged[-1].zone is Zone.NORMAL


def test_a_run_of_exceedances_begins_and_lapses_where_nothing_comes_of_it() -> None:
    judging, states = commissioned()
    louder = [0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, *[0.0] * 5]
    stream = [observation(60 + k, louder=level) for k, level in enumerate(louder)]
    _, judged = judge_all(judging, stream, states=states)
    first, second = stream[1].start_ns, stream[6].start_ns
    assert {k: one.run for k, one in enumerate(judged) if one.run} == {
        1: Run(began_ns=first),
        5: Run(lapsed_ns=first),
        6: Run(began_ns=second),
        10: Run(lapsed_ns=second),
    }


def test_a_run_that_an_alert_came_of_does_not_lapse() -> None:
    judging, states = commissioned()
    stream = [observation(60 + k, louder=2.0 if k < 10 else 0.0) for k in range(80)]
    _, judged = judge_all(judging, stream, states=states)
    assert judged[-1].zone is Zone.NORMAL
    assert [one.run for one in judged if one.run] == [Run(began_ns=stream[0].start_ns)]


def test_a_window_that_comes_again_begins_no_run() -> None:
    judging, states = commissioned()
    loud = observation(60, louder=1.0)
    _, judged = judge_all(judging, [loud, loud], states=states)
    assert [one.run for one in judged] == [Run(began_ns=loud.start_ns), None]


def test_an_alert_is_raised_on_the_baseline_and_the_departures_of_its_window() -> None:
    judging, states = commissioned()
    stream = [observation(60 + k, louder=2.0) for k in range(6)]
    after, judged = judge_all(judging, stream, states=states)
    (grounds,) = [one.grounds for one in judged if one.grounds]
    assert grounds.baseline is after[KEY].cold.baseline
    assert grounds.features is FEATURES
    assert grounds.departures is not None
    assert grounds.departures.shape == (1, FEATURES.width)
    assert [bool(one.events) for one in judged[:3]] == [False, False, True]
    assert judged[2].grounds is grounds


def test_a_limit_that_was_declared_is_ground_enough_before_there_is_a_baseline() -> None:
    judging = detector(QUICK, limits=lambda _: Limits(unit="g", rms_warning=0.1))
    _, judged = judge_all(judging, healthy(5))
    (grounds,) = [one.grounds for one in judged if one.grounds]
    assert (grounds.baseline, grounds.departures) == (None, None)


def test_quieter_alone_is_noted_once_and_never_a_warning() -> None:
    judging, states = commissioned()
    stream = [observation(60 + k, louder=-0.8) for k in range(60)]
    _, judged = judge_all(judging, stream, states=states)
    assert {one.zone for one in judged} == {Zone.NORMAL}
    assert not any(one.louder for one in judged)
    notes = [note for one in judged for note in one.notes]
    assert notes == ["quieter_than_baseline"]


def test_a_duplicate_is_dropped_and_a_late_window_scored_without_a_trace() -> None:
    judging, states = commissioned()
    new, judged = judging.judge(states, [observation(59), observation(40, seed=7)])
    assert [one.verdict for one in judged] == [Verdict.DUPLICATE, Verdict.LATE]
    assert [one.index for one in judged] == [-1, -1]
    assert math.isnan(judged[0].loss)
    assert judged[1].loss > 0
    assert stored(new) == stored(states)


def test_a_window_sent_again_behind_its_successors_is_a_duplicate_up_to_the_eighth() -> None:
    judging, states = commissioned()
    again = [observation(59 - back) for back in range(11)]
    new, judged = judging.judge(states, again)
    assert [one.verdict for one in judged] == [Verdict.DUPLICATE] * 9 + [Verdict.LATE] * 2
    assert stored(new) == stored(states)


def test_a_late_window_is_not_remembered_and_its_own_copy_is_late_too() -> None:
    judging, states = commissioned()
    states, _ = judging.judge(states, [observation(70)])
    late = [observation(60), observation(60)]
    new, judged = judging.judge(states, late)
    assert [one.verdict for one in judged] == [Verdict.LATE, Verdict.LATE]
    assert stored(new) == stored(states)


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


def test_absolute_limits_protect_from_the_first_window() -> None:
    limits = Limits(unit="g", rms_warning=0.4, rms_alarm=2.0)
    _, judged = judge_all(detector(QUICK, limits=lambda _key: limits), healthy(5))
    assert [one.zone for one in judged] == [Zone.NORMAL] * 2 + [Zone.WARNING] * 3


def test_an_alert_by_a_limit_clears_and_a_baseline_is_learnt_all_the_same() -> None:
    limits = Limits(unit="g", rms_warning=1.0)
    judging = detector(QUICK, limits=lambda _key: limits)
    loud = [observation(k, louder=1.0) for k in range(5, 9)]
    _, judged = judge_all(judging, [*healthy(5), *loud, *healthy(60, start=9)])
    moves = [(k, event.transition) for k, one in enumerate(judged) for event in one.events]
    assert moves == [(7, "raised"), (28, "cleared")]
    assert "commissioned" in [note for one in judged for note in one.notes]
    assert judged[-1].status is Status.MONITORING


def test_a_sensor_that_is_over_a_limit_now_and_then_gets_a_baseline_all_the_same() -> None:
    limits = Limits(unit="g", rms_warning=1.0)
    judging = detector(QUICK, limits=lambda _key: limits)
    stream = [observation(k, louder=0.0 if k % 4 else 1.0) for k in range(80)]
    _, judged = judge_all(judging, stream)
    assert judged[-1].status is Status.MONITORING


def test_a_baseline_that_was_learnt_during_an_alert_is_in_doubt() -> None:
    limits = Limits(unit="g", rms_warning=1.0)
    judging = detector(QUICK, limits=lambda _key: limits)
    stream = [observation(k, louder=0.0 if k % 4 == 0 else 1.0) for k in range(160)]
    _, judged = judge_all(judging, stream)
    notes = [note for one in judged for note in one.notes]
    assert notes[:2] == ["commissioned", "commissioned_with_suspicion"]


def test_another_signal_during_an_alert_is_held_back_and_the_alert_stays() -> None:
    judging, states = commissioned()
    states, _ = judge_all(judging, [observation(60 + k, louder=1.0) for k in range(5)], (), states)
    stream = [replace(observation(65 + k), sample_rate_hz=10_240.0) for k in range(60)]
    states, judged = judge_all(judging, stream, states=states)
    assert {one.verdict for one in judged} == {Verdict.HELD}
    assert {note for one in judged for note in one.notes} == {"other_signal_held_back"}
    assert judged[-1].zone is not Zone.NORMAL
    _, judged = judge_all(judging, [observation(125 + k) for k in range(60)], states=states)
    assert judged[0].verdict is Verdict.SCORED
    assert judged[-1].zone is Zone.NORMAL


def test_a_signal_that_returns_is_judged_by_its_own_baseline_again() -> None:
    judging, states = commissioned()
    other = [replace(observation(60 + k), axes=("other",)) for k in range(12)]
    between, _ = judge_all(judging, other, states=states)
    after, judged = judge_all(judging, healthy(6, start=72), states=between)
    assert [one.verdict for one in judged] == [Verdict.HELD] * 4 + [Verdict.SCORED] * 2
    assert judged[4].notes == ("baseline_resumed",)
    assert after[KEY].cold.baseline_id == states[KEY].cold.baseline_id


def test_coast_down_and_run_up_are_no_run_of_exceedances() -> None:
    judging, states = commissioned()
    levels = [1.0, 1.0, *[-3.0] * 5, 1.0, *[0.0] * 5]
    stream = [observation(60 + k, louder=level) for k, level in enumerate(levels)]
    _, judged = judge_all(judging, stream, states=states)
    assert {one.zone for one in judged} == {Zone.NORMAL}


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


BOTH = ("x", "y")


def two_axes(index: int, louder: float = 0.0, quality: Quality | None = None) -> Observation:
    """Return a window of two axes; where y is lost it reads nothing at all."""
    one = observation(index, axes=BOTH, louder=louder, quality=quality)
    lost = list(one.quality.lost)
    bands, rms = one.log_bands.copy(), one.rms.copy()
    bands[lost], rms[lost] = -12.0, 0.0
    return replace(one, log_bands=bands, rms=rms)


def test_what_is_left_of_a_sensor_is_judged_where_an_axis_is_lost() -> None:
    judging = detector(QUICK)
    states, _ = judge_all(judging, [two_axes(k) for k in range(60)])
    _, judged = judge_all(judging, [two_axes(60 + k, 0.0, STUCK_Y) for k in range(30)], (), states)
    assert {one.verdict for one in judged} == {Verdict.SCORED}
    assert {one.zone for one in judged} == {Zone.NORMAL}
    assert {one.status for one in judged} == {Status.SENSOR_FAULT}
    assert judged[0].notes == ("sensor_fault_began",)
    assert math.isnan(judged[0].axis_loss[1])
    stream = [two_axes(60 + k, 1.8, STUCK_Y) for k in range(6)]
    _, judged = judge_all(judging, stream, states=states)
    assert judged[-1].zone is Zone.ALARM
    assert judged[2].events[0].axis == "x"


def test_what_is_left_of_a_sensor_clears_nothing_and_is_not_learnt() -> None:
    judging = detector(QUICK)
    states, _ = judge_all(judging, [two_axes(k) for k in range(60)])
    stream = [two_axes(60 + k, 0.0, STUCK_Y) for k in range(30)]
    after, _ = judge_all(judging, stream, states=states)
    for name in ("adaptive_mean", "adaptive_count", "anchor_count", "high_count"):
        assert after[KEY].row[name] == states[KEY].row[name]
    alarmed, _ = judge_all(judging, [two_axes(60 + k, 1.8) for k in range(6)], (), states)
    stream = [two_axes(66 + k, 0.0, STUCK_Y) for k in range(100)]
    _, judged = judge_all(judging, stream, states=alarmed)
    assert {one.zone for one in judged} == {Zone.ALARM}
    _, judged = judge_all(judging, [two_axes(66 + k) for k in range(60)], states=alarmed)
    assert judged[-1].zone is Zone.NORMAL


def test_an_axis_that_is_lost_now_and_then_hides_no_alert_and_keeps_none_open() -> None:
    judging = detector(QUICK)
    states, _ = judge_all(judging, [two_axes(k) for k in range(60)])
    lost_x = Quality(SensorFault.STUCK, lost=(0,))
    loud = [two_axes(60 + k, 1.0, lost_x if k % 2 else None) for k in range(10)]
    only_x = [replace(one, log_bands=bands_of_y(one), rms=rms_of_y(one)) for one in loud]
    alarmed, judged = judge_all(judging, only_x, states=states)
    assert judged[-1].zone is not Zone.NORMAL
    calm = [two_axes(70 + k, 0.0, None if k % 15 else lost_x) for k in range(120)]
    _, judged = judge_all(judging, calm, states=alarmed)
    assert judged[-1].zone is Zone.NORMAL


def bands_of_y(one: Observation) -> NDArray[np.float32]:
    """Return the bands of a window whose second axis is quiet, whatever the first does."""
    bands = one.log_bands.copy()
    bands[1] -= 1.0
    return bands


def rms_of_y(one: Observation) -> NDArray[np.float32]:
    rms = one.rms.copy()
    rms[1] = 0.5
    return rms


def test_a_machine_that_starts_with_an_axis_lost_has_started() -> None:
    judging = detector(QUICK)
    states, _ = judge_all(judging, [two_axes(k) for k in range(60)])
    states, _ = judge_all(judging, [two_axes(60 + k, -3.0) for k in range(3)], (), states)
    _, judged = judge_all(judging, [two_axes(63, 0.0, STUCK_Y)], (), states)
    assert set(judged[0].notes) == {"sensor_fault_began", "started"}
    assert judged[0].status is Status.SENSOR_FAULT


def test_faulty_windows_of_another_signal_throw_no_baseline_away() -> None:
    judging, states = commissioned()
    faulty = [replace(observation(60 + k, quality=FAULTY), axes=("other",)) for k in range(8)]
    after, judged = judge_all(judging, [*faulty, observation(68)], states=states)
    assert judged[-1].verdict is Verdict.SCORED
    assert after[KEY].cold.baseline_id == states[KEY].cold.baseline_id


def test_a_signal_that_returns_by_way_of_a_third_is_judged_by_its_own_baseline() -> None:
    judging, states = commissioned()
    stream = [replace(observation(60 + k), axes=("b",) if k < 6 else ("c",)) for k in range(12)]
    after, judged = judge_all(judging, [*stream, *healthy(6, start=72)], states=states)
    assert "baseline_resumed" in [note for one in judged for note in one.notes]
    assert after[KEY].cold.baseline_id == states[KEY].cold.baseline_id


SIGNALS: list[tuple[str, ...]] = [("x",), ("x", "y"), ("z",)]


def wandering(seed: int) -> list[Observation]:
    """Return a stream in which signals change and return, loud ones and late ones among them."""
    noise = np.random.default_rng(seed)
    stream = [observation(k) for k in range(60)]
    index = 60
    for _ in range(16):
        axes = SIGNALS[int(noise.integers(3))]
        louder = [0.0, 0.0, 1.0, 2.0][int(noise.integers(4))]
        for _ in range(int(noise.integers(1, 12))):
            bad = FAULTY if noise.random() < 0.15 else None
            stream.append(observation(index, axes=axes, louder=louder, quality=bad))
            if noise.random() < 0.1:
                stream.append(observation(max(0, index - 12), axes=axes, seed=1))
            index += 1
    return stream


@pytest.mark.parametrize("seed", range(12))
def test_signals_that_come_and_go_give_the_same_bytes_in_any_batches(seed: int) -> None:
    stream = wandering(seed)
    whole, said = judge_all(detector(QUICK), stream)
    single, again = judge_all(detector(QUICK), stream, [1] * len(stream))
    assert stored(whole) == stored(single)
    assert [one.events for one in said] == [one.events for one in again]
    assert [(one.verdict, str(one.loss)) for one in said] == [
        (one.verdict, str(one.loss)) for one in again
    ]


def test_no_baseline_is_learnt_while_an_axis_is_lost() -> None:
    _, judged = judge_all(detector(QUICK), [two_axes(k, 0.0, STUCK_Y) for k in range(60)])
    assert {one.verdict for one in judged} == {Verdict.SENSOR_FAULT}


@pytest.mark.parametrize("standing", [range(5, 20), range(20), [k for k in range(99) if k % 2]])
def test_windows_in_which_the_machine_stood_are_no_part_of_a_baseline(
    standing: Sequence[int],
) -> None:
    stream = [observation(k, louder=-4.0 if k in standing else 0.0) for k in range(300)]
    states, judged = judge_all(detector(QUICK), stream)
    assert {one.zone for one in judged} == {Zone.NORMAL}
    assert judged[-1].status is Status.MONITORING
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


def test_a_rising_fault_line_is_named() -> None:
    judging = detector(QUICK)
    quiet = [0.0, 0.1, 0.0, 0.1]
    states, _ = judge_all(judging, [observation(k, lines=quiet) for k in range(60)])
    stream = [observation(60 + k, lines=[1.5, 0.1, 0.0, 0.1]) for k in range(4)]
    _, judged = judge_all(judging, stream, states=states)
    events = [event for one in judged for event in one.events]
    assert [event.fault for event in events] == ["BPFO"]
    assert "BPFO" in events[0].text


def test_a_bearing_bad_on_arrival_is_suspected() -> None:
    _, judged = judge_all(detector(QUICK), [observation(k, kurtosis=9.0) for k in range(31)])
    assert judged[29].notes == ("commissioned", "commissioned_with_suspicion")
    assert judged[30].suspicious


def test_a_disturbed_start_ends_in_a_provisional_baseline_that_is_refined() -> None:
    stream = [observation(k, louder=min(k, 60) * 0.02) for k in range(160)]
    _, judged = judge_all(detector(QUICK), stream)
    notes = [(k, note) for k, one in enumerate(judged) for note in one.notes]
    assert notes[0] == (59, "commissioned_provisionally")
    assert judged[59].provisional
    assert "baseline_refined" in [note for _, note in notes]
    assert not judged[-1].provisional


OTHER_SIGNALS = [
    {"sample_rate_hz": 10_240.0},
    {"unit": "m/s2"},
    {"axes": ("other",)},
]


@pytest.mark.parametrize("other", OTHER_SIGNALS)
def test_another_signal_that_stays_commissions_anew(other: dict[str, Any]) -> None:
    judging, states = commissioned()
    stream = [replace(observation(60 + k), **other) for k in range(5)]
    new, judged = judge_all(judging, stream, states=states)
    assert [one.verdict for one in judged] == [Verdict.HELD] * 4 + [Verdict.LEARNT]
    assert judged[0].notes == ("other_signal_held_back",)
    assert judged[4].notes == ("recommissioning_for_other_signal",)
    assert new[KEY].cold.old_baseline_id == states[KEY].cold.baseline_id


@pytest.mark.parametrize("other", OTHER_SIGNALS)
def test_a_stray_window_of_another_signal_leaves_the_baseline(other: dict[str, Any]) -> None:
    judging, states = commissioned()
    stream = [replace(observation(60), **other), observation(61)]
    new, judged = judge_all(judging, stream, states=states)
    assert [one.verdict for one in judged] == [Verdict.HELD, Verdict.SCORED]
    assert new[KEY].cold is states[KEY].cold
    assert new[KEY].row["odd"] == 0


def test_rebaselining_learns_anew_and_keeps_the_old_baseline() -> None:
    judging, states = commissioned()
    states = {KEY: rebaseline(states[KEY])}
    states, judged = judge_all(judging, healthy(31, start=60), states=states)
    assert {one.status for one in judged[:29]} == {Status.REBASELINING}
    assert judged[30].verdict is Verdict.SCORED
    cold = states[KEY].cold
    assert cold.old_baseline_id != ""
    assert cold.old_baseline_id != cold.baseline_id


@pytest.mark.parametrize("batches", [(), (1,) * 1000])
def test_the_neighbour_follows_the_sensor_that_came_first(batches: tuple[int, ...]) -> None:
    judging = detector(QUICK)
    stream = [observation(k, key=key) for k in range(60) for key in (KEY, NEIGHBOUR)]
    for k in range(60, 90):
        stream.append(observation(k, key=KEY, louder=2.0))
        stream.append(observation(k, key=NEIGHBOUR, louder=1.0 if k > 75 else 0.0))
    _, judged = judge_all(judging, stream, batches)
    raised = [e for one in judged for e in one.events if e.transition is Transition.RAISED]
    assert [event.sensor for event in raised] == [KEY.sensor, NEIGHBOUR.sensor]
    assert [event.link for event in raised] == ["primary", f"follows {raised[0].id}"]


def shaped(index: int, *, common: float, high: float = 0.0) -> Observation:
    """Return a window whose spectrum rose by `common` decades, its high bands by `high` more."""
    one = observation(index)
    bands = one.log_bands.copy()
    bands[:, :, : FEATURES.bands] += np.float32(common)
    bands[:, :, FEATURES.high_bands()] += np.float32(high)
    return replace(one, log_bands=bands, rms=one.rms * np.float32(10 ** (common / 2)))


def test_high_bands_that_stand_out_are_a_warning_far_below_the_baseline_too() -> None:
    judging, states = commissioned()
    worn_in = [shaped(60 + k, common=-0.5) for k in range(800)]
    states, judged = judge_all(judging, worn_in, states=states)
    assert not any(one.events for one in judged)
    bursts = [shaped(860 + k, common=-0.5, high=0.35) for k in range(6)]
    _, judged = judge_all(judging, bursts, states=states)
    (event,) = [event for one in judged for event in one.events]
    assert event.transition is Transition.RAISED
    assert event.loss < event.threshold
    assert "high frequencies stand out by 2." in event.text


@pytest.mark.parametrize(("common", "alerts"), [(0.45, 0), (1.2, 1)])
def test_a_rough_spell_lifts_all_bands_alike_and_is_no_alert_unless_it_is_severe(
    common: float, alerts: int
) -> None:
    judging, states = commissioned()
    states, _ = judge_all(judging, healthy(300, start=60), states=states)
    spell = [shaped(360 + k, common=common) for k in range(12)]
    _, judged = judge_all(judging, spell, states=states)
    raised = [e for one in judged for e in one.events if e.transition is Transition.RAISED]
    assert len(raised) == alerts


def test_a_level_that_creeps_up_in_all_bands_alike_is_a_warning_before_it_is_an_alarm() -> None:
    judging, states = commissioned()
    creeping = [shaped(60 + k, common=k / 100) for k in range(200)]
    states, judged = judge_all(judging, creeping, states=states)
    told = [event.transition for one in judged for event in one.events]
    assert told[:2] == [Transition.RAISED, Transition.ESCALATED]


def levelled(index: int, level: float) -> Observation:
    """Return a window of healthy bands at so many times the usual RMS: charts see nothing."""
    one = observation(index)
    return replace(one, rms=one.rms * np.float32(level))


def test_a_warning_by_the_level_alone_stays_until_the_level_is_well_below_its_limit() -> None:
    judging, states = commissioned()
    over, near, below = 6.0, 4.6, 3.5
    states, _ = judge_all(judging, [levelled(60 + k, near) for k in range(200)], states=states)
    levels = [over, near, over, over, *[near] * 30, *[below] * 25]
    stream = [levelled(260 + k, level) for k, level in enumerate(levels)]
    _, judged = judge_all(judging, stream, states=states)
    told = [(k, event.transition) for k, one in enumerate(judged) for event in one.events]
    assert told == [(3, Transition.RAISED), (53, Transition.CLEARED)]


def test_departures_are_sixteen_an_axis() -> None:
    judging = detector(QUICK)
    stream = [observation(k, axes=("x", "y")) for k in range(40)]
    _, judged = judge_all(judging, stream)
    assert [len(row) for row in judged[-1].departures] == [16, 16]
    assert len(judged[-1].axis_loss) == 2
    assert [len(row) for row in judged[0].departures] == [16, 16]


def test_the_engine_sees_a_batch_in_one_call() -> None:
    calls: list[int] = []

    class Counting(ZeroEngine):
        def reconstruct(self, sequences: NDArray[np.float32]) -> NDArray[np.float32]:
            calls.append(len(sequences))
            return super().reconstruct(sequences)

    judging = detector(QUICK, engine=Counting())
    states, _ = judge_all(judging, healthy(60))
    calls.clear()
    judging.judge(states, [observation(60 + k) for k in range(50)])
    assert calls == [50]
    assert FEATURES.frames == 2
