"""What commands make of states, and of the alerts that are open on them."""

from __future__ import annotations

import pytest

from models.alerts import Transition, Zone
from models.commanding import follow, rebaseline
from models.detector import Status, Verdict
from models.policy import Limits
from models.state import SensorState, with_row
from pipelines.commands import Kind
from pipelines.features import Observation
from pipelines.window import SensorKey
from tests.plant.commands import command
from tests.unit.models.fleet import (
    KEY,
    NEIGHBOUR,
    QUICK,
    commissioned,
    detector,
    judge_all,
    observation,
    stored,
)

BOTH = (NEIGHBOUR, KEY)
BOUND = QUICK.gates.standing_windows


def alarmed() -> dict[SensorKey, SensorState]:
    """Return a pump of which both sensors alarm, the drive end first."""
    stream = [observation(k, key=key) for k in range(60) for key in BOTH]
    for k in range(60, 90):
        stream.append(observation(k, key=KEY, louder=2.0))
        stream.append(observation(k, key=NEIGHBOUR, louder=1.5 if k > 70 else 0.0))
    states, judged = judge_all(detector(QUICK), stream)
    assert judged[-1].zone is not Zone.NORMAL
    return states


@pytest.mark.parametrize("kind", Kind)
def test_open_alerts_are_closed_by_events_that_say_why(kind: Kind) -> None:
    states = alarmed()
    before = stored(states)
    outcome = follow(command(kind), states, BOTH)
    first, second = outcome.events
    assert [event.sensor for event in (first, second)] == ["drive-end", "free-end"]
    assert (first.transition, first.zone) == (Transition.CLEARED, Zone.NORMAL)
    assert first.id == states[KEY].row["alert"].decode()
    assert first.first_exceedance_ns == states[KEY].row["alert_first_ns"]
    assert first.time_ns == states[KEY].row["last_ns"] + 1
    assert first.baseline == states[KEY].cold.baseline_id
    assert first.link == "primary"
    assert f"command {kind} of ann@desk: new bearing" in first.text
    assert stored(states) == before


def test_a_sensor_alone_is_changed_and_its_alert_follows_its_neighbours() -> None:
    states = alarmed()
    outcome = follow(command(Kind.FORGET, sensor=NEIGHBOUR.sensor), states, [NEIGHBOUR])
    assert outcome.states == {NEIGHBOUR: None}
    (event,) = outcome.events
    assert event.link == f"follows {states[KEY].row['alert'].decode()}"


def test_the_order_of_the_sensors_does_not_matter() -> None:
    states = alarmed()
    one = follow(command(Kind.REBASELINE), states, BOTH)
    other = follow(command(Kind.REBASELINE), dict(reversed(states.items())), BOTH[::-1])
    assert one == other


def test_rebaselining_ends_an_alarm_and_learns_what_is_healthy_now() -> None:
    states = alarmed()
    outcome = follow(command(Kind.REBASELINE), states, BOTH)
    known = {key: state for key, state in outcome.states.items() if state is not None}
    stream = [observation(100 + k, louder=2.0) for k in range(60)]
    after, judged = judge_all(detector(QUICK), stream, states=known)
    assert {one.status for one in judged[:29]} == {Status.REBASELINING}
    assert {one.zone for one in judged} == {Zone.NORMAL}
    assert judged[29].notes[0] == "commissioned"
    assert judged[-1].verdict is Verdict.SCORED
    assert after[KEY].cold.old_baseline_id == states[KEY].cold.baseline_id


def test_alerts_name_the_baseline_in_force_and_the_one_before() -> None:
    judging, states = commissioned()
    known = follow(command(Kind.REBASELINE), states, [KEY]).states
    stream = [observation(60 + k, louder=0.0 if k < 40 else 2.0) for k in range(50)]
    after, judged = judge_all(judging, stream, states={KEY: known[KEY]})  # type: ignore[dict-item]
    event = next(event for one in judged for event in one.events)
    assert event.baseline == after[KEY].cold.baseline_id
    assert event.old_baseline == states[KEY].cold.baseline_id != event.baseline


def test_absolute_limits_protect_while_a_new_baseline_is_learnt() -> None:
    limits = Limits(unit="g", rms_warning=2.0)
    _, states = commissioned()
    known = follow(command(Kind.REBASELINE), states, [KEY]).states
    stream = [observation(60 + k, louder=2.0) for k in range(5)]
    judging = detector(QUICK, limits=lambda _key: limits)
    _, judged = judge_all(judging, stream, states={KEY: known[KEY]})  # type: ignore[dict-item]
    assert judged[-1].zone is Zone.WARNING
    event = next(event for one in judged for event in one.events)
    assert (event.baseline, event.old_baseline) == ("", states[KEY].cold.baseline_id)


def test_following_twice_is_following_once() -> None:
    _, states = commissioned()
    once = follow(command(Kind.REBASELINE), states, [KEY]).states
    twice = follow(command(Kind.REBASELINE), {KEY: once[KEY]}, [KEY]).states  # type: ignore[dict-item]
    assert twice == once


def test_a_sensor_that_was_never_commissioned_goes_on_being_so() -> None:
    judging = detector(QUICK)
    states, _ = judge_all(judging, [observation(k) for k in range(10)])
    known = follow(command(Kind.REBASELINE), states, [KEY]).states
    _, judged = judge_all(judging, [observation(10)], states={KEY: known[KEY]})  # type: ignore[dict-item]
    assert judged[0].status is Status.COMMISSIONING


TURNING, LOUD, SILENT = 1500.0, 0.0, -1.5


def stream(count: int, start: int, *, rpm: float, louder: float = LOUD) -> list[Observation]:
    return [observation(k, rpm=rpm, louder=louder) for k in range(start, start + count)]


def rebaselined() -> dict[SensorKey, SensorState]:
    """Return a sensor whose machine ran at a known speed, right behind the command."""
    states, _ = judge_all(detector(QUICK), stream(60, 0, rpm=TURNING))
    (state,) = follow(command(Kind.REBASELINE), states, [KEY]).states.values()
    assert state is not None
    return {KEY: state}


def test_a_tachometer_that_dies_keeps_no_running_machine_unjudged_after_a_command() -> None:
    dead = stream(BOUND + 40, 60, rpm=0.0)
    states, judged = judge_all(detector(QUICK), dead, states=rebaselined())
    assert [one.verdict for one in judged[:BOUND]] == [Verdict.STOPPED] * BOUND
    assert judged[-1].verdict is Verdict.SCORED
    assert states[KEY].commissioned


def test_a_tachometer_that_dies_keeps_no_running_machine_from_its_first_baseline() -> None:
    life = stream(10, 0, rpm=TURNING) + stream(BOUND + 40, 10, rpm=0.0)
    _, judged = judge_all(detector(QUICK), life)
    assert judged[-1].verdict is Verdict.SCORED


def test_a_machine_that_stands_after_a_command_is_not_learnt_by_its_silence() -> None:
    still = stream(BOUND + 200, 60, rpm=0.0, louder=SILENT)
    states, judged = judge_all(detector(QUICK), still, states=rebaselined())
    assert {one.verdict for one in judged} == {Verdict.STOPPED}
    _, judged = judge_all(detector(QUICK), stream(31, 900, rpm=TURNING), states=states)
    assert [one.verdict for one in judged] == [Verdict.LEARNT] * 30 + [Verdict.SCORED]


def test_a_machine_that_ran_and_stands_is_not_commissioned_by_its_silence() -> None:
    life = stream(10, 0, rpm=TURNING) + stream(BOUND + 200, 10, rpm=0.0, louder=SILENT)
    _, judged = judge_all(detector(QUICK), life)
    assert {one.verdict for one in judged[10:]} == {Verdict.STOPPED}


def test_another_speed_after_the_command_is_the_usual_one_at_once() -> None:
    states, judged = judge_all(detector(QUICK), stream(40, 60, rpm=900.0), states=rebaselined())
    assert states[KEY].row["rpm"] == 900.0
    assert judged[-1].verdict is Verdict.SCORED


@pytest.mark.parametrize("field", ["level_count", "level_mean", "held", "odd", "rpm", "stood"])
def test_nothing_of_gates_and_levels_is_left_by_a_new_baseline(field: str) -> None:
    (state,) = rebaselined().values()
    assert rebaseline(with_row(state, **{field: 3})).row[field] == 0


def test_an_alert_behind_one_that_was_closed_by_the_same_command_is_the_first_then() -> None:
    outcome = follow(command(Kind.REBASELINE), alarmed(), BOTH)
    first, second = outcome.events
    assert (first.link, second.link) == ("primary", "primary")
