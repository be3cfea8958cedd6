"""Zones: confirmation, one step at a time, hysteresis on the way down."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models import zones
from models.alerts import Zone
from models.policy import ConfirmationPolicy
from models.state import HOT
from tests.unit.models.fleet import QUICK, detector, judge_all, observation

POLICY = ConfirmationPolicy(needed=3, among=4, minimum_s=0.0, clear_windows=5)
SECOND_NS = 10**9
NONE = np.zeros(1, np.bool_)
CALM = zones.Exceedances(NONE, NONE, NONE, NONE, NONE, NONE, NONE, ~NONE, NONE)
OVER = replace(CALM, adaptive=~NONE, calm=NONE)
SEVERE = replace(OVER, severe=~NONE)
BETWEEN = replace(CALM, calm=NONE)
PARTIAL = replace(CALM, calm=NONE, partial=~NONE)
KINDS = {".": CALM, "x": OVER, "X": SEVERE, "-": BETWEEN, "p": PARTIAL}
LETTERS = ".RELC"


def run(pattern: str, policy: ConfirmationPolicy = POLICY) -> str:
    """Return what happened at each window: R(aised), E(scalated), L(owered), C(leared)."""
    rows = np.zeros(1, HOT)
    return "".join(
        LETTERS[int(zones.step(rows, np.array([(k + 1) * SECOND_NS]), KINDS[kind], policy)[0])]
        for k, kind in enumerate(pattern)
    )


@pytest.mark.parametrize(
    ("pattern", "outcome"),
    [
        ("xx.......", "........."),
        ("xxx", "..R"),
        ("x.xx", "...R"),
        ("x..xx..", "......."),
        ("XXXX", "..RE"),
        ("xxxXXX", "..R..E"),
        ("xxx.....", "..R....C"),
        ("xxx...-.....", "..R........C"),
        ("xxx....x.....", "..R.........C"),
        ("XXXX..........", "..RE....LC...."),
        ("XXXXpppppppppppp", "..RE............"),
        ("xpxpx", "....R"),
        ("xxx...p..", "..R.....C"),
        ("xxxpppppppppppp", "..R............"),
    ],
)
def test_zone_moves(pattern: str, outcome: str) -> None:
    assert run(pattern) == outcome


def test_a_warning_that_becomes_severe_while_calm_is_an_alarm_and_not_cleared() -> None:
    rows = np.zeros(1, HOT)
    rows["zone"], rows["calm"], rows["severe_bits"] = zones.WARNING, POLICY.clear_windows, 0b11
    severe = replace(CALM, severe=~NONE)
    assert zones.step(rows, np.array([SECOND_NS]), severe, POLICY)[0] == zones.ESCALATED
    assert rows["zone"][0] == zones.ALARM


def test_confirmation_waits_for_the_minimum_time() -> None:
    assert run("xxxxxxxx", replace(POLICY, minimum_s=5.0)) == ".....R.."


def test_one_chart_confirms_and_two_halves_do_not() -> None:
    rows = np.zeros(1, HOT)
    line = replace(CALM, line=~NONE, calm=NONE)
    pattern = [OVER, line, OVER, line]
    moves = [zones.step(rows, np.array([k + 1]), one, POLICY)[0] for k, one in enumerate(pattern)]
    assert moves == [zones.STAY] * 4


def test_the_first_exceedance_is_that_of_the_present_run() -> None:
    rows = np.zeros(1, HOT)
    for k, kind in enumerate("x......xx"):
        zones.step(rows, np.array([(k + 1) * SECOND_NS]), KINDS[kind], POLICY)
    assert rows["first_ns"][0] == 8 * SECOND_NS


def test_a_sensor_that_sends_rarely_needs_more_windows() -> None:
    rows = np.zeros(1, HOT)
    rows["cadence_s"] = POLICY.slow_cadence_s
    moves = [zones.step(rows, np.array([k + 1]), OVER, POLICY)[0] for k in range(6)]
    assert moves.index(zones.RAISED) == POLICY.needed + POLICY.slow_windows - 1


def test_a_limit_on_the_level_needs_no_more_windows_where_they_come_rarely() -> None:
    rows = np.zeros(1, HOT)
    rows["cadence_s"] = POLICY.slow_cadence_s
    limited = replace(CALM, limit=~NONE, severe=~NONE, calm=NONE)
    moves = [zones.step(rows, np.array([k + 1]), limited, POLICY)[0] for k in range(4)]
    assert moves == [zones.STAY, zones.STAY, zones.RAISED, zones.ESCALATED]


def test_what_is_far_over_a_limit_needs_no_more_windows_where_they_come_rarely() -> None:
    rows = np.zeros(1, HOT)
    rows["cadence_s"] = POLICY.slow_cadence_s
    far = replace(OVER, far=~NONE)
    moves = [
        zones.step(rows, np.array([k + 1]), one, POLICY)[0]
        for k, one in enumerate((far, OVER, far, far))
    ]
    assert moves == [zones.STAY, zones.STAY, zones.STAY, zones.RAISED]


def test_where_windows_come_often_it_takes_one_chart_however_far_others_are_over_theirs() -> None:
    rows = np.zeros(1, HOT)
    rows["cadence_s"] = 10.0
    line, high = (replace(CALM, far=~NONE, calm=NONE, **{name: ~NONE}) for name in ("line", "high"))
    moves = [
        zones.step(rows, np.array([k + 1]), one, POLICY)[0]
        for k, one in enumerate([line, high, line, high, line, high])
    ]
    assert moves == [zones.STAY] * 6


@pytest.mark.parametrize(("before_s", "after_s"), [(10.0, 600.0), (600.0, 10.0)])
def test_what_is_far_over_a_limit_counts_by_the_cadence_of_now(
    before_s: float, after_s: float
) -> None:
    rows = np.zeros(1, HOT)
    far = replace(CALM, anchored=~NONE, far=~NONE, calm=NONE)
    other = replace(CALM, line=~NONE, far=~NONE, calm=NONE)
    moves = []
    for k, (cadence_s, one) in enumerate([(before_s, far), (before_s, other), (after_s, far)]):
        rows["cadence_s"] = cadence_s
        moves.append(zones.step(rows, np.array([k + 1]), one, POLICY)[0])
    slow = after_s >= POLICY.slow_cadence_s
    assert moves == [zones.STAY, zones.STAY, zones.RAISED if slow else zones.STAY]


@pytest.mark.parametrize(
    ("cadence_s", "louder", "windows"),
    [(3600, 0.45, 3), (3600, 0.27, 5), (10, 0.45, 3), (10, 0.27, 3)],
)
def test_how_many_windows_a_fault_takes_follows_from_cadence_and_size(
    cadence_s: int, louder: float, windows: int
) -> None:
    judging, cadence_ns = detector(QUICK), cadence_s * SECOND_NS
    states, _ = judge_all(judging, [observation(k, cadence_ns=cadence_ns) for k in range(250)])
    faulty = [observation(250 + k, cadence_ns=cadence_ns, louder=louder) for k in range(6)]
    _, judged = judge_all(judging, faulty, states=states)
    zones_of = [one.zone for one in judged]
    assert zones_of.index(Zone.WARNING) == windows - 1


def test_what_confirmed_nothing_is_forgotten_and_what_is_open_stays() -> None:
    rows = np.zeros(2, HOT)
    both = np.zeros(2, np.bool_)
    severe = zones.Exceedances(both, ~both, both, both, ~both, both, ~both, both, both)
    for k in range(2):
        zones.step(rows, np.full(2, (k + 1) * SECOND_NS), severe, POLICY)
    rows["zone"][1] = zones.WARNING
    zones.forget(rows, ~both, POLICY)
    assert rows["severe_bits"].tolist() == [0, 0]
    assert rows["adaptive_bits"].tolist() == rows["far_bits"].tolist() == [0, 0b11]
    assert rows["first_ns"].tolist() == [0, SECOND_NS]


@pytest.mark.parametrize(("cadence_s", "kept"), [(10.0, 0), (POLICY.slow_cadence_s, 0b11)])
def test_what_left_a_machine_that_sends_rarely_over_a_limit_on_the_level_is_remembered(
    cadence_s: float, kept: int
) -> None:
    rows = np.zeros(1, HOT)
    rows["cadence_s"] = cadence_s
    limited = replace(CALM, adaptive=~NONE, limit=~NONE, severe=~NONE, calm=NONE)
    for k in range(2):
        zones.step(rows, np.array([(k + 1) * SECOND_NS]), limited, POLICY)
    zones.forget(rows, ~NONE, POLICY)
    found = [int(rows[name][0]) for name in ("limit_bits", "severe_bits", "adaptive_bits")]
    assert found == [kept, kept, 0]
    assert rows["first_ns"][0] == (SECOND_NS if kept else 0)


def test_a_window_that_is_passed_over_moves_no_zone() -> None:
    rows = np.zeros(1, HOT)
    policy = replace(POLICY, minimum_s=6.0)
    over = replace(CALM, limit=~NONE, severe=~NONE, calm=NONE)
    for k in range(3):
        assert zones.step(rows, np.array([k + 1]), over, policy)[0] == zones.STAY
    passed = replace(CALM, partial=~NONE, calm=NONE)
    assert zones.step(rows, np.array([10 * SECOND_NS]), passed, policy)[0] == zones.STAY
    assert zones.step(rows, np.array([11 * SECOND_NS]), over, policy)[0] == zones.RAISED
