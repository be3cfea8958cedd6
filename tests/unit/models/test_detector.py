"""The detector's contract: pure, batched, and the life of a sensor from first window to alarm."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from models.alerts import Transition, Zone
from models.commanding import rebaseline
from models.detector import Status, Verdict
from models.judgement import Run
from models.policy import (
    BudgetPolicy,
    ChartPolicy,
    CommissioningPolicy,
    DetectorSettings,
    Limits,
)
from models.state import (
    COMMISSIONED,
    COMPARED,
    REBASELINING,
    STANDS_OUT,
    with_row,
)
from pipelines.features import Observation
from tests.unit.models.fleet import (
    FEATURES,
    KEY,
    NEIGHBOUR,
    QUICK,
    ZeroEngine,
    commissioned,
    detector,
    healthy,
    judge_all,
    observation,
    stored,
)


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
    after, judged = judge_all(judging, stream, states=states)
    assert {one.zone for one in judged} == {Zone.NORMAL}
    assert not any(one.louder for one in judged)
    for name in ("anchor_count", "adaptive_count", "correlation_count", "day_count"):
        assert after[KEY].row[name] == states[KEY].row[name]
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


def test_a_limit_that_a_restless_day_widens_is_told_once() -> None:
    def restless(index: int) -> Observation:
        one = observation(index)
        bands = one.log_bands.copy()
        bands[..., 1:3] += 0.15 * (1.0 - np.cos(index / 50.0)) * (index > 80)
        return replace(one, log_bands=bands)

    short = ChartPolicy(reference_windows=50, reference_span_s=6000.0)
    stream = [restless(index) for index in range(800)]
    _, judged = judge_all(detector(replace(QUICK, charts=short)), stream)
    told = [(k, note) for k, one in enumerate(judged) for note in one.notes]
    assert told == [(29, "commissioned"), (629, "limit_widened")]
    assert not [event for one in judged for event in one.events]
    later = [replace(one, start_ns=one.start_ns + 6_000 * 10**9) for one in stream[500:]]
    _, judged = judge_all(detector(replace(QUICK, charts=short)), [*stream[:500], *later])
    gap = [k for k, one in enumerate(judged) if "limit_widened" in one.notes]
    assert gap == [627]  # the gap of 100 minutes counted as three windows


def test_rebaselining_learns_anew_and_keeps_the_old_baseline() -> None:
    judging, states = commissioned()
    states = {KEY: rebaseline(with_row(states[KEY], flags=COMMISSIONED | COMPARED | STANDS_OUT))}
    assert states[KEY].flags == REBASELINING
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


@pytest.mark.parametrize(
    ("level", "lowered_at"),
    [(2.8, [54]), (2.2, [24])],  # 20 windows below the release level of 2.5
)
def test_an_alarm_stays_one_until_the_level_is_below_its_release(
    level: float, lowered_at: list[int]
) -> None:
    judging, states = commissioned()
    levels = [6.0] * 5 + [level] * 30 + [1.0] * 25
    stream = [levelled(60 + k, each) for k, each in enumerate(levels)]
    _, judged = judge_all(judging, stream, states=states)
    told = [(k, event.transition) for k, one in enumerate(judged) for event in one.events]
    assert told[:2] == [(2, Transition.RAISED), (3, Transition.ESCALATED)]
    assert [k for k, transition in told if transition is Transition.LOWERED] == lowered_at


@pytest.mark.parametrize(("usual", "zone"), [(1.0, Zone.ALARM), (2.0, Zone.WARNING)])
def test_four_times_the_baseline_is_an_alarm_where_it_is_a_jump(usual: float, zone: Zone) -> None:
    judging, states = commissioned()
    states = {KEY: with_row(states[KEY], level_mean=math.log10(usual))}
    four_times = [observation(60 + k, louder=2 * math.log10(4.0)) for k in range(6)]
    _, judged = judge_all(judging, four_times, states=states)
    assert judged[-1].zone is zone


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


def test_an_alert_by_the_high_bands_names_their_axis_and_no_other_bands() -> None:
    """The loss, which is within its limit, lies in low bands of the other axis."""

    def both(index: int, high: float) -> Observation:
        one = observation(index, axes=("x", "y"), seed=index % 50)
        bands = one.log_bands.copy()
        worn_in = -1.2 if index >= 60 else 0.0
        bands[:, :, FEATURES.high_bands()] += np.float32(worn_in)
        bands[1, :, FEATURES.high_bands()] += np.float32(high)
        bands[0, :, :2] += np.float32(0.15 * (high > 0))
        return replace(one, log_bands=bands)

    judging = detector(QUICK)
    states, _ = judge_all(judging, [both(k, 0.0) for k in range(400)])
    _, judged = judge_all(judging, [both(400 + k, 1.0) for k in range(6)], (), states)
    (event,) = (event for one in judged for event in one.events)
    assert event.loss < event.threshold
    assert "high frequencies stand out" in event.text
    assert event.axis == "y"
    assert event.bands == ()  # below the baseline still, so not louder than that


def test_an_alert_of_another_limit_names_bands_of_its_own_axis() -> None:
    """Worn in, the high bands stand out on y; a declared limit is over on x."""

    def both(index: int, high: float, rms: float) -> Observation:
        one = observation(index, axes=("x", "y"), seed=index % 50)
        bands, level = one.log_bands.copy(), one.rms.copy()
        bands[:, :, FEATURES.high_bands()] -= np.float32(1.2 * (index >= 60))
        bands[1, :, FEATURES.high_bands()] += np.float32(high)
        level[0] *= np.float32(rms)
        return replace(one, log_bands=bands, rms=level)

    limited = detector(QUICK, limits=lambda _: Limits(unit="g", rms_warning=1.2))
    states, _ = judge_all(limited, [both(k, 0.0, 1.0) for k in range(400)])
    _, judged = judge_all(limited, [both(400 + k, 1.3, 3.0) for k in range(6)], (), states)
    (event,) = (event for one in judged for event in one.events)
    assert "high frequencies stand out" in event.text
    assert (event.axis, event.loss < event.threshold) == ("x", True)
    assert event.bands
    assert all(band.high_hz < 1_200 for band in event.bands)
