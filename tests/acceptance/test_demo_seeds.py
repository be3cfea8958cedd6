"""The demo's promise over twenty fleets: every failing bearing in time, and no false alert."""

from io import StringIO

import pytest
from rich.console import Console

from daemon.demo.fleet import Plan, draw
from daemon.demo.show import run_demo
from daemon.stopping import Stopping


@pytest.mark.parametrize("seed", range(1, 21))
def test_every_failing_bearing_is_flagged_before_failure_and_no_healthy_one(seed: int) -> None:
    plan = Plan(show_s=0.0)
    outcome = run_demo(draw(seed, plan), plan, Console(file=StringIO()), Stopping(), None)
    assert outcome is not None
    assert [str(missed.truth.key) for missed in outcome.missed] == []
    assert len(outcome.flagged) == 4
    assert [event.text for event in outcome.false] == []
