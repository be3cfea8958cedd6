"""When a baseline is good enough, and when a bearing looks damaged on arrival."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models import commissioning
from models.policy import CommissioningPolicy
from models.state import (
    COMMISSIONED,
    COMPARED,
    HOT,
    PROVISIONAL,
    STANDS_OUT,
    SUSPICIOUS,
    Cold,
)
from pipelines.normalise import LINES, Baseline
from tests.unit.models.fleet import FEATURES, observation

POLICY = CommissioningPolicy(windows=40, span_s=0.0)
ENVELOPE = FEATURES.envelope_bands


def grown(count: int, drift: float = 0.0) -> Cold:
    cold = Cold()
    for k in range(count):
        cold = commissioning.learn(cold, observation(k, louder=drift * k))
    return cold


def baseline(**centre: float) -> Baseline:
    """Return a healthy baseline with figures of its centre replaced."""
    made = commissioning.conclude(grown(40)).baseline
    assert made is not None
    changed = made.centre.copy()
    changed[:, FEATURES.bands : FEATURES.width] = centre.get("envelope", 0.6)
    changed[:, -LINES] = centre.get("line", np.nan)
    changed[:, -LINES - 1] = np.log10(centre.get("kurtosis", 3.0))
    return replace(made, centre=changed)


@pytest.mark.parametrize(
    ("count", "drift", "ready", "disturbed"),
    [
        (0, 0.0, False, False),
        (39, 0.0, False, False),
        (40, 0.0, True, False),
        (40, 0.03, False, True),
        (80, 0.03, True, True),
    ],
)
def test_progress(count: int, drift: float, *, ready: bool, disturbed: bool) -> None:
    reached = commissioning.progress(grown(count, drift), POLICY)
    assert (reached.ready, reached.disturbed) == (ready, disturbed)


def test_a_span_is_asked_for_too() -> None:
    policy = replace(POLICY, span_s=1e6)
    assert not commissioning.progress(grown(60), policy).ready


@pytest.mark.parametrize("ratios", [(10.0, 0.1), (0.1, 10.0)])
def test_the_level_before_there_is_a_baseline_is_that_of_the_loudest_axis(
    ratios: tuple[float, float],
) -> None:
    first = observation(0, axes=("x", "y"))
    cold = commissioning.learn(Cold(), first)
    window = replace(first, rms=first.rms * np.array(ratios, np.float32))
    assert commissioning.level(cold, window) == pytest.approx(1.0, abs=1e-5)


def test_a_conclusion_drops_the_summary() -> None:
    cold = commissioning.conclude(grown(40))
    assert cold.summary is None
    assert cold.baseline is not None
    assert cold.baseline_id == cold.baseline.id
    assert commissioning.conclude(Cold()) == Cold()


def test_a_restart_keeps_the_last_baseline_as_the_old_one() -> None:
    first = commissioning.conclude(grown(40))
    again = commissioning.restart(first)
    assert (again.baseline, again.old_baseline_id) == (None, first.baseline_id)
    assert commissioning.restart(again).old_baseline is first.baseline


@pytest.mark.parametrize(
    ("figures", "suspicious"),
    [
        ({}, False),
        ({"kurtosis": 4.5}, False),
        ({"kurtosis": 9.0}, True),
        ({"line": 0.5}, False),
        ({"line": 2.0}, True),
        ({"envelope": 1.1}, False),
        ({"envelope": 2.5}, True),
    ],
)
def test_suspicion(figures: dict[str, float], *, suspicious: bool) -> None:
    assert commissioning.suspicion(baseline(**figures), POLICY, ENVELOPE) is suspicious


def test_without_a_baseline_nothing_is_suspected() -> None:
    assert not commissioning.suspicion(None, POLICY, ENVELOPE)


def test_advancing_sets_the_flags_and_says_so() -> None:
    row = np.zeros(1, HOT)
    cold, notes = commissioning.advance(
        row, grown(39), observation(39, kurtosis=3.0), policy=POLICY, envelope_bands=ENVELOPE
    )
    assert notes == ("commissioned",)
    assert row["flags"][0] == COMMISSIONED
    assert cold.baseline is not None


def test_a_refinement_hides_no_suspicion() -> None:
    row = np.zeros(1, HOT)
    row["flags"] = COMMISSIONED | PROVISIONAL
    doubtful = Cold(baseline=baseline())
    for k in range(39):
        doubtful = commissioning.learn(doubtful, observation(k, kurtosis=9.0))
    _, notes = commissioning.advance(
        row, doubtful, observation(39, kurtosis=9.0), policy=POLICY, envelope_bands=ENVELOPE
    )
    assert notes == ("baseline_refined", "commissioned_with_suspicion")
    assert row["flags"][0] == COMMISSIONED | SUSPICIOUS


def test_a_provisional_baseline_that_stays_disturbed_starts_its_refinement_again() -> None:
    row = np.zeros(1, HOT)
    row["flags"] = COMMISSIONED | PROVISIONAL | SUSPICIOUS
    before = replace(grown(79, 0.03), baseline=baseline())
    cold, notes = commissioning.advance(
        row, before, observation(79, louder=0.03 * 79), policy=POLICY, envelope_bands=ENVELOPE
    )
    assert notes == ()
    assert cold.summary is None
    assert cold.baseline is before.baseline


def test_what_peers_said_of_a_baseline_ends_with_it() -> None:
    row = np.zeros(1, HOT)
    row["flags"] = COMPARED | STANDS_OUT | SUSPICIOUS
    _, notes = commissioning.advance(
        row, grown(39), observation(39), policy=POLICY, envelope_bands=ENVELOPE
    )
    assert notes
    assert int(row["flags"][0]) == COMMISSIONED
