"""What a valid window is: names, numbers, samples, and when it may start."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, Final, NoReturn

import numpy as np

from pipelines.window import Window
from pipelines.wire.limits import DEFAULT_LIMITS, Limits
from pipelines.wire.message import Fields
from pipelines.wire.refusals import Reason, quote, refuse, short

if TYPE_CHECKING:
    from numpy.typing import NDArray

_WORD: Final = r"[\w.:\-]"
_ASSET: Final = re.compile(rf"{_WORD}(?:[\w.:\- ]*{_WORD})?")
_SENSOR: Final = re.compile(rf"(?:{_WORD}|/)(?:[\w.:\-/ ]*(?:{_WORD}|/))?")
_AXIS: Final = re.compile(rf"{_WORD}+")


def check_key(key: bytes | None, asset: str) -> None:
    """Raise `InvalidRecord` (key_mismatch) where a record's key is not its asset's name."""
    if key == asset.encode():
        return
    found = "no key" if key is None else f"key {quote(key.decode('utf-8', 'backslashreplace'))}"
    refuse(
        Reason.KEY_MISMATCH,
        f"{found}, expected {quote(asset)}; key each record by its asset's name, so that all"
        " sensors of a machine share a partition",
    )


def check_clock(window: Window, record_timestamp_ms: int, limits: Limits = DEFAULT_LIMITS) -> None:
    """Raise `InvalidRecord` (clock_ahead) where a window starts too long after its record.

    The record's timestamp is in the log, so that the answer is the same at every reading.
    """
    ahead_s = window.start_ns / 1e9 - record_timestamp_ms / 1e3
    if ahead_s > limits.max_ahead_s:
        refuse(
            Reason.CLOCK_AHEAD,
            f"starts {ahead_s:.0f} s after the record's timestamp, at most "
            f"{limits.max_ahead_s:.0f} s; set the gateway's clock",
        )


def check_fields(fields: Fields, limits: Limits) -> None:
    """Raise `InvalidRecord` for the first field that is out of bounds."""
    check_names(fields.asset, fields.sensor, limits)
    check_axes(fields.axes, limits)
    rate = fields.sample_rate_hz
    if not limits.min_rate_hz <= rate <= limits.max_rate_hz:  # also true for NaN
        allowed = f"{limits.min_rate_hz:g}-{limits.max_rate_hz:g}"
        refuse(Reason.BAD_RATE, f"sample_rate_hz is {rate}, allowed are {allowed}")
    _check_numbers(fields, limits)


def check_names(asset: str, sensor: str, limits: Limits = DEFAULT_LIMITS) -> None:
    """Raise `InvalidRecord` where the name of a machine or a sensor could not travel."""
    longest = limits.max_identifier
    if len(asset) > longest or not _ASSET.fullmatch(asset):
        _refuse_identifier("asset", asset, longest, "._:-")
    if len(sensor) > longest or not _SENSOR.fullmatch(sensor):
        _refuse_identifier("sensor", sensor, longest, "._:-/")


def _refuse_identifier(field: str, name: str, longest: int, marks: str) -> NoReturn:
    """Name the first character that does not belong: an accent of its own looks like a letter."""
    odd = re.search(rf"[^\w{re.escape(marks)} ]", name)
    has = f" has {odd.group()!a}" if odd else ""
    refuse(
        Reason.BAD_IDENTIFIER,
        f"{field} {short(repr(name), 80)}{has}: expected 1-{longest} letters, digits, {marks} "
        "and spaces between them",
    )


def check_axes(axes: tuple[str, ...], limits: Limits = DEFAULT_LIMITS) -> None:
    """Raise `InvalidRecord` where the names of channels could not travel."""
    if not 1 <= len(axes) <= limits.max_axes:
        refuse(Reason.BAD_AXES, f"{len(axes)} axes, allowed are 1-{limits.max_axes}")
    if len(set(axes)) < len(axes):
        refuse(Reason.BAD_AXES, f"axes {quote(axes)} are not unique")
    for axis in axes:
        if len(axis) > limits.max_identifier or not _AXIS.fullmatch(axis):
            refuse(Reason.BAD_AXES, f"axis {quote(axis)}: expected letters, digits and ._:-")


def _check_numbers(fields: Fields, limits: Limits) -> None:
    for name in ("scale", "rpm", "load", "temperature"):
        number = getattr(fields, name)
        if number is not None and not math.isfinite(number):
            refuse(Reason.NON_FINITE, f"{name} is {number}")
        if number is not None and abs(number) > limits.max_value:
            refuse(Reason.BAD_FIELD, f"{name} is {number}, at most {limits.max_value:g}")
    if not limits.min_scale <= fields.scale <= limits.max_scale:
        allowed = f"{limits.min_scale:g}-{limits.max_scale:g}"
        refuse(Reason.BAD_FIELD, f"scale is {fields.scale}, allowed are {allowed}")
    for name in ("start_ns", "sequence"):
        count = getattr(fields, name)
        if count is not None and not 0 <= count < 2**63:
            refuse(Reason.BAD_FIELD, f"{name} is {count}, expected 0 to 2**63 - 1")


def check_count(count: int, limits: Limits) -> None:
    """Raise `InvalidRecord` (bad_count) for too many samples an axis, or none."""
    if not 1 <= count <= limits.max_samples:
        refuse(Reason.BAD_COUNT, f"{count} samples an axis, allowed are 1-{limits.max_samples}")


def check_fits(
    numbers: NDArray[Any], dtype: np.dtype[Any], axes: tuple[str, ...], limits: Limits
) -> None:
    """Raise `InvalidRecord` where numbers, (axes, n), do not fit the dtype they are declared in."""
    if dtype.kind == "f":
        check_range(numbers, axes, limits)
        return
    least, most = np.iinfo(dtype).min, np.iinfo(dtype).max
    if numbers.min() < least or numbers.max() > most:
        found = _first_where((numbers < least) | (numbers > most), numbers, axes)
        name = dtype.str[1:]
        refuse(Reason.BAD_FIELD, f"{found}, which does not fit dtype {name}: {least} to {most}")


def check_range(samples: NDArray[Any], axes: tuple[str, ...], limits: Limits) -> None:
    """Raise `InvalidRecord` for floats, (axes, n), that are not finite or too large."""
    if samples.dtype.kind != "f":
        return
    # Two passes without a temporary; a NaN makes both comparisons false.
    if not (samples.max() <= limits.max_value and samples.min() >= -limits.max_value):
        if not np.isfinite(samples).all():
            found = _first_where(~np.isfinite(samples), samples, axes)
            refuse(Reason.NON_FINITE, f"{found}, expected finite numbers")
        found = _first_where(np.abs(samples) > limits.max_value, samples, axes)
        allowed = f"-{limits.max_value:g} to {limits.max_value:g}"
        refuse(Reason.BAD_FIELD, f"{found}, allowed are {allowed}")


def _first_where(bad: NDArray[np.bool_], samples: NDArray[Any], axes: tuple[str, ...]) -> str:
    """Name the first bad sample: its number from 0, its axis, what it is, and how many are."""
    axis, position = (int(each) for each in np.argwhere(bad)[0])
    of = f"{np.count_nonzero(bad)} of {bad.size} samples are bad, the first"
    return f"{of} number {position} of axis {quote(axes[axis])}: {samples[axis, position]:g}"
