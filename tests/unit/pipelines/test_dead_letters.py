"""A dead letter keeps the bytes, and is never too large to be written."""

import hashlib

from pipelines.dead_letters import SERIES_REFUSED, DeadLetter, dead_letter, refused_alert
from pipelines.wire import Reason


def refuse(value: bytes | None, key: bytes | None = b"Pump 7", detail: str = "why") -> DeadLetter:
    return dead_letter(
        value,
        key,
        Reason.BAD_RATE,
        detail,
        topic="plant.windows",
        partition=3,
        offset=17,
        timestamp_ms=1_764_012_345_678,
    )


def test_the_bytes_and_their_origin_are_kept() -> None:
    letter = refuse(b"\xc1\x00")
    assert letter.value == b"\xc1\x00"
    assert letter.key == b"Pump 7"
    assert dict(letter.headers) == {
        "reason": b"bad_rate",
        "detail": b"why",
        "source-topic": b"plant.windows",
        "source-partition": b"3",
        "source-offset": b"17",
        "source-timestamp-ms": b"1764012345678",
        "length": b"2",
        "sha256": hashlib.sha256(b"\xc1\x00").hexdigest().encode(),
    }


def test_half_a_mebibyte_is_kept_whole() -> None:
    assert refuse(bytes(512 * 1024)).value == bytes(512 * 1024)


def test_of_a_longer_value_the_start_and_the_hash_of_all_are_kept() -> None:
    value = bytes(range(256)) * 2049
    letter = refuse(value)
    assert letter.value == value[:4096]
    assert letter.header("length") == str(len(value))
    assert letter.header("sha256") == hashlib.sha256(value).hexdigest()


def test_key_and_detail_are_bounded() -> None:
    letter = refuse(b"x", key=b"k" * 5000, detail="d" * 5000)
    assert letter.key == b"k" * 1024
    assert letter.header("detail") == "d" * 300


def test_a_null_value_and_key_are_kept_as_nothing() -> None:
    letter = refuse(None, key=None)
    assert (letter.value, letter.key) == (b"", None)


def test_a_detail_cannot_forge_lines() -> None:
    assert "\n" not in refuse(b"x", detail="bad\nINFO all is well\x1b[0m").header("detail")


def test_the_same_record_gives_the_same_letter() -> None:
    assert refuse(b"x") == refuse(b"x")


def test_no_reason_of_a_record_is_that_of_a_point() -> None:
    assert SERIES_REFUSED not in set(Reason)


def test_a_refused_alert_names_its_event() -> None:
    letter = refused_alert(
        b"alerts,asset=a loss=1 7",
        b"a",
        detail="no\nroom",
        alert="a/b-7",
        transition="raised",
        time_ns=7,
    )
    assert (letter.value, letter.key) == (b"alerts,asset=a loss=1 7", b"a")
    assert dict(letter.headers) == {
        "reason": b"series_refused",
        "detail": "no\N{REPLACEMENT CHARACTER}room".encode(),
        "source-alert": b"a/b-7",
        "source-transition": b"raised",
        "source-time-ns": b"7",
        "length": b"23",
        "sha256": hashlib.sha256(letter.value).hexdigest().encode(),
    }
