"""The demo's bookkeeping: truth against alerts, what is shown."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO

import msgspec
import pytest
from rich.console import Console
from rich.text import Text

from daemon.demo.board import Board, sparkline, worst
from daemon.demo.fleet import Plan, draw, passing
from daemon.demo.live import TREND, WIDEST, LiveView
from daemon.demo.outcome import compare, time_ns
from daemon.demo.plain import PlainView
from daemon.demo.show import closing, scene
from daemon.demo.wording import span, told
from models.alerts import AlertEvent, Transition, Zone
from models.judgement import Status
from models.linking import PRIMARY
from pipelines.simulator import Fleet
from tests.unit.daemon.loop_bench import StubClock, alert, judgement, observation, window

PLAN = Plan(machines=3, sensors=2, degrading=1, rounds=100, window_s=0.1, show_s=10.0)


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return draw(1, PLAN)


def event(
    fleet: Fleet,
    index: int,
    *,
    asset: str | None = None,
    sensor: str | None = None,
    transition: Transition = Transition.RAISED,
    zone: Zone = Zone.WARNING,
    link: str = PRIMARY,
) -> AlertEvent:
    truth = fleet.truth[0]
    return msgspec.structs.replace(
        alert(observation(window(0)), index),
        asset=asset or truth.key.asset,
        sensor=sensor or truth.key.sensor,
        transition=transition,
        zone=zone,
        link=link,
        time_ns=time_ns(fleet.spec, index),
    )


def neighbour(fleet: Fleet) -> str:
    own = fleet.truth[0].key
    return next(k.sensor for k in fleet.keys if k.asset == own.asset and k != own)


def stranger(fleet: Fleet) -> str:
    return next(key.asset for key in fleet.keys if key.asset != fleet.truth[0].key.asset)


def test_an_alert_between_damage_and_failure_is_a_flag(fleet: Fleet) -> None:
    truth = fleet.truth[0]
    raised = event(fleet, truth.onset + 1)
    up = event(fleet, truth.failure - 1, transition=Transition.ESCALATED, zone=Zone.ALARM)
    outcome = compare(fleet.spec, fleet.truth, [raised, up])
    (flagged,) = outcome.flagged
    assert flagged.warned == raised
    assert flagged.alarmed == up
    assert flagged.lead_s == pytest.approx((truth.failure - truth.onset - 1) * 600.0)
    assert outcome.false == ()
    assert outcome.missed == ()


def test_an_alert_after_failure_is_a_miss(fleet: Fleet) -> None:
    outcome = compare(fleet.spec, fleet.truth, [event(fleet, fleet.truth[0].failure)])
    assert len(outcome.missed) == 1


def test_an_alert_before_damage_is_false_and_no_flag(fleet: Fleet) -> None:
    outcome = compare(fleet.spec, fleet.truth, [event(fleet, fleet.truth[0].onset - 1)])
    assert len(outcome.missed) == 1
    assert len(outcome.false) == 1


def test_a_neighbour_after_damage_is_an_echo(fleet: Fleet) -> None:
    after, sensor = fleet.truth[0].onset + 1, neighbour(fleet)
    told_of = event(fleet, after, sensor=sensor, link="follows 0123456789abcdef")
    outcome = compare(fleet.spec, fleet.truth, [told_of])
    assert outcome.echoes == (told_of,)
    assert outcome.false == ()


def test_a_neighbour_that_the_failing_bearing_follows_is_an_echo(fleet: Fleet) -> None:
    onset = fleet.truth[0].onset
    first = event(fleet, onset + 1, sensor=neighbour(fleet))
    own = event(fleet, onset + 2, link=f"follows {first.id}")
    outcome = compare(fleet.spec, fleet.truth, [first, own])
    assert outcome.echoes == (first,)
    assert outcome.flagged[0].warned == own


def test_a_neighbour_that_is_linked_to_nobody_is_false(fleet: Fleet) -> None:
    told_of = event(fleet, fleet.truth[0].onset + 1, sensor=neighbour(fleet))
    assert compare(fleet.spec, fleet.truth, [told_of]).false == (told_of,)


def test_an_alert_on_a_healthy_machine_is_false(fleet: Fleet) -> None:
    told_of = event(fleet, 50, asset=stranger(fleet))
    assert compare(fleet.spec, fleet.truth, [told_of]).false == (told_of,)


def test_the_closing_says_what_was_missed_and_what_was_false(fleet: Fleet) -> None:
    outcome = compare(fleet.spec, fleet.truth, [event(fleet, 50, asset=stranger(fleet))])
    text = "\n".join(closing(outcome, fleet.spec))
    assert "MISSED" in text
    assert "false alert: " in text
    assert "0 of 1 failing bearings flagged before failure; 1 false alerts on 6 sensors" in text


@pytest.mark.parametrize(
    ("windows", "said"),
    [
        (6, "1 of 1 failing bearings flagged before failure; "),
        (5, "1 of 1 failing bearings flagged before failure, 1 of them in its last hour; "),
    ],
)
def test_the_closing_counts_late_flags_apart(fleet: Fleet, windows: int, said: str) -> None:
    told_of = event(fleet, fleet.truth[0].failure - windows)
    outcome = compare(fleet.spec, fleet.truth, [told_of])
    assert said in "\n".join(closing(outcome, fleet.spec))


@pytest.mark.parametrize(
    ("zones", "said"),
    [
        ([Zone.WARNING], ", 3.0 h before failure; no alarm"),
        ([Zone.WARNING, Zone.ALARM], ", 3.0 h before failure; alarm 2.8 h before"),
        ([Zone.ALARM], ", 3.0 h before failure"),
    ],
)
def test_the_closing_says_what_was_said_when(fleet: Fleet, zones: list[Zone], said: str) -> None:
    first = fleet.truth[0].failure - 18
    kinds = [Transition.RAISED, Transition.ESCALATED]
    events = [
        event(fleet, first + step, zone=zone, transition=kinds[step])
        for step, zone in enumerate(zones)
    ]
    text = "\n".join(closing(compare(fleet.spec, fleet.truth, events), fleet.spec))
    assert f"{zones[0]} " in text
    assert any(line.endswith(said) and len(line) < 80 for line in text.splitlines())


def drawn(fleet: Fleet, board: Board, width: int) -> list[str]:
    console = Console(width=width, height=24, file=StringIO(), force_terminal=True)
    with console.capture() as captured:
        console.print(LiveView(console, board, scene(fleet, PLAN)).draw())
    return Text.from_ansi(captured.get()).plain.splitlines()


def at_index(fleet: Fleet, index: int, zone: Zone, status: Status) -> Board:
    truth, board = fleet.truth[0], Board()
    seen = replace(observation(window(0, *truth.key)), start_ns=time_ns(fleet.spec, index))
    board.add([msgspec.structs.replace(judgement(seen, 1), zone=zone, status=status)])
    return board


@pytest.mark.parametrize("width", [80, 120])
def test_the_view_fits_the_terminal_and_keeps_its_size(fleet: Fleet, width: int) -> None:
    busy = at_index(fleet, 99, Zone.ALARM, Status.MONITORING)
    busy.events = [event(fleet, 50)] * 20
    for board in (Board(), busy):
        lines = drawn(fleet, board, width)
        assert {len(line) for line in lines} == {min(width, WIDEST)}
        assert len(lines) < 24
        text = "\n".join(lines)
        assert "3 machines, 6 sensors, 0.7 days, seed 1" in text
        assert TREND in text


@pytest.mark.parametrize(
    ("status", "zone", "past", "said"),
    [
        (Status.STOPPED, Zone.ALARM, 1, "alarm→failed"),
        (Status.STOPPED, Zone.NORMAL, 1, " failed"),
        (Status.STOPPED, Zone.NORMAL, -1, "stopped"),
        (Status.MONITORING, Zone.WARNING, -1, "warning"),
        (Status.COMMISSIONING, Zone.NORMAL, -1, "learning 1"),
    ],
)
def test_a_machine_past_its_failure_is_no_harmless_stop(
    fleet: Fleet, status: Status, zone: Zone, past: int, said: str
) -> None:
    truth = fleet.truth[0]
    lines = drawn(fleet, at_index(fleet, truth.failure + past, zone, status), 80)
    (row,) = [line for line in lines if truth.key.asset in line]
    assert said in row


def test_rounds_are_spread_over_the_time_to_show(fleet: Fleet) -> None:
    clock = StubClock()
    shown = list(passing(fleet, replace(PLAN, rounds=5), clock.monotonic, clock.sleep))
    assert len(shown) == 5 * len(fleet.keys)
    assert sum(clock.slept) == pytest.approx(8.0)


def test_the_board_keeps_the_worst_sensor_in_sight() -> None:
    board = Board(every=1)
    calm = judgement(observation(window(0, sensor="de")), 2)
    seen = judgement(observation(window(0, sensor="nde")), 1)
    loud = msgspec.structs.replace(seen, zone=Zone.ALARM)
    board.add([calm, loud])
    assert worst(board.machines["pump"]).name == "nde"
    assert board.windows == 2


def test_a_bar_holds_the_largest_of_its_ratios() -> None:
    board = Board(every=4)
    for index in (1, 9, 2):
        board.add([judgement(observation(window(index)), index)])
    assert list(board.machines["pump"]["de"].ratios) == [9.0]


def test_sparklines_grow_with_the_ratio() -> None:
    assert sparkline([0.0, 0.1, 1.0, 10.0, 1e9]) == "▁▁▅██"


def test_plain_lines_tell_alerts_at_once_and_progress_seldom() -> None:
    clock, lines = StubClock(), list[str]()
    board = Board()
    view = PlainView(lines.append, board, 10, "title", clock.monotonic)
    with view:
        view.show(board.add([judgement(observation(window(0, level=9)), 0)]))
        view.show([])
        clock.now += 6.0
        view.show([])
    assert [line.split("  ")[-1] for line in lines] == [
        "title",
        "loss 2, limit 1",
        "1 of 10 windows judged",
        "1 of 10 windows judged",
    ]


@pytest.mark.parametrize(("seconds", "text"), [(3600, "1.0 h"), (172_800, "2.0 days")])
def test_spans_are_in_the_unit_one_would_say(seconds: float, text: str) -> None:
    assert span(seconds) == text


def test_every_transition_has_words() -> None:
    base = alert(observation(window(0)), 0)
    lines = {told(msgspec.structs.replace(base, transition=each)) for each in Transition}
    assert len(lines) == len(Transition)
