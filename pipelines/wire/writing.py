"""From a window to a record's value."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from pipelines.window import DTYPES, UNITS, Window
from pipelines.wire.limits import DEFAULT_LIMITS
from pipelines.wire.message import (
    JSON,
    LITTLE_ENDIAN,
    MAX_JSON_NUMBERS,
    MSGPACK,
    VERSION,
    Fields,
    JsonMessage,
    Message,
)
from pipelines.wire.refusals import Reason, quote, refuse
from pipelines.wire.validity import check_count, check_fields, check_range


def encode(window: Window, content_type: str = MSGPACK) -> bytes:
    """Return a window as a record's value, base64 samples in JSON.

    Raises `InvalidRecord` for a window that `decode` would refuse, ValueError for an unknown
    content type.
    """
    dtype = _stored_dtype(window)
    data = np.ascontiguousarray(window.samples, LITTLE_ENDIAN[dtype]).tobytes()
    if content_type == MSGPACK:
        message = Message(samples=data, **_described(window, dtype))
        _check_window(window, message)
        return _within(msgspec.msgpack.encode(message))
    if content_type == JSON:
        return _json(window, dtype, data)
    raise ValueError(f"content type {content_type!r}, expected {MSGPACK} or {JSON}")


def encode_json_numbers(window: Window) -> bytes:
    """Return a window as JSON with number lists, for reading by eye; 4,096 samples at most."""
    if window.samples.size > MAX_JSON_NUMBERS:
        refuse(
            Reason.BAD_COUNT,
            f"{window.samples.size} samples as JSON numbers, at most {MAX_JSON_NUMBERS}; "
            f"encode(window, {JSON!r}) writes base64",
        )
    return _json(window, _stored_dtype(window), window.samples.tolist())


def _json(window: Window, dtype: str, samples: object) -> bytes:
    text = msgspec.Raw(msgspec.json.encode(samples))
    message = JsonMessage(samples=text, **_described(window, dtype))
    _check_window(window, message)
    return _within(msgspec.json.encode(message))


def partition_key(window: Window) -> bytes:
    """Return the record's key: one machine's sensors share a partition, in order."""
    return window.asset.encode()


def _stored_dtype(window: Window) -> str:
    dtype = window.samples.dtype.str[1:]
    if dtype not in DTYPES:
        refuse(Reason.BAD_DTYPE, f"dtype {dtype}, expected one of {', '.join(DTYPES)}")
    if window.unit not in UNITS:
        refuse(Reason.BAD_UNIT, f"unit {quote(window.unit)}, expected one of {', '.join(UNITS)}")
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


def _check_window(window: Window, fields: Fields) -> None:
    """Raise where `decode` would."""
    check_fields(fields, DEFAULT_LIMITS)
    shape = window.samples.shape
    if len(shape) != 2 or shape[0] != len(window.axes):
        refuse(Reason.BAD_AXES, f"samples have shape {shape} for {len(window.axes)} axes")
    check_count(shape[1], DEFAULT_LIMITS)
    check_range(window.samples, window.axes, DEFAULT_LIMITS)


def _within(value: bytes) -> bytes:
    if len(value) > DEFAULT_LIMITS.max_bytes:
        refuse(Reason.TOO_LARGE, f"{len(value)} bytes, at most {DEFAULT_LIMITS.max_bytes}")
    return value
