"""Operators' commands on the wire: what is one, and why another is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from pipelines.commands import (
    MAX_BYTES,
    Command,
    Kind,
    decode_command,
    encode_command,
    is_command,
)
from pipelines.window import SensorKey
from pipelines.wire import COMMAND_TYPE, InvalidRecord, Reason

TOLD: dict[str, Any] = {
    "version": 1,
    "command": "forget",
    "asset": "Pump 7",
    "sensor": "shaft/de",
    "id": "1",
    "who": "ann@desk",
    "why": "moved",
    "at": "2026-01-31T12:00:00Z",
}


def value(**changes: Any) -> bytes:
    return msgspec.json.encode({k: v for k, v in {**TOLD, **changes}.items() if v is not ...})


def refused(raw: bytes | None, key: bytes | None = b"Pump 7") -> InvalidRecord:
    with pytest.raises(InvalidRecord) as caught:
        decode_command(raw, key)
    return caught.value


def test_a_command_comes_back_as_it_was_sent() -> None:
    command = Command(
        version=1,
        command=Kind.REBASELINE,
        asset="Pump 7",
        id="1",
        who="ann",
        at=datetime(2026, 1, 31, tzinfo=UTC),
    )
    assert decode_command(encode_command(command), b"Pump 7") == command


def test_what_is_not_known_of_a_command_is_ignored() -> None:
    assert decode_command(value(urgent=True), b"Pump 7").command is Kind.FORGET


@pytest.mark.parametrize(
    ("changes", "reason", "told"),
    [
        ({"version": 2, "command": "paint"}, Reason.WRONG_VERSION, "version 2, expected 1"),
        ({"version": True}, Reason.WRONG_VERSION, "version True"),
        ({"command": "paint"}, Reason.UNKNOWN_COMMAND, "'paint', expected one of rebaseline"),
        ({"command": ["forget"]}, Reason.UNKNOWN_COMMAND, "expected one of"),
        ({"asset": "a/b"}, Reason.BAD_IDENTIFIER, "asset 'a/b'"),
        ({"sensor": ""}, Reason.BAD_IDENTIFIER, "sensor ''"),
        ({"asset": "Pump 8"}, Reason.KEY_MISMATCH, "key 'Pump 7', expected 'Pump 8'"),
        ({"who": ...}, Reason.BAD_FIELD, "who: is missing"),
        ({"why": "x" * 301}, Reason.BAD_FIELD, "why: got 301 characters, expected text of at most"),
        ({"why": "a\nb"}, Reason.BAD_FIELD, "why has characters"),
        ({"at": "2026-01-31T12:00:00"}, Reason.BAD_FIELD, "expected a time with its zone, like"),
        ({"at": 5}, Reason.BAD_FIELD, "at: got 5, expected a time with its zone, like 2026-01-"),
        ({"at": "soon", "who": "ann"}, Reason.BAD_FIELD, "at: got 'soon', expected a time with"),
        ({"asset": 5}, Reason.BAD_FIELD, "asset: got 5, expected text"),
    ],
)
def test_a_bad_command_is_refused_with_its_reason(
    changes: dict[str, Any], reason: Reason, told: str
) -> None:
    error = refused(value(**changes))
    assert error.reason is reason
    assert told in error.detail


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (None, Reason.EMPTY),
        (b"", Reason.EMPTY),
        (b"\x8c not json", Reason.NOT_JSON),
        (value()[:-5], Reason.NOT_JSON),
        (b"[1]", Reason.BAD_FIELD),
        (value(who=...)[:-1] + b',"x":' + b"[" * 900 + b"]" * 900 + b"}", Reason.BAD_FIELD),
        (value(why="x" * MAX_BYTES), Reason.TOO_LARGE),
    ],
)
def test_what_is_no_command_at_all_is_refused(raw: bytes | None, reason: Reason) -> None:
    assert refused(raw).reason is reason


def test_a_command_without_a_key_is_refused_and_says_whose_it_is() -> None:
    error = refused(value(), None)
    assert (error.reason, error.asset, error.sensor) == (
        Reason.KEY_MISMATCH,
        "Pump 7",
        "shaft/de",
    )


@pytest.mark.parametrize("header", [COMMAND_TYPE, f"{COMMAND_TYPE.upper()}; charset=utf-8"])
def test_commands_are_told_by_their_header(header: str) -> None:
    assert is_command(header)


@pytest.mark.parametrize("header", [None, "application/json", "application/msgpack"])
def test_windows_are_no_commands(header: str | None) -> None:
    assert not is_command(header)


def test_a_command_is_for_one_sensor_or_for_all_of_its_machine() -> None:
    one = decode_command(value(), b"Pump 7")
    all_ = decode_command(value(sensor=...), b"Pump 7")
    keys = [SensorKey("Pump 7", "shaft/de"), SensorKey("Pump 7", "x"), SensorKey("p", "shaft/de")]
    assert [one.covers(key) for key in keys] == [True, False, False]
    assert [all_.covers(key) for key in keys] == [True, True, False]
