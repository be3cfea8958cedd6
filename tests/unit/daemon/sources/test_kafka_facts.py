"""Rebalances as facts, without a broker: what a poll hands out of what the callbacks said."""

from typing import Any

import pytest

from daemon import kafka_clients
from daemon.errors import StartError, Unavailable
from daemon.settings import KafkaSettings
from daemon.sources.kafka import KafkaSource

Fact = tuple[str, frozenset[int]]


def fact(kind: str, *partitions: int) -> Fact:
    return kind, frozenset(partitions)


def applied(source: KafkaSource, *facts: Fact) -> tuple[set[int], set[int], set[int]]:
    assigned, revoked, lost = source._apply(facts)
    return set(assigned), set(revoked), set(lost)


@pytest.fixture
def source() -> KafkaSource:
    made = KafkaSource(KafkaSettings(), "one")
    made._apply([fact("assigned", 0, 1)])
    return made


def test_a_partition_that_is_taken_away_is_revoked(source: KafkaSource) -> None:
    assert applied(source, fact("revoked", 1)) == (set(), {1}, set())


def test_a_lost_partition_is_not_revoked_too(source: KafkaSource) -> None:
    assert applied(source, fact("revoked", 1), fact("lost", 1)) == (set(), set(), {1})


def test_a_partition_that_went_and_came_back_is_in_both(source: KafkaSource) -> None:
    assert applied(source, fact("lost", 0, 1), fact("assigned", 0)) == ({0}, set(), {0, 1})


def test_a_partition_that_came_and_went_unseen_is_in_neither(source: KafkaSource) -> None:
    assert applied(source, fact("assigned", 5), fact("revoked", 5)) == (set(), set(), set())


def test_what_was_taken_away_once_is_not_told_twice(source: KafkaSource) -> None:
    source._apply([fact("revoked", 1)])
    assert applied(source, fact("lost", 1)) == (set(), set(), set())


def test_there_is_no_membership_before_the_first_poll() -> None:
    with pytest.raises(Unavailable):
        KafkaSource(KafkaSettings(), "one").group_metadata()


def test_without_the_fast_checksum_nothing_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_clients, "crc32c_c", None)
    with pytest.raises(StartError, match=r"kafka-python\[crc32c\]"):
        KafkaSource(KafkaSettings(), "one").start()


def test_a_late_result_is_thrown_away() -> None:
    import threading

    release, thrown = threading.Event(), list[Any]()
    discarded = threading.Event()

    def discard(result: str) -> None:
        thrown.append(result)
        discarded.set()

    def late() -> str:
        release.wait(5.0)
        return "late"

    with pytest.raises(TimeoutError):
        kafka_clients.within(0.0, late, discard)
    release.set()
    assert discarded.wait(5.0)
    assert thrown == ["late"]


def test_an_error_within_the_time_is_the_callers() -> None:
    def fail() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        kafka_clients.within(5.0, fail)


def test_a_slow_step_of_the_client_is_not_told_as_a_defect() -> None:
    network = kafka_clients._Network()
    client = network(bootstrap_servers=["127.0.0.1:1"])
    assert client._net.config["slow_task_threshold_secs"] == 0
    network.close()
