"""`bearingwatch score`: the same loop, recordings in and a CSV file out."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import click

from daemon.cli.console import WIDTH, progress
from daemon.cli.options import (
    ANYTHING,
    OUT,
    Finite,
    assets_option,
    declared_options,
    described,
    model_option,
)
from daemon.cli.threads import cap_threads
from daemon.errors import ExitStatus, SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from daemon.batch import Judged
    from daemon.intake import Sorted
    from daemon.sources import Record
    from models.alerts import AlertEvent
    from models.judgement import Judgement
    from models.policy import CommissioningPolicy
    from pipelines.recordings import Recording
    from pipelines.window import SensorKey

HEADINGS = (
    "asset", "sensor", "axes", "windows", "first warning", "first alarm", "at the end",
)  # fmt: skip
ALERTS_SHOWN = 20
"""Alerts that are told with their texts; the rest are counted."""


@click.command("score")
@click.argument("paths", nargs=-1, required=True, type=ANYTHING)
@click.option("--out", required=True, type=OUT, help="CSV file to write.")
@model_option
@assets_option
@click.option(
    "--commissioning-windows",
    type=click.IntRange(20, 10_000),
    help="Windows that a sensor is learnt from.  [default: 100]",
)
@click.option(
    "--commissioning-span-s",
    type=Finite(0, 31_536_000),
    help="Time that they span at least; less than a quarter of an hour judges short recordings, "
    "with more false alerts.  [default: 900]",
)
@click.option("--batch-windows", type=click.IntRange(1, 10_000), default=256, show_default=True)
@declared_options
def command(
    paths: tuple[Path, ...],
    out: Path,
    model: str | None,
    assets: Path | None,
    commissioning_windows: int | None,
    commissioning_span_s: float | None,
    batch_windows: int,
    **arguments: Any,
) -> None:
    """Judge the recordings at PATHS and write one row per window and sensor.

    PATHS are files or folders: our .npz layouts, the IMS and FEMTO folder layouts, and CSV, WAV
    or Parquet with declared rate and unit. It is the daemon's own loop, so the result is what the
    daemon would have said. Columns: asset, sensor, index, time, loss, threshold, zone, state,
    louder; `index` counts a sensor's windows from 0, `time` is the window's start in ns since
    1970, `zone` is what a subscriber would have been told is open at that time, and `louder` is 1
    where the window departs upwards. Printed are a line for each sensor and, in their own words,
    up to 20 alerts as they were raised. Interrupted, it leaves an older CSV file alone and exits
    with 1; so it does with 2 where there was no window that could be judged.

    A window that no features can be had from, being too short or sampled too slowly, has no row:
    a warning on stderr says how many there were and why, and the exit status is 0. One that does
    not come after its sensor's last (late, or the same time again) has a row with index -1: it is
    not counted, and the windows after it are judged as if it had not come.

    \b
    bearingwatch score recordings/ --out scores.csv
    bearingwatch score pump.csv --sample-rate-hz 25600 --unit g --out scores.csv
    """  # noqa: D301
    cap_threads()
    from daemon.app import commissioning_policy
    from daemon.machines import load_machines
    from daemon.settings import CsvSettings, DetectorOverrides

    refuse_destruction(out, (*paths, *filter(None, [assets])))
    recordings = described(arguments).open(paths)
    detector = DetectorOverrides(
        commissioning_windows=commissioning_windows, commissioning_span_s=commissioning_span_s
    )
    files = {key: each.path for each in recordings for key in each.sensors}
    summary = Summary(files, commissioning_policy(detector))
    finished = score(
        recordings,
        {
            "csv": {"path": out},
            "model": {"bundle": model},
            "assets": assets,
            "detector": detector,
            "loop": {"batch_windows": batch_windows},
        },
        summary,
    )
    summary.print()
    for line in invented_times(recordings):
        click.echo(line)
    for line in (*summary.left_out(), *load_machines(assets).remarks(summary.units)):
        click.echo(f"warning: {line}", err=True)
    if not finished:
        CsvSettings(path=out).unfinished.unlink(missing_ok=True)
        click.echo(
            f"interrupted after {summary.windows} windows: {out} was not written; run it again",
            err=True,
        )
        sys.exit(ExitStatus.FATAL)
    if not summary.windows:
        raise SettingsError(f"no window could be judged: {out} was not written")
    click.echo(f"{rows_in(out)} rows are in {out}")


def rows_in(path: Path) -> int:
    """Return how many lines are below the header: what was written, whatever was counted."""
    with path.open("rb") as lines:
        return sum(1 for _ in lines) - 1


def refuse_destruction(out: Path, inputs: Iterable[Path]) -> None:
    """Raise `SettingsError` where writing `out` would touch what is read, or cannot work."""
    if not out.parent.is_dir():
        raise SettingsError(f"--out {out}: there is no folder {out.parent}; make it first")
    if str(out) == "-" or (out.exists() and not out.is_file()):
        raise SettingsError(f"--out {out}: is no file, but is to be one; name a CSV file")
    target = Path(os.path.realpath(out))
    for path in inputs:
        if target == path.resolve() or (out.exists() and out.samefile(path)):
            raise SettingsError(f"--out {out}: is to be read; choose another file")
        if path.resolve() in target.parents:
            raise SettingsError(
                f"--out {out}: lies in {path}, which is read; choose a file outside of it"
            )


def score(recordings: list[Recording], told: dict[str, Any], summary: Summary) -> bool:
    """Run the loop over `recordings`, return whether to their end; raises what `Process` does."""
    from daemon.app import build_offline
    from daemon.cli.quiet import quiet_logs
    from daemon.recorded import recorded_windows
    from daemon.settings import Settings
    from daemon.stopping import Stopping

    settings = Settings.model_validate(
        {
            "source": {"kind": "recordings"},
            "series": {"kind": "csv"},
            "journal": {"kind": "memory", "evidence": False},
            "recordings": {"paths": [recording.path for recording in recordings]},
            **told,
        }
    )
    total = sum(recording.length or 0 for recording in recordings) or None
    quiet_logs()
    stopping = Stopping()
    with progress("windows read", total) as advance, stopping.listening():

        def watch(judged: Judged) -> None:
            summary.add(judged.judgements)
            summary.leave_out(judged.sorted)
            advance(len(judged.judgements) + len(judged.sorted.refusals))

        windows = recorded_windows(recordings)
        return build_offline(settings, windows, watch=watch).run(stopping)


@dataclass(slots=True)
class _Sensor:
    windows: int = 0
    first: dict[str, Judgement] = field(default_factory=dict)
    """First judgement in each zone."""
    judged: bool = False
    """Whether learning ever ended."""
    suspected: bool = False
    """Whether it ended with the suspicion of damage."""
    stands_out: bool = False
    """Whether its peers say so."""
    start_ns: int = 0
    last: Judgement | None = None

    def add(self, judgement: Judgement) -> None:
        if self.windows == 0:
            self.start_ns = judgement.observation.start_ns
        self.windows += 1
        self.first.setdefault(judgement.zone, judgement)
        self.judged = self.judged or judgement.status != "commissioning"
        self.suspected = self.suspected or judgement.suspicious
        self.stands_out = self.stands_out or "stands_out_of_peers" in judgement.notes
        self.last = judgement

    def row(self) -> tuple[str, ...]:
        assert self.last is not None  # noqa: S101
        axes = ", ".join(self.last.observation.axes)
        times = [_when(self.first.get(zone)) for zone in ("warning", "alarm")]
        return axes, str(self.windows), *times, f"{self.last.zone}, {self.last.status}"

    def span_s(self) -> float:
        return (self.last.observation.start_ns - self.start_ns) * 1e-9 if self.last else 0.0


@dataclass(slots=True)
class _LeftOut:
    first: str
    """Where the first one is, and what was found of it."""
    count: int = 0


class Summary:
    """What a person wants to know first: how many windows, and when it went wrong."""

    def __init__(
        self,
        files: Mapping[SensorKey, Path] = MappingProxyType({}),
        learnt: CommissioningPolicy | None = None,
    ) -> None:
        """`files` says where each sensor's windows come from, as far as that is known.

        `learnt` is by which learning ends; only `print` needs it.
        """
        self._files, self._learnt = files, learnt
        self._sensors: dict[SensorKey, _Sensor] = {}
        self._alerts: list[AlertEvent] = []
        self._repeated: set[tuple[SensorKey, int]] = set()
        self._left_out: dict[str, _LeftOut] = {}

    @property
    def windows(self) -> int:
        """How many windows were judged."""
        return sum(sensor.windows for sensor in self._sensors.values())

    @property
    def units(self) -> dict[SensorKey, str]:
        """In which unit the last window of each sensor was."""
        sensors = self._sensors.items()
        return {key: each.last.observation.unit for key, each in sensors if each.last}

    def add(self, judgements: Iterable[Judgement]) -> None:
        """Take in what was committed."""
        for judgement in judgements:
            key, start_ns = judgement.observation.key, judgement.observation.start_ns
            if judgement.index < 0:
                self._repeated.add((key, start_ns))
            else:
                self._sensors.setdefault(key, _Sensor()).add(judgement)
            self._alerts += [one for one in judgement.events if one.transition == "raised"]

    def leave_out(self, sorted_: Sorted) -> None:
        """Take in which windows could not be judged."""
        for refusal in sorted_.refusals:
            first = f"{self._place(refusal.record)}: {refusal.detail}"
            self._left_out.setdefault(refusal.reason, _LeftOut(first)).count += 1

    def _place(self, record: Record) -> str:
        from pipelines.window import Window

        if not isinstance(record.value, Window):
            return f"offset {record.offset}"
        key = record.value.key
        return f"{key} in {self._files[key]}" if key in self._files else str(key)

    def left_out(self) -> Iterator[str]:
        """Yield a line per reason for which windows have no row."""
        for reason, found in self._left_out.items():
            told = _counted(found.count, "window")
            yield f"{told} left out as {reason}, the first of {found.first}"

    def print(self) -> None:
        """Print a table, one line a sensor, and what of it is not to be relied on."""
        from rich.console import Console
        from rich.table import Table

        table = Table(box=None, pad_edge=False)
        for name in HEADINGS:
            table.add_column(name, no_wrap=name in ("asset", "sensor"), overflow="fold")
        for key, sensor in sorted(self._sensors.items()):
            table.add_row(*key, *sensor.row())
        Console(width=None if sys.stdout.isatty() else WIDTH).print(table)
        for line in (*self._raised(), *self._unjudged(), *self._suspected()):
            click.echo(line)
        if self._repeated:
            told = _counted(len(self._repeated), "window")
            click.echo(f"{told} not after the sensor's last: late or there already, index -1")

    def _raised(self) -> Iterator[str]:
        """Yield what subscribers would have been told when each alert was raised."""
        for one in self._alerts[:ALERTS_SHOWN]:
            time = datetime.fromtimestamp(one.time_ns // 10**9, UTC)
            link = "" if one.link == "primary" else f" It {one.link}."
            yield f"{time:%Y-%m-%d %H:%M:%S} {one.id} {one.text}{link}"
        if (more := len(self._alerts) - ALERTS_SHOWN) > 0:
            yield f"{_counted(more, 'further alert')} raised"

    def _suspected(self) -> Iterator[str]:
        for key, sensor in sorted(self._sensors.items()):
            if sensor.suspected:
                why = (
                    "its first windows are far louder than those of its peer_group"
                    if sensor.stands_out
                    else "its first windows look like those of a damaged bearing"
                )
                yield (
                    f"{key}: commissioned with suspicion: {why}, and what was learnt of them may"
                    " be no health"
                )

    def _unjudged(self) -> Iterator[str]:
        from models.policy import CommissioningPolicy

        learnt = self._learnt or CommissioningPolicy()
        for key, sensor in sorted(self._sensors.items()):
            if sensor.judged:
                continue
            if sensor.windows < learnt.windows:
                why = (
                    f"{learnt.windows} windows are needed, got {sensor.windows}; "
                    "--commissioning-windows takes fewer"
                )
            elif sensor.span_s() < learnt.span_s:
                why = (
                    f"{learnt.span_s:g} s of windows are needed, got {sensor.span_s():.0f} s; "
                    "--commissioning-span-s takes less"
                )
            else:
                why = f"of {sensor.windows} windows too few were running steadily"
            yield f"{key}: nothing judged: {why}"


def invented_times(recordings: Iterable[Recording]) -> Iterator[str]:
    """Yield a line where recordings do not say when they were made."""
    from pipelines.recordings import DEFAULT_START

    undated = [str(recording.path) for recording in recordings if not recording.dated]
    if undated:
        more = f" and {len(undated) - 1} more" if len(undated) > 1 else ""
        yield (
            f"times are invented, from {DEFAULT_START:%Y-%m-%d} on, since no date is told by "
            f"{undated[0]}{more}; --start TIME declares it"
        )


def _counted(count: int, what: str) -> str:
    return f"{count} {what} was" if count == 1 else f"{count} {what}s were"


def _when(judgement: Judgement | None) -> str:
    if judgement is None:
        return "-"
    time = datetime.fromtimestamp(judgement.observation.start_ns // 10**9, UTC)
    return f"{time:%Y-%m-%d %H:%M:%S} (window {judgement.index})"
