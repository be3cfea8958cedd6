"""Learning what a sensor looks like healthy, and when that is good enough to judge by."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.judgement import Note
from models.state import (
    ASIDE,
    COMMISSIONED,
    COMPARED,
    DOUBTED,
    LINES_ASKED,
    PROVISIONAL,
    REBASELINING,
    STANDS_OUT,
    SUSPICIOUS,
    Cold,
)
from pipelines.examples import Examples
from pipelines.normalise import LINES, BaselineSummary

if TYPE_CHECKING:
    Row = np.ndarray[Any, Any]
    from models.policy import CommissioningPolicy
    from pipelines.features import Observation
    from pipelines.normalise import Baseline


OF_A_BASELINE: Final = (
    PROVISIONAL | REBASELINING | SUSPICIOUS | ASIDE | DOUBTED | COMPARED | STANDS_OUT | LINES_ASKED
)
"""Flags that say something of the baseline in force, or of its absence."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a sensor has come: `ready` ends commissioning, `disturbed` makes it provisional."""

    ready: bool
    disturbed: bool


def advance(
    row: Row,
    cold: Cold,
    observation: Observation,
    *,
    policy: CommissioningPolicy,
    envelope_bands: int,
) -> tuple[Cold, tuple[Note, ...]]:
    """Take one normal window in; return the new cold state, and notes when a baseline came of it.

    `row` is the hot record, shape (1,), whose flags are set in place. A baseline that was learnt
    while an alert was open, of a declared limit, is in doubt. A provisional baseline goes
    on learning beside its use; it is replaced when a calm stretch is complete.
    """
    cold = _without_standing(learn(_with_room(cold, observation, policy), observation), policy)
    reached = progress(cold, policy)
    if not reached.ready:
        return cold, ()
    if row["flags"][0] & PROVISIONAL and reached.disturbed:
        return replace(cold, summary=None, gathered=None), ()
    refined = bool(row["flags"][0] & PROVISIONAL)
    cold = conclude(cold)
    doubtful = suspicion(cold.baseline, policy, envelope_bands) or bool(row["zone"][0])
    flags = row["flags"] & ~np.uint32(OF_A_BASELINE)
    flags |= COMMISSIONED | PROVISIONAL * reached.disturbed | SUSPICIOUS * doubtful
    row["flags"] = flags
    return cold, _notes(refined=refined, disturbed=reached.disturbed, doubtful=doubtful)


def _notes(*, refined: bool, disturbed: bool, doubtful: bool) -> tuple[Note, ...]:
    how = Note.COMMISSIONED_PROVISIONALLY if disturbed else Note.COMMISSIONED
    how = Note.BASELINE_REFINED if refined else how
    return (how, Note.COMMISSIONED_WITH_SUSPICION) if doubtful else (how,)


def _with_room(cold: Cold, observation: Observation, policy: CommissioningPolicy) -> Cold:
    """Return `cold` without what would spoil the summary that a window is to go into.

    Where the machine stands in every second window, thinning out must not leave those alone.
    """
    if cold.summary is None:
        return cold
    if cold.summary.out_of_reach(observation):
        return replace(cold, summary=None, gathered=None)
    full = cold.summary.full
    return replace(cold, summary=cold.summary.running(policy.standing_ratio)) if full else cold


def learn(cold: Cold, observation: Observation) -> Cold:
    """Return `cold` with one more window in its summary, and perhaps among its examples."""
    summary = BaselineSummary() if cold.summary is None else cold.summary
    gathered = Examples() if cold.gathered is None else cold.gathered
    return replace(cold, summary=summary.add(observation), gathered=gathered.add(observation))


def _without_standing(cold: Cold, policy: CommissioningPolicy) -> Cold:
    """Return `cold` without the windows in which the machine stood, once there are enough to tell.

    Without a tachometer nothing else says so before there is a baseline.
    """
    if cold.summary is None or not _covers(cold.summary, policy, 1):
        return cold
    running = cold.summary.running(policy.standing_ratio)
    return cold if running is cold.summary else replace(cold, summary=running)


def level(cold: Cold, observation: Observation) -> float:
    """Return log10 of a window's RMS over what was learnt so far, else over the old baseline.

    The loudest axis counts; NaN where there is nothing that it can be compared with.
    """
    known = cold.summary or cold.old_baseline
    if known is None or (known.axes, known.unit) != (observation.axes, observation.unit):
        return float("nan")
    rms = np.maximum(observation.rms, np.finfo(np.float32).tiny)
    return float((np.log10(rms) - known.power / 2).max())


def progress(cold: Cold, policy: CommissioningPolicy) -> Progress:
    """Say whether the summary makes a baseline: enough windows, enough time, and calm.

    Drift is judged by its size against the spread, not by its significance: nearly every real
    start drifts significantly. A disturbed sensor is ready at the deadline all the same.
    """
    summary = cold.summary
    if summary is None or not _covers(summary, policy, 1):
        return Progress(ready=False, disturbed=False)
    disturbed = summary.disturbance() > policy.disturbance_limit
    overdue = _covers(summary, policy, policy.deadline_factor)
    return Progress(ready=overdue or not disturbed, disturbed=disturbed)


def conclude(cold: Cold) -> Cold:
    """Return `cold` with the baseline that its summary makes, and the summary dropped.

    What the examples chart is for the caller to find out: it needs a network.
    """
    if cold.summary is None:
        return cold
    baseline = cold.summary.baseline()
    return replace(
        cold,
        summary=None,
        baseline=baseline,
        baseline_id=baseline.id,
        gathered=None,
        examples=cold.gathered,
        charted=(),
    )


def restart(cold: Cold) -> Cold:
    """Return `cold` with nothing learnt and the baseline in force laid aside as the old one."""
    return Cold(
        old_baseline=cold.baseline or cold.old_baseline,
        old_baseline_id=cold.baseline_id or cold.old_baseline_id,
    )


def succeed(cold: Cold, learnt: Cold) -> Cold:
    """Return what was learnt beside `cold`, with the baseline of `cold` laid aside as the old."""
    laid_aside = restart(cold)
    return replace(
        learnt,
        old_baseline=laid_aside.old_baseline,
        old_baseline_id=laid_aside.old_baseline_id,
    )


def suspicion(baseline: Baseline | None, policy: CommissioningPolicy, envelope_bands: int) -> bool:
    """Say whether the bearing looks damaged on arrival: impacts, or lines that stand out.

    A baseline learnt on a damaged bearing calls the damage normal, so this is judged against
    absolute figures and not against the sensor's own. The last `envelope_bands` bands are those
    of the envelope. NaN, where something is not known, is no suspicion.
    """
    if baseline is None:
        return False
    lines = baseline.centre[:, -LINES:]
    envelope = baseline.location[:, baseline.location.shape[1] - envelope_bands :]
    figures = (
        (baseline.kurtosis, policy.kurtosis_limit),
        (lines, policy.line_limit),
        (envelope, policy.envelope_limit),
    )
    return any(bool((values > limit).any()) for values, limit in figures)


def _covers(summary: BaselineSummary, policy: CommissioningPolicy, times: int) -> bool:
    enough = bool(summary.count >= times * policy.windows)
    return enough and summary.span_ns >= times * policy.span_s * 1e9
