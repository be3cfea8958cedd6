"""The numbers as rows of text: for the terminal, the CSV files and the report."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from models.evaluation.evaluation import Sums, compare, sum_up, undisputed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from models.evaluation.bounds import Interval
    from models.evaluation.evaluation import Result
    from models.evaluation.outcomes import Outcome

OUTCOME_COLUMNS = (
    "method", "seed", "bearing", "fails", "earliest", "latest", "detected", "delay_windows",
    "lead_hours", "in_time", "already_on", "dispute_open", "false_episodes", "false_at",
    "disputed_warnings", "first_alarm", "early_alarm_windows", "healthy_share_in_alert",
    "healthy_windows_not_judged",
)  # fmt: skip

SUM_COLUMNS = (
    "method", "seed", "failing", "found", "open_since_dispute", "in_time", "reached_alarm",
    "bearings", "clean", "false_episodes", "disputed_warnings", "median_lead_hours",
    "median_delay_windows", "false_per_sensor_year", "false_lower", "false_upper",
    "found_lower", "found_upper", "clean_lower", "clean_upper", "healthy_sensor_years",
)  # fmt: skip

SUMMARY_HEADINGS = (
    "method", "found", "in time", "alarm", "clean", "false", "disputed", "lead h",
    "delay", "false / sensor-year (95 %)", "found, 95 %", "clean, 95 %",
)  # fmt: skip


def outcome_rows(results: Sequence[Result]) -> list[list[str]]:
    """Return a row for each method, seed and bearing, in `OUTCOME_COLUMNS`."""
    return [
        [result.method.name, str(seed), *_outcome(one)]
        for result in results
        for seed, outcomes in enumerate(result.by_seed)
        for one in outcomes
    ]


def _outcome(one: Outcome) -> list[str]:
    label = one.life.label
    return [
        str(one.life.key),
        _yes(label.fails),
        _or_empty(label.earliest),
        _or_empty(label.latest),
        _or_empty(one.detected),
        _or_empty(one.delay),
        _or_empty(one.lead_hours, "{:.3f}"),
        _yes(one.in_time),
        _yes(one.already_on),
        _yes(one.dispute_open),
        str(len(one.false)),
        " ".join(map(str, one.false)),
        str(len(one.disputed)),
        _or_empty(one.alarm),
        str(one.early_alarms),
        f"{one.in_alert:.4f}",
        str(one.unjudged),
    ]


def sum_rows(results: Sequence[Result]) -> list[list[str]]:
    """Return a row for each method and seed, in `SUM_COLUMNS`."""
    return [
        [result.method.name, str(seed), *_sums(sum_up(outcomes), alarms=result.method.alarms)]
        for result in results
        for seed, outcomes in enumerate(result.by_seed)
    ]


def _sums(sums: Sums, *, alarms: bool) -> list[str]:
    counts = (
        sums.failing, sums.found, sums.by_dispute, sums.in_time, sums.to_alarm if alarms else "",
        sums.bearings, sums.clean, sums.false, sums.disputed,
    )  # fmt: skip
    bounds = (
        sums.false_per_year, *sums.false_bounds, *sums.found_bounds, *sums.clean_bounds,
        sums.healthy_years,
    )  # fmt: skip
    return [
        *map(str, counts),
        _or_empty(sums.median_lead_hours, "{:.3f}"),
        _or_empty(sums.median_delay, "{:g}"),
        *(f"{value:.6g}" for value in bounds),
    ]


def summary_rows(results: Sequence[Result], *, with_disputed: bool = True) -> list[list[str]]:
    """Return a row for each method, in `SUMMARY_HEADINGS`: medians, and the spread over seeds."""
    return [_summary(result, with_disputed=with_disputed) for result in results]


def _summary(result: Result, *, with_disputed: bool) -> list[str]:
    kept = [seed if with_disputed else undisputed(seed) for seed in result.by_seed]
    sums = [sum_up(outcomes) for outcomes in kept]
    one = sums[0]
    lower, upper = one.false_bounds
    disputed = _spread(sums, lambda each: each.by_dispute)
    found = f"{_spread(sums, lambda each: each.found)}/{one.failing}"
    return [
        result.method.name,
        found if disputed == "0" else f"{found} ({disputed} d)",
        f"{_spread(sums, lambda each: each.in_time)}/{one.failing}",
        _alarms(result, sums),
        f"{_spread(sums, lambda each: each.clean)}/{one.bearings}",
        _spread(sums, lambda each: each.false),
        _spread(sums, lambda each: each.disputed),
        _spread(sums, lambda each: each.median_lead_hours),
        _spread(sums, lambda each: each.median_delay),
        f"{one.false_per_year:.0f} ({lower:.0f}-{upper:.0f})",
        _share(one.found_bounds),
        _share(one.clean_bounds),
    ]


def _alarms(result: Result, sums: Sequence[Sums]) -> str:
    """Return how many reached the zone alarm; most methods have none."""
    if not result.method.alarms:
        return "-"
    return f"{_spread(sums, lambda each: each.to_alarm)}/{sums[0].failing}"


def _share(bounds: Interval) -> str:
    return f"{bounds.lower:.0%}-{bounds.upper:.0%}"


def _spread(sums: Sequence[Sums], of: Callable[[Sums], float | None]) -> str:
    """Return the median over seeds, with least and most where they differ."""
    values = [value for value in map(of, sums) if value is not None]
    if not values:
        return "-"
    middle, least, most = (f"{pick(values):.4g}" for pick in (median, min, max))
    return middle if least == most else f"{middle} [{least}-{most}]"


COMPARISON_HEADINGS = (
    "against", "found", "in time", "clean", "bearings found clean by both", "lead h",
    "earlier", "later",
)  # fmt: skip


def comparison_rows(
    ours: Result, others: Sequence[Result], *, with_disputed: bool = True
) -> list[list[str]]:
    """Return a row for each other method, ours before the colon."""
    return [
        [
            one.other,
            f"{one.found[0]} : {one.found[1]}",
            f"{one.in_time[0]} : {one.in_time[1]}",
            f"{one.clean[0]} : {one.clean[1]}",
            str(one.shared),
            "-" if one.lead_hours is None else f"{one.lead_hours[0]:.3f} : {one.lead_hours[1]:.3f}",
            str(one.earlier),
            str(one.later),
        ]
        for one in (compare(ours.first, each, with_disputed=with_disputed) for each in others)
    ]


def bearing_rows(results: Sequence[Result]) -> list[list[str]]:
    """Return the first alert on each failing bearing, a row a method, headings first."""
    failing = [one.life for one in results[0].first if one.life.label.fails]
    headings = ["method", *(str(life.key) for life in failing)]
    return [headings, *(_bearings(result, headings[1:]) for result in results)]


def _bearings(result: Result, names: Sequence[str]) -> list[str]:
    by_seed = [{str(one.life.key): one for one in outcomes} for outcomes in result.by_seed]
    return [
        result.method.name,
        *(" ".join(dict.fromkeys(cell(seed[name]) for seed in by_seed)) for name in names),
    ]


def cell(one: Outcome) -> str:
    """Return first alert / false episodes, and what else there is to say of a bearing."""
    shown = "missed" if one.detected is None else str(one.detected)
    if one.already_on:
        shown = "disputed" if one.dispute_open else "latched"
        shown += "" if one.detected is None else f",{one.detected}"
    return f"{shown}/{len(one.false)}"


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _or_empty(value: float | None, form: str = "{}") -> str:
    return "" if value is None else form.format(value)


def markdown(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table for documents and terminals."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
