"""The IMS (NASA, 2007) layout: a folder a test, files named by time, `2004.02.12.10.32.39`.

A file is a snapshot of one second: 20,480 rows of 4 columns (a bearing each) or, in test 1, of 8
(two axes for each bearing), separated by tabulators. Documented are 20 kHz; 20,480 rows a second
are effective, and the shaft lines agree. (Lee, Qiu, Yu, Lin & Rexnord, 2007.)
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from pipelines.recordings.recording import (
    Declared,
    Recording,
    RecordingError,
    nanoseconds,
    valid_name,
)
from pipelines.recordings.table import first_line, read_table
from pipelines.window import SensorKey, Window

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROWS: Final = 20_480
SAMPLE_RATE_HZ: Final = 20_480.0
RPM: Final = 2000.0
BEARINGS: Final = 4
AXES: Final = {4: ("x",), 8: ("x", "y")}
"""Axes of one bearing, by the number of columns."""

_FILE: Final = re.compile(r"\d{4}(\.\d\d){5}")


def is_ims(folder: Path) -> bool:
    """Whether `folder` holds snapshots of this layout."""
    return any(_FILE.fullmatch(child.name) for child in folder.iterdir())


def open_ims(folder: Path, declared: Declared) -> Recording:
    """Open a test's folder."""
    snapshots = [(_time_ns(path), path) for path in _files(folder)]
    first = snapshots[0][1]
    columns = len(first_line(first).split("\t"))
    if columns not in AXES:
        raise RecordingError(first, f"{columns} columns, expected 4 or 8, tab-separated", line=1)
    if declared.axes is not None and len(declared.axes) != len(AXES[columns]):
        raise RecordingError(folder, f"declare {len(AXES[columns])} axes, those of one bearing")
    asset = declared.asset or valid_name(f"ims-{folder.name}")
    prefix = declared.sensor or "bearing"
    sensors = tuple(SensorKey(asset, f"{prefix}{i + 1}") for i in range(BEARINGS))
    return Recording(
        path=folder,
        sensors=sensors,
        length=len(snapshots) * BEARINGS,
        read=partial(_windows, snapshots, sensors, columns, declared),
    )


def _files(folder: Path) -> list[Path]:
    return sorted(child for child in folder.iterdir() if _FILE.fullmatch(child.name))


def _time_ns(path: Path) -> int:
    """Return the time in a file's name, which has no zone, as if in UTC."""
    try:
        return nanoseconds(datetime.strptime(path.name, "%Y.%m.%d.%H.%M.%S").replace(tzinfo=UTC))
    except ValueError as error:
        raise RecordingError(path, "the name is no time; rename or remove the file") from error


def _windows(
    snapshots: list[tuple[int, Path]],
    sensors: tuple[SensorKey, ...],
    columns: int,
    declared: Declared,
) -> Iterator[Window]:
    shift_ns = 0 if declared.start_ns is None else declared.start_ns - snapshots[0][0]
    width = columns // BEARINGS
    for time_ns, path in snapshots:
        rows = read_table(path, columns=columns, separator="\t")
        if len(rows) != ROWS:
            raise RecordingError(
                path, f"{len(rows)} rows, expected {ROWS}; remove or replace the file"
            )
        for index, key in enumerate(sensors):
            channels = rows[:, index * width : (index + 1) * width]
            yield Window(
                asset=key.asset,
                sensor=key.sensor,
                axes=declared.axes or AXES[columns],
                start_ns=time_ns + shift_ns,
                sample_rate_hz=declared.sample_rate_hz or SAMPLE_RATE_HZ,
                # The files do not say; see docs/recordings.md on why volts.
                unit=declared.unit or "V",
                samples=np.ascontiguousarray(channels.T, "<f4"),
                scale=declared.scale or 1.0,
                rpm=RPM if declared.rpm is None else declared.rpm,
                load=declared.load,
            )
