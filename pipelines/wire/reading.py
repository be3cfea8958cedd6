"""From a record's value to a window, or to the reason why it is none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from pipelines import mismatches
from pipelines.window import DTYPES, UNITS, Window
from pipelines.wire.limits import DEFAULT_LIMITS, Limits
from pipelines.wire.message import (
    COMMAND_TYPE,
    CONTENT_TYPE_HEADER,
    JSON,
    MSGPACK,
    VERSION,
    Fields,
    JsonMessage,
    Message,
)
from pipelines.wire.refusals import InvalidRecord, Reason, quote, refuse, short
from pipelines.wire.samples import samples_of
from pipelines.wire.validity import check_fields, check_key

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MEDIA_TYPES: Final = {
    MSGPACK: "msgpack",
    "application/x-msgpack": "msgpack",
    "application/vnd.msgpack": "msgpack",
    JSON: "json",
}
_JSON_BEGINS: Final = b"{ \t\r\n"
"""A JSON object begins with a brace or white space, a MessagePack map never does."""


class _Probe(msgspec.Struct):
    """Enough of any version to say which one it is, and whose window; a command is none."""

    version: object = None
    command: object = None
    asset: object = None
    sensor: object = None


_msgpack_decoder: Final = msgspec.msgpack.Decoder(Message)
_msgpack_probe: Final = msgspec.msgpack.Decoder(_Probe)
_json_decoder: Final = msgspec.json.Decoder(JsonMessage)
_json_probe: Final = msgspec.json.Decoder(_Probe)


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
        refuse(Reason.EMPTY, "the record has no value")
    if len(value) > limits.max_bytes:
        refuse(Reason.TOO_LARGE, f"{len(value)} bytes, at most {limits.max_bytes}")
    fields = _parse(value, content_type)
    try:
        check_fields(fields, limits)
        if key is not None:
            check_key(key, fields.asset)
        return _window(fields, samples_of(fields, limits))
    except InvalidRecord as error:
        error.of(fields.asset, fields.sensor)
        raise


def _encoding(value: bytes, content_type: str | None) -> str:
    if content_type is not None:
        media_type = content_type.partition(";")[0].strip().lower()
        if media_type not in _MEDIA_TYPES:
            refuse(
                Reason.UNKNOWN_CONTENT_TYPE,
                f"content-type {quote(content_type)}, expected {MSGPACK} or {JSON}",
            )
        return _MEDIA_TYPES[media_type]
    return "json" if value[0] in _JSON_BEGINS else "msgpack"


def _parse(value: bytes, content_type: str | None) -> Message | JsonMessage:
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
    return InvalidRecord(reason, short(str(error), 120) + _guessed(value, content_type))


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
        found = f"version {quote(probe.version)}, expected {VERSION}"
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
    return short(f"the value is no window at all: {mismatches.told(message)}")


def _at_field(message: str) -> InvalidRecord:
    """Return the refusal that belongs to the field at the end of msgspec's message."""
    field = mismatches.place_of(message).partition("[")[0]
    allowed = _ALLOWED.get(field)
    expected = f"one of {', '.join(allowed)}" if allowed else ""
    told = mismatches.told(_cut(message), expected=expected)
    return InvalidRecord(_REASONS.get(field, Reason.BAD_FIELD), short(told))


def _cut(message: str) -> str:
    """Shorten what msgspec quotes of a record, and leave its place at the end."""
    what, at, place = message.rpartition(" - at ")
    return f"{short(what, 80)}{at}{place}" if at else message


_REASONS: Final = {
    "asset": Reason.BAD_IDENTIFIER,
    "sensor": Reason.BAD_IDENTIFIER,
    "axes": Reason.BAD_AXES,
    "sample_rate_hz": Reason.BAD_RATE,
    "unit": Reason.BAD_UNIT,
    "dtype": Reason.BAD_DTYPE,
}
_ALLOWED: Final = {"unit": UNITS, "dtype": DTYPES}


def _window(fields: Fields, samples: NDArray[Any]) -> Window:
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
