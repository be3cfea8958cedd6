"""After a long stop: a baseline learnt beside, which takes over where it resembles the old one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.alerts import Zone
from models.bundle import load_bundle
from models.commanding import rebaseline
from models.detector import Detector, Judgement, Verdict
from models.engines import open_engine
from models.evaluation.certification.fleets import CALM, healthy_fleet
from models.judgement import Note
from models.policy import CommissioningPolicy, DetectorSettings, RestartPolicy
from models.state import (
    COMMISSIONED,
    COMPARED,
    RELEARNT,
    STANDS_OUT,
    SensorState,
    decode_state,
    encode_cold,
    encode_hot,
    with_row,
)
from pipelines.features import FeatureSettings, Observation
from pipelines.simulator import Stop
from pipelines.simulator.feature_fleet import FeatureFleet
from pipelines.window import SensorKey
from tests.unit.models.fleet import (
    CADENCE_NS,
    FEATURES,
    KEY,
    bundle,
    detector,
    judge_all,
    observation,
)

LEARNT: Final = 30
QUICK: Final = DetectorSettings(commissioning=CommissioningPolicy(windows=LEARNT, span_s=0.0))
NEVER: Final = replace(QUICK, restarts=RestartPolicy(long_stop_s=float("inf")))
EIGHT_HOURS: Final = 8 * 3600 * 10**9 // CADENCE_NS
LOUDER_BY_19_PERCENT: Final = 2 * np.log10(1.19)
"""In decades of power."""

States = dict[SensorKey, SensorState]


def running(start: int, count: int, louder: float = 0.0, risen: float = 0.0) -> list[Observation]:
    """Return windows of a machine, so much louder in all spectral bands and `risen` in three."""
    found = []
    for index in range(start, start + count):
        one = observation(index)
        bands = one.log_bands.copy()
        bands[..., : FEATURES.bands] += louder
        bands[..., 3:6] += risen
        rms = one.rms * np.float32(10 ** (louder / 2))
        found.append(replace(one, log_bands=bands, rms=rms))
    return found


def monitored() -> States:
    states, _ = judge_all(detector(QUICK), running(0, 100))
    return states


def back(
    louder: float = 0.0,
    *,
    risen: float = 0.0,
    after: int = EIGHT_HOURS,
    states: States | None = None,
    count: int = LEARNT + 20,
) -> tuple[States, list[Judgement]]:
    """Let a monitored machine come back after so many windows of silence."""
    known = monitored() if states is None else states
    last = int(known[KEY].row["last_ns"])
    begin = (last - observation(0).start_ns) // CADENCE_NS + after
    stream = running(begin, count, louder, risen)
    return judge_all(detector(QUICK), stream, (), known)


def notes(judged: list[Judgement]) -> list[Note]:
    return [note for one in judged for note in one.notes]


def test_a_machine_that_comes_back_louder_for_good_gets_a_new_baseline_and_no_alert() -> None:
    before = monitored()
    after, judged = back(LOUDER_BY_19_PERCENT)
    assert {one.zone for one in judged} == {Zone.NORMAL}
    assert {one.verdict for one in judged} == {Verdict.SCORED}
    assert [k for k, one in enumerate(judged) if one.notes] == [LEARNT - 1]
    assert judged[LEARNT - 1].notes == (Note.REBASELINED_AFTER_STOP,)
    old, new = before[KEY].cold, after[KEY].cold
    assert (new.old_baseline_id, new.successor) == (old.baseline_id, None)
    assert old.baseline is not None
    assert new.baseline is not None
    assert new.baseline.rms / old.baseline.rms == pytest.approx(1.19, rel=0.02)


def test_windows_of_a_standing_machine_are_a_stop_as_well_as_silence() -> None:
    standing = running(100, EIGHT_HOURS, louder=-3.0)
    states, judged = judge_all(detector(QUICK), standing, (), monitored())
    assert {one.verdict for one in judged} == {Verdict.STOPPED}
    _, judged = back(LOUDER_BY_19_PERCENT, after=1, states=states)
    assert notes(judged) == [Note.STARTED, Note.REBASELINED_AFTER_STOP]


def test_a_shorter_stop_changes_nothing() -> None:
    after, judged = back(LOUDER_BY_19_PERCENT, after=EIGHT_HOURS - 1)
    assert notes(judged) == []
    assert encode_cold(after[KEY]) == encode_cold(monitored()[KEY])


@pytest.mark.parametrize("ratio", [1.35, 1 / 1.35])
def test_what_resembles_the_old_baseline_too_little_is_dropped(ratio: float) -> None:
    after, judged = back(2 * np.log10(ratio))
    assert Note.REBASELINED_AFTER_STOP not in notes(judged)
    assert {one.zone for one in judged} == {Zone.NORMAL}
    assert encode_cold(after[KEY]) == encode_cold(monitored()[KEY])


def test_the_level_is_followed_and_what_some_bands_rose_by_is_not() -> None:
    after, judged = back(LOUDER_BY_19_PERCENT, risen=0.15)
    assert Note.REBASELINED_AFTER_STOP in notes(judged)
    old, new = after[KEY].cold.old_baseline, after[KEY].cold.baseline
    assert old is not None
    assert new is not None
    shift = new.location - old.location
    assert shift[0, : FEATURES.bands] == pytest.approx(LOUDER_BY_19_PERCENT, abs=0.02)
    assert shift[0, FEATURES.bands :] == pytest.approx(0.0)
    assert (new.scale == old.scale).all()


def test_stop_after_stop_cannot_lead_away_from_the_first_baseline() -> None:
    first = states = monitored()
    taken = []
    for step in range(1, 5):
        states, judged = back(step * 2 * np.log10(1.12), states=states)
        taken.append(Note.REBASELINED_AFTER_STOP in notes(judged))
        assert states[KEY].cold.old_baseline_id == first[KEY].cold.baseline_id
    assert taken == [True, True, False, False]


def test_after_a_command_it_is_the_commands_baseline_that_counts() -> None:
    states, _ = back(LOUDER_BY_19_PERCENT)
    states, _ = back(2 * LOUDER_BY_19_PERCENT, states={KEY: rebaseline(states[KEY])}, after=1)
    commanded = states[KEY].cold.baseline_id
    states, judged = back(3 * LOUDER_BY_19_PERCENT, states=states)
    assert notes(judged) == [Note.REBASELINED_AFTER_STOP]
    assert states[KEY].cold.old_baseline_id == commanded


def test_alerts_name_the_new_baseline_and_the_first() -> None:
    first = monitored()[KEY].cold.baseline_id
    states, _ = back(LOUDER_BY_19_PERCENT)
    _, judged = back(2.0, states=states, after=1)
    event = next(event for one in judged for event in one.events)
    assert (event.baseline, event.old_baseline) == (states[KEY].cold.baseline_id, first)


def test_a_bearing_that_comes_back_failing_is_found_and_not_learnt() -> None:
    after, judged = back(2.0)
    plain, expected = judge_all(
        detector(NEVER), [one.observation for one in judged], (), monitored()
    )
    assert [one.zone for one in judged] == [one.zone for one in expected]
    assert judged[-1].zone is Zone.ALARM
    assert after[KEY].cold.baseline_id == plain[KEY].cold.baseline_id
    successor = after[KEY].cold.successor
    assert successor is not None
    assert successor.learning.summary is None


RATES: Final = np.arange(3, 11) / 10_000
"""Decades of power a window."""


def slowly_failing() -> list[Observation]:
    """Return windows of runs of 100, long stops between, in which three bands rise all along.

    Of a machine for each rate, all of which rest on the same noise.
    """
    starts = [100 + run * (100 + EIGHT_HOURS) + k for run in range(20) for k in range(100)]
    early, late = running(0, 100), [running(start, 1)[0] for start in starts]
    rises = np.maximum(np.arange(-len(early), len(late)), 0)
    return [
        replace(one, key=SensorKey(f"pump {number}", "de"), log_bands=with_rise(one, rate * rise))
        for number, rate in enumerate(RATES)
        for one, rise in zip(early + late, rises, strict=True)
    ]


def with_rise(one: Observation, rise: float) -> NDArray[np.float32]:
    bands = one.log_bands.copy()
    bands[..., 3:6] += np.float32(rise)
    return bands


def first_alerts(judged: Sequence[Judgement]) -> list[int]:
    """Return at which of its windows each machine has its first alert."""
    found = []
    for number in range(len(RATES)):
        of_machine = [one for one in judged if one.observation.key.asset == f"pump {number}"]
        found.append(next(k for k, one in enumerate(of_machine) if one.zone is not Zone.NORMAL))
        assert len(of_machine) == 2_100
    return found


def test_slow_failures_through_many_stops_are_found_as_soon_as_without_the_rule() -> None:
    """Over several rates, not each: where the next stop falls moves single ones either way."""
    stream = slowly_failing()
    _, with_rule = judge_all(detector(QUICK), stream)
    _, without = judge_all(detector(NEVER), stream)
    later = np.subtract(first_alerts(with_rule), first_alerts(without))
    rebaselined = {
        one.observation.key for one in with_rule if Note.REBASELINED_AFTER_STOP in one.notes
    }
    assert len(rebaselined) == len(RATES)
    assert np.mean(later) <= 5
    assert max(later) <= 100  # the windows from one stop to the next


def test_windows_that_come_more_rarely_than_a_stop_is_long_say_nothing_of_it() -> None:
    policy = replace(QUICK, restarts=RestartPolicy(long_stop_s=30.0))
    rare = [observation(k, cadence_ns=60 * 10**9) for k in range(100)]
    states, judged = judge_all(detector(policy), rare)
    assert notes(judged) == [Note.COMMISSIONED]
    assert states[KEY].cold.successor is None


def test_what_a_second_long_stop_interrupts_is_completed_behind_it() -> None:
    """Of a machine that stands every night nothing would be complete else."""
    states, _ = back(0.1, count=LEARNT - 10)
    _, judged = back(0.1, states=states, count=LEARNT)
    assert [k for k, one in enumerate(judged) if one.notes] == [10 - 1]
    assert judged[9].notes == (Note.REBASELINED_AFTER_STOP,)


@settings(max_examples=15, deadline=None)
@given(sizes=st.lists(st.integers(1, 40), max_size=12))
def test_any_split_and_any_restart_between_gives_the_same_bytes(sizes: list[int]) -> None:
    stream = [*running(0, 60), *running(60 + EIGHT_HOURS, 60, 0.1)]
    whole, _ = judge_all(detector(QUICK), stream)
    states: States = {}
    for size in (*sizes, len(stream)):
        batch, stream = stream[:size], stream[size:]
        states, _ = judge_all(detector(QUICK), batch, (), states)
        states = {k: decode_state(encode_hot(s), encode_cold(s)) for k, s in states.items()}
    assert encode_hot(states[KEY]) == encode_hot(whole[KEY])
    assert encode_cold(states[KEY]) == encode_cold(whole[KEY])


def test_learning_after_a_stop_takes_no_more_room_than_commissioning_beside_what_is_known() -> None:
    of = bundle(features=FeatureSettings())
    judging = detector(of=of)
    stream = [observation(k, features=of.features) for k in range(120)]
    states, _ = judge_all(judging, stream)
    learnt = len(encode_cold(states[KEY]))
    for k in range(120, 219):
        one = observation(k + EIGHT_HOURS, features=of.features)
        states, _ = judging.judge(states, [one])
        assert len(encode_cold(states[KEY])) <= 8192 + learnt
    assert states[KEY].cold.successor is not None


def test_another_network_goes_on_with_what_was_learnt_so_far() -> None:
    other = detector(QUICK, of=bundle("fedcba9876543210"))
    states, _ = back(0.1, count=LEARNT - 10)
    begin = int((states[KEY].row["last_ns"] - observation(0).start_ns) // CADENCE_NS) + 1
    _, judged = judge_all(other, running(begin, 20, 0.1), (), states)
    assert notes(judged) == [Note.BUNDLE_CHANGED, Note.REBASELINED_AFTER_STOP]
    assert judged[9].notes == (Note.REBASELINED_AFTER_STOP,)


def test_a_bundle_that_learns_beside_is_not_disturbed_by_a_stop() -> None:
    new = bundle("fedcba9876543210", FeatureSettings())
    judging = detector(QUICK, of=new, previous=[bundle()])
    begin = 100 + EIGHT_HOURS
    stream = [
        replace(observation(k, features=new.features), former=observation(k))
        for k in range(begin, begin + LEARNT + 5)
    ]
    _, judged = judge_all(judging, stream, (), monitored())
    assert notes(judged) == [Note.LEARNING_BESIDE, Note.HANDED_OVER]


def test_a_simulated_rig_that_comes_back_louder_is_followed_by_the_shipped_bundle() -> None:
    shipped = load_bundle(None)
    spec = healthy_fleet(1, sensors=1, windows=450, cadence_s=600.0, year=CALM)
    louder = Stop(at=200, length=60, level=1.19)
    machines = (
        replace(one, events=(louder,), sensors=(replace(one.sensors[0], events=()),))
        for one in spec.machines
    )
    spec = replace(spec, machines=tuple(machines))
    fleet = FeatureFleet(spec, shipped.features)
    judging = Detector(shipped, open_engine(shipped))
    states: States = {}
    judged: list[Judgement] = []
    for number in range(fleet.blocks):
        batch = [one for key in fleet.keys for one in fleet.block(key, number)]
        new, found = judging.judge(states, batch)
        states, judged = {**states, **new}, judged + found
    assert {one.zone for one in judged} == {Zone.NORMAL}
    assert notes(judged).count(Note.REBASELINED_AFTER_STOP) == 1
    for state in states.values():
        old, now = state.cold.old_baseline, state.cold.baseline
        assert old is not None
        assert now is not None
        assert now.rms / old.rms == pytest.approx(1.19, rel=0.1)


def test_after_another_signal_the_baseline_that_others_came_from_returns() -> None:
    origin = monitored()[KEY].cold.baseline_id
    relearnt, _ = back(LOUDER_BY_19_PERCENT)
    assert relearnt[KEY].cold.baseline_id != origin
    other = [
        replace(one, axes=("other",))
        for one in running(int(relearnt[KEY].row["index"]) + EIGHT_HOURS, 12)
    ]
    begin = EIGHT_HOURS + int(relearnt[KEY].row["index"]) + 12
    stream = [*other, *running(begin, 20, LOUDER_BY_19_PERCENT)]
    after, judged = judge_all(detector(QUICK), stream, (), relearnt)
    assert Note.RESUMED in notes(judged)
    assert after[KEY].cold.baseline_id == origin
    assert {one.zone for one in judged} == {Zone.NORMAL}


def test_a_baseline_learnt_behind_a_stop_was_not_compared_with_peers() -> None:
    before = {KEY: with_row(monitored()[KEY], flags=COMMISSIONED | COMPARED | STANDS_OUT)}
    after, judged = back(states=before)
    assert notes(judged) == [Note.REBASELINED_AFTER_STOP]
    assert after[KEY].flags == COMMISSIONED | RELEARNT
