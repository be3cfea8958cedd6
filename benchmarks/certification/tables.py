"""The report's tables, and how its numbers are written down."""

from __future__ import annotations

from dataclasses import asdict, fields, is_dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.evaluation.bounds import poisson_rate
from models.evaluation.certification.healthy import REFERENCE
from models.evaluation.certification.likeness import Likeness
from models.evaluation.certification.statistic import EDGES
from pipelines.simulator import FaultKind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from models.evaluation.bounds import Interval
    from models.evaluation.certification.arrival import Arrival
    from models.evaluation.certification.degrading import Degrading
    from models.evaluation.certification.healthy import Healthy
    from models.evaluation.certification.tails import Crossings
    from models.policy import Tail

Rows = list[list[str]]
LENGTHS: Final = ((1, 2), (3, 4), (5, 8), (9, 12))
LEVELS: Final = ((1.0, 1.3), (1.3, 1.55), (1.55, 1.81))
SHOWN: Final = (0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.5, 2.0)


def markdown(rows: Sequence[Sequence[str]]) -> str:
    head, *body = (f"| {' | '.join(row)} |" for row in rows)
    return "\n".join([head, "|" + "---|" * len(rows[0]), *body])


def plain(value: Any) -> Any:
    """Return what JSON can hold of a value that it cannot."""
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: getattr(value, each.name) for each in fields(value)}
    if isinstance(value, np.ndarray):
        return value.tolist()
    return str(value)


def bounds(interval: Interval) -> str:
    return f"{interval.lower:.3g}-{interval.upper:.3g}"


def percent(hits: int, of: int, interval: Interval) -> str:
    return f"{hits}/{of} ({100 * interval.lower:.1f}-{100 * interval.upper:.1f} %)"


def false_alerts(result: Healthy) -> Rows:
    of = result.exposure
    moments = np.array(result.log_loss)
    return [
        ["figure", "value"],
        ["sensors, windows each", f"{of.sensors}, {of.windows}"],
        ["judged sensor-years", f"{result.years:.2f}"],
        ["false alerts", str(len(result.alerts))],
        ["per sensor-year (95 %)", f"{result.rate():.3g} ({bounds(result.bounds())})"],
        ["that became alarms", str(sum(one.zone == "alarm" for one in result.alerts))],
        ["by chart", _tally(result.tally(lambda one: one.chart))],
        [
            "median windows open",
            f"{np.median([float(a.windows) for a in result.alerts] or [np.nan]):.0f}",
        ],
        ["share of windows in alert", f"{result.in_alert / (of.sensors * of.windows):.2e}"],
        ["withheld", _tally(result.verdicts)],
        ["notes", _tally(result.notes)],
        [
            "log10 loss: mean, sd between, sd within, lag-1",
            f"{np.nanmean(moments[:, 0]):.3f}, {np.nanstd(moments[:, 0]):.3f}, "
            f"{np.nanmedian(moments[:, 1]):.3f}, {np.nanmedian(moments[:, 2]):.2f}",
        ],
    ]


def healthy_data(result: Healthy) -> dict[str, Any]:
    return {
        "exposure": result.exposure,
        "judged": result.judged,
        "years": result.years,
        "alerts": len(result.alerts),
        "log_loss": result.log_loss,
        "happened": result.happened,
        "charts": {
            name: {
                "edges": EDGES,
                "over": one.tail(confirmed=False),
                "confirmed_over": one.tail(confirmed=True),
                "day": one.day_quantiles(confirmed=False),
                "day_confirmed": one.day_quantiles(confirmed=True),
                "autocorrelation": one.correlation(),
            }
            for name, one in result.charts.items()
        },
    }


def causes(result: Healthy) -> Rows:
    found = result.tally(lambda one: one.cause)
    rows = [
        ["cause", "events", "alerts", "per event", "per sensor-year (95 %)", "charts", "alarms"]
    ]
    for name in dict.fromkeys((*found, *result.happened)):
        own = [one for one in result.alerts if one.cause == name]
        events = result.happened.get(name, 0)
        charts: dict[str, int] = {}
        for one in own:
            charts[one.chart] = charts.get(one.chart, 0) + 1
        rate = len(own) / max(result.years, 1e-12)
        rows.append(
            [
                name,
                str(events) if events else "-",
                str(len(own)),
                f"{len(own) / events:.3f}" if events else "-",
                f"{rate:.3g} ({bounds(poisson_rate(len(own), result.years))})",
                _tally(charts),
                str(sum(one.zone == "alarm" for one in own)),
            ]
        )
    return rows


def spells(result: Healthy) -> Rows:
    rows = [["windows", *(f"{low:g}-{high:g} times" for low, high in LEVELS)]]
    for shortest, longest in LENGTHS:
        cells = []
        for low, high in LEVELS:
            own = [
                one
                for one in result.spells
                if shortest <= one.windows <= longest and low <= one.level < high
            ]
            cells.append(f"{sum(one.alerted for one in own)}/{len(own)}")
        rows.append([f"{shortest}-{longest}", *cells])
    return rows


def statistics(result: Healthy) -> Rows:
    """Share of windows over parts of the limit, quantiles of a day's largest value."""
    heads = [f"{name}{kind}" for name in result.charts for kind in ("", ", confirmed")]
    rows = [["value", *heads]]
    tails = [one.tail(confirmed=which) for one in result.charts.values() for which in (False, True)]
    for value in SHOWN:
        at = int(np.argmin(np.abs(EDGES - value)))
        rows.append([f"windows over {value:g}", *(f"{tail[at]:.2e}" for tail in tails)])
    days = [
        one.day_quantiles(confirmed=which)
        for one in result.charts.values()
        for which in (False, True)
    ]
    rows += [
        [f"day's largest, quantile {q:g}", *(f"{day[q]:.2f}" for day in days)] for q in days[0]
    ]
    correlations = [one.correlation() for one in result.charts.values()]
    for lag in correlations[0]:
        cells = [cell for one in correlations for cell in (f"{one[lag]:.3f}", "")]
        rows.append([f"autocorrelation, lag {lag}", *cells])
    return rows


def rates(result: Healthy) -> Rows:
    """One row a budget: false alerts in all, and per sensor-year by cause."""
    names = list(dict.fromkeys(name for counts in result.causes.values() for name in counts))
    rows = [["budget", "false alerts", "per sensor-year (95 %)", *names]]
    for budget, counts in result.causes.items():
        rate = f"{result.rate(budget):.3g} ({bounds(result.bounds(budget))})"
        own = [f"{counts.get(name, 0) / result.years:.3g}" for name in names]
        rows.append([f"{budget:g}", str(result.counts[budget]), rate, *own])
    return rows


def crossings(found: Sequence[Crossings]) -> Rows:
    """One row a factor: false alerts of all sensors together."""
    rows = [["factor", "sensor-years", "false alerts", "per sensor-year", "sensors with one"]]
    for factor in sorted({one.factor for one in found}):
        own = [one for one in found if one.factor == factor]
        years, alerts = sum(one.years for one in own), sum(one.alerts for one in own)
        touched = sum(one.alerts > 0 for one in own)
        rows.append(
            [
                f"{factor:g}",
                f"{years:.2f}",
                str(alerts),
                f"{alerts / years:.3g} ({bounds(poisson_rate(alerts, years))})",
                f"{touched} of {len(own)}",
            ]
        )
    return rows


def tails(fitted: Mapping[str, Tail]) -> Rows:
    rows = [["confirmation", "level", "slope", "stretch"]]
    for name, tail in fitted.items():
        rows.append([name, f"{tail.level:g}", f"{tail.slope:g}", f"{tail.stretch:g}"])
    return rows


def found(result: Degrading) -> Rows:
    rows = [
        [
            "fault",
            "found (95 %)",
            "median lead h",
            "median share of life",
            "median delay",
            "median fault RMS / health",
        ]
    ]
    for kind in (None, *FaultKind):
        hours = result.median(REFERENCE, "lead", kind) * result.cadence_s / 3_600
        rows.append(
            [
                "all" if kind is None else kind.value,
                percent(*result.found(REFERENCE, kind)),
                f"{hours:.1f}",
                f"{result.median(REFERENCE, 'share', kind):.2f}",
                f"{result.median(REFERENCE, 'delay', kind):.1f}",
                f"{result.median(REFERENCE, 'severity', kind):.2f}",
            ]
        )
    return rows


def delays(result: Degrading) -> Rows:
    rows = [
        [
            "budget",
            "found (95 %)",
            "median delay, windows",
            "mean delay",
            "told earlier, later than by the budget before",
            "median lead, windows",
            "median fault RMS / health",
            "false before onset",
            "on at onset",
        ]
    ]
    before = None
    for budget, fates in result.fates.items():
        known = [one.delay for one in fates if one.delay is not None]
        rows.append(
            [
                f"{budget:g}",
                percent(*result.found(budget)),
                f"{result.median(budget, 'delay'):.1f}",
                f"{np.mean(known):.2f}",
                "-" if before is None else ", ".join(map(str, result.moved(budget, before))),
                f"{result.median(budget, 'lead'):.1f}",
                f"{result.median(budget, 'severity'):.3f}",
                str(result.false(budget)),
                str(sum(one.open for one in fates)),
            ]
        )
        before = budget
    return rows


def suspicion(results: Mapping[str, Arrival]) -> Rows:
    rows = [["start", "suspected (95 %)", "by fault"]]
    for name, one in results.items():
        each = ", ".join(
            f"{kind} {one.share(kind)[0]}/{one.share(kind)[1]}" for kind in one.commissioned
        )
        rows.append([name, percent(*one.share()), each])
    return rows


def alike(rows: Mapping[str, Sequence[Likeness]]) -> Rows:
    """One row a figure: tenth percentile, median, ninetieth percentile over the sensors."""
    table = [["figure", *(f"{name} ({len(own)})" for name, own in rows.items())]]
    for each in fields(Likeness):
        cells = []
        for own in rows.values():
            values = [asdict(one)[each.name] for one in own]
            cells.append(" / ".join(f"{np.nanquantile(values, q):.3g}" for q in (0.1, 0.5, 0.9)))
        table.append([each.name, *cells])
    return table


def twins(rows: Mapping[str, Mapping[str, float]]) -> Rows:
    names = list(next(iter(rows.values())))
    table = [["log10 loss", *rows]]
    return [*table, *([name, *(f"{own[name]:.4g}" for own in rows.values())] for name in names)]


def _tally(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items()) or "-"
