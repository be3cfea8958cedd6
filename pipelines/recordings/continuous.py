"""One long signal cut into windows, back to back; what CSV, WAV and Parquet share."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NoReturn

import numpy as np

from pipelines.recordings.recording import (
    DEFAULT_START,
    NS_PER_S,
    Declared,
    RecordingError,
    nanoseconds,
    valid_axis,
    valid_name,
)
from pipelines.window import SensorKey, Window

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

_TIMES: Final = frozenset(
    {"t", "time", "times", "timestamp", "timestamps", "datetime", "date"}
    | {"sec", "secs", "second", "seconds", "ms", "msec", "us"}
)
_RAMP_AT_LEAST: Final = 15
"""Steps that must be even before a column is taken for a time; a signal's first few may be."""


@dataclass(frozen=True, slots=True)
class Signal:
    """What all windows of one continuous signal share; `rows` is the length of a window."""

    path: Path
    key: SensorKey
    axes: tuple[str, ...]
    sample_rate_hz: float
    unit: str
    scale: float
    declared: Declared

    def __post_init__(self) -> None:
        """Refuse windows that hold no sample."""
        if self.rows == 0:
            raise RecordingError(
                self.path,
                f"{self.declared.window_s:g} s hold no sample at {self.sample_rate_hz:g} Hz; "
                "declare a longer window_s (--window-s)",
            )

    @property
    def rows(self) -> int:
        """Samples of one axis in one window."""
        return round(min(self.declared.window_s * self.sample_rate_hz, sys.maxsize))

    def cut(self, blocks: Iterator[NDArray[Any]]) -> Iterator[Window]:
        """Cut blocks of any length, shape (rows, axes), into windows.

        What is left at the end is dropped; raises `RecordingError` where that is everything.
        """
        held: list[NDArray[Any]] = []
        available = index = 0
        for block in blocks:
            held.append(block)
            available += len(block)
            if available < self.rows:
                continue
            joined = np.concatenate(held)
            whole = available // self.rows
            for i in range(whole):
                yield self._window(joined[i * self.rows : (i + 1) * self.rows], index + i)
            index += whole
            held = [joined[whole * self.rows :]]
            available -= whole * self.rows
        if index == 0:
            raise RecordingError(
                self.path,
                f"{available} samples are less than one window of {self.declared.window_s:g} s; "
                "declare a shorter window_s (--window-s)",
            )

    def _window(self, rows: NDArray[Any], index: int) -> Window:
        start_ns = self.declared.start_ns
        first_ns = nanoseconds(DEFAULT_START) if start_ns is None else start_ns
        return Window(
            asset=self.key.asset,
            sensor=self.key.sensor,
            axes=self.axes,
            start_ns=first_ns + round(index * self.rows * NS_PER_S / self.sample_rate_hz),
            sample_rate_hz=self.sample_rate_hz,
            unit=self.unit,
            samples=np.ascontiguousarray(rows.T),
            scale=self.scale,
            rpm=self.declared.rpm,
            load=self.declared.load,
        )


def key_of(path: Path, declared: Declared) -> SensorKey:
    """Return the sensor: declared, else from a name like `asset__sensor.csv` or `asset.csv`."""
    asset, _, sensor = path.stem.partition("__")
    return SensorKey(
        declared.asset or valid_name(asset), declared.sensor or valid_name(sensor or "signal")
    )


def axes_of(path: Path, declared: Declared, names: list[str]) -> tuple[str, ...]:
    """Return the axes: declared, else the columns' own names."""
    axes = declared.axes or tuple(valid_axis(name) for name in names)
    if len(axes) != len(names):
        raise RecordingError(path, f"{len(axes)} axes declared (--axes) for {len(names)} channels")
    if len(set(axes)) != len(axes) or len(axes) > 8:
        raise RecordingError(
            path,
            f"channels {', '.join(axes)}: up to 8 different ones; declare columns "
            "(--columns) or axes (--axes)",
        )
    return axes


def unnamed(channels: int) -> list[str]:
    """Return names for channels that have none."""
    return ["x"] if channels == 1 else [f"channel{i + 1}" for i in range(channels)]


def refuse_time(path: Path, names: list[str], suspect: str) -> NoReturn:
    """Raise `RecordingError` that tells to leave out the column `suspect`, which is a time."""
    others = ",".join(name for name in names if name != suspect) or "NAME,..."
    raise RecordingError(
        path,
        f"column {suspect!r} looks like a time or a number of the row, which is no channel; "
        f"declare columns (--columns {others})",
    )


def is_time(name: str) -> bool:
    """Whether a heading such as `Time [s]`, `t_ms` or `timestamp` is that of a time."""
    words = [word for word in re.split(r"[^a-z]+", name.lower()) if word]
    return bool(words) and (words[0] in _TIMES or words == ["elapsed", "time"])


def is_even_ramp(values: NDArray[np.float64]) -> bool:
    """Whether numbers grow by the same step, but for how they were rounded when written."""
    steps = np.diff(values)
    if len(steps) < _RAMP_AT_LEAST or not (steps > 0).all():
        return False
    even = np.linspace(values[0], values[-1], len(values))
    return bool((np.abs(values - even) < 0.75 * steps.mean()).all())


def chosen(path: Path, declared: Declared, names: list[str]) -> list[str]:
    """Return the columns to read, all unless declared; a time among all is refused."""
    if declared.columns is None:
        for name in filter(is_time, names):
            refuse_time(path, names, name)
    wanted = list(declared.columns or names)
    missing = [name for name in wanted if name not in names]
    if missing:
        raise RecordingError(path, f"no column {missing[0]!r}; it has {', '.join(names)}")
    return wanted
