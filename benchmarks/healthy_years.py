"""Other methods than ours in years of health: false alerts a sensor-year, on simulated sensors.

    python -m benchmarks.healthy_years [--sensors 40] [--seed 11] [--methods NAME ...]

Recordings hold hours of health, so a method without a false alert on them may have many a year.
Each sensor lives half a year at one window in 10 min, in the family that ours is certified on: with
the defaults that is `benchmarks.certification --only healthy --sensor-years 20 --seed 11`, which
has the figure of ours. Every method learns from the first 100 windows; alerts with fewer than ten
windows between them are one, put down to what happened to the sensor last. Only ours has gates: the
others judge a machine that stands.

Sensors are drawn as features, so the RMS of the envelope is taken to be proportional to the RMS of
the band that it demodulates; with `BEARINGWATCH_DATA` both are compared on the learning bearings.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from benchmarks.detection import table
from benchmarks.starts import BEARINGS, judge_by, read
from models.budget import SECONDS_PER_YEAR
from models.bundle import load_bundle
from models.engines import open_engine
from models.evaluation import FIRST_WINDOWS
from models.evaluation.bounds import poisson_rate
from models.evaluation.catalogue import BASELINES, NEEDS_KERAS, OURS, Setting, choose
from models.evaluation.certification.healthy import Exposure, cause, happened
from models.evaluation.charted import Network
from models.evaluation.labels import Label
from models.evaluation.lives import Life
from pipelines.simulator.feature_fleet import FeatureFleet

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from models.evaluation import Method
    from models.evaluation.outcomes import Outcome
    from pipelines.features import FeatureSettings, Observation
    from pipelines.simulator import Event

CHARTED: Final = (OURS, "pca-same-charts")
"""A sensor at a time these take a minute each; ours is judged side by side in the certification."""

METHODS: Final = tuple(name for name in BASELINES if name not in {*NEEDS_KERAS, *CHARTED})
ENVELOPE: Final = "envelope-6-sigma"
CADENCE_S: Final = 600.0
HALF_YEAR: Final = round(SECONDS_PER_YEAR / 2 / CADENCE_S)


def main() -> None:
    """Print a table, a row a method."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--sensors", type=int, default=40)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--methods", nargs="+", choices=(*CHARTED, *METHODS), default=METHODS)
    asked = parser.parse_args()
    bundle = load_bundle()
    setting = Setting(Network(bundle, open_engine(bundle)), [])
    methods = choose(asked.methods, setting)
    if "BEARINGWATCH_DATA" in os.environ:
        (envelope,) = choose([ENVELOPE], setting)
        print(table(likeness(envelope, bundle.features)), end="\n\n")
    exposure = Exposure(asked.sensors, HALF_YEAR, CADENCE_S, asked.seed)
    outcomes: dict[str, list[Outcome]] = {method.name: [] for method in methods}
    causes = {method.name: Counter[str]() for method in methods}
    for number, (life, events) in enumerate(lives(exposure, bundle.features), 1):
        for method in methods:
            # Without its life, of which there is not room for all.
            outcome = replace(judge_by(method, life), life=life.part(0, 0))
            outcomes[method.name].append(outcome)
            causes[method.name].update(cause(events, k, FIRST_WINDOWS) for k in outcome.false)
        print(f"{number} of {asked.sensors} sensors", file=sys.stderr, flush=True)
    years = exposure.sensor_years * (1 - FIRST_WINDOWS / HALF_YEAR)
    print(f"{asked.sensors} sensors, {years:.2f} sensor-years behind the first windows")
    print(table(rates(outcomes, causes, years)))


def lives(
    exposure: Exposure, features: FeatureSettings
) -> Iterator[tuple[Life, tuple[Event, ...]]]:
    """Yield healthy sensors, whole, and what happens to each."""
    for spec in exposure.groups():
        fleet = FeatureFleet(spec, features)
        for key, machine in zip(fleet.keys, spec.machines, strict=True):
            seen = [one for number in range(fleet.blocks) for one in fleet.block(key, number)]
            label = Label(sensor=str(key), fails=False, last_live=len(seen) - 1)
            untold = np.full((len(seen), len(seen[0].axes)), np.nan)
            rms = band_rms(seen, features)
            yield Life(key, label, 0, tuple(seen), untold, rms, untold), happened(machine)


def band_rms(seen: Sequence[Observation], features: FeatureSettings) -> NDArray[np.float64]:
    """Return the RMS of the bands that the envelope demodulates, (windows, axes)."""
    high = features.high_bands()
    logs = np.stack([one.log_bands[..., high] for one in seen]).astype(np.float64)
    return np.asarray(np.sqrt(np.nansum(10.0**logs, axis=3).mean(axis=2)), np.float64)


def rates(
    outcomes: dict[str, list[Outcome]], causes: dict[str, Counter[str]], years: float
) -> list[list[str]]:
    """Return false alerts, their rate with exact bounds, clean sensors, time in alert, causes."""
    rows = [["method", "false alerts", "a sensor-year (95 %)", "clean", "time in alert", "causes"]]
    for name, own in outcomes.items():
        count = sum(len(one.false) for one in own)
        low, high = poisson_rate(count, years)
        rows.append(
            [
                name,
                str(count),
                f"{count / years:.3g} ({low:.2g}-{high:.2g})",
                f"{sum(one.clean for one in own)}/{len(own)}",
                f"{np.mean([one.in_alert for one in own]):.2%}",
                ", ".join(f"{why} {n}" for why, n in causes[name].most_common(3)),
            ]
        )
    return rows


def likeness(method: Method, features: FeatureSettings) -> list[list[str]]:
    """Return what the envelope's method says of the learning bearings by either number."""
    rows = [[ENVELOPE, "correlation of logs", "by the envelope: first alert", "by the band"]]
    for name in BEARINGS:
        (life,) = read(f"femto/{name}.npz", features)
        other = replace(life, envelope_rms=band_rms(life.observations, features))
        logs = np.log([life.envelope_rms[:, 0], other.envelope_rms[:, 0]])
        told = [judge_by(method, one) for one in (life, other)]
        firsts = [", ".join(map(str, (*one.disputed, one.detected))) for one in told]
        rows.append([name, f"{np.corrcoef(logs)[0, 1]:.4f}", *firsts])
    return rows


if __name__ == "__main__":
    main()
