"""Wire format version 1: a window as MessagePack or JSON, and what a valid one is.

`docs/wire-format.md` is the specification. `decode` answers with a `Window` or `InvalidRecord`,
whatever the bytes: sizes are checked before anything is allocated, and no other exception leaves.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Literal, NoReturn

import msgspec
import numpy as np

from pipelines import mismatches
from pipelines.window import DTYPES, UNITS, Window

if TYPE_CHECKING:
    from numpy.typing import NDArray

VERSION: Final = 1
MSGPACK: Final = "application/msgpack"
JSON: Final = "application/json"
COMMAND_TYPE: Final = "application/vnd.bearingwatch.command+json"
"""Of what is no window; `pipelines.commands` reads it."""
CONTENT_TYPE_HEADER: Final = "content-type"
MAX_JSON_NUMBERS: Final = 4096
"""Samples in a JSON number list; more cost 100 times what base64 costs."""

_MEDIA_TYPES: Final = {
    MSGPACK: "msgpack",
    "application/x-msgpack": "msgpack",
    "application/vnd.msgpack": "msgpack",
    JSON: "json",
}
_LITTLE_ENDIAN: Final = {name: np.dtype("<" + name) for name in DTYPES}
_JSON_BEGINS: Final = b"{ \t\r\n"
"""A JSON object begins with a brace or white space, a MessagePack map never does."""
_WORD: Final = r"[\w.:\-]"
_ASSET: Final = re.compile(rf"{_WORD}(?:[\w.:\- ]*{_WORD})?")
_SENSOR: Final = re.compile(rf"(?:{_WORD}|/)(?:[\w.:\-/ ]*(?:{_WORD}|/))?")
_AXIS: Final = re.compile(rf"{_WORD}+")


class Reason(StrEnum):
    """Why a record was refused; a closed set, fit for metric labels."""

    EMPTY = "empty"
    TOO_LARGE = "too_large"
    UNKNOWN_CONTENT_TYPE = "unknown_content_type"
    NOT_MSGPACK = "not_msgpack"
    NOT_JSON = "not_json"
    TRUNCATED = "truncated"
    WRONG_VERSION = "wrong_version"
    BAD_FIELD = "bad_field"
    BAD_IDENTIFIER = "bad_identifier"
    BAD_AXES = "bad_axes"
    BAD_RATE = "bad_rate"
    BAD_UNIT = "bad_unit"
    BAD_DTYPE = "bad_dtype"
    BAD_COUNT = "bad_count"
    NON_FINITE = "non_finite"
    KEY_MISMATCH = "key_mismatch"
    CLOCK_AHEAD = "clock_ahead"
    SECOND_PARTITION = "second_partition"
    """Given by the loop: this sensor's state lives in another partition."""
    AXES_CHANGED = "axes_changed"
    """Not given today: windows with other axes are held back, then learnt anew."""
    UNKNOWN_COMMAND = "unknown_command"
    """Given by `pipelines.commands`: a command that this version does not have."""


class InvalidRecord(ValueError):
    """A bad record: dead-letter it, count it under `reason`, go on.

    `asset` and `sensor` are whose record it is, as far as it says so; bounded, and printable.
    """

    asset: str | None = None
    sensor: str | None = None

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail

    def of(self, asset: object, sensor: object) -> InvalidRecord:
        """Say whose record it is; what is no text says nothing."""
        self.asset, self.sensor = _legible(asset), _legible(sensor)
        return self


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a valid record. `max_samples` counts samples of one axis."""

    max_bytes: int = 900_000
    max_axes: int = 8
    max_samples: int = 450_000
    max_identifier: int = 64
    min_rate_hz: float = 1.0
    max_rate_hz: float = 1_000_000.0
    min_scale: float = 1e-12
    max_scale: float = 1e3
    max_value: float = 1e9
    """Largest f4 sample; with `max_scale` its power still fits a float32."""
    max_ahead_s: float = 600.0
    """How far a window may start after its record's timestamp."""


DEFAULT_LIMITS: Final = Limits()


class _Fields(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What both encodings carry, in the order they are written."""

    version: Literal[1]
    asset: str
    sensor: str
    axes: tuple[str, ...]
    start_ns: int
    sample_rate_hz: float
    unit: Literal["g", "m/s2", "mm/s", "V"]
    dtype: Literal["i2", "i4", "f4"]
    scale: float = 1.0
    rpm: float | None = None
    load: float | None = None
    temperature: float | None = None
    sequence: int | None = None


class _Message(_Fields, kw_only=True, omit_defaults=True):
    """The MessagePack form: raw bytes."""

    samples: bytes


class _JsonMessage(_Fields, kw_only=True, omit_defaults=True):
    """The JSON form: base64 or number lists, told apart before they are read."""

    samples: msgspec.Raw


class _Probe(msgspec.Struct):
    """Enough of any version to say which one it is, and whose window; a command is none."""

    version: object = None
    command: object = None
    asset: object = None
    sensor: object = None


_msgpack_decoder: Final = msgspec.msgpack.Decoder(_Message)
_msgpack_probe: Final = msgspec.msgpack.Decoder(_Probe)
_json_decoder: Final = msgspec.json.Decoder(_JsonMessage)
_json_probe: Final = msgspec.json.Decoder(_Probe)
_base64_decoder: Final = msgspec.json.Decoder(bytes)
_integers_decoder: Final = msgspec.json.Decoder(list[list[int]])
_floats_decoder: Final = msgspec.json.Decoder(list[list[float]])


# ---- reading ---------------------------------------------------------------------------------


def decode(
    value: bytes | None,
    *,
    content_type: str | None = None,
    key: bytes | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> Window:
    """Return the window in a record's value; raise `InvalidRecord` for anything else.

    `content_type` is the record's header of that name; without it the first byte decides. A
    `key` must be the asset's name; None is not compared. The samples may be read-only.
    """
    if not value:
        _refuse(Reason.EMPTY, "the record has no value")
    if len(value) > limits.max_bytes:
        _refuse(Reason.TOO_LARGE, f"{len(value)} bytes, at most {limits.max_bytes}")
    fields = _parse(value, content_type)
    try:
        _check(fields, limits)
        if key is not None:
            check_key(key, fields.asset)
        return _window(fields, _samples(fields, limits))
    except InvalidRecord as error:
        error.of(fields.asset, fields.sensor)
        raise


def check_key(key: bytes | None, asset: str) -> None:
    """Raise `InvalidRecord` (key_mismatch) where a record's key is not its asset's name."""
    if key == asset.encode():
        return
    found = "no key" if key is None else f"key {_quote(key.decode('utf-8', 'backslashreplace'))}"
    _refuse(
        Reason.KEY_MISMATCH,
        f"{found}, expected {_quote(asset)}; key each record by its asset's name, so that all"
        " sensors of a machine share a partition",
    )


def check_clock(window: Window, record_timestamp_ms: int, limits: Limits = DEFAULT_LIMITS) -> None:
    """Raise `InvalidRecord` (clock_ahead) where a window starts too long after its record.

    The record's timestamp is in the log, so that the answer is the same at every reading.
    """
    ahead_s = window.start_ns / 1e9 - record_timestamp_ms / 1e3
    if ahead_s > limits.max_ahead_s:
        _refuse(
            Reason.CLOCK_AHEAD,
            f"starts {ahead_s:.0f} s after the record's timestamp, at most "
            f"{limits.max_ahead_s:.0f} s; set the gateway's clock",
        )


def _encoding(value: bytes, content_type: str | None) -> str:
    if content_type is not None:
        media_type = content_type.partition(";")[0].strip().lower()
        if media_type not in _MEDIA_TYPES:
            _refuse(
                Reason.UNKNOWN_CONTENT_TYPE,
                f"content-type {_quote(content_type)}, expected {MSGPACK} or {JSON}",
            )
        return _MEDIA_TYPES[media_type]
    return "json" if value[0] in _JSON_BEGINS else "msgpack"


def _parse(value: bytes, content_type: str | None) -> _Message | _JsonMessage:
    msgpack = _encoding(value, content_type) == "msgpack"
    try:
        return _msgpack_decoder.decode(value) if msgpack else _json_decoder.decode(value)
    except msgspec.ValidationError as error:
        raise _invalid_field(value, msgpack, content_type, error) from error
    except (ValueError, OverflowError, RecursionError) as error:
        raise _malformed(value, msgpack, content_type, error) from error


def _malformed(
    value: bytes, msgpack: bool, content_type: str | None, error: Exception
) -> InvalidRecord:
    # msgspec has no class of its own for input that ends early.
    if "truncated" in str(error):
        size = f"the {len(value)} bytes end before the window does"
        return InvalidRecord(Reason.TRUNCATED, f"{error}: {size}; send the value whole")
    reason = Reason.NOT_MSGPACK if msgpack else Reason.NOT_JSON
    return InvalidRecord(reason, _short(str(error), 120) + _guessed(value, content_type))


def _guessed(value: bytes, content_type: str | None) -> str:
    """Say what the encoding was guessed from: a list of JSON is taken for MessagePack."""
    if content_type is not None:
        return ""
    begins = f"this begins with 0x{value[0]:02x}"
    if value[0] in _JSON_BEGINS:
        return f"; without the header {CONTENT_TYPE_HEADER} it was taken for JSON, since {begins}"
    return (
        f"; without the header {CONTENT_TYPE_HEADER} only what begins with a brace or white space"
        f" is taken for JSON, and {begins}"
    )


def _invalid_field(
    value: bytes, msgpack: bool, content_type: str | None, error: msgspec.ValidationError
) -> InvalidRecord:
    """Name the reason; another version may differ in any field, so it is looked at first."""
    try:
        probe = _msgpack_probe.decode(value) if msgpack else _json_probe.decode(value)
    except (ValueError, OverflowError, RecursionError):
        return InvalidRecord(
            Reason.BAD_FIELD, _no_window(str(error)) + _guessed(value, content_type)
        )
    if probe.version != VERSION:
        found = f"version {_quote(probe.version)}, expected {VERSION}"
        return InvalidRecord(Reason.WRONG_VERSION, found).of(probe.asset, probe.sensor)
    if probe.command is not None:
        return _command_without_header().of(probe.asset, probe.sensor)
    return _at_field(str(error)).of(probe.asset, probe.sensor)


def _command_without_header() -> InvalidRecord:
    return InvalidRecord(
        Reason.BAD_FIELD,
        "a field `command`, which no window has; a command is JSON with the header"
        f" {CONTENT_TYPE_HEADER}: {COMMAND_TYPE}",
    )


def _no_window(message: str) -> str:
    """Explain msgspec's message about a whole value that is no map of fields."""
    return _short(f"the value is no window at all: {mismatches.told(message)}")


def _at_field(message: str) -> InvalidRecord:
    """Return the refusal that belongs to the field at the end of msgspec's message."""
    field = mismatches.place_of(message).partition("[")[0]
    allowed = _ALLOWED.get(field)
    expected = f"one of {', '.join(allowed)}" if allowed else ""
    told = mismatches.told(_cut(message), expected=expected)
    return InvalidRecord(_REASONS.get(field, Reason.BAD_FIELD), _short(told))


def _cut(message: str) -> str:
    """Shorten what msgspec quotes of a record, and leave its place at the end."""
    what, at, place = message.rpartition(" - at ")
    return f"{_short(what, 80)}{at}{place}" if at else message


_REASONS: Final = {
    "asset": Reason.BAD_IDENTIFIER,
    "sensor": Reason.BAD_IDENTIFIER,
    "axes": Reason.BAD_AXES,
    "sample_rate_hz": Reason.BAD_RATE,
    "unit": Reason.BAD_UNIT,
    "dtype": Reason.BAD_DTYPE,
}
_ALLOWED: Final = {"unit": UNITS, "dtype": DTYPES}


# ---- what is valid ---------------------------------------------------------------------------


def _check(fields: _Fields, limits: Limits) -> None:
    check_names(fields.asset, fields.sensor, limits)
    check_axes(fields.axes, limits)
    rate = fields.sample_rate_hz
    if not limits.min_rate_hz <= rate <= limits.max_rate_hz:  # also true for NaN
        allowed = f"{limits.min_rate_hz:g}-{limits.max_rate_hz:g}"
        _refuse(Reason.BAD_RATE, f"sample_rate_hz is {rate}, allowed are {allowed}")
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
    _refuse(
        Reason.BAD_IDENTIFIER,
        f"{field} {_short(repr(name), 80)}{has}: expected 1-{longest} letters, digits, {marks} "
        "and spaces between them",
    )


def check_axes(axes: tuple[str, ...], limits: Limits = DEFAULT_LIMITS) -> None:
    """Raise `InvalidRecord` where the names of channels could not travel."""
    if not 1 <= len(axes) <= limits.max_axes:
        _refuse(Reason.BAD_AXES, f"{len(axes)} axes, allowed are 1-{limits.max_axes}")
    if len(set(axes)) < len(axes):
        _refuse(Reason.BAD_AXES, f"axes {_quote(axes)} are not unique")
    for axis in axes:
        if len(axis) > limits.max_identifier or not _AXIS.fullmatch(axis):
            _refuse(Reason.BAD_AXES, f"axis {_quote(axis)}: expected letters, digits and ._:-")


def _check_numbers(fields: _Fields, limits: Limits) -> None:
    for name in ("scale", "rpm", "load", "temperature"):
        number = getattr(fields, name)
        if number is not None and not math.isfinite(number):
            _refuse(Reason.NON_FINITE, f"{name} is {number}")
        if number is not None and abs(number) > limits.max_value:
            _refuse(Reason.BAD_FIELD, f"{name} is {number}, at most {limits.max_value:g}")
    if not limits.min_scale <= fields.scale <= limits.max_scale:
        allowed = f"{limits.min_scale:g}-{limits.max_scale:g}"
        _refuse(Reason.BAD_FIELD, f"scale is {fields.scale}, allowed are {allowed}")
    for name in ("start_ns", "sequence"):
        count = getattr(fields, name)
        if count is not None and not 0 <= count < 2**63:
            _refuse(Reason.BAD_FIELD, f"{name} is {count}, expected 0 to 2**63 - 1")


# ---- samples ---------------------------------------------------------------------------------


def _samples(fields: _Message | _JsonMessage, limits: Limits) -> NDArray[Any]:
    """Return the stored samples, shape (axes, n)."""
    if isinstance(fields, _Message):
        return _from_bytes(fields.samples, fields, limits)
    raw = bytes(fields.samples)
    try:
        if raw.startswith(b"["):
            return _from_numbers(raw, fields, limits)
        return _from_bytes(_base64_decoder.decode(raw), fields, limits)
    except InvalidRecord:
        raise
    except (ValueError, OverflowError, RecursionError) as error:
        told = mismatches.told(str(error), under="samples")
        raise InvalidRecord(Reason.BAD_FIELD, _short(told)) from error


def _from_bytes(data: bytes, fields: _Fields, limits: Limits) -> NDArray[Any]:
    dtype, axes = _LITTLE_ENDIAN[fields.dtype], len(fields.axes)
    count, rest = divmod(len(data), dtype.itemsize * axes)
    if rest:
        _refuse(
            Reason.TRUNCATED,
            f"samples have {len(data)} bytes, no multiple of {axes} axes x {dtype.itemsize}",
        )
    _check_count(count, limits)
    samples = np.frombuffer(data, dtype).reshape(axes, count)
    _check_range(samples, fields.axes, limits)
    return samples


def _from_numbers(raw: bytes, fields: _Fields, limits: Limits) -> NDArray[Any]:
    if raw.count(b",") >= MAX_JSON_NUMBERS:
        _refuse(
            Reason.BAD_COUNT,
            f"a number list over {MAX_JSON_NUMBERS} samples; send base64 of the "
            f"little-endian {fields.dtype} bytes",
        )
    dtype = _LITTLE_ENDIAN[fields.dtype]
    rows = (_floats_decoder if dtype.kind == "f" else _integers_decoder).decode(raw)
    lengths = {len(row) for row in rows}
    if len(rows) != len(fields.axes) or len(lengths) != 1:
        _refuse(Reason.TRUNCATED, f"expected {len(fields.axes)} lists of equal length in samples")
    _check_count(lengths.pop(), limits)
    numbers = np.array(rows, np.float64 if dtype.kind == "f" else np.int64)
    _check_fits(numbers, dtype, fields.axes, limits)
    return numbers.astype(dtype)


def _check_count(count: int, limits: Limits) -> None:
    if not 1 <= count <= limits.max_samples:
        _refuse(Reason.BAD_COUNT, f"{count} samples an axis, allowed are 1-{limits.max_samples}")


def _check_fits(
    numbers: NDArray[Any], dtype: np.dtype[Any], axes: tuple[str, ...], limits: Limits
) -> None:
    if dtype.kind == "f":
        _check_range(numbers, axes, limits)
        return
    least, most = np.iinfo(dtype).min, np.iinfo(dtype).max
    if numbers.min() < least or numbers.max() > most:
        found = _first_where((numbers < least) | (numbers > most), numbers, axes)
        name = dtype.str[1:]
        _refuse(Reason.BAD_FIELD, f"{found}, which does not fit dtype {name}: {least} to {most}")


def _check_range(samples: NDArray[Any], axes: tuple[str, ...], limits: Limits) -> None:
    if samples.dtype.kind != "f":
        return
    # Two passes without a temporary; a NaN makes both comparisons false.
    if not (samples.max() <= limits.max_value and samples.min() >= -limits.max_value):
        if not np.isfinite(samples).all():
            found = _first_where(~np.isfinite(samples), samples, axes)
            _refuse(Reason.NON_FINITE, f"{found}, expected finite numbers")
        found = _first_where(np.abs(samples) > limits.max_value, samples, axes)
        allowed = f"-{limits.max_value:g} to {limits.max_value:g}"
        _refuse(Reason.BAD_FIELD, f"{found}, allowed are {allowed}")


def _first_where(bad: NDArray[np.bool_], samples: NDArray[Any], axes: tuple[str, ...]) -> str:
    """Name the first bad sample: its number from 0, its axis, what it is, and how many are."""
    axis, position = (int(each) for each in np.argwhere(bad)[0])
    of = f"{np.count_nonzero(bad)} of {bad.size} samples are bad, the first"
    return f"{of} number {position} of axis {_quote(axes[axis])}: {samples[axis, position]:g}"


def _window(fields: _Fields, samples: NDArray[Any]) -> Window:
    return Window(
        asset=fields.asset,
        sensor=fields.sensor,
        axes=fields.axes,
        start_ns=fields.start_ns,
        sample_rate_hz=fields.sample_rate_hz,
        unit=fields.unit,
        samples=samples,
        scale=fields.scale,
        rpm=fields.rpm,
        load=fields.load,
        temperature=fields.temperature,
        sequence=fields.sequence,
    )


# ---- writing ---------------------------------------------------------------------------------


def encode(window: Window, content_type: str = MSGPACK) -> bytes:
    """Return a window as a record's value, base64 samples in JSON.

    Raises `InvalidRecord` for a window that `decode` would refuse, ValueError for an unknown
    content type.
    """
    dtype = _stored_dtype(window)
    data = np.ascontiguousarray(window.samples, _LITTLE_ENDIAN[dtype]).tobytes()
    if content_type == MSGPACK:
        message = _Message(samples=data, **_described(window, dtype))
        _check_window(window, message)
        return _within(msgspec.msgpack.encode(message))
    if content_type == JSON:
        return _json(window, dtype, data)
    raise ValueError(f"content type {content_type!r}, expected {MSGPACK} or {JSON}")


def encode_json_numbers(window: Window) -> bytes:
    """Return a window as JSON with number lists, for reading by eye; 4,096 samples at most."""
    if window.samples.size > MAX_JSON_NUMBERS:
        _refuse(
            Reason.BAD_COUNT,
            f"{window.samples.size} samples as JSON numbers, at most {MAX_JSON_NUMBERS}; "
            f"encode(window, {JSON!r}) writes base64",
        )
    return _json(window, _stored_dtype(window), window.samples.tolist())


def _json(window: Window, dtype: str, samples: object) -> bytes:
    text = msgspec.Raw(msgspec.json.encode(samples))
    message = _JsonMessage(samples=text, **_described(window, dtype))
    _check_window(window, message)
    return _within(msgspec.json.encode(message))


def partition_key(window: Window) -> bytes:
    """Return the record's key: one machine's sensors share a partition, in order."""
    return window.asset.encode()


def _stored_dtype(window: Window) -> str:
    dtype = window.samples.dtype.str[1:]
    if dtype not in DTYPES:
        _refuse(Reason.BAD_DTYPE, f"dtype {dtype}, expected one of {', '.join(DTYPES)}")
    if window.unit not in UNITS:
        _refuse(Reason.BAD_UNIT, f"unit {_quote(window.unit)}, expected one of {', '.join(UNITS)}")
    return dtype


def _described(window: Window, dtype: str) -> dict[str, Any]:
    return {
        "version": VERSION,
        "asset": window.asset,
        "sensor": window.sensor,
        "axes": window.axes,
        "start_ns": int(window.start_ns),
        "sample_rate_hz": float(window.sample_rate_hz),
        "unit": window.unit,
        "dtype": dtype,
        "scale": float(window.scale),
        "rpm": window.rpm,
        "load": window.load,
        "temperature": window.temperature,
        "sequence": window.sequence,
    }


def _check_window(window: Window, fields: _Fields) -> None:
    """Raise where `decode` would."""
    _check(fields, DEFAULT_LIMITS)
    shape = window.samples.shape
    if len(shape) != 2 or shape[0] != len(window.axes):
        _refuse(Reason.BAD_AXES, f"samples have shape {shape} for {len(window.axes)} axes")
    _check_count(shape[1], DEFAULT_LIMITS)
    _check_range(window.samples, window.axes, DEFAULT_LIMITS)


def _within(value: bytes) -> bytes:
    if len(value) > DEFAULT_LIMITS.max_bytes:
        _refuse(Reason.TOO_LARGE, f"{len(value)} bytes, at most {DEFAULT_LIMITS.max_bytes}")
    return value


def _refuse(reason: Reason, detail: str) -> NoReturn:
    raise InvalidRecord(reason, detail)


def _quote(found: object) -> str:
    """Show what was found, bounded; a record may hold anything, and the same gives the same."""
    if isinstance(found, msgspec.msgpack.Ext):  # its own text has a memory address
        return f"extension type {found.code} of {len(bytes(found.data))} bytes"
    if isinstance(found, list | dict):  # may hold extensions
        kind = "an array" if isinstance(found, list) else "a map"
        return f"{kind} of {len(found)}"
    return _short(ascii(found), 80)


def _legible(name: object) -> str | None:
    if not isinstance(name, str):
        return None
    shown = name[: DEFAULT_LIMITS.max_identifier]
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in shown)


def _short(text: str, longest: int = 200) -> str:
    return text if len(text) <= longest else text[: longest - 3] + "..."
