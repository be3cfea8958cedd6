"""No change of bundle blinds a sensor: what goes on, what is carried over, what is handed over."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.alerts import AlertEvent, Transition, Zone
from models.bundle import Bundle
from models.commanding import rebaseline
from models.detector import Detector, Judgement, Limits, Status, Verdict
from models.judgement import Note
from models.policy import CommissioningPolicy, DetectorSettings
from models.state import (
    FOR_LINES,
    RELEARNING,
    SensorState,
    decode_state,
    encode_cold,
    encode_hot,
    with_row,
)
from pipelines.features import FeatureSettings, Observation
from pipelines.quality import Quality, SensorFault
from pipelines.window import SensorKey
from tests.unit.models.fleet import KEY, bundle, detector, healthy, judge_all, observation

QUICK = DetectorSettings(commissioning=CommissioningPolicy(windows=30, span_s=0.0))
NEIGHBOUR = SensorKey("pump", "free-end")

OLD = bundle("aaaaaaaaaaaaaaaa")
SAME_FEATURES = bundle("bbbbbbbbbbbbbbbb")
OTHER = FeatureSettings(frames=3, bands=10, envelope_bands=4, lowest_hz=50.0)
NEW = bundle("cccccccccccccccc", OTHER)
THIRD = bundle("dddddddddddddddd", FeatureSettings(frames=2, bands=8, envelope_bands=4))


class Explaining:
    """Explains a part of every departure: the loss is `(1 - part) ** 2` of a silent network's."""

    name = "explaining"

    def __init__(self, part: float) -> None:
        self._part = np.float32(part)

    def reconstruct(self, sequences: NDArray[np.float32]) -> NDArray[np.float32]:
        return self._part * sequences


def seen_by_both(
    index: int, *, new: FeatureSettings = OTHER, old: FeatureSettings = OLD.features, **how: Any
) -> Observation:
    """Return a window as the new features show it, with what the old ones show."""
    former = observation(index, features=old, **how)
    return replace(observation(index, features=new, **how), former=former)


def upgraded(to: Bundle = NEW, previous: Iterable[Bundle] = (OLD,)) -> Detector:
    return detector(QUICK, of=to, previous=list(previous))


def monitored(windows: int = 60, of: Bundle = OLD) -> dict[SensorKey, SensorState]:
    """Return a sensor that is commissioned and was monitored for a while by a bundle."""
    return judge_all(detector(QUICK, of=of), healthy(windows))[0]


def failing() -> dict[SensorKey, SensorState]:
    """Return a sensor with an open alert."""
    stream = [observation(60 + k, louder=0.5) for k in range(6)]
    return judge_all(detector(QUICK, of=OLD), stream, (), monitored())[0]


def noted(judged: Iterable[Judgement]) -> list[tuple[int, Note]]:
    return [(one.index, note) for one in judged for note in one.notes]


def events_of(judged: Iterable[Judgement]) -> list[AlertEvent]:
    return [event for one in judged for event in one.events]


def stored(states: dict[SensorKey, SensorState]) -> dict[SensorKey, tuple[bytes, bytes]]:
    return {key: (encode_hot(state), encode_cold(state)) for key, state in states.items()}


def comparable(judgement: Judgement) -> str:
    return repr(msgspec.structs.replace(judgement, observation=None))


# ---- the same features, another network --------------------------------------------------------


@pytest.mark.parametrize("part", [0.0, 0.15, 0.3])
def test_healthy_windows_chart_where_they_did_under_another_network(part: float) -> None:
    states = monitored(300)
    stream = healthy(100, start=300)
    _, unchanged = judge_all(detector(QUICK, of=OLD), stream, (), states)
    other = detector(QUICK, of=SAME_FEATURES, engine=Explaining(part))
    _, changed = judge_all(other, stream, (), states)
    before = np.array([(one.anchored, one.adaptive) for one in unchanged])
    after = np.array([(one.anchored, one.adaptive) for one in changed])
    assert after.mean(axis=0) == pytest.approx(before.mean(axis=0), abs=0.12)
    assert after.max() < 1.0
    assert noted(changed) == [(300, Note.BUNDLE_CHANGED)]
    assert changed[0].bundles == (OLD.hash, SAME_FEATURES.hash)
    assert {one.bundles for one in changed[1:]} == {None}


def test_under_a_network_that_explains_less_the_frozen_reference_rises_with_the_loss() -> None:
    explains = detector(QUICK, of=OLD, engine=Explaining(0.9))
    states, _ = judge_all(explains, healthy(300))
    stream = healthy(60, start=300)
    silent = detector(QUICK, of=SAME_FEATURES)
    as_if_unchanged = with_row(states[KEY], bundle=SAME_FEATURES.hash.encode())
    _, left_behind = judge_all(silent, stream, (), {KEY: as_if_unchanged})
    carried, judged = judge_all(silent, stream, (), states)
    assert np.mean([one.anchored for one in left_behind]) > 0.2
    assert abs(np.mean([one.anchored for one in judged])) < 0.1
    assert carried[KEY].row["anchor_count"] == 200.0


def test_the_same_network_in_another_bundle_changes_no_reference() -> None:
    states = monitored(120)
    stream = healthy(30, start=120)
    _, unchanged = judge_all(detector(QUICK, of=OLD), stream, (), states)
    _, changed = judge_all(detector(QUICK, of=SAME_FEATURES), stream, (), states)
    for before, after in zip(unchanged, changed, strict=True):
        assert after.loss == before.loss
        assert after.threshold == pytest.approx(before.threshold, rel=1e-5)
        assert after.anchored == pytest.approx(before.anchored, rel=1e-9)


def test_a_change_of_network_leaves_all_but_the_references_alone() -> None:
    states = failing()
    other = detector(QUICK, of=SAME_FEATURES, engine=Explaining(0.2))
    late = observation(40, seed=5)
    unmoved, _ = judge_all(other, [late], (), states)
    assert stored(unmoved) == stored(states)
    moved, _ = judge_all(other, [observation(66, quality=Quality(SensorFault.STUCK))], (), states)
    before, after = states[KEY].row, moved[KEY].row
    kept = ("zone", "alert", "alert_first_ns", "alert_size", "first_ns", "level_mean", "calm")
    bits = ("anchored_bits", "adaptive_bits", "line_bits", "severe_bits", "quiet_bits")
    for name in (*kept, *bits, "anchor_count", "adaptive_count"):
        assert after[name] == before[name], name
    assert after["anchor_mean"] != before["anchor_mean"]
    assert after["index"] == before["index"] + 1
    assert moved[KEY].cold.charted != states[KEY].cold.charted
    assert moved[KEY].cold.examples is states[KEY].cold.examples
    assert moved[KEY].bundle == SAME_FEATURES.hash


def test_an_alert_stays_open_under_another_network() -> None:
    states = failing()
    other = detector(QUICK, of=SAME_FEATURES, engine=Explaining(0.2))
    stream = [observation(66 + k, louder=0.5 if k < 5 else 0.0) for k in range(40)]
    _, judged = judge_all(other, stream, (), states)
    assert judged[0].zone is not Zone.NORMAL
    assert events_of(judged)[-1].transition is Transition.CLEARED
    assert {event.id for event in events_of(judged)} == {states[KEY].row["alert"].decode()}


def test_a_second_change_of_network_is_measured_from_the_first() -> None:
    states = monitored(300)
    stream = healthy(40, start=300)
    away = detector(QUICK, of=SAME_FEATURES, engine=Explaining(0.3))
    there, _ = judge_all(away, [stream[0]], (), states)
    _, back = judge_all(detector(QUICK, of=OLD), stream[1:], (), there)
    _, stayed = judge_all(detector(QUICK, of=OLD), stream[1:], (), states)
    assert [one.anchored for one in back] == pytest.approx(
        [one.anchored for one in stayed], abs=0.05
    )


def test_a_sensor_without_examples_begins_from_the_fleets_prior() -> None:
    states = monitored(120)
    bare = replace(states[KEY].cold, examples=None, charted=())
    other = detector(QUICK, of=SAME_FEATURES)
    known = {KEY: SensorState(states[KEY].hot, bare)}
    new, judged = judge_all(other, [observation(120)], (), known)
    assert judged[0].verdict is Verdict.SCORED
    assert new[KEY].row["anchor_count"] == 1.0
    assert new[KEY].cold is bare


# ---- other features ----------------------------------------------------------------------------


def test_other_features_of_no_previous_bundle_commission_anew_and_keep_the_old_baseline() -> None:
    states = monitored()
    new, judged = judge_all(upgraded(previous=()), [seen_by_both(60)], (), states)
    assert judged[0].notes == ("recommissioning_for_other_features",)
    assert judged[0].bundles == (OLD.hash, NEW.hash)
    assert judged[0].verdict is Verdict.LEARNT
    assert new[KEY].cold.old_baseline_id == states[KEY].cold.baseline_id


def test_the_old_bundle_judges_until_the_new_baseline_is_complete() -> None:
    states = monitored()
    stream = [seen_by_both(60 + k) for k in range(40)]
    _, by_old = judge_all(detector(QUICK, of=OLD), healthy(40, start=60), (), states)
    new, judged = judge_all(upgraded(), stream, (), states)
    assert {one.verdict for one in judged} == {Verdict.SCORED}
    assert noted(judged) == [(60, Note.LEARNING_BESIDE), (89, Note.HANDED_OVER)]
    assert {one.bundles for one in judged} == {None, (OLD.hash, NEW.hash)}
    assert [one.loss for one in judged[:30]] == [one.loss for one in by_old[:30]]
    assert [one.threshold for one in judged[:30]] == [one.threshold for one in by_old[:30]]
    cold = new[KEY].cold
    assert (new[KEY].features, new[KEY].bundle) == (NEW.features_hash, NEW.hash)
    assert cold.baseline is not None
    assert cold.baseline.location.shape == (1, OTHER.width)
    assert cold.old_baseline_id == states[KEY].cold.baseline_id
    assert cold.successor is None
    assert len(cold.charted) == len(cold.examples or ()) == 8
    assert max(one.anchored for one in judged) < 1.0


def test_the_new_baseline_is_that_of_a_sensor_commissioned_on_the_same_windows() -> None:
    stream = [seen_by_both(60 + k) for k in range(30)]
    new, _ = judge_all(upgraded(), stream, (), monitored())
    fresh, _ = judge_all(detector(QUICK, of=NEW), stream)
    assert new[KEY].cold.baseline_id == fresh[KEY].cold.baseline_id
    assert new[KEY].cold.charted == fresh[KEY].cold.charted


def test_what_the_old_judgement_calls_no_longer_normal_is_not_learnt() -> None:
    loud = range(70, 80)
    stream = [seen_by_both(60 + k, louder=0.5 if 60 + k in loud else 0.0) for k in range(80)]
    new, judged = judge_all(upgraded(), stream, (), monitored())
    raised, *_, cleared = events_of(judged)
    (handed_over,) = [index for index, note in noted(judged) if note is Note.HANDED_OVER]
    assert {one.verdict for one in judged} == {Verdict.SCORED}
    assert (raised.transition, cleared.transition) == (Transition.RAISED, Transition.CLEARED)
    assert raised.bundle == cleared.bundle == OLD.hash
    assert observation(handed_over).start_ns > cleared.time_ns
    baseline = new[KEY].cold.baseline
    assert baseline is not None
    assert baseline.location == pytest.approx(-2.0, abs=0.1)


def test_the_window_that_clears_an_alert_is_still_told_of_by_the_old_baseline() -> None:
    # The 30th normal window is the one that clears: without the rule it would hand over as well.
    stream = [seen_by_both(60 + k, louder=0.7 if 29 <= k < 37 else 0.0) for k in range(80)]
    states = monitored()
    _, judged = judge_all(upgraded(), stream, (), states)
    (cleared,) = [
        one for one in judged for event in one.events if event.transition is Transition.CLEARED
    ]
    (handed_over,) = [index for index, note in noted(judged) if note is Note.HANDED_OVER]
    assert handed_over == cleared.index + 1
    assert cleared.events[0].baseline == states[KEY].cold.baseline_id


def test_an_open_alert_stays_open_and_is_told_to_its_end() -> None:
    states = failing()
    stream = [seen_by_both(66 + k, louder=0.5 if k < 5 else 0.0) for k in range(80)]
    new, judged = judge_all(upgraded(), stream, (), states)
    assert judged[0].zone is not Zone.NORMAL
    assert {event.id for event in events_of(judged)} == {states[KEY].row["alert"].decode()}
    assert events_of(judged)[-1].transition is Transition.CLEARED
    assert noted(judged)[-1][1] is Note.HANDED_OVER
    assert new[KEY].row["zone"] == 0


def test_a_sensor_that_never_recovers_is_never_handed_over() -> None:
    stream = [seen_by_both(66 + k, louder=0.5) for k in range(120)]
    new, judged = judge_all(upgraded(), stream, (), failing())
    assert {one.verdict for one in judged} == {Verdict.SCORED}
    assert {one.zone for one in judged} != {Zone.NORMAL}
    assert new[KEY].features == OLD.features_hash
    assert new[KEY].cold.successor is None


def test_after_the_hand_over_the_new_bundle_raises_the_alert() -> None:
    states, _ = judge_all(upgraded(), [seen_by_both(60 + k) for k in range(40)], (), monitored())
    stream = [seen_by_both(100 + k, louder=0.7) for k in range(8)]
    _, judged = judge_all(upgraded(), stream, (), states)
    assert events_of(judged)[0].transition is Transition.RAISED
    assert events_of(judged)[0].bundle == NEW.hash
    assert events_of(judged)[0].baseline == states[KEY].cold.baseline_id


def test_a_disturbed_stretch_hands_over_provisionally_at_the_deadline() -> None:
    # It drifts down: quieter is never a warning, so the old judgement calls it normal.
    stream = [seen_by_both(60 + k, louder=-0.02 * min(k, 48)) for k in range(140)]
    _, judged = judge_all(upgraded(), stream, (), monitored())
    notes = [note for _, note in noted(judged) if note is not Note.QUIETER]
    assert notes[:3] == [
        Note.LEARNING_BESIDE,
        Note.HANDED_OVER,
        Note.COMMISSIONED_PROVISIONALLY,
    ]
    assert {one.verdict for one in judged} == {Verdict.SCORED}


def test_a_sensor_in_commissioning_goes_on_and_is_blind_no_longer_than_without_the_change() -> None:
    states = judge_all(detector(QUICK, of=OLD), healthy(20))[0]
    stream = [seen_by_both(20 + k) for k in range(40)]
    _, judged = judge_all(upgraded(), stream, (), states)
    assert [one.verdict for one in judged] == [Verdict.LEARNT] * 10 + [Verdict.SCORED] * 30
    assert noted(judged) == [
        (20, Note.LEARNING_BESIDE),
        (29, Note.COMMISSIONED),
        (49, Note.HANDED_OVER),
    ]


def test_a_sensor_that_is_re_baselined_meanwhile_learns_for_both_and_is_handed_over() -> None:
    states = {KEY: rebaseline(monitored()[KEY])}
    stream = [seen_by_both(60 + k) for k in range(32)]
    _, judged = judge_all(upgraded(), stream, (), states)
    assert [one.verdict for one in judged] == [Verdict.LEARNT] * 30 + [Verdict.SCORED] * 2
    assert {one.status for one in judged[:29]} == {Status.REBASELINING}
    assert noted(judged) == [
        (60, Note.LEARNING_BESIDE),
        (89, Note.COMMISSIONED),
        (89, Note.HANDED_OVER),
    ]


def test_absolute_limits_protect_a_sensor_that_two_bundles_learn() -> None:
    limits = Limits(unit="g", rms_warning=0.4)
    both = detector(QUICK, of=NEW, previous=[OLD], limits=lambda _key: limits)
    states = judge_all(detector(QUICK, of=OLD), healthy(20))[0]
    new, judged = judge_all(both, [seen_by_both(20 + k) for k in range(60)], (), states)
    assert events_of(judged)[0].transition is Transition.RAISED
    assert judged[-1].zone is not Zone.NORMAL
    assert not new[KEY].commissioned


def test_a_new_sensor_is_the_new_bundles_from_its_first_window() -> None:
    new, judged = judge_all(upgraded(), [observation(k, features=OTHER) for k in range(31)])
    assert noted(judged) == [(29, Note.COMMISSIONED)]
    assert new[KEY].bundle == NEW.hash


def test_a_return_to_the_old_bundle_forgets_what_was_learnt_beside() -> None:
    states, _ = judge_all(upgraded(), [seen_by_both(60 + k) for k in range(20)], (), monitored())
    assert states[KEY].cold.successor is not None
    back, judged = judge_all(detector(QUICK, of=OLD, previous=[NEW]), healthy(5, 80), (), states)
    assert {one.verdict for one in judged} == {Verdict.SCORED}
    assert noted(judged) == []
    assert back[KEY].cold.successor is states[KEY].cold.successor
    again, _ = judge_all(upgraded(), [seen_by_both(85 + k) for k in range(10)], (), back)
    assert again[KEY].bundle == NEW.hash


def test_a_third_bundle_begins_to_learn_anew_and_the_first_still_judges() -> None:
    states, _ = judge_all(upgraded(), [seen_by_both(60 + k) for k in range(20)], (), monitored())
    third = upgraded(THIRD, (NEW, OLD))
    stream = [seen_by_both(80 + k, new=THIRD.features) for k in range(30)]
    new, judged = judge_all(third, stream, (), states)
    assert {one.verdict for one in judged} == {Verdict.SCORED}
    assert noted(judged) == [(80, Note.LEARNING_BESIDE), (109, Note.HANDED_OVER)]
    assert new[KEY].bundle == THIRD.hash


def test_another_network_of_the_next_features_goes_on_with_what_was_learnt() -> None:
    states, _ = judge_all(upgraded(), [seen_by_both(60 + k) for k in range(20)], (), monitored())
    newer = bundle("eeeeeeeeeeeeeeee", OTHER)
    _, judged = judge_all(upgraded(newer), [seen_by_both(80 + k) for k in range(12)], (), states)
    assert noted(judged) == [(89, Note.HANDED_OVER)]


def test_an_earlier_network_of_the_same_old_features_may_stand_in() -> None:
    stands_in = bundle("ffffffffffffffff", OLD.features)
    _, judged = judge_all(upgraded(previous=[stands_in]), [seen_by_both(60)], (), monitored())
    assert judged[0].verdict is Verdict.SCORED
    assert judged[0].notes == (Note.BUNDLE_CHANGED, Note.LEARNING_BESIDE)
    assert judged[0].bundles == (stands_in.hash, NEW.hash)


def test_of_two_previous_bundles_with_the_same_features_the_first_named_judges() -> None:
    first, second = bundle("1111111111111111"), bundle("2222222222222222")
    new, _ = judge_all(upgraded(previous=[first, second]), [seen_by_both(60)], (), monitored())
    assert new[KEY].bundle == first.hash


def test_windows_that_the_old_features_cannot_be_had_from_are_held_then_commission_anew() -> None:
    unfit = [observation(60 + k, features=OTHER) for k in range(36)]
    new, judged = judge_all(upgraded(), unfit, (), monitored())
    assert [one.verdict for one in judged[:5]] == [Verdict.HELD] * 4 + [Verdict.LEARNT]
    assert noted(judged)[:2] == [(60, Note.ODD_SIGNAL), (64, Note.OTHER_SIGNAL)]
    assert judged[4].bundles == (OLD.hash, NEW.hash)
    assert noted(judged)[2] == (93, Note.COMMISSIONED)
    assert new[KEY].features == NEW.features_hash


# ---- pure, whatever the split ------------------------------------------------------------------


def life(seed: int) -> list[Observation]:
    """Return two neighbours' windows as both bundles see them, one failing for a while."""
    chance = np.random.default_rng(seed)
    stream = []
    for index in range(110):
        for key in (KEY, NEIGHBOUR):
            axes = ("x", "y") if key == NEIGHBOUR else ("x",)
            loud = 0.6 if key == KEY and 60 <= index < 70 else 0.0
            faulty = Quality(SensorFault.STUCK) if chance.random() < 0.03 else None
            one = seen_by_both(index, key=key, louder=loud, seed=seed, axes=axes, quality=faulty)
            stream.append(one)
            if chance.random() < 0.05:
                back = 12 if index % 2 else 3  # late, or sent again
                old = seen_by_both(max(0, index - back), key=key, axes=axes, seed=seed + 1)
                stream.append(old)
    return stream


def as_old(stream: list[Observation]) -> list[Observation]:
    return [one.former for one in stream if one.former is not None]


def judged_across(
    stream: list[Observation], sizes: list[int], change: int, to: Detector, *, save: bool
) -> tuple[dict[SensorKey, tuple[bytes, bytes]], list[str]]:
    """Judge with the old bundle up to `change` and with `to` from there, in batches of `sizes`."""
    of_same_features = to is not NEXT
    states: dict[SensorKey, SensorState] = {}
    judged: list[Judgement] = []
    first = 0
    for size in (*sizes, len(stream)):
        last = min(first + size, len(stream))
        for start, stop in ((first, min(last, change)), (max(first, change), last)):
            part = stream[start:stop] if start >= change else as_old(stream[start:stop])
            part = as_old(stream[start:stop]) if of_same_features else part
            judge = to if start >= change else BEFORE
            states, more = judge_all(judge, part, (), states)
            judged += more
            if save:
                states = {key: decode_state(*pair) for key, pair in stored(states).items()}
        first = last
    return stored(states), [comparable(one) for one in judged]


BEFORE = detector(QUICK, of=OLD)
NEXT = upgraded()
RETRAINED = detector(QUICK, of=SAME_FEATURES, engine=Explaining(0.25))


@pytest.mark.parametrize("to", [NEXT, RETRAINED], ids=["other features", "same features"])
@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 3),
    sizes=st.lists(st.integers(1, 60), max_size=12),
    change=st.integers(30, 150),
    save=st.booleans(),
)
def test_any_split_gives_the_same_bytes_across_a_change_of_bundle(
    to: Detector, seed: int, sizes: list[int], change: int, *, save: bool
) -> None:
    stream = life(seed)
    whole = judged_across(stream, [], change, to, save=False)
    assert judged_across(stream, sizes, change, to, save=save) == whole


def test_the_life_of_the_property_meets_what_it_is_to_show() -> None:
    stream = life(0)
    states, judged = judge_all(BEFORE, as_old(stream[:150]))
    _, after = judge_all(NEXT, stream[150:], (), states)
    notes = {note for _, note in noted([*judged, *after])}
    assert {Note.LEARNING_BESIDE, Note.HANDED_OVER, Note.COMMISSIONED} <= notes
    assert {Verdict.LATE, Verdict.DUPLICATE} <= {one.verdict for one in after}
    assert not any(math.isnan(one.loss) for one in after if one.verdict is Verdict.SCORED)


@pytest.mark.parametrize("stopped_s", [0, 8 * 3600])
def test_what_a_bundle_that_was_rolled_back_had_begun_to_learn_is_begun_anew(
    stopped_s: int,
) -> None:
    quiet, first = (0.1, 0.2, 0.15, 0.1), 60 + stopped_s // 10
    lines = None if stopped_s else quiet
    old = detector(QUICK, of=OLD)
    states, _ = judge_all(old, healthy(60))
    begun, _ = judge_all(old, [observation(first + k, lines=lines) for k in range(5)], (), states)
    assert begun[KEY].flags & RELEARNING
    between = [seen_by_both(first + k, lines=lines) for k in range(5, 10)]
    changed, _ = judge_all(upgraded(), between, (), begun)
    back = [observation(first + k, lines=quiet) for k in range(10, 60)]
    after, judged = judge_all(old, back, (), changed)
    assert [one.index - judged[0].index for one in judged if Note.LINES_LEARNT in one.notes] == [29]
    assert not after[KEY].flags & (RELEARNING | FOR_LINES)
    assert after[KEY].cold.successor is None


@pytest.mark.parametrize("shown", [True, False])
def test_lines_are_looked_for_again_where_the_bundle_was_rolled_back(*, shown: bool) -> None:
    quiet = (0.1, 0.2, 0.15, 0.1)
    old = detector(QUICK, of=OLD)
    states, _ = judge_all(old, healthy(60))
    states, _ = judge_all(old, [observation(60, lines=quiet)], (), states)
    states, _ = judge_all(upgraded(), [seen_by_both(61, lines=quiet)], (), states)
    stream = [observation(62, lines=quiet if shown else None)]
    stream += [observation(63 + k, lines=quiet) for k in range(40)]
    _, judged = judge_all(old, stream, (), states)
    found = [k for k, one in enumerate(judged) if Note.LINES_LEARNT in one.notes]
    assert found == [29 if shown else 30]
