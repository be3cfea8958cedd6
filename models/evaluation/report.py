"""One HTML page with everything in it, and the CSV files beside it."""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass
from html import escape
from string import Template
from typing import TYPE_CHECKING, Final

from models.evaluation import EvaluationError
from models.evaluation.catalogue import OURS
from models.evaluation.plots import bands_plot, life_plot, spectrum_plot
from models.evaluation.remarks import remarks
from models.evaluation.spectra import read_spectra
from models.evaluation.tables import (
    COMPARISON_HEADINGS,
    OUTCOME_COLUMNS,
    SUM_COLUMNS,
    SUMMARY_HEADINGS,
    bearing_rows,
    comparison_rows,
    outcome_rows,
    sum_rows,
    summary_rows,
)
from pipelines.envelope import FAULT_LINES, fault_lines_hz

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from models.alerts import AlertEvent
    from models.evaluation.evaluation import Result
    from models.evaluation.outcomes import Outcome
    from models.evaluation.spectra import Spectrum
    from models.evaluation.told import Told
    from pipelines.features import FeatureSettings, Machine
    from pipelines.recordings import Recording
    from pipelines.window import SensorKey

REPORT: Final = "report.html"
OUTCOMES: Final = "outcomes.csv"
SUMS: Final = "sums.csv"
HEALTHY_AT: Final = 50
"""Window whose spectrum stands for health: the middle of what every method learns from."""


@dataclass(frozen=True, slots=True)
class Page:
    """What a report is made from; `facts` say how it came about (command, versions, bundle)."""

    facts: Mapping[str, str]
    results: Sequence[Result]
    told: Sequence[Told]
    recordings: Sequence[Recording]
    features: FeatureSettings
    machine: Callable[[SensorKey], Machine | None]
    leave_one_out: bool


def write_report(page: Page, out: Path) -> None:
    """Write `report.html`, `outcomes.csv` and `sums.csv` into the folder `out`."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        _write_csv(out / OUTCOMES, OUTCOME_COLUMNS, outcome_rows(page.results))
        _write_csv(out / SUMS, SUM_COLUMNS, sum_rows(page.results))
        (out / REPORT).write_text(html(page), encoding="utf-8")
    except OSError as error:
        raise EvaluationError(f"{out}: cannot be written: {error}") from error


def refuse_unwritable(out: Path) -> None:
    """Raise `EvaluationError` where a report could not be written to `out`; writes nothing."""
    for name in (REPORT, OUTCOMES, SUMS):
        if (out / name).is_dir():
            raise EvaluationError(f"{out / name}: is a folder, and is to be a file; remove it")
    there = next(path for path in (out, *out.absolute().parents) if path.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise EvaluationError(f"{out}: cannot be written: {there} may not be written to")


def _write_csv(path: Path, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(columns)
        writer.writerows(rows)


def html(page: Page) -> str:
    """Return the page."""
    bearings = bearing_rows(page.results)
    about = [[result.method.name, result.method.about] for result in page.results]
    said = remarks(page.results, leave_one_out=page.leave_one_out)
    return TEMPLATE.substitute(
        facts=_table(["", ""], [[name, text] for name, text in page.facts.items()]),
        remarks="".join(f"<li>{escape(text)}</li>" for text in said),
        summary=_table(SUMMARY_HEADINGS, summary_rows(page.results)),
        undisputed=_undisputed(page),
        comparisons=_comparisons(page, with_disputed=True),
        bearings=_table(bearings[0], bearings[1:]),
        told=_table(TOLD_HEADINGS, [row for one in page.told for row in _told(one)]),
        about=_table(["method", "what it does"], about),
        plots="".join(_plots(page)),
    )


def _undisputed(page: Page) -> str:
    """Return the tables without disputed bearings; nothing where there is none."""
    if not any(one.life.label.disputed for one in page.results[0].first):
        return ""
    rows = summary_rows(page.results, with_disputed=False)
    return (
        "<h2>Without the bearings of which people disagree</h2>"
        + _table(SUMMARY_HEADINGS, rows)
        + _comparisons(page, with_disputed=False)
    )


def _comparisons(page: Page, *, with_disputed: bool) -> str:
    """Return the table of ours against the others; nothing where ours was not run."""
    ours = next((one for one in page.results if one.method.name == OURS), None)
    if ours is None:
        return ""
    others = [one for one in page.results if one is not ours]
    rows = comparison_rows(ours, others, with_disputed=with_disputed)
    if not rows:
        return ""
    heading = "<h2>Against each other method, ours before the colon</h2>" * with_disputed
    return heading + _table(COMPARISON_HEADINGS, rows)


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(text)}</th>" for text in headings)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(text)}</td>" for text in row) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


TOLD_HEADINGS: Final = (
    "bearing", "withheld", "before the onset", "on arrival", "window", "alert", "link",
    "fault line", "text",
)  # fmt: skip
SHOWN: Final = 5
"""Alerts of one bearing that the report has room for."""


def _told(one: Told) -> list[list[str]]:
    """Return a row for each alert, the bearing in the first alone; one row where there is none."""
    withheld = [_counted(verdicts) for verdicts in (one.withheld, one.withheld_before)]
    about = [str(one.life.key), *withheld, "suspected" if one.suspected else ""]
    rows = [_alert(one, *raised) for raised in one.alerts[:SHOWN]] or [["-", "", "", "", ""]]
    more = len(one.alerts) - SHOWN
    rows += [[f"and {more} more", "", "", "", ""]] if more > 0 else []
    return [[*(about if k == 0 else [""] * len(about)), *row] for k, row in enumerate(rows)]


def _counted(verdicts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {verdict}" for verdict, count in verdicts.items()) or "0"


def _alert(one: Told, index: int, event: AlertEvent) -> list[str]:
    kind = one.kind(index)
    when = f"{index}, {kind}" if kind else str(index)
    return [when, event.id, event.link, event.fault or "no line found", event.text]


def _plots(page: Page) -> list[str]:
    ours = next((one for one in page.results if one.method.name == OURS), page.results[0])
    wanted = {
        one.life.key: (HEALTHY_AT, one.detected) for one in ours.first if one.detected is not None
    }
    spectra = read_spectra(page.recordings, wanted, page.features)
    return [_bearing(page, ours.method.name, one, spectra) for one in ours.first]


def _bearing(
    page: Page, method: str, one: Outcome, spectra: Mapping[tuple[SensorKey, int], Spectrum]
) -> str:
    parts = [f"<h3>{escape(str(one.life.key))}, {escape(method)}</h3>", life_plot(one)]
    if one.detected is not None:
        shown = {"healthy": HEALTHY_AT, f"first alert, window {one.detected}": one.detected}
        chosen = {name: spectra[one.life.key, index] for name, index in shown.items()}
        told = _first_told(page, one) if method == OURS else None
        if told is not None:
            parts.append(f"<p>Told at window {one.detected}: {escape(told.text)}</p>")
        axis = "" if told is None else told.axis
        parts.append(bands_plot(one.life, one.detected, page.features, axis))
        parts.append(spectrum_plot(chosen, _fault_lines(page, one)))
    return "".join(parts)


def _first_told(page: Page, one: Outcome) -> AlertEvent | None:
    """Return what subscribers would have been told with the detection."""
    alerts = (alert for each in page.told if each.life.key == one.life.key for alert in each.alerts)
    return next((event for index, event in alerts if index == one.detected), None)


def _fault_lines(page: Page, one: Outcome) -> dict[str, float]:
    """Return where fault lines are expected, by name; empty where geometry or speed is unknown."""
    machine = page.machine(one.life.key)
    shaft_hz = one.life.observations[one.detected or 0].shaft_hz
    if machine is None or machine.geometry is None or shaft_hz is None:
        return {}
    lines = fault_lines_hz(machine.geometry.fault_orders(), shaft_hz)
    return dict(zip(FAULT_LINES, lines, strict=True))


TEMPLATE: Final = Template("""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>bearingwatch evaluate</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; color: #1d2730; }
table { border-collapse: collapse; margin: 1rem 0; font-size: 13px; }
td, th { border-bottom: 1px solid #d5dce1; padding: .25rem .6rem; text-align: left; }
svg { max-width: 100%; height: auto; }
</style></head><body>
<h1>How early, and how often for nothing</h1>
<h2>What must not be missed</h2><ul>$remarks</ul>
<h2>In sum</h2>
<p>Every method learnt from the same first 100 windows of each sensor. Numbers of random methods
are medians over seeds, with least and most where they differ; rates and bounds are those of the
first seed. <em>found (2 d)</em>: two of them by an alert that is open since a disputed time, which
counts as no lead. <em>alarm</em>: zone alarm reached alive, after a warning. <em>lead</em> and
<em>delay</em> (windows from the earliest sensible onset) are medians over the bearings found.</p>
$summary
$comparisons
$undisputed
<h2>First alert / false episodes on each failing bearing</h2>
<p><em>latched</em>: a false alert was open when the earliest sensible onset came;
<em>disputed</em>: one from a time of which people disagree. After a comma: one that began
later.</p>
$bearings
<h2>What subscribers would have been told</h2>
<p>Every alert, false and disputed ones too. <em>withheld</em> counts windows from the onset on that
the charts did not see, by verdict, beside it those behind the first 100 and before it;
<em>suspected</em> on arrival is a bearing whose baseline looks
damaged by absolute figures.</p>
$told
<h2>Lives</h2>
<p>Yellow is zone warning, red zone alarm; dashed lines are the earliest and latest sensible onset,
a blue ground is disputed time. An alert need not be of the loss: the high bands, the fault lines
and the level have limits of their own, and what was told says which it was. Below are the levels
of the bands, on the axis that was named or else the one that rose most, and the envelope's
spectrum.</p>
$plots
<h2>Methods</h2>$about
<h2>How it came about</h2>$facts
</body></html>
""")
