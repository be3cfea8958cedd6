"""What every source promises: on the fake, on windows at hand, and on a real Kafka."""

from collections.abc import Iterable, Iterator
from typing import Protocol

import pytest

from daemon.errors import Fatal
from daemon.settings import KafkaSettings
from daemon.sources import Polled, Source
from daemon.sources.kafka import KafkaSource
from daemon.sources.memory import MemorySource
from daemon.sources.windows import WindowSource
from tests.contract.builders import assigned_in, poll_all_until, poll_until, records_of, window
from tests.contract.kafka_bench import produce, with_topics


class Bench(Protocol):
    """Puts records into partitions and opens members of the group that reads them."""

    partitions: frozenset[int]

    def append(self, partition: int, count: int) -> None: ...

    def member(self, name: str) -> Source: ...

    def close(self) -> None: ...


class MemoryBench:
    partitions = frozenset({0, 1})

    def __init__(self) -> None:
        self._members: dict[str, MemorySource] = {}
        self._first = MemorySource(self.partitions)

    def append(self, partition: int, count: int) -> None:
        for _ in range(count):
            self._first.append(b"value", partition=partition, key=b"pump")

    def member(self, name: str) -> Source:
        """Open a member; a second one takes partition 1 over from the first."""
        if not self._members:
            self._members[name] = self._first
            return self._first
        self._first.revoke({1})
        self._members[name] = MemorySource({1}, log=self._first.log)
        return self._members[name]

    def close(self) -> None:
        pass


class WindowsBench:
    partitions = frozenset({0})

    def __init__(self) -> None:
        self._count = 0

    def append(self, partition: int, count: int) -> None:
        self._count += count

    def member(self, name: str) -> Source:
        return WindowSource(window(start_ns=number) for number in range(self._count))

    def close(self) -> None:
        pass


class KafkaBench:
    partitions = frozenset({0, 1})

    def __init__(self, bootstrap: str) -> None:
        self.settings: KafkaSettings = with_topics(bootstrap)
        self._members: list[Source] = []

    def append(self, partition: int, count: int) -> None:
        produce(self.settings, partition, [b"value"] * count)

    def member(self, name: str) -> Source:
        source = KafkaSource(self.settings, name)
        self._members.append(source)
        source.start()
        return source

    def close(self) -> None:
        for source in self._members:
            source.close()


@pytest.fixture
def memory_bench() -> MemoryBench:
    return MemoryBench()


@pytest.fixture
def windows_bench() -> WindowsBench:
    return WindowsBench()


@pytest.fixture
def kafka_bench(request: pytest.FixtureRequest) -> Iterator[KafkaBench]:
    bench = KafkaBench(request.getfixturevalue("kafka_server").bootstrap)
    yield bench
    bench.close()


KAFKA = pytest.param("kafka_bench", marks=pytest.mark.kafka)


@pytest.fixture(params=["memory_bench", "windows_bench", KAFKA])
def bench(request: pytest.FixtureRequest) -> Bench:
    made: Bench = request.getfixturevalue(request.param)
    return made


@pytest.fixture(params=["memory_bench", KAFKA])
def group(request: pytest.FixtureRequest) -> Bench:
    """A bench whose sources share partitions among several members."""
    made: Bench = request.getfixturevalue(request.param)
    return made


def offsets(polled: Iterable[Polled], partition: int = 0) -> list[int]:
    return [r.offset for r in records_of(polled) if r.partition == partition]


def test_partitions_are_announced_before_any_record_of_theirs(bench: Bench) -> None:
    bench.append(0, 3)
    source = bench.member("one")
    polled = poll_until(source, lambda seen: len(records_of(seen)) == 3)
    first_with_records = next(i for i, one in enumerate(polled) if one.records)
    assert assigned_in(polled[:first_with_records]) == bench.partitions


def test_records_of_a_partition_come_in_order_of_offset(bench: Bench) -> None:
    bench.append(0, 10)
    polled = poll_until(bench.member("one"), lambda seen: len(records_of(seen)) == 10)
    assert offsets(polled) == list(range(10))


def test_after_seek_the_next_record_is_the_one_at_that_offset(bench: Bench) -> None:
    bench.append(0, 10)
    source = bench.member("one")
    poll_until(source, lambda seen: assigned_in(seen) == bench.partitions)
    source.seek(0, 7)
    polled = poll_until(source, lambda seen: len(records_of(seen)) == 3)
    assert offsets(polled) == [7, 8, 9]


def test_what_rewinds_gives_a_record_again_and_what_does_not_refuses(bench: Bench) -> None:
    bench.append(0, 3)
    source = bench.member("one")
    poll_until(source, lambda seen: len(records_of(seen)) == 3)
    if not source.rewinds:
        with pytest.raises(Fatal, match="only go forward"):
            source.seek(0, 1)
        return
    source.seek(0, 1)
    polled = poll_until(source, lambda seen: len(records_of(seen)) == 2)
    assert offsets(polled) == [1, 2]


def test_while_paused_no_record_comes_and_polling_goes_on(bench: Bench) -> None:
    bench.append(0, 3)
    source = bench.member("one")
    poll_until(source, lambda seen: assigned_in(seen) == bench.partitions)
    source.pause()
    assert not records_of(source.poll(0.1) for _ in range(5))
    source.resume()
    polled = poll_until(source, lambda seen: len(records_of(seen)) == 3)
    assert offsets(polled) == [0, 1, 2]


def test_a_pause_holds_back_partitions_that_are_assigned_later(bench: Bench) -> None:
    bench.append(0, 3)
    source = bench.member("one")
    source.pause()
    poll_until(source, lambda seen: assigned_in(seen) == bench.partitions)
    assert not records_of(source.poll(0.1) for _ in range(5))
    source.seek(0, 1)
    source.resume()
    polled = poll_until(source, lambda seen: len(records_of(seen)) == 2)
    assert offsets(polled) == [1, 2]


def test_a_poll_with_nothing_there_is_empty(bench: Bench) -> None:
    source = bench.member("one")
    poll_until(source, lambda seen: assigned_in(seen) == bench.partitions)
    assert not source.poll(0.05).records


def test_records_carry_their_key_and_topic(bench: Bench) -> None:
    bench.append(0, 1)
    polled = poll_until(bench.member("one"), lambda seen: bool(records_of(seen)))
    (record,) = records_of(polled)
    assert record.key == b"pump"
    assert record.topic.endswith("windows")


def test_close_may_be_called_twice(bench: Bench) -> None:
    source = bench.member("one")
    source.poll(0.0)
    source.close()
    source.close()


def test_lag_counts_the_records_that_wait(group: Bench) -> None:
    group.append(0, 5)
    source = group.member("one")
    poll_until(source, lambda seen: len(records_of(seen)) == 5)
    assert source.lag().get(0) == 0


def test_a_source_that_goes_on_is_never_exhausted(group: Bench) -> None:
    group.append(0, 1)
    source = group.member("one")
    poll_until(source, lambda seen: len(records_of(seen)) == 1)
    source.poll(0.0)
    assert not source.exhausted


def test_a_second_member_takes_over_a_partition_that_the_first_gives_up(group: Bench) -> None:
    first = group.member("one")
    poll_until(first, lambda seen: assigned_in(seen) == {0, 1})
    second = group.member("two")
    before = [{0, 1}, set()]
    polled = poll_all_until(
        [first, second], lambda seen: all(len(held(seen, before, i)) == 1 for i in (0, 1))
    )
    assert held(polled, before, 0) | held(polled, before, 1) == {0, 1}
    assert frozenset().union(*(one.revoked for one in polled[0])) == held(polled, before, 1)


def test_no_record_of_a_revoked_partition_comes_any_more(group: Bench) -> None:
    first = group.member("one")
    poll_until(first, lambda seen: assigned_in(seen) == {0, 1})
    second = group.member("two")
    before = [{0, 1}, set()]
    polled = poll_all_until(
        [first, second], lambda seen: all(len(held(seen, before, i)) == 1 for i in (0, 1))
    )
    kept, taken = held(polled, before, 0), held(polled, before, 1)
    group.append(0, 2)
    group.append(1, 2)
    more = poll_all_until(
        [first, second], lambda seen: [len(records_of(part)) for part in seen] == [2, 2]
    )
    assert {record.partition for record in records_of(more[0])} == kept
    assert {record.partition for record in records_of(more[1])} == taken


def held(polled: list[list[Polled]], before: list[set[int]], member: int) -> set[int]:
    now = set(before[member])
    for one in polled[member]:
        now = (now - one.revoked - one.lost) | one.assigned
    return now


def test_windows_at_hand_are_exhausted_with_the_last_one(windows_bench: WindowsBench) -> None:
    windows_bench.append(0, 300)
    source = windows_bench.member("one")
    polled = poll_until(source, lambda seen: source.exhausted)
    assert len(records_of(polled)) == 300


def test_a_finished_source_in_memory_is_exhausted_with_the_last_record() -> None:
    source = MemorySource()
    source.append(b"value")
    source.finish()
    assert not source.exhausted
    assert len(records_of(poll_until(source, lambda seen: source.exhausted))) == 1
