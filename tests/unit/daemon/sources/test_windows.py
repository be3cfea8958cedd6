"""Windows at hand as a source: numbers, times, partitions, going forward only."""

from collections.abc import Iterator

import pytest

from daemon.errors import Fatal
from daemon.sources import Record
from daemon.sources.windows import WindowSource
from pipelines.window import Window
from tests.contract.builders import window


def drained(source: WindowSource) -> list[Record]:
    records: list[Record] = []
    while not source.exhausted:
        records += source.poll(0.0).records
    return records


def test_the_timestamp_is_the_end_of_the_window() -> None:
    (record,) = drained(WindowSource([window(start_ns=5_000_000_000)]))
    assert record.timestamp_ms == 5_100  # 100 samples at 1 kHz


def test_windows_of_an_asset_share_a_partition_and_are_numbered_in_it() -> None:
    assets = [f"asset-{n % 5}" for n in range(20)]
    records = drained(WindowSource([window(asset) for asset in assets], partitions=3))
    homes: dict[bytes, set[int]] = {}
    for record in records:
        homes.setdefault(record.key or b"", set()).add(record.partition)
    assert all(len(partitions) == 1 for partitions in homes.values())
    for partition in range(3):
        offsets = [record.offset for record in records if record.partition == partition]
        assert offsets == list(range(len(offsets)))


def test_what_comes_before_a_sought_offset_is_skipped() -> None:
    source = WindowSource(window(start_ns=n) for n in range(10))
    source.poll(0.0)
    source.seek(0, 8)
    assert [record.offset for record in drained(source)] == [8, 9]


def test_going_back_is_fatal() -> None:
    source = WindowSource(window(start_ns=n) for n in range(10))
    source.poll(0.0)
    source.poll(0.0)
    with pytest.raises(Fatal, match="only go forward"):
        source.seek(0, 3)


def test_a_poll_brings_a_batch_at_most_even_while_skipping() -> None:
    source = WindowSource((window(start_ns=n) for n in range(10)), batch=4)
    source.poll(0.0)
    source.seek(0, 6)
    assert [len(source.poll(0.0).records) for _ in range(3)] == [0, 2, 2]


def test_close_ends_the_generator() -> None:
    closed = []

    def windows() -> Iterator[Window]:
        try:
            yield window()
            yield window()
        finally:
            closed.append(True)

    source = WindowSource(windows(), batch=1)
    source.poll(0.0)
    source.poll(0.0)
    source.close()
    assert closed == [True]
    assert source.exhausted
