"""The FEMTO (PRONOSTIA, PHM 2012) layout: a folder a bearing, `acc_00001.csv` and on.

A file is a snapshot of 0.1 s each 10 s: 2,560 rows of hour, minute, second, microsecond,
horizontal, vertical acceleration in g. Known irregularities: some files are separated by
semicolons, some numbers are missing, temperature files lie beside, and the date is not told, so
that the time of day starts again at midnight. (Nectoux et al., PRONOSTIA, 2012.)
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from pipelines.recordings.recording import (
    DEFAULT_START,
    NS_PER_S,
    Declared,
    Recording,
    RecordingError,
    nanoseconds,
    valid_name,
)
from pipelines.recordings.table import read_table
from pipelines.window import SensorKey, Window

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

ROWS: Final = 2560
SAMPLE_RATE_HZ: Final = 25_600.0
AXES: Final = ("horizontal", "vertical")
CONDITIONS: Final = {"1": (1800.0, 4000.0), "2": (1650.0, 4200.0), "3": (1500.0, 5000.0)}
"""Speed in rpm and load in N, by the first digit of the bearing's name."""

_DAY_NS: Final = 86_400 * NS_PER_S
_FILE: Final = re.compile(r"acc_(\d+)\.csv", re.IGNORECASE)


def is_femto(folder: Path) -> bool:
    """Whether `folder` holds snapshots of this layout."""
    return any(_FILE.fullmatch(child.name) for child in folder.iterdir())


def open_femto(folder: Path, declared: Declared) -> Recording:
    """Open a bearing's folder."""
    files = _files(folder)
    if declared.axes is not None and len(declared.axes) != len(AXES):
        raise RecordingError(folder, f"{len(declared.axes)} axes declared, the files have 2")
    asset = declared.asset or valid_name(folder.name)
    key = SensorKey(asset, declared.sensor or "bearing")
    return Recording(
        path=folder,
        sensors=(key,),
        length=len(files),
        read=partial(_windows, files, key, declared, _condition(folder.name, declared)),
        dated=declared.start is not None,
    )


def _files(folder: Path) -> list[Path]:
    numbered = [(m, child) for child in folder.iterdir() if (m := _FILE.fullmatch(child.name))]
    return [child for _, child in sorted((int(match.group(1)), path) for match, path in numbered)]


def _condition(name: str, declared: Declared) -> tuple[float | None, float | None]:
    found = re.match(r"Bearing([123])_\d", name, re.IGNORECASE)
    rpm, load = CONDITIONS[found.group(1)] if found else (None, None)
    return (
        rpm if declared.rpm is None else declared.rpm,
        load if declared.load is None else declared.load,
    )


def _windows(
    files: list[Path],
    key: SensorKey,
    declared: Declared,
    condition: tuple[float | None, float | None],
) -> Iterator[Window]:
    clock = _Clock(declared.start_ns)
    for path in files:
        rows = read_table(path, columns=6)
        if len(rows) != ROWS:
            raise RecordingError(
                path, f"{len(rows)} rows, expected {ROWS}; remove or replace the file"
            )
        yield Window(
            asset=key.asset,
            sensor=key.sensor,
            axes=declared.axes or AXES,
            start_ns=clock.at(path, rows[0, :4]),
            sample_rate_hz=declared.sample_rate_hz or SAMPLE_RATE_HZ,
            unit=declared.unit or "g",
            samples=np.ascontiguousarray(rows[:, 4:].T, "<f4"),
            scale=declared.scale or 1.0,
            rpm=condition[0],
            load=condition[1],
        )


class _Clock:
    """Turns times of day into times; a fall by over half a day is midnight."""

    def __init__(self, start_ns: int | None) -> None:
        self._start_ns = start_ns
        self._midnight_ns = nanoseconds(DEFAULT_START)
        self._last_ns: int | None = None

    def at(self, path: Path, time_of_day: NDArray[np.float64]) -> int:
        """Return ns since the epoch for hour, minute, second, microsecond."""
        hour, minute, second, microsecond = time_of_day.tolist()
        since_midnight_ns = round(hour * 3600 + minute * 60 + second) * NS_PER_S
        since_midnight_ns += round(microsecond) * 1000
        if self._last_ns is None and self._start_ns is not None:
            self._midnight_ns = self._start_ns - since_midnight_ns
        time_ns: int = self._midnight_ns + since_midnight_ns
        if self._last_ns is not None and time_ns < self._last_ns - _DAY_NS // 2:
            self._midnight_ns += _DAY_NS
            time_ns += _DAY_NS
        if self._last_ns is not None and time_ns <= self._last_ns:
            raise RecordingError(path, "not later than the file before; remove it", line=1)
        self._last_ns = time_ns
        return time_ns
