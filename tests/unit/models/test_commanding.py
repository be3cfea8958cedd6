"""What commands make of states, and of the alerts that are open on them."""

from __future__ import annotations

import pytest

from models.alerts import Transition, Zone
from models.commanding import follow
from models.detector import Status, Verdict
from models.policy import Limits
from models.state import SensorState
from pipelines.commands import Kind
from pipelines.window import SensorKey
from tests.plant.commands import command
from tests.unit.models.fleet import KEY, detector, judge_all, observation
from tests.unit.models.test_detector import NEIGHBOUR, QUICK, commissioned, stored

BOTH = (NEIGHBOUR, KEY)


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
