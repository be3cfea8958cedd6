"""What a reader must not miss, said plainly and made from the numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from models.evaluation import FIRST_WINDOWS
from models.evaluation.bounds import poisson_rate
from models.evaluation.catalogue import BASELINES, OURS, WITHOUT
from models.evaluation.evaluation import SUMMED, Comparison, by_seeds, compare_seeds, sum_up
from models.evaluation.lives import FEWEST
from pipelines.quality import SensorFault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.evaluation.evaluation import Result
    from models.evaluation.outcomes import Outcome

ORDER: Final = ("frames-shuffled", "frames-averaged", "quick-shuffled", "quick-averaged")
REFERENCE: Final = "quick-lstm"
CLOSE_WINDOWS: Final = 3
"""Alerts so near each other are the same for a reader."""


def remarks(results: Sequence[Result], *, leave_one_out: bool) -> list[str]:
    """Return sentences for the top of the report."""
    by_name = {result.method.name: result for result in results}
    ours = by_name.get(OURS)
    if ours is None:
        first = results[0].first
        return [
            *_not_learnt(first),
            *_not_judged(results),
            *_learnt_damaged(first),
            _exposure(first),
        ]
    said = [_seen(leave_one_out=leave_one_out)]
    said += [_against(ours, by_name[name]) for name in BASELINES if name in by_name]
    said += [
        _part(ours, by_name[name]) for name in WITHOUT if name in by_name and name not in ORDER
    ]
    for name in ORDER:
        reference = by_name.get(REFERENCE) if name.startswith("quick-") else ours
        if name in by_name and reference is not None:
            said.append(_order(reference, by_name[name]))
    return [
        *said,
        *_not_learnt(ours.first),
        *_not_judged(results),
        *_learnt_damaged(ours.first),
        _exposure(ours.first),
    ]


def _not_learnt(outcomes: Sequence[Outcome]) -> list[str]:
    """Name the bearings of whose first windows some are those of a faulty sensor."""
    counted = [
        (one.life.key, sum(seen.quality.fault is not SensorFault.NONE for seen in first))
        for one in outcomes
        for first in [one.life.observations[:FIRST_WINDOWS]]
    ]
    faulty = [f"{key} ({count})" for key, count in counted if count]
    if not faulty:
        return []
    return [
        f"Faulty (clipped, stuck, not finite) are of the first {FIRST_WINDOWS} windows: "
        f"{', '.join(faulty)}. Simple limits are learnt from the others, where {FEWEST} are left."
    ]


def _not_judged(results: Sequence[Result]) -> list[str]:
    """Name the bearings of which methods said nothing for a part of their health."""
    said = []
    for result in results:
        silent = [
            f"{one.life.key} ({one.unjudged} of {len(one.life.healthy())})"
            for one in result.first
            if one.unjudged
        ]
        if silent:
            said.append(
                f"Healthy windows of which {result.method.name} said nothing, which are no "
                f"exposure: {', '.join(silent)}. Where that is all of them it is not clean."
            )
    return said


def _learnt_damaged(ours: Sequence[Outcome]) -> list[str]:
    """Name the bearings that began to fail while every method learnt what health is."""
    early = [
        str(one.life.key)
        for one in ours
        if one.life.label.fails and (one.life.label.earliest or 0) < FIRST_WINDOWS
    ]
    if not early:
        return []
    return [
        f"Failing already within the first {FIRST_WINDOWS} windows, which every method takes for "
        f"health: {', '.join(early)}. What is found of them says little; see whether they were "
        "suspected on arrival."
    ]


def _seen(*, leave_one_out: bool) -> str:
    if leave_one_out:
        return (
            "Each learning bearing was judged by a network that never saw it. Chart settings are "
            "the shipped ones, which were chosen with these bearings in view."
        )
    return (
        "The bundle as it is judged everything. Where it learnt from the healthy beginnings of "
        "these bearings, that is no honest test of its network: see --leave-one-out."
    )


def _against(ours: Result, other: Result) -> str:
    """Say who is better in what: the other where it is so with any seed, ours with every one."""
    every = compare_seeds(ours, other)
    worse = [name for name in SUMMED if any(name in one.worse for one in every)]
    better = [name for name in SUMMED if all(name in one.better for one in every)]
    counted, name = _counted(every), every[0].other
    if worse:
        return f"{name} is better than ours in: {', '.join(worse)} ({counted})."
    if better:
        return (
            f"Ours is better than {name} in: {', '.join(better)}; no worse in the rest ({counted})."
        )
    return (
        f"{name} does as well as ours in what is found, in time and clean and in median lead "
        f"({counted})."
    )


def _counted(every: Sequence[Comparison]) -> str:
    lost = [one for one in every if one.worse]
    one = lost[0] if lost else every[0]
    told = f"with {len(lost) or len(every)} of {len(every)} seeds, of which the first: "
    seeds = told * (len(every) > 1)
    return (
        f"{seeds}found {one.found[0]} : {one.found[1]}, in time {one.in_time[0]} : "
        f"{one.in_time[1]}, clean {one.clean[0]} : {one.clean[1]}; on "
        f"{one.shared} bearings found clean by both ours is earlier on {one.earlier} and later on "
        f"{one.later}"
    )


def _part(ours: Result, other: Result) -> str:
    every = compare_seeds(ours, other)
    losses = [name for name in SUMMED if any(name in one.better for one in every)]
    gains = [name for name in SUMMED if any(name in one.worse for one in every)]
    differing = [
        f"{theirs.life.key} {_index(mine)} -> {_index(theirs)}"
        for mine, theirs in _pairs(ours.first, other.first)
        if theirs.life.label.fails and mine.detected != theirs.detected
    ]
    changed = f"; first alerts that move: {', '.join(differing)}" if differing else ""
    worse = f"worse in {', '.join(losses)}" if losses else ""
    better = f"*better* in {', '.join(gains)}" if gains else ""
    said = "; ".join(filter(None, (worse, better))) or (
        "as many found, in time and clean, the same median lead: by the sums this part adds "
        "nothing here"
    )
    seeds = f" (with one of {len(every)} seeds or more)" * (len(every) > 1)
    return f"Taken out, {other.method.name}{seeds}: {said}{changed}."


def _order(ours: Result, other: Result) -> str:
    pairs = [pair for both in by_seeds(ours, other) for pair in _pairs(*both)]
    farthest = max(
        (
            abs(mine.detected - theirs.detected)
            for mine, theirs in pairs
            if mine.life.label.fails
            if mine.detected is not None and theirs.detected is not None
        ),
        default=0,
    )
    same = all((a.found, a.clean) == (b.found, b.clean) for a, b in pairs)
    if same and farthest <= CLOSE_WINDOWS:
        return (
            f"{other.method.name}: the same bearings are found and clean, first alerts move by "
            f"{farthest} windows at most: the order of the frames carries nothing here."
        )
    found, clean = (
        f"{sum(getattr(a, what) for a, _ in pairs)} -> {sum(getattr(b, what) for _, b in pairs)}"
        for what in ("found", "clean")
    )
    seeds = len(pairs) // max(len(other.first), 1)
    return (
        f"{other.method.name}{f', {seeds} seeds together' * (seeds > 1)}: found {found}, clean "
        f"{clean}, first alerts move by up to {farthest} windows."
    )


def _exposure(ours: Sequence[Outcome]) -> str:
    sums = sum_up(ours)
    most = poisson_rate(0, sums.healthy_years).upper
    return (
        f"Healthy time behind these numbers: {sums.healthy_years * 8766:.0f} sensor-hours "
        f"({sums.healthy_years:.4f} sensor-years). No false alert in it would still allow up to "
        f"{most:.0f} a sensor-year (exact upper 95 % bound): these recordings "
        "cannot confirm a budget of false alerts; the simulated fleet has to."
        if sums.healthy_years
        else "There is no healthy time behind these numbers."
    )


def _pairs(ours: Sequence[Outcome], other: Sequence[Outcome]) -> list[tuple[Outcome, Outcome]]:
    mine = {one.life.key: one for one in ours}
    return [(mine[one.life.key], one) for one in other]


def _index(one: Outcome) -> str:
    return "missed" if one.detected is None else str(one.detected)
