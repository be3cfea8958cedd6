"""Operators' commands, version 1: what is asked of the sensors of a machine, as JSON.

A command is a record of the windows topic, keyed by asset like a window and told apart by its
`content-type`. So it has a place among the windows, and what was judged before it and after it is
the same at every reading. `docs/wire-format.md` is the specification.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final

import msgspec

from pipelines.mismatches import place_of, told, value_at
from pipelines.wire import COMMAND_TYPE, InvalidRecord, Reason, check_key, check_names

if TYPE_CHECKING:
    from pipelines.window import SensorKey

VERSION: Final = 1
MAX_BYTES: Final = 4096
LONGEST_WHY: Final = 300
_DETAIL: Final = 120
_LONGEST: Final = 200

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class Kind(StrEnum):
    """What is asked for."""

    REBASELINE = "rebaseline"
    """Learn a new baseline, and keep the old one: after maintenance, or where it no longer fits."""
    FORGET = "forget"
    """Drop all that is known of sensors that were renamed or removed."""


class Command(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One command for one sensor of a machine, or where `sensor` is None for all of them.

    `id`, `who`, `why` and `at` are told in logs and alert events; nothing depends on them.
    """

    version: int
    command: Kind
    asset: str
    sensor: str | None = None
    id: _Name
    who: _Name
    why: Annotated[str, msgspec.Meta(max_length=LONGEST_WHY)] = ""
    at: Annotated[datetime, msgspec.Meta(tz=True)]

    def covers(self, key: SensorKey) -> bool:
        """Whether the command is for this sensor."""
        return key.asset == self.asset and self.sensor in {None, key.sensor}


class _Probe(msgspec.Struct):
    """Enough of any version to say which one it is, what it asks, and of whom."""

    version: object = None
    command: object = None
    asset: object = None
    sensor: object = None


_decoder: Final = msgspec.json.Decoder(Command)
_probe: Final = msgspec.json.Decoder(_Probe)


def is_command(content_type: str | None) -> bool:
    """Whether a record with this header is a command."""
    return content_type is not None and (
        content_type.partition(";")[0].strip().lower() == COMMAND_TYPE
    )


def encode_command(command: Command) -> bytes:
    """Return a record's value; raises `InvalidRecord` for a command that `decode_command` would."""
    value = msgspec.json.encode(command)
    decode_command(value, command.asset.encode())
    return value


def decode_command(value: bytes | None, key: bytes | None) -> Command:
    """Return the command in a record's value; raise `InvalidRecord` for anything else.

    The record's `key` must be the asset's name.
    """
    if not value:
        raise InvalidRecord(Reason.EMPTY, "the record has no value")
    if len(value) > MAX_BYTES:
        raise InvalidRecord(Reason.TOO_LARGE, f"{len(value)} bytes, at most {MAX_BYTES}")
    probe = _probed(value)
    try:
        _check_known(probe)
        command = _decoder.decode(value)
        # An asset's name may be a sensor's, too.
        check_names(command.asset, command.asset if command.sensor is None else command.sensor)
        check_key(key, command.asset)
        _check_legible(command)
    except InvalidRecord as error:
        error.of(probe.asset, probe.sensor)
        raise
    except (ValueError, OverflowError) as error:
        refused = InvalidRecord(Reason.BAD_FIELD, _misfit(value, str(error)))
        raise refused.of(probe.asset, probe.sensor) from error
    return command


def _check_legible(command: Command) -> None:
    """Refuse what would forge lines in a terminal: these texts are told in logs and alerts."""
    for name in ("id", "who", "why"):
        if not getattr(command, name).isprintable():
            raise InvalidRecord(Reason.BAD_FIELD, f"{name} has characters that cannot be printed")


def _probed(value: bytes) -> _Probe:
    try:
        return _probe.decode(value)
    except msgspec.ValidationError as error:
        raise InvalidRecord(
            Reason.BAD_FIELD, f"the value is no command: {told(str(error))}"
        ) from error
    except (ValueError, OverflowError, RecursionError) as error:
        raise InvalidRecord(Reason.NOT_JSON, str(error)[:_DETAIL]) from error


def _misfit(value: bytes, message: str) -> str:
    try:
        got = value_at(msgspec.json.decode(value), place_of(message))
    except (ValueError, OverflowError, RecursionError):  # of a field that was not looked at
        got = ""
    return told(message, got=got)[:_LONGEST]


def _check_known(probe: _Probe) -> None:
    """Refuse what a newer version may mean something by, before its fields are looked at."""
    if type(probe.version) is not int or probe.version != VERSION:
        found = f"version {_shown(probe.version)}, expected {VERSION}"
        raise InvalidRecord(Reason.WRONG_VERSION, found)
    if probe.command not in list(Kind):
        found = f"command {_shown(probe.command)}, expected one of {', '.join(Kind)}"
        raise InvalidRecord(Reason.UNKNOWN_COMMAND, found)


def _shown(found: object) -> str:
    """Show what was found, bounded: a list may be nested as deep as it is long."""
    plain = isinstance(found, str | int | float | None)
    return ascii(found)[:_DETAIL] if plain else f"a {type(found).__name__}"
