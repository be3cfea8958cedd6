"""The contract's types: what is declared of a recording, the recording, and its error."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
import numpy as np

from pipelines.window import SensorKey, Window
from pipelines.wire import DEFAULT_LIMITS, InvalidRecord, Reason, check_axes, check_names, encode

DEFAULT_START: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""Start of a recording that carries no date and for which none was declared."""

NS_PER_S: Final = 1_000_000_000

_ANOTHER: Final = {
    Reason.BAD_RATE: "another sample_rate_hz (--sample-rate-hz)",
    Reason.BAD_AXES: "other axes (--axes NAME,...)",
    Reason.BAD_COUNT: "another window_s (--window-s)",
    Reason.TOO_LARGE: "a shorter window_s (--window-s)",
    "scale": "another scale (--scale), or full_scale (--full-scale) of a WAV",
    "start_ns": "another start (--start), times go from 1970-01-01 to 2262-04-11",
    "rpm": "another rpm (--rpm)",
    "load": "another load (--load)",
}
"""What to declare, by the reason of a refusal or by the first word of its detail."""

_BOUNDS: Final = {
    "sample_rate_hz": (DEFAULT_LIMITS.min_rate_hz, DEFAULT_LIMITS.max_rate_hz),
    "scale": (DEFAULT_LIMITS.min_scale, DEFAULT_LIMITS.max_scale),
    "rpm": (-DEFAULT_LIMITS.max_value, DEFAULT_LIMITS.max_value),
    "load": (-DEFAULT_LIMITS.max_value, DEFAULT_LIMITS.max_value),
}
"""What the wire format takes."""

_NEEDED: Final = {
    "sample_rate_hz": ("its sample rate", "sample_rate_hz (--sample-rate-hz HZ)"),
    "unit": ("its unit", "unit (--unit g, m/s2, mm/s or V)"),
    "scale": (
        "what its integers are worth",
        "scale (--scale), the physical value of one count, or full_scale (--full-scale), that of "
        "the largest",
    ),
}
"""What a file does not say, and how it is declared."""


class RecordingError(ValueError):
    """A file that cannot be read as a recording: which, where in it, and what to do."""

    def __init__(self, path: Path, problem: str, line: int | None = None) -> None:
        place = str(path) if line is None else f"{path}, line {line}"
        super().__init__(f"{place}: {problem}")
        self.path = path
        self.line = line


class Declared(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the caller knows of a recording; it goes before what file or layout say."""

    asset: str | None = None
    sensor: str | None = None
    axes: tuple[str, ...] | None = None
    """Names of the channels, in their order in the file."""
    columns: tuple[str, ...] | None = None
    """Columns to read from CSV or Parquet; all where not declared."""
    sample_rate_hz: float | None = None
    unit: Literal["g", "m/s2", "mm/s", "V"] | None = None
    scale: float | None = None
    """Physical value of one count."""
    full_scale: float | None = None
    """Instead of `scale`, for WAV: physical value of the largest sample."""
    start: datetime | None = None
    """Time of the first sample; one without a zone is taken as UTC."""
    window_s: float = 1.0
    """Length of the windows that one continuous signal is cut into."""
    rpm: float | None = None
    load: float | None = None

    def __post_init__(self) -> None:
        """Refuse names and numbers that no recording can have."""
        self._check_names()
        for name in ("full_scale", "window_s"):
            number = getattr(self, name)
            if number is not None and not 0.0 < number < float("inf"):
                raise ValueError(f"{name} must be positive and finite, got {number}")
        for name, (least, most) in _BOUNDS.items():
            number = getattr(self, name)
            if number is not None and not least <= number <= most:  # also true for NaN
                raise ValueError(f"{name} must be from {least:g} to {most:g}, got {number}")
        if self.start is not None and not 0 <= nanoseconds(self.start) < 2**63:
            raise ValueError(f"start must be from 1970-01-01 to 2262-04-11, got {self.start}")
        if self.scale is not None and self.full_scale is not None:
            raise ValueError("declare scale or full_scale, not both")

    def _check_names(self) -> None:
        asset = "asset" if self.asset is None else self.asset
        sensor = "sensor" if self.sensor is None else self.sensor
        try:
            check_names(asset, sensor)
            if self.axes is not None:
                check_axes(self.axes)
        except InvalidRecord as error:
            raise ValueError(error.detail) from error

    @property
    def start_ns(self) -> int | None:
        """`start` in ns since the epoch."""
        return None if self.start is None else nanoseconds(self.start)


@dataclass(frozen=True, slots=True)
class Recording:
    """Windows of one or more sensors that lie in a file or folder.

    `length` counts the windows of all sensors; None where only reading tells. `dated` is False
    where neither file nor declaration tells the date, so that times are counted from
    `DEFAULT_START`. Each iteration opens the files anew, reads as it goes and may raise
    `RecordingError`, also for a window whose names, numbers or time the wire format does not take:
    what can be judged here can be judged by the daemon.
    """

    path: Path
    sensors: tuple[SensorKey, ...]
    length: int | None
    read: Callable[[], Iterator[Window]]
    dated: bool = True

    def __iter__(self) -> Iterator[Window]:
        return map(partial(_that_travels, self.path), self.read())

    @property
    def length_known(self) -> bool:
        """Whether `length` is known before reading."""
        return self.length is not None


def _that_travels(path: Path, window: Window) -> Window:
    """Return `window`; its length is left to whoever sends it, since judging needs no bound."""
    sample = np.zeros((len(window.samples), 1), window.samples.dtype)
    try:
        encode(replace(window, samples=sample))
    except InvalidRecord as error:
        raise RecordingError(path, f"{window.key}: {remedied(error)}") from error
    return window


def remedied(error: InvalidRecord) -> str:
    """Return what is wrong with a window of a recording, and what to declare."""
    another = _ANOTHER.get(error.reason) or _ANOTHER.get(error.detail.partition(" ")[0])
    return f"{error.detail}; declare {another}" if another else error.detail


def declare(**fields: Any) -> Declared:
    """Return `Declared`, its fields checked; raises ValueError naming a wrong one."""
    return msgspec.convert(fields, Declared)


def nanoseconds(time: datetime) -> int:
    """Return ns since the epoch; exact, which `timestamp()` is not."""
    aware = time if time.tzinfo else time.replace(tzinfo=UTC)
    since = aware - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * NS_PER_S + since.microseconds * 1_000


def valid_name(text: str) -> str:
    """Return a file's name as an identifier of the wire format; accents are composed (NFC).

    What cannot travel becomes a hyphen, and what is over 64 characters is cut.
    """
    composed = unicodedata.normalize("NFC", text)
    return re.sub(r"[^\w.:\- ]+", "-", composed).strip("- ")[:64].rstrip() or "recording"


def valid_axis(text: str) -> str:
    """Return a column's name as an axis of the wire format, which has no blanks."""
    return valid_name(text).replace(" ", "-")


def undeclared(path: Path, declared: Declared, *names: str) -> RecordingError:
    """Return an error with all of `names` that are not declared: the file cannot tell them."""
    missing = [_NEEDED[name] for name in names if getattr(declared, name) is None]
    return RecordingError(
        path,
        f"the file does not say {' and '.join(what for what, _ in missing)}; "
        f"declare {' and '.join(how for _, how in missing)}",
    )
