"""What only Kafka can do to a source."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient, TopicPartition

from daemon.errors import SettingsError, StartError, Unavailable
from daemon.settings import KafkaSettings
from daemon.sources import Polled
from daemon.sources.kafka import KafkaSource
from tests.contract.builders import assigned_in, poll_all_until, poll_until, records_of
from tests.contract.kafka_bench import kafka_settings, produce, with_topics
from tests.servers.kafka import KafkaServer, running_kafka

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.usefixtures("foreign_sockets"),
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]

JOINED: dict[str, Any] = {"session_timeout_ms": 45_000}
"""A session so long that a test ends before its members join for the second time."""


@contextmanager
def started(settings: KafkaSettings, instance: str = "one") -> Iterator[KafkaSource]:
    source = KafkaSource(settings, instance)
    try:
        source.start()
        yield source
    finally:
        source.close()


def test_a_missing_topic_is_a_start_error_that_says_what_to_do(kafka_server: KafkaServer) -> None:
    settings = kafka_settings(kafka_server.bootstrap)
    with pytest.raises(StartError, match="bearingwatch topics create"), started(settings):
        pass


def test_starting_without_a_broker_ends_in_time() -> None:
    settings = kafka_settings("127.0.0.1:1", request_timeout_s=1.0)
    began = time.monotonic()
    with pytest.raises(Unavailable, match="away"), started(settings):
        pass
    assert time.monotonic() - began < 5.0


def test_a_session_timeout_that_the_broker_refuses_is_a_bad_setting(
    kafka_server: KafkaServer,
) -> None:
    settings = with_topics(kafka_server.bootstrap, 1, session_timeout_ms=5_000)
    refused = r"kafka\.session_timeout_ms: .* refuse 5000, allowed are 6000 to 1800000, unless"
    with started(settings) as source, pytest.raises(SettingsError, match=refused):
        poll_until(source, lambda seen: bool(assigned_in(seen)))


def test_starts_that_fail_leave_no_threads_behind() -> None:
    settings = kafka_settings("127.0.0.1:1", request_timeout_s=0.5)
    before = threading.active_count()
    for _ in range(3):
        with pytest.raises(Unavailable), started(settings):
            pass
    assert threading.active_count() <= before


@pytest.mark.parametrize("codec", ["gzip", "lz4", "snappy", "zstd"])
def test_whatever_a_gateway_compresses_with_is_read(kafka_server: KafkaServer, codec: str) -> None:
    settings = with_topics(kafka_server.bootstrap, partitions=1)
    values = [bytes([number]) * 2_000 for number in range(20)]
    produce(settings, 0, values, codec)
    with started(settings) as source:
        poll_until(source, lambda seen: assigned_in(seen) == {0})
        source.seek(0, 0)
        polled = poll_until(source, lambda seen: len(records_of(seen)) == 20)
        assert [record.value for record in records_of(polled)] == values


def test_a_gap_in_the_log_is_counted_and_leapt_over(kafka_server: KafkaServer) -> None:
    settings = with_topics(kafka_server.bootstrap, partitions=1)
    produce(settings, 0, [b"value"] * 10)
    admin = KafkaAdminClient(bootstrap_servers=kafka_server.bootstrap)
    admin.delete_records({TopicPartition(settings.windows_topic, 0): 6})
    admin.close()
    with started(settings) as source:
        poll_until(source, lambda seen: assigned_in(seen) == {0})
        source.seek(0, 2)
        polled = poll_until(source, lambda seen: len(records_of(seen)) == 4)
        assert [record.offset for record in records_of(polled)] == [6, 7, 8, 9]
        assert source.records_lost == 4


def test_a_log_that_is_shorter_than_what_was_read_of_it_is_read_anew_and_said_to_be(
    kafka_server: KafkaServer,
) -> None:
    settings = with_topics(kafka_server.bootstrap, partitions=1)
    produce(settings, 0, [b"value"] * 3)
    with started(settings) as source:
        poll_until(source, lambda seen: assigned_in(seen) == {0})
        source.seek(0, 50)
        polled = poll_until(source, lambda seen: len(records_of(seen)) == 3)
        assert [record.offset for record in records_of(polled)] == [0, 1, 2]
        assert [one.cut for one in polled if one.cut] == [frozenset({0})]
        assert source.records_lost == 0


def test_a_second_process_of_the_same_instance_ends_the_first(kafka_server: KafkaServer) -> None:
    settings = with_topics(kafka_server.bootstrap, partitions=1)
    with started(settings) as first:
        poll_until(first, lambda seen: assigned_in(seen) == {0})
        with started(settings) as second:
            with pytest.raises(SettingsError, match="instance"):
                poll_all_until([first, second], lambda seen: False)
            polled = poll_until(second, lambda seen: True)
            assert not records_of(polled)


def test_members_that_hardly_poll_share_the_partitions_and_settle(
    kafka_server: KafkaServer,
) -> None:
    # As processes do that wait for InfluxDB: they sleep, and only look in.
    settings = with_topics(kafka_server.bootstrap)
    held: list[set[int]] = [set(), set()]
    with started(settings, "one") as first, started(settings, "two") as second:
        deadline = time.monotonic() + 8.0
        while time.monotonic() < deadline:
            for number, source in enumerate((first, second)):
                polled = source.poll(0.0)
                held[number] = (held[number] - polled.revoked - polled.lost) | polled.assigned
                time.sleep(0.1)
        assert [len(partitions) for partitions in held] == [1, 1]
        assert first.group_metadata().generation_id <= 6


@contextmanager
def joins_held_up(source: KafkaSource) -> Iterator[None]:
    """Let no request to join reach the broker, as where a network is cut."""
    coordinator = source._consumer._coordinator
    join = coordinator._do_join_and_sync_async
    is_free = False

    async def held_up() -> bytes:
        while not is_free:
            await coordinator._net.sleep(0.05)
        return bytes(await join())

    coordinator._do_join_and_sync_async = held_up
    yield
    is_free = True


def test_a_member_that_is_thrown_out_while_it_joins_has_lost_what_others_had_meanwhile(
    kafka_server: KafkaServer,
) -> None:
    settings = with_topics(kafka_server.bootstrap)
    with started(settings, "one") as first:
        poll_until(first, lambda seen: assigned_in(seen) == {0, 1})
        with joins_held_up(first), started(settings, "two") as second:
            polled = poll_all_until([first, second], lambda seen: assigned_in(seen[1]) == {0, 1})
            assert polled[0] == [Polled()] * len(polled[0])
        with started(settings, "two") as second:
            polled = poll_all_until(
                [first, second],
                lambda seen: assigned_in(seen[0]) | assigned_in(seen[1]) == {0, 1},
            )
            assert [one.lost for one in polled[0] if one.lost] == [frozenset({0, 1})]


def test_a_member_that_hears_in_a_poll_that_it_was_thrown_out_commits_nothing(
    kafka_server: KafkaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = with_topics(kafka_server.bootstrap, partitions=1)
    with started(settings) as source:
        poll_until(source, lambda seen: assigned_in(seen) == {0})
        client = source._consumer
        with monkeypatch.context() as patched:
            patched.setattr(client, "poll", followed(client.poll, client._coordinator))
            assert source.poll(0.1) == Polled()
        with pytest.raises(Unavailable, match="not a member"):
            source.group_metadata()
        polled = poll_until(source, lambda seen: assigned_in(seen) == {0})
        assert [one.lost for one in polled if one.lost] == [frozenset({0})]


def followed(poll: Callable[..., Any], coordinator: Any) -> Callable[..., Any]:
    """Return a poll at whose end the answer to a heartbeat comes: no such member."""

    def poll_and_hear(**arguments: Any) -> Any:
        fetched = poll(**arguments)
        coordinator.reset_generation()
        return fetched

    return poll_and_hear


def test_a_member_that_hears_as_it_begins_to_join_that_it_was_thrown_out_has_lost_all(
    kafka_server: KafkaServer,
) -> None:
    settings = with_topics(kafka_server.bootstrap, partitions=1)
    with started(settings) as source:
        poll_until(source, lambda seen: assigned_in(seen) == {0})
        coordinator = source._consumer._coordinator
        join = coordinator._do_join_and_sync_async

        async def join_after_the_answer() -> bytes:
            coordinator._do_join_and_sync_async = join
            coordinator.reset_generation()
            return bytes(await join())

        coordinator._do_join_and_sync_async = join_after_the_answer
        coordinator.request_rejoin()
        polled = poll_until(source, lambda seen: assigned_in(seen) == {0})
        assert [one.lost for one in polled if one.lost] == [frozenset({0})]


def test_a_partition_arrives_though_the_member_that_gave_it_up_is_started_again_meanwhile(
    kafka_server: KafkaServer,
) -> None:
    settings = with_topics(kafka_server.bootstrap, session_timeout_ms=10_000)
    with ExitStack() as members:
        first = members.enter_context(started(settings, "one"))
        poll_until(first, lambda seen: assigned_in(seen) == {0, 1})
        never_join_twice(first)
        second = members.enter_context(started(settings, "two"))
        poll_all_until([first, second], lambda seen: any(one.revoked for one in seen[0]))
        first.close()
        again = members.enter_context(started(settings, "one"))
        poll_all_until(
            [again, second],
            lambda seen: len(assigned_in(seen[0])) == len(assigned_in(seen[1])) == 1,
        )


def never_join_twice(source: KafkaSource) -> None:
    """Let a member end, as it were, before it asks for the second round of a rebalance."""
    coordinator = source._consumer._coordinator
    complete = coordinator._on_join_complete_async

    async def complete_alone(*arguments: Any) -> None:
        await complete(*arguments)
        coordinator.rejoin_needed = False

    coordinator._on_join_complete_async = complete_alone


def test_members_that_come_back_soon_keep_their_partitions(kafka_server: KafkaServer) -> None:
    settings = with_topics(kafka_server.bootstrap, partitions=1)
    with started(settings) as source:
        poll_until(source, lambda seen: assigned_in(seen) == {0})
    began = time.monotonic()
    with started(settings) as again:
        poll_until(again, lambda seen: assigned_in(seen) == {0})
    assert time.monotonic() - began < 5.0


def test_a_broker_that_goes_away_and_comes_back_is_waited_for(tmp_path: Path) -> None:
    with running_kafka(tmp_path / "kafka") as server:
        settings = with_topics(server.bootstrap, partitions=1)
        with started(settings) as source:
            produce(settings, 0, [b"before"])
            poll_until(source, lambda seen: len(records_of(seen)) == 1)
            server.stop()
            began = time.monotonic()
            assert not records_of(source.poll(0.2) for _ in range(10))
            assert time.monotonic() - began < 10.0
            server.start()
            produce(settings, 0, [b"after"])
            polled = poll_until(source, lambda seen: len(records_of(seen)) == 1)
            assert [record.value for record in records_of(polled)] == [b"after"]


def test_polling_a_broker_that_is_frozen_costs_next_to_nothing(tmp_path: Path) -> None:
    with running_kafka(tmp_path / "kafka") as server:
        settings = with_topics(server.bootstrap, partitions=1, **JOINED)
        with started(settings) as source:
            poll_until(source, lambda seen: assigned_in(seen) == {0})
            with server.frozen():
                deadline, spent_s = time.monotonic() + 4.0, time.process_time()
                while time.monotonic() < deadline:
                    assert not source.poll(0.5).records
                assert time.process_time() - spent_s < 1.0


def until(source: KafkaSource, done: Callable[[], bool], within_s: float) -> None:
    """Poll until `done`; nothing comes meanwhile."""
    deadline = time.monotonic() + within_s
    while not done():
        assert time.monotonic() < deadline
        assert not source.poll(0.2).records


@pytest.mark.parametrize("paused", [False, True])
def test_an_idle_source_notices_a_broker_that_is_frozen_and_that_it_is_back(
    tmp_path: Path, paused: bool
) -> None:
    with running_kafka(tmp_path / "kafka") as server:
        settings = with_topics(server.bootstrap, partitions=1, **JOINED, request_timeout_s=8.0)
        with started(settings) as source:
            poll_until(source, lambda seen: assigned_in(seen) == {0})
            {True: source.pause, False: source.resume}[paused]()
            with server.frozen():
                until(source, lambda: source.away is not None, within_s=10.0)
                assert "is silent" in (source.away or "")
                # Connections are given up and made anew meanwhile; that is no answer.
                deadline = time.monotonic() + 12.0
                while time.monotonic() < deadline:
                    source.poll(0.5)
                    assert source.away is not None
            until(source, lambda: source.away is None, within_s=30.0)


def test_an_idle_source_notices_a_broker_that_died_and_that_it_is_back(tmp_path: Path) -> None:
    with running_kafka(tmp_path / "kafka") as server:
        settings = with_topics(server.bootstrap, partitions=1, **JOINED)
        with started(settings) as source:
            poll_until(source, lambda seen: assigned_in(seen) == {0})
            assert source.away is None
            server.kill()
            until(source, lambda: source.away is not None, within_s=10.0)
            assert "no broker can be reached" in (source.away or "")
            server.start()
            until(source, lambda: source.away is None, within_s=30.0)


def test_lag_is_fresh_while_the_source_is_paused(kafka_server: KafkaServer) -> None:
    settings = with_topics(kafka_server.bootstrap, partitions=1)
    with started(settings) as source:
        produce(settings, 0, [b"value"] * 3)
        poll_until(source, lambda seen: len(records_of(seen)) == 3)
        source.pause()
        produce(settings, 0, [b"value"] * 5)
        assert not records_of(source.poll(0.2) for _ in range(3))
        assert source.lag() == {0: 5}
        source.resume()
        poll_until(source, lambda seen: len(records_of(seen)) == 5)
        assert source.lag() == {0: 0}
