"""Samples as raw bytes, base64 or number lists; counted before anything is allocated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from pipelines import mismatches
from pipelines.wire.limits import Limits
from pipelines.wire.message import LITTLE_ENDIAN, MAX_JSON_NUMBERS, Fields, JsonMessage, Message
from pipelines.wire.refusals import InvalidRecord, Reason, refuse, short
from pipelines.wire.validity import check_count, check_fits, check_range

if TYPE_CHECKING:
    from numpy.typing import NDArray

_base64_decoder: Final = msgspec.json.Decoder(bytes)
_integers_decoder: Final = msgspec.json.Decoder(list[list[int]])
_floats_decoder: Final = msgspec.json.Decoder(list[list[float]])


def samples_of(fields: Message | JsonMessage, limits: Limits) -> NDArray[Any]:
    """Return the stored samples, shape (axes, n)."""
    if isinstance(fields, Message):
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
        raise InvalidRecord(Reason.BAD_FIELD, short(told)) from error


def _from_bytes(data: bytes, fields: Fields, limits: Limits) -> NDArray[Any]:
    dtype, axes = LITTLE_ENDIAN[fields.dtype], len(fields.axes)
    count, rest = divmod(len(data), dtype.itemsize * axes)
    if rest:
        refuse(
            Reason.TRUNCATED,
            f"samples have {len(data)} bytes, no multiple of {axes} axes x {dtype.itemsize}",
        )
    check_count(count, limits)
    samples = np.frombuffer(data, dtype).reshape(axes, count)
    check_range(samples, fields.axes, limits)
    return samples


def _from_numbers(raw: bytes, fields: Fields, limits: Limits) -> NDArray[Any]:
    if raw.count(b",") >= MAX_JSON_NUMBERS:
        refuse(
            Reason.BAD_COUNT,
            f"a number list over {MAX_JSON_NUMBERS} samples; send base64 of the "
            f"little-endian {fields.dtype} bytes",
        )
    dtype = LITTLE_ENDIAN[fields.dtype]
    rows = (_floats_decoder if dtype.kind == "f" else _integers_decoder).decode(raw)
    lengths = {len(row) for row in rows}
    if len(rows) != len(fields.axes) or len(lengths) != 1:
        refuse(Reason.TRUNCATED, f"expected {len(fields.axes)} lists of equal length in samples")
    check_count(lengths.pop(), limits)
    numbers = np.array(rows, np.float64 if dtype.kind == "f" else np.int64)
    check_fits(numbers, dtype, fields.axes, limits)
    return numbers.astype(dtype)
