"""`bearingwatch simulate`: recordings of a simulated fleet, with the truth about it."""

from __future__ import annotations

import csv
import shutil
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from daemon.cli.console import progress
from daemon.cli.interrupting import interruptible
from daemon.cli.options import MACHINES, OUT, POSITIVE, Finite
from daemon.cli.threads import cap_threads
from daemon.errors import ExitStatus, SettingsError, StartError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pipelines.simulator import Fleet
    from pipelines.window import SensorKey

DEGRADING = 3
RATES = Finite(min=640, max=1_000_000)
"""In Hz: slower no features can be had, faster the wire format does not take."""
CADENCES = Finite(min=0.001, max=31_536_000)
MOST_WINDOWS = 1_000_000
"""Both as `pipelines.simulator.check_run` has them, which takes long to import."""


@click.command("simulate")
@click.argument("out", type=OUT)
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=1,
    show_default=True,
    help="The same seed gives the same bytes.",
)
@click.option("--machines", default=6, show_default=True, type=MACHINES)
@click.option(
    "--sensors",
    "sensors_per_machine",
    default=3,
    show_default=True,
    type=click.IntRange(1, 100),
    help="Per machine.",
)
@click.option(
    "--degrading",
    default=None,
    show_default=f"{DEGRADING}, or every machine if fewer",
    type=click.IntRange(0),
    help="So many machines have one bearing that fails.",
)
@click.option(
    "--windows",
    default=600,
    show_default=True,
    type=click.IntRange(1, MOST_WINDOWS),
    help="Windows of each sensor.",
)
@click.option(
    "--cadence-s",
    type=CADENCES,
    default=600.0,
    show_default=True,
    help="Time between two windows.",
)
@click.option(
    "--window-s",
    "duration_s",
    type=POSITIVE,
    default=1.0,
    show_default=True,
    help="Length of one window.",
)
@click.option("--sample-rate-hz", type=RATES, default=20_480.0, show_default=True, help="Rate.")
def command(out: Path, **wanted: Any) -> None:
    """Write recordings of a simulated fleet into the new folder OUT.

    One .npz file per sensor, and beside them `truth.csv` (which bearing fails how, the first
    damaged window and the first after the end of life, counted like `index` in what `score`
    writes) and `assets.toml` (the geometry of each bearing, for alerts that name fault lines).
    Interrupted, it leaves nothing behind and exits with 1.

    \b
    bearingwatch simulate fleet --seed 7 --machines 4
    bearingwatch score fleet --assets fleet/assets.toml --out scores.csv
    """  # noqa: D301
    cap_threads()

    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise SettingsError(f"{out}: is no empty folder; choose another one")
    if wanted["degrading"] is None:
        wanted["degrading"] = min(DEGRADING, wanted["machines"])
    if wanted["degrading"] > wanted["machines"]:
        raise SettingsError("--degrading: at most one bearing of each of the --machines can fail")
    fleet = drawn(wanted)
    try:
        with interruptible(), whole(out):
            _write(fleet, out)
    except KeyboardInterrupt:
        click.echo(f"interrupted: nothing is left in {out}; run it again", err=True)
        sys.exit(ExitStatus.FATAL)
    click.echo(f"{len(fleet.keys)} recordings, truth.csv and assets.toml are in {out}")


def drawn(wanted: dict[str, Any]) -> Fleet:
    """Return a fleet whose windows can be judged and sent; raises `SettingsError`."""
    from pipelines.features import FeatureSettings, Unfit, check
    from pipelines.simulator import Fleet, random_fleet
    from pipelines.wire import InvalidRecord, encode

    try:
        _refuse_too_many(wanted["duration_s"], wanted["sample_rate_hz"])
        fleet = Fleet(random_fleet(**wanted))
        for index in (0, fleet.spec.windows - 1):
            window = fleet.window(fleet.keys[0], index)
            check(window, FeatureSettings())
            encode(window)
    except (ValueError, OverflowError, Unfit, InvalidRecord) as error:
        raise SettingsError(
            f"--windows, --window-s, --sample-rate-hz, --cadence-s: {error}"
        ) from error
    return fleet


def _refuse_too_many(duration_s: float, sample_rate_hz: float) -> None:
    """Raise `SettingsError` before so many samples are made."""
    from pipelines.wire import DEFAULT_LIMITS

    most = DEFAULT_LIMITS.max_samples
    if duration_s * sample_rate_hz > most:
        raise SettingsError(
            f"--window-s: {duration_s:g} s at {sample_rate_hz:g} Hz are over {most} samples, the "
            "most that a window may have; choose a shorter one"
        )


@contextmanager
def whole(out: Path) -> Iterator[None]:
    """Make the folder `out`, missing or empty, and leave nothing of it unless the block ends well.

    Raises `SettingsError` where it cannot be made, `StartError` where it cannot be filled.
    """
    new = not out.exists()
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"{out}: cannot be made: {error.strerror}") from error
    try:
        yield
    except OSError as error:
        _empty(out, new)
        raise StartError(f"{out}: cannot be written: {error.strerror or error}") from error
    except BaseException:
        _empty(out, new)
        raise


def _empty(out: Path, new: bool) -> None:
    if new:
        shutil.rmtree(out, ignore_errors=True)
        return
    for child in out.iterdir():  # a folder that was there may be a mount: it stays
        child.unlink(missing_ok=True)


def _write(fleet: Fleet, out: Path) -> None:
    with progress("windows written", fleet.spec.windows * len(fleet.keys)) as advance:
        for key in fleet.keys:
            write_sensor(fleet, key, out / f"{key.asset}.{key.sensor}.npz", advance)
    _write_truth(fleet, out / "truth.csv")
    (out / "assets.toml").write_text(_assets(fleet), "utf-8")


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


def _assets(fleet: Fleet) -> str:
    from pipelines.simulator import assets_toml

    return assets_toml(fleet.spec)


def _write_truth(fleet: Fleet, path: Path) -> None:
    failing = {truth.key: truth for truth in fleet.truth}
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["asset", "sensor", "fault", "onset", "failure"])
        for key in fleet.keys:
            truth = failing.get(key)
            told = (truth.kind, truth.onset, truth.failure) if truth else ("", "", "")
            rows.writerow([*key, *told])
