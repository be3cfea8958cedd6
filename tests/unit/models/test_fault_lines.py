"""Fault lines that become known after a sensor was commissioned."""

from __future__ import annotations

import numpy as np
import pytest

from models.commanding import rebaseline
from models.detector import Judgement
from models.judgement import Note
from models.state import (
    COMMISSIONED,
    FOR_LINES,
    LINES_ASKED,
    PROVISIONAL,
    REBASELINING,
    RELEARNING,
    SUSPICIOUS,
)
from pipelines.features import Observation
from pipelines.normalise import LINES
from tests.unit.models.fleet import (
    KEY,
    QUICK,
    commissioned,
    comparable,
    detector,
    healthy,
    judge_all,
    observation,
    stored,
)

QUIET = (0.1, 0.2, 0.15, 0.1)
RISEN = (1.2, 0.2, 0.15, 0.1)
NAN = float("nan")
LEARNT = 30
"""Windows that make a baseline in `QUICK`."""


def knowing(
    first: int, count: int, lines: tuple[float, ...] = QUIET, louder: float = 0.0
) -> list[Observation]:
    """Return windows of a sensor whose bearing and speed are known."""
    return [observation(first + k, lines=lines, louder=louder) for k in range(count)]


def told(judged: list[Judgement]) -> list[tuple[int, Note]]:
    return [(k, note) for k, one in enumerate(judged) for note in one.notes]


def test_lines_that_become_known_are_learnt_beside_and_charted_from_then_on() -> None:
    _, before = commissioned()
    states, judged = judge_all(detector(QUICK), knowing(60, 40), (), before)
    assert told(judged) == [(LEARNT - 1, Note.LINES_LEARNT)]
    old, new = before[KEY].cold.baseline, states[KEY].cold.baseline
    assert old is not None
    assert new is not None
    assert new.line_location is not None
    assert new.line_location[0] == pytest.approx(QUIET, abs=0.03)
    np.testing.assert_array_equal(new.centre[:, :-LINES], old.centre[:, :-LINES])
    np.testing.assert_array_equal(new.spread[:, :-LINES], old.spread[:, :-LINES])
    assert states[KEY].cold.successor is None
    _, judged = judge_all(detector(QUICK), knowing(100, 4, RISEN), (), states)
    (event,) = (event for one in judged for event in one.events)
    assert "outer race (BPFO) line has risen" in event.text
    assert event.baseline == new.id


def test_what_is_judged_otherwise_does_not_change() -> None:
    stream = knowing(60, 60) + [observation(120 + k, louder=1.0) for k in range(6)]
    unknown = [observation(60 + k) for k in range(60)] + stream[60:]
    _, before = commissioned()
    _, with_lines = judge_all(detector(QUICK), stream, (), before)
    _, without = judge_all(detector(QUICK), unknown, (), before)
    assert [(a.loss, a.anchored, a.adaptive, a.zone) for a in with_lines] == [
        (b.loss, b.anchored, b.adaptive, b.zone) for b in without
    ]


def test_nothing_is_learnt_of_a_sensor_whose_alert_is_open() -> None:
    before, _ = judge_all(
        detector(QUICK), [observation(60 + k, louder=1.0) for k in range(6)], (), commissioned()[1]
    )
    states, judged = judge_all(detector(QUICK), knowing(66, 60, louder=1.0), (), before)
    assert told(judged) == []
    baseline = states[KEY].cold.baseline
    assert baseline is not None
    assert baseline.line_location is None


def test_a_line_that_stands_out_when_it_becomes_known_puts_the_baseline_in_doubt() -> None:
    states, judged = judge_all(detector(QUICK), knowing(60, 40, RISEN), (), commissioned()[1])
    assert [note for _, note in told(judged)] == [
        Note.LINES_LEARNT,
        Note.COMMISSIONED_WITH_SUSPICION,
    ]
    assert states[KEY].flags & SUSPICIOUS


def test_a_speed_that_is_not_known_yet_asks_for_nothing() -> None:
    states, judged = judge_all(
        detector(QUICK), knowing(60, 60, (NAN, NAN, NAN, NAN)), (), commissioned()[1]
    )
    assert told(judged) == []
    assert not states[KEY].flags & LINES_ASKED
    assert states[KEY].cold.successor is None


def test_lines_that_are_known_already_are_not_learnt_again() -> None:
    states, judged = judge_all(detector(QUICK), knowing(0, 120))
    assert told(judged) == [(LEARNT - 1, Note.COMMISSIONED)]
    assert states[KEY].flags == COMMISSIONED | LINES_ASKED
    assert states[KEY].cold.successor is None


def test_a_provisional_baseline_is_refined_and_no_lines_are_learnt_beside_it() -> None:
    drifting = [observation(k, louder=0.02 * k) for k in range(2 * LEARNT)]
    states, judged = judge_all(detector(QUICK), drifting)
    assert told(judged) == [(2 * LEARNT - 1, Note.COMMISSIONED_PROVISIONALLY)]
    states, _ = judge_all(detector(QUICK), knowing(2 * LEARNT, 1, louder=0.6), (), states)
    assert states[KEY].cold.summary is not None
    assert states[KEY].flags & PROVISIONAL
    assert states[KEY].cold.successor is None
    assert not states[KEY].flags & (LINES_ASKED | FOR_LINES)


def test_a_new_baseline_is_asked_anew() -> None:
    states, _ = judge_all(detector(QUICK), knowing(60, 40), (), commissioned()[1])
    again = {KEY: rebaseline(states[KEY])}
    states, judged = judge_all(detector(QUICK), healthy(40, start=100), (), again)
    assert told(judged) == [(LEARNT - 1, Note.COMMISSIONED)]
    states, _ = judge_all(detector(QUICK), knowing(140, 10), (), states)
    flags = int(states[KEY].row["flags"])
    assert int(rebaseline(states[KEY]).row["flags"]) == REBASELINING
    assert flags == COMMISSIONED | RELEARNING | FOR_LINES | LINES_ASKED
    old = states[KEY].cold.old_baseline_id
    states, judged = judge_all(detector(QUICK), knowing(150, 40), (), states)
    assert told(judged) == [(LEARNT - 11, Note.LINES_LEARNT)]
    assert states[KEY].cold.old_baseline_id == old


def test_a_baseline_that_was_laid_aside_by_a_command_stays_as_it_was() -> None:
    again = {KEY: rebaseline(commissioned()[1][KEY])}
    states, _ = judge_all(detector(QUICK), healthy(40, start=60), (), again)
    laid_aside = states[KEY].cold.old_baseline
    states, judged = judge_all(detector(QUICK), knowing(100, 40), (), states)
    assert told(judged) == [(LEARNT - 1, Note.LINES_LEARNT)]
    assert states[KEY].cold.old_baseline is laid_aside


PAUSE = 8 * 360
"""Windows of 10 s in a long stop."""


def test_a_long_stop_while_lines_are_learnt_begins_what_it_always_begins() -> None:
    states, judged = judge_all(detector(QUICK), knowing(60, 20), (), commissioned()[1])
    assert told(judged) == []
    states, judged = judge_all(detector(QUICK), knowing(80 + PAUSE, 40, louder=0.1), (), states)
    assert told(judged) == [
        (LEARNT - 1, Note.REBASELINED_AFTER_STOP),
        (LEARNT - 1, Note.LINES_LEARNT),
    ]
    first, baseline = states[KEY].cold.old_baseline, states[KEY].cold.baseline
    assert first is not None
    assert baseline is not None
    assert baseline.line_location is not None
    assert first.line_location is not None, "the next stop's baseline comes of the first one"
    assert states[KEY].cold.old_baseline_id == first.id


@pytest.mark.parametrize("sizes", [(1, 2, 3, 5, 8, 13), (29, 1), (31,), (7,) * 12])
def test_any_split_learns_the_same(sizes: tuple[int, ...]) -> None:
    stream = knowing(60, 50) + knowing(110, 6, RISEN)
    whole, judged = judge_all(detector(QUICK), stream, (), commissioned()[1])
    parts, by_parts = judge_all(detector(QUICK), stream, sizes, commissioned()[1])
    assert stored(whole) == stored(parts)
    assert [comparable(one) for one in judged] == [comparable(one) for one in by_parts]


def unknowing(first: int, count: int, kurtosis: float = 3.0) -> list[Observation]:
    return [observation(first + k, kurtosis=kurtosis) for k in range(count)]


def test_only_windows_that_show_lines_are_learnt_for_them() -> None:
    """A speed that is known now and then is waited for; one window would make no spread."""
    stream = [one for k in range(60, 120, 2) for one in (*knowing(k, 1), *unknowing(k + 1, 1))]
    states, judged = judge_all(detector(QUICK), knowing(58, 1) + unknowing(59, 1) + stream)
    assert [note for _, note in told(judged)] == [Note.COMMISSIONED]
    states, judged = judge_all(detector(QUICK), stream, (), commissioned()[1])
    assert told(judged) == [(2 * LEARNT - 2, Note.LINES_LEARNT)]
    baseline = states[KEY].cold.baseline
    assert baseline is not None
    assert baseline.line_location is not None


def test_a_line_that_few_windows_show_is_not_known_to_a_baseline() -> None:
    states, _ = judge_all(detector(QUICK), unknowing(0, 22) + knowing(22, 8))
    known = states[KEY].cold.baseline
    assert known is not None
    assert known.line_location is not None
    states, judged = judge_all(detector(QUICK), unknowing(0, 23) + knowing(23, 7))
    assert told(judged) == [(LEARNT - 1, Note.COMMISSIONED)]
    known = states[KEY].cold.baseline
    assert known is not None
    assert known.line_location is None
    _, judged = judge_all(detector(QUICK), knowing(30, 40), (), states)
    assert told(judged) == [(LEARNT - 1, Note.LINES_LEARNT)]


def test_lines_that_are_shown_at_the_end_of_a_stops_learning_are_learnt_behind_it() -> None:
    before = 60 + PAUSE
    stream = unknowing(before, 28) + knowing(before + 28, 40)
    _, judged = judge_all(detector(QUICK), stream, (), commissioned()[1])
    assert told(judged) == [
        (LEARNT - 1, Note.REBASELINED_AFTER_STOP),
        (2 * LEARNT - 1, Note.LINES_LEARNT),
    ]


def test_a_line_that_was_not_readable_with_the_others_is_learnt_later() -> None:
    first = (0.1, NAN, 0.15, 0.1)
    states, judged = judge_all(detector(QUICK), knowing(0, 40, first))
    assert told(judged) == [(LEARNT - 1, Note.COMMISSIONED)]
    old = states[KEY].cold.baseline
    states, judged = judge_all(detector(QUICK), knowing(40, 40), (), states)
    assert told(judged) == [(LEARNT - 1, Note.LINES_LEARNT)]
    new = states[KEY].cold.baseline
    assert old is not None
    assert new is not None
    np.testing.assert_array_equal(new.centre[:, -LINES::2], old.centre[:, -LINES::2])
    assert new.centre[0, 1 - LINES] == pytest.approx(0.2, abs=0.03)


def test_lines_that_are_shown_one_after_the_other_are_all_learnt() -> None:
    stream = knowing(60, 40, (0.1, NAN, 0.15, 0.1)) + knowing(100, 40)
    states, judged = judge_all(detector(QUICK), stream, (), commissioned()[1])
    assert told(judged) == [(LEARNT - 1, Note.LINES_LEARNT), (LEARNT + 39, Note.LINES_LEARNT)]
    judged = judge_all(detector(QUICK), knowing(140, 40), (), states)[1]
    assert told(judged) == []


def test_a_try_before_a_long_stop_is_no_reason_to_try_never_again() -> None:
    stream = knowing(60, 10) + unknowing(70 + PAUSE, 40) + knowing(110 + PAUSE, 40)
    _, judged = judge_all(detector(QUICK), stream, (), commissioned()[1])
    assert told(judged) == [
        (10 + LEARNT - 1, Note.REBASELINED_AFTER_STOP),
        (50 + LEARNT - 1, Note.LINES_LEARNT),
    ]


def test_nothing_but_the_lines_puts_the_baseline_in_doubt() -> None:
    impulsive = [observation(60 + k, lines=QUIET, kurtosis=6.0) for k in range(40)]
    states, judged = judge_all(detector(QUICK), impulsive, (), commissioned()[1])
    assert told(judged) == [(LEARNT - 1, Note.LINES_LEARNT)]
    assert not states[KEY].flags & SUSPICIOUS


def test_a_doubt_is_told_once() -> None:
    suspected, _ = judge_all(detector(QUICK), unknowing(0, 60, kurtosis=6.0))
    risen = [observation(60 + k, lines=RISEN, kurtosis=6.0) for k in range(40)]
    states, judged = judge_all(detector(QUICK), risen, (), suspected)
    assert told(judged) == [(LEARNT - 1, Note.LINES_LEARNT)]
    assert states[KEY].flags & SUSPICIOUS
