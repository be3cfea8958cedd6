"""The demo's promise over twenty fleets: every failing bearing in time, nearly no false alert."""

from functools import cache
from io import StringIO

import pytest
from rich.console import Console

from daemon.demo.fleet import Plan, draw
from daemon.demo.outcome import Outcome
from daemon.demo.show import run_demo
from daemon.stopping import Stopping

SEEDS = range(1, 21)


@cache
def outcome_of(seed: int) -> Outcome:
    plan = Plan(show_s=0.0)
    outcome = run_demo(draw(seed, plan), plan, Console(file=StringIO()), Stopping(), None)
    assert outcome is not None
    return outcome


@pytest.mark.parametrize("seed", SEEDS)
def test_every_failing_bearing_is_flagged_before_failure(seed: int) -> None:
    outcome = outcome_of(seed)
    assert [str(missed.truth.key) for missed in outcome.missed] == []
    assert len(outcome.flagged) == 4


def test_there_is_at_most_one_false_alert_in_all_fleets() -> None:
    false = [event for seed in SEEDS for event in outcome_of(seed).false]
    assert len(false) <= 1, [event.text for event in false]
