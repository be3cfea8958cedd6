"""Why a record is refused, in words that are bounded and printable."""

from __future__ import annotations

from enum import StrEnum
from typing import NoReturn

import msgspec

from pipelines.wire.limits import DEFAULT_LIMITS


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
        self.asset, self.sensor = legible(asset), legible(sensor)
        return self


def refuse(reason: Reason, detail: str) -> NoReturn:
    """Raise `InvalidRecord`."""
    raise InvalidRecord(reason, detail)


def quote(found: object) -> str:
    """Show what was found, bounded; a record may hold anything, and the same gives the same."""
    if isinstance(found, msgspec.msgpack.Ext):  # its own text has a memory address
        return f"extension type {found.code} of {len(bytes(found.data))} bytes"
    if isinstance(found, list | dict):  # may hold extensions
        kind = "an array" if isinstance(found, list) else "a map"
        return f"{kind} of {len(found)}"
    return short(ascii(found), 80)


def legible(name: object) -> str | None:
    """Return a name bounded and printable; None for what is no text."""
    if not isinstance(name, str):
        return None
    shown = name[: DEFAULT_LIMITS.max_identifier]
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in shown)


def short(text: str, longest: int = 200) -> str:
    """Cut a text that is longer."""
    return text if len(text) <= longest else text[: longest - 3] + "..."
