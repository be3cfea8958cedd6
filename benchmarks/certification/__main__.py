"""Certify the shipped bundle at default settings on a simulated fleet that it never saw.

    python -m benchmarks.certification [--sensor-years 100] [--fast-years 0.3] [--degrading 200]
        [--arrivals 100] [--budgets 0.1,1,10] [--seed 1] [--calendar usual|busier]
        [--only healthy,fast,...] [--out FOLDER]
    python -m benchmarks.certification --only tails [--tail-years 25] [--fast-tail-years 0.5]
        [--calendar usual|busier]

Prints tables and writes `certification.json` into the folder. With `BEARINGWATCH_DATA` the
healthy simulation is compared with the recordings there. Processor time on one core, at the
defaults, is about half an hour; the full exposure is
`--sensor-years 500 --fast-years 2 --degrading 500`.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks.certification import tables
from benchmarks.certification.likeness import recorded, simulated, two_ways
from models.budget import SECONDS_PER_YEAR
from models.bundle import load_bundle
from models.engines import open_engine
from models.evaluation.certification.arrival import (
    among_peers,
    arrive,
    damaged_fleets,
    healthy_starts,
    same_make,
)
from models.evaluation.certification.degrading import degrade, failing_fleets
from models.evaluation.certification.fleets import BUSIER, USUAL, Year
from models.evaluation.certification.healthy import REFERENCE, Exposure, expose
from models.evaluation.certification.panel import panel, pinned, stated
from models.evaluation.certification.tails import crossings, fit
from models.policy import BudgetPolicy
from pipelines.simulator import SETTING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from models.bundle import Bundle
    from models.engines import Engine

FACTORS: Final = (0.4, 0.5, 0.6, 0.8, 1.0)
BUDGETS: Final = (0.1, 1.0, 10.0)
SLOW_S, FAST_S = 600.0, 10.0
HALF_YEAR: Final = round(SECONDS_PER_YEAR / 2 / SLOW_S)
TEN_DAYS: Final = round(10 * 86_400 / FAST_S)
"""Windows of a sensor: 26,000 or 86,000, so that the first 1,000 weigh little."""

SHORT: Final = 13_000
"""Windows of a sensor that limits are set on: what is learnt of one takes 1,000."""

LIFE: Final = 600

CALENDARS: Final = {"usual": USUAL, "busier": BUSIER}
"""What happens to healthy sensors. The shipped limits are set on the usual one."""

PEERS: Final = 4
"""Machines of the same make beside each one that starts late."""


@dataclass(slots=True)
class Run:
    """What all parts share, and what they report."""

    asked: argparse.Namespace
    bundle: Bundle
    engine: Engine
    report: dict[str, Any] = field(default_factory=dict)

    def progress(self, name: str, windows: float) -> Callable[[int], None]:
        """Return a callback that says now and then how far a part has come."""
        started, done, told = time.monotonic(), 0, time.monotonic()

        def say(count: int) -> None:
            nonlocal done, told
            done += count
            if time.monotonic() - told > 60:
                told = time.monotonic()
                spent = told - started
                print(f"{name}: {done / windows:.0%} after {spent:.0f} s", file=sys.stderr)

        return say

    def tell(self, title: str, rows: Sequence[Sequence[str]], data: Any) -> None:
        """Print a table and keep the numbers behind it; what there is so far is on disk."""
        print(f"\n### {title}\n\n{tables.markdown(rows)}", flush=True)
        self.report[title] = data
        if self.asked.out is not None:
            self.asked.out.mkdir(parents=True, exist_ok=True)
            text = json.dumps(self.report, indent=1, default=tables.plain)
            (self.asked.out / "certification.json").write_text(text + "\n", "utf-8")


def exposure(years: float, *, slow: bool, seed: int, year: Year = USUAL) -> Exposure:
    """Return an exposure of about so many sensor-years; one sensor at least."""
    cadence_s = SLOW_S if slow else FAST_S
    longest = HALF_YEAR if slow else TEN_DAYS
    total = round(years * SECONDS_PER_YEAR / cadence_s)
    sensors = max(1, round(total / longest))
    return Exposure(sensors, max(1, round(total / sensors)), cadence_s, seed, year)


def healthy(run: Run) -> None:
    asked, year = run.asked, CALENDARS[run.asked.calendar]
    _expose(run, "10 min", exposure(asked.sensor_years, slow=True, seed=asked.seed, year=year))


def fast(run: Run) -> None:
    asked, year = run.asked, CALENDARS[run.asked.calendar]
    _expose(run, "10 s", exposure(asked.fast_years, slow=False, seed=asked.seed + 2, year=year))


def _expose(run: Run, name: str, of: Exposure) -> None:
    watch = run.progress(name, of.sensors * of.windows)
    jurors = panel(run.bundle, run.engine, stated(run.asked.budgets))
    result = expose(of, jurors, run.bundle.features, watch)
    run.tell(f"healthy, {name}", tables.false_alerts(result), tables.healthy_data(result))
    run.tell(f"budgets, healthy, {name}", tables.rates(result), result.causes)
    run.tell(f"false alerts by cause, {name}", tables.causes(result), result.alerts)
    run.tell(f"rough spells, {name}", tables.spells(result), None)
    run.tell(f"chart values in health, {name}", tables.statistics(result), None)


def tail(run: Run) -> None:
    """Fit what `models.budget` reckons with, on a family that nothing is certified on."""
    found = {}
    for name, slow, years in (
        ("quick", False, run.asked.fast_tail_years),
        ("slow", True, run.asked.tail_years),
    ):
        cadence_s = SLOW_S if slow else FAST_S
        sensors = max(1, round(years * SECONDS_PER_YEAR / cadence_s / SHORT))
        of = Exposure(
            sensors,
            SHORT,
            cadence_s,
            run.asked.seed + 5,
            year=CALENDARS[run.asked.calendar],
            family=SETTING,
        )
        jurors = panel(run.bundle, run.engine, pinned(run.asked.factors))
        watch = run.progress(f"tail, {name}", of.sensors * of.windows)
        found[name] = crossings(of, jurors, run.bundle.features, watch)
        run.tell(f"limits scaled, {name}", tables.crossings(found[name]), found[name])
    most = BudgetPolicy().correlation_most
    fitted = {name: fit(each, most) for name, each in found.items()}
    run.tell("tails", tables.tails(fitted), fitted)


def degrading(run: Run) -> None:
    count = run.asked.degrading
    fleets = failing_fleets(count, seed=run.asked.seed, windows=LIFE, cadence_s=SLOW_S)
    watch = run.progress("degrading", count * LIFE)
    jurors = panel(run.bundle, run.engine, stated(run.asked.budgets))
    result = degrade(fleets, jurors, run.bundle.features, watch)
    run.tell("degrading", tables.found(result), result.fates)
    run.tell("budgets, degrading", tables.delays(result), None)


def arrivals(run: Run) -> None:
    count, seed = run.asked.arrivals, run.asked.seed
    budget = stated((REFERENCE,))
    juror = panel(run.bundle, run.engine, budget, group_of=same_make)[REFERENCE]
    results = {}
    for geometry in (True, False):
        for name, fleets in (("damaged", damaged_fleets), ("healthy", healthy_starts)):
            made = fleets(count, seed=seed, cadence_s=SLOW_S)
            told = arrive(made, juror, run.bundle.features, geometry=geometry)
            results[f"{name}, {'geometry' if geometry else 'no geometry'}"] = told
    for name, fleets in (("damaged", damaged_fleets), ("healthy", healthy_starts)):
        made = among_peers(fleets(count, seed=seed, cadence_s=SLOW_S), PEERS, seed=seed)
        told = arrive(made, juror, run.bundle.features, geometry=False)
        results[f"{name}, among {PEERS} peers, no geometry"] = told
    run.tell("started late", tables.suspicion(results), results)


def alike(run: Run) -> None:
    settings = run.bundle.features
    rows = {
        f"simulated, {name}": simulated(cadence_s, settings, run.asked.seed + 3)
        for name, cadence_s in (("10 min", SLOW_S), ("10 s", FAST_S))
    }
    folder = os.environ.get("BEARINGWATCH_DATA")
    if folder:
        rows |= recorded(Path(folder), settings)
    run.tell("likeness", tables.alike(rows), rows)


def agreement(run: Run) -> None:
    rows = two_ways(run.bundle, run.engine, seed=run.asked.seed + 4, sensors=run.asked.twins)
    run.tell("features against waveforms", tables.twins(rows), rows)


PARTS: Final = {
    "alike": alike,
    "agreement": agreement,
    "arrivals": arrivals,
    "degrading": degrading,
    "fast": fast,
    "healthy": healthy,
}


PARTS_BESIDE: Final = {"tails": tail}
"""Not run unless asked for by name: they set what the others certify."""


def numbers(text: str) -> tuple[float, ...]:
    return tuple(float(each) for each in text.split(","))


def budgets(text: str) -> tuple[float, ...]:
    found = numbers(text)
    if REFERENCE not in found:
        raise argparse.ArgumentTypeError(f"the budgets must contain {REFERENCE:g}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sensor-years", type=float, default=100.0)
    parser.add_argument("--fast-years", type=float, default=0.3)
    parser.add_argument("--degrading", type=int, default=200)
    parser.add_argument("--arrivals", type=int, default=100)
    parser.add_argument("--twins", type=int, default=80)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--bundle", type=Path, default=None)
    parser.add_argument("--budgets", type=budgets, default=BUDGETS)
    parser.add_argument("--factors", type=numbers, default=FACTORS)
    parser.add_argument("--tail-years", type=float, default=25.0)
    parser.add_argument("--fast-tail-years", type=float, default=0.5)
    parser.add_argument("--calendar", choices=CALENDARS, default="usual")
    parser.add_argument("--only", default=",".join(PARTS))
    parser.add_argument("--out", type=Path, default=None)
    asked = parser.parse_args()
    bundle = load_bundle(asked.bundle)
    run = Run(asked, bundle, open_engine(bundle))
    print(f"bundle {bundle.name} {bundle.hash}, seed {asked.seed}, {asked.calendar} calendar")
    for name in asked.only.split(","):
        {**PARTS, **PARTS_BESIDE}[name](run)


if __name__ == "__main__":
    main()
