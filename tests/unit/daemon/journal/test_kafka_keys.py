"""Keys of state records, and the mark that travels with an offset."""

import pytest

from daemon.errors import StartError
from daemon.journal.kafka_reader import (
    COLD,
    HOT,
    mark_text,
    parse_mark,
    parse_state_key,
    state_key,
)
from pipelines.window import SensorKey


@pytest.mark.parametrize("part", [HOT, COLD])
@pytest.mark.parametrize("sensor", ["de", "shaft/nde", "a/b/c", "/"])
def test_a_state_key_comes_back(sensor: str, part: str) -> None:
    key = SensorKey("Pümpe 1", sensor)
    assert parse_state_key(state_key(key, part)) == (key, part)


def test_a_state_key_is_readable() -> None:
    assert state_key(SensorKey("pump", "de"), HOT) == b"pump/de#hot"


@pytest.mark.parametrize(
    "raw", [b"", b"pump", b"pump/de", b"pump#hot", b"pump/de#new", b"\xff\xfe"]
)
def test_a_key_that_was_never_written_by_us_is_fatal(raw: bytes) -> None:
    with pytest.raises(StartError, match="upgrade"):
        parse_state_key(raw)


def test_a_mark_comes_back() -> None:
    assert parse_mark(mark_text(42)) == 42


@pytest.mark.parametrize("metadata", [None, "", "42", "alerts-delivered=", "alerts-delivered=x"])
def test_what_another_tool_wrote_is_no_mark(metadata: str | None) -> None:
    assert parse_mark(metadata) is None
