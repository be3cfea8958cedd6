"""Signals and axes that come and go: which baseline judges, what is learnt, what is told."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from models.alerts import Zone
from models.detector import Status, Verdict
from models.policy import Limits
from pipelines.features import Observation
from pipelines.quality import Quality, SensorFault
from tests.unit.models.fleet import (
    FAULTY,
    KEY,
    QUICK,
    STUCK_Y,
    commissioned,
    detector,
    healthy,
    judge_all,
    observation,
    stored,
)


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


@pytest.mark.parametrize(("kurtosis", "suspicious"), [(3.0, False), (9.0, True)])
def test_a_baseline_that_is_resumed_is_in_doubt_where_its_figures_are(
    kurtosis: float, *, suspicious: bool
) -> None:
    judging = detector(QUICK)
    states, _ = judge_all(judging, [observation(k, kurtosis=kurtosis) for k in range(60)])
    other = [replace(observation(60 + k), axes=("other",)) for k in range(12)]
    own = [observation(72 + k, kurtosis=kurtosis) for k in range(6)]
    _, judged = judge_all(judging, [*other, *own], states=states)
    assert [one.suspicious for one in judged[11:]] == [False] * 5 + [suspicious] * 2
    assert judged[16].notes == ("baseline_resumed",)


def test_a_doubt_that_is_not_in_the_figures_is_resumed_with_its_baseline() -> None:
    """By way of a third signal too; the doubt comes of a declared limit that was exceeded."""
    judging = detector(QUICK, limits=lambda _: Limits(unit="g", rms_warning=1.0))
    start = [observation(k, louder=1.0 * (k % 4 > 0)) for k in range(120)]
    states, judged = judge_all(judging, [*start, *healthy(80, 120)])
    assert judged[-1].suspicious
    others = [replace(observation(200 + k), axes=("b",) if k < 6 else ("c",)) for k in range(12)]
    after, judged = judge_all(judging, [*others, *healthy(8, 212)], states=states)
    assert "baseline_resumed" in [note for one in judged for note in one.notes]
    assert judged[-1].suspicious
    other = [replace(observation(220 + k), axes=("b",)) for k in range(50)]
    _, judged = judge_all(judging, other, states=after)
    assert judged[-1].verdict is Verdict.SCORED
    assert not judged[-1].suspicious


def test_a_provisional_baseline_is_not_resumed() -> None:
    judging = detector(QUICK)
    start = [observation(k, louder=0.02 * k) for k in range(60)]
    states, judged = judge_all(judging, start)
    assert judged[-1].provisional
    other = [replace(observation(60 + k), axes=("other",)) for k in range(12)]
    _, judged = judge_all(judging, [*other, *healthy(5, start=72)], states=states)
    assert judged[-1].notes == ("recommissioning_for_other_signal",)


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


def test_what_is_left_of_a_sensor_is_judged_where_it_is_driven_to_the_rail() -> None:
    judging = detector(QUICK)
    states, _ = judge_all(judging, [two_axes(k) for k in range(60)])
    clips = Quality(SensorFault.STUCK, 0.03, lost=(1,))
    _, judged = judge_all(judging, [two_axes(60 + k, 1.8, clips) for k in range(6)], (), states)
    assert judged[-1].zone is Zone.ALARM
    _, judged = judge_all(judging, [two_axes(60 + k, 0.0, clips) for k in range(6)], (), states)
    assert {one.verdict for one in judged} == {Verdict.SENSOR_FAULT}


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


def test_declared_limits_hold_for_what_is_left_before_there_is_a_baseline() -> None:
    judging = detector(QUICK, limits=lambda _: Limits("g", rms_warning=2.0))
    quiet = [two_axes(k, 0.0, STUCK_Y) for k in range(10)]
    states, judged = judge_all(
        judging, [*quiet, *(two_axes(10 + k, 1.8, STUCK_Y) for k in range(4))]
    )
    (event,) = (event for one in judged for event in one.events)
    assert (event.axis, event.zone) == ("x", Zone.WARNING)
    assert states[KEY].cold.summary is None
    _, judged = judge_all(judging, [two_axes(14 + k, 0.0, STUCK_Y) for k in range(40)], (), states)
    assert judged[-1].zone is Zone.WARNING


OTHER_SIGNALS = [
    {"sample_rate_hz": 10_240.0},
    {"duration_s": 0.4},
    {"duration_s": 2.1},
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


@pytest.mark.parametrize("duration_s", [0.5, 2.0])
def test_windows_of_half_or_twice_the_length_are_the_same_signal(duration_s: float) -> None:
    judging, states = commissioned()
    stream = [replace(observation(60 + k), duration_s=duration_s) for k in range(5)]
    _, judged = judge_all(judging, stream, states=states)
    assert {one.verdict for one in judged} == {Verdict.SCORED}


def test_another_signal_over_a_declared_limit_escalates_what_is_open() -> None:
    judging = detector(QUICK, limits=lambda _: Limits("g", rms_alarm=5.0))
    states, _ = judge_all(judging, healthy(60))
    states, judged = judge_all(
        judging, [observation(60 + k, louder=0.7) for k in range(5)], (), states
    )
    assert judged[-1].zone is Zone.WARNING
    other = [replace(observation(65 + k, louder=2.5), sample_rate_hz=10_240.0) for k in range(5)]
    new, judged = judge_all(judging, other, states=states)
    assert {one.verdict for one in judged} == {Verdict.HELD}
    assert judged[-1].zone is Zone.ALARM
    assert new[KEY].cold.baseline_id == states[KEY].cold.baseline_id


def test_the_level_of_late_is_not_that_over_another_baseline() -> None:
    judging, states = commissioned()
    quiet = [observation(60 + k, louder=-0.8) for k in range(20)]
    states, _ = judge_all(judging, quiet, states=states)
    assert states[KEY].row["level_mean"] < -0.1
    other = [replace(observation(80 + k), sample_rate_hz=10_240.0) for k in range(40)]
    states, _ = judge_all(judging, other, states=states)
    assert abs(states[KEY].row["level_mean"]) < 0.02


@pytest.mark.parametrize("other", OTHER_SIGNALS)
def test_a_stray_window_of_another_signal_leaves_the_baseline(other: dict[str, Any]) -> None:
    judging, states = commissioned()
    stream = [replace(observation(60), **other), observation(61)]
    new, judged = judge_all(judging, stream, states=states)
    assert [one.verdict for one in judged] == [Verdict.HELD, Verdict.SCORED]
    assert new[KEY].cold is states[KEY].cold
    assert new[KEY].row["odd"] == 0
