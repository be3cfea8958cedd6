"""Headers that Kafka takes and a client need not: no value, and a name that is no UTF-8."""

from __future__ import annotations

import pytest
from kafka.record.memory_records import MemoryRecords, MemoryRecordsBuilder

from daemon import kafka_clients
from daemon.sources import Record


class RawName(str):
    """The name of a header as bytes that are no text."""

    __slots__ = ()

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        del encoding, errors
        return b"\xff\xfe\x80"


@pytest.mark.parametrize("compression", [0, 1], ids=["plain", "gzip"])
def test_a_header_with_a_name_that_is_no_text_hides_no_record(compression: int) -> None:
    assert kafka_clients  # it is what reads them
    builder = MemoryRecordsBuilder(2, compression, 2**20)
    for number, name in enumerate(("content-type", RawName("x"), "content-type")):
        value = f"value {number} \xff".encode("latin-1")
        builder.append(0, b"pump", value, headers=[(name, b"application/json")])
    builder.close()
    batch = MemoryRecords(builder.buffer()).next_batch()
    found = list(batch)
    assert [one.value for one in found] == [b"value %d \xff" % number for number in range(3)]
    assert [one.headers[0][0] for one in found] == ["content-type", "\ufffd" * 3, "content-type"]


def test_a_header_without_a_value_is_as_good_as_none() -> None:
    def record(*headers: tuple[str, bytes | None]) -> Record:
        return Record("windows", 0, 0, 0, b"pump", b"", headers)

    assert record(("content-type", None)).header("content-type") is None
    assert record(("content-type", b"a"), ("content-type", None)).header("content-type") == "a"
