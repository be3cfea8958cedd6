"""`bearingwatch simulate`: recordings of a simulated fleet, with the truth about it."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from daemon.cli.console import progress
from daemon.cli.options import OUT
from daemon.cli.threads import cap_threads
from daemon.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipelines.simulator import Fleet
    from pipelines.window import SensorKey


@click.command("simulate")
@click.argument("out", type=OUT)
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=1,
    show_default=True,
    help="The same seed gives the same bytes.",
)
@click.option("--machines", default=6, show_default=True, type=click.IntRange(1))
@click.option(
    "--sensors",
    "sensors_per_machine",
    default=3,
    show_default=True,
    type=click.IntRange(1),
    help="Per machine.",
)
@click.option(
    "--degrading",
    default=3,
    show_default=True,
    type=click.IntRange(0),
    help="So many machines have one bearing that fails.",
)
@click.option(
    "--windows",
    default=600,
    show_default=True,
    type=click.IntRange(1),
    help="Windows of each sensor.",
)
@click.option("--cadence-s", default=600.0, show_default=True, help="Time between two windows.")
@click.option(
    "--window-s", "duration_s", default=1.0, show_default=True, help="Length of one window."
)
@click.option("--sample-rate-hz", default=20_480.0, show_default=True)
def command(out: Path, **wanted: Any) -> None:
    """Write recordings of a simulated fleet into the new folder OUT.

    One .npz file per sensor, and `truth.csv`: which bearing fails how, the first damaged window
    and the first after the end of life, counted like `index` in what `score` writes.

    \b
    bearingwatch simulate fleet --seed 7 --machines 4
    bearingwatch score fleet --out scores.csv
    """  # noqa: D301
    cap_threads()
    from pipelines.simulator import Fleet, random_fleet

    if out.exists() and any(out.iterdir()):
        raise SettingsError(f"{out}: is not empty; choose another folder")
    if wanted["degrading"] > wanted["machines"]:
        raise SettingsError("--degrading: at most one bearing of each of the --machines can fail")
    fleet = Fleet(random_fleet(**wanted))
    out.mkdir(parents=True, exist_ok=True)
    _write_truth(fleet, out / "truth.csv")
    with progress("windows written", fleet.spec.windows * len(fleet.keys)) as advance:
        for key in fleet.keys:
            write_sensor(fleet, key, out / f"{key.asset}.{key.sensor}.npz", advance)
    click.echo(f"{len(fleet.keys)} recordings and truth.csv are in {out}")


def write_sensor(fleet: Fleet, key: SensorKey, path: Path, advance: Callable[[int], None]) -> None:
    """Write all windows of one sensor in our .npz layout."""
    import numpy as np

    spec, sensor = fleet.spec, fleet.sensor(key)
    x = np.empty((spec.windows, spec.grid.count, len(sensor.axes)), "<i2")
    rpm = np.empty(spec.windows)
    for index in range(spec.windows):
        window = fleet.window(key, index)
        x[index] = window.samples.T
        rpm[index] = window.rpm or np.nan
        advance(1)
    np.savez(
        path,
        x=x,
        scale_g=sensor.converter.scale,
        t_s=np.arange(spec.windows) * spec.cadence_s,
        fs_hz=spec.sample_rate_hz,
        channels=np.array(sensor.axes),
        asset=key.asset,
        sensor=key.sensor,
        rpm=float(np.nanmedian(rpm)) if spec.telemetry else np.nan,
    )


def _write_truth(fleet: Fleet, path: Path) -> None:
    failing = {truth.key: truth for truth in fleet.truth}
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["asset", "sensor", "fault", "onset", "failure"])
        for key in fleet.keys:
            truth = failing.get(key)
            told = (truth.kind, truth.onset, truth.failure) if truth else ("", "", "")
            rows.writerow([*key, *told])
