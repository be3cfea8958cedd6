"""`bearingwatch score`: the same loop, recordings in and a CSV file out."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from daemon.cli.console import progress
from daemon.cli.options import (
    ANYTHING,
    OUT,
    assets_option,
    declared_options,
    described,
    model_option,
)
from daemon.cli.threads import cap_threads
from daemon.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from daemon.batch import Judged
    from models.judgement import Judgement
    from pipelines.recordings import Recording
    from pipelines.window import SensorKey


WIDTH = 140
"""Columns of the summary where there is no terminal to ask."""


@click.command("score")
@click.argument("paths", nargs=-1, required=True, type=ANYTHING)
@click.option("--out", required=True, type=OUT, help="CSV file to write.")
@model_option
@assets_option
@click.option("--batch-windows", type=click.IntRange(1), default=256, show_default=True)
@declared_options
def command(
    paths: tuple[Path, ...],
    out: Path,
    model: str | None,
    assets: Path | None,
    batch_windows: int,
    **arguments: Any,
) -> None:
    """Judge the recordings at PATHS and write one row per window and sensor.

    PATHS are files or folders: our .npz layouts, the IMS and FEMTO folder layouts, and CSV, WAV
    or Parquet with declared rate and unit. It is the daemon's own loop, so the result is what the
    daemon would have said. Columns: asset, sensor, index, time, loss, threshold, zone, state,
    louder; `index` counts a sensor's windows from 0, `zone` is what a subscriber would have been
    told is open at that time.

    \b
    bearingwatch score recordings/ --out scores.csv
    bearingwatch score pump.csv --sample-rate-hz 25600 --unit g --out scores.csv
    """  # noqa: D301
    cap_threads()
    refuse_destruction(out, (*paths, *filter(None, [assets])))
    recordings = described(arguments).open(paths)
    summary = Summary()
    score(
        recordings,
        {
            "csv": {"path": out},
            "model": {"bundle": model},
            "assets": assets,
            "loop": {"batch_windows": batch_windows},
        },
        summary,
    )
    summary.print()
    click.echo(f"{summary.windows} rows are in {out}")


def refuse_destruction(out: Path, inputs: Iterable[Path]) -> None:
    """Raise `SettingsError` where writing `out` would touch what is read, or cannot work."""
    if not out.parent.is_dir():
        raise SettingsError(f"--out {out}: there is no folder {out.parent}; make it first")
    if out.is_dir():
        raise SettingsError(f"--out {out}: is a folder; name a CSV file")
    target = out.resolve()
    for path in inputs:
        if target == path.resolve() or (out.exists() and out.samefile(path)):
            raise SettingsError(f"--out {out}: is to be read; choose another file")
        if path.resolve() in target.parents:
            raise SettingsError(
                f"--out {out}: lies in {path}, which is read; choose a file outside of it"
            )


def score(recordings: list[Recording], told: dict[str, Any], summary: Summary) -> None:
    """Run the loop over `recordings`; raises what `Process.run` does."""
    from daemon.app import build_offline
    from daemon.cli.quiet import quiet_logs
    from daemon.recorded import recorded_windows
    from daemon.settings import ToldSettings
    from daemon.stopping import Stopping

    settings = ToldSettings.model_validate(
        {
            "source": {"kind": "recordings"},
            "series": {"kind": "csv"},
            "journal": {"kind": "memory"},
            "recordings": {"paths": [recording.path for recording in recordings]},
            **told,
        }
    )
    total = sum(recording.length or 0 for recording in recordings) or None
    quiet_logs()
    stopping = Stopping()
    with progress("windows judged", total) as advance, stopping.listening():

        def watch(judged: Judged) -> None:
            summary.add(judged.judgements)
            advance(len(judged.judgements))

        windows = recorded_windows(recordings)
        build_offline(settings, windows, watch=watch).run(stopping)


@dataclass(slots=True)
class _Sensor:
    windows: int = 0
    first: dict[str, Judgement] = field(default_factory=dict)
    """First judgement in each zone."""
    last: Judgement | None = None


class Summary:
    """What a person wants to know first: how many windows, and when it went wrong."""

    def __init__(self) -> None:
        self._sensors: dict[SensorKey, _Sensor] = {}

    @property
    def windows(self) -> int:
        """How many windows were judged."""
        return sum(sensor.windows for sensor in self._sensors.values())

    def add(self, judgements: Iterable[Judgement]) -> None:
        """Take in what was committed."""
        for judgement in judgements:
            sensor = self._sensors.setdefault(judgement.observation.key, _Sensor())
            sensor.windows += 1
            sensor.first.setdefault(judgement.zone, judgement)
            sensor.last = judgement

    def print(self) -> None:
        """Print a table, one line a sensor."""
        from rich.console import Console
        from rich.table import Table

        table = Table(box=None, pad_edge=False)
        for name in ("asset", "sensor", "windows", "first warning", "first alarm", "at the end"):
            table.add_column(name, no_wrap=name in ("asset", "sensor"), overflow="fold")
        for key, sensor in sorted(self._sensors.items()):
            state = sensor.last.status if sensor.last else ""
            times = [_when(sensor.first.get(zone)) for zone in ("warning", "alarm")]
            table.add_row(*key, str(sensor.windows), *times, str(state))
        Console(width=None if sys.stdout.isatty() else WIDTH).print(table)


def _when(judgement: Judgement | None) -> str:
    if judgement is None:
        return "-"
    time = datetime.fromtimestamp(judgement.observation.start_ns // 10**9, UTC)
    return f"{time:%Y-%m-%d %H:%M:%S} (window {judgement.index})"
