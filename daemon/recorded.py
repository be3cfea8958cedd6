"""Recordings for whoever runs over them, their faults told as wrong settings.

A recording is something that we were told to read. One that cannot be opened, or turns out broken
half-way, is answered with exit status 2 in every command: trying again would not help, and it is
no defect of ours.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

from daemon.errors import SettingsError
from pipelines.recordings import RecordingError, declare, discover, in_time_order

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping
    from pathlib import Path

    from pipelines.recordings import Declared, Recording
    from pipelines.window import Window


def open_recordings(paths: Iterable[Path], told: Mapping[str, Any]) -> list[Recording]:
    """Open the recordings at `paths`; `told` are fields of `Declared`, None where nothing is known.

    Raises `SettingsError` naming the file or the declaration.
    """
    declared = declaration(told)
    try:
        return discover(paths, declared)
    except RecordingError as error:
        raise SettingsError(str(error)) from error


def declaration(told: Mapping[str, Any]) -> Declared:
    """Return what is told of recordings, checked; raises `SettingsError` naming what is wrong."""
    given = {name: value for name, value in told.items() if value is not None}
    try:
        return declare(**given)
    except ValueError as error:
        raise SettingsError(str(error)) from error


def first_window(recording: Recording) -> Window:
    """Read one window; raises `SettingsError` with file and line."""
    with closing(recorded_windows([recording])) as windows:
        for window in windows:
            return window
    raise SettingsError(f"{recording.path}: holds no window")


def recorded_windows(recordings: Iterable[Recording]) -> Generator[Window]:
    """Yield all windows in the order of their time; raises `SettingsError` with file and line."""
    try:
        yield from in_time_order(recordings)
    except RecordingError as error:
        raise SettingsError(str(error)) from error
