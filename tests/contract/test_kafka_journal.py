"""What only Kafka can do to a journal: lost answers, outages, rebalances, odd topics."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.structs import OffsetAndMetadata
from structlog.testing import capture_logs

from daemon import kafka_clients, topics
from daemon.errors import StartError, Unavailable
from daemon.journal import Basis, Entry
from daemon.journal.kafka import KafkaJournal
from daemon.journal.kafka_reader import BASIS_KEY, KafkaReader
from daemon.settings import KafkaSettings
from daemon.sources.kafka import KafkaSource
from pipelines.dead_letters import DeadLetter
from tests.contract.builders import event
from tests.contract.kafka_bench import delete_topic, kafka_settings, read_committed, with_topics
from tests.contract.kafka_journal_bench import (
    BOTH,
    SHORT,
    entry,
    lose_the_end,
    member,
    opened,
    subscribed,
    unreachable,
)
from tests.servers.kafka import KafkaServer, running_kafka

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.usefixtures("foreign_sockets"),
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]

BASIS = Basis("bundle", "features", "settings")


def test_a_commit_whose_answer_is_lost_is_found_to_be_done(kafka_server: KafkaServer) -> None:
    settings = with_topics(kafka_server.bootstrap, **SHORT)
    with member(settings) as source, opened(settings, source.group_metadata) as journal:
        lose_the_end(journal, after_sending=True)
        journal.commit(entry(5, "a"))
        assert [event.id for event in journal.undelivered()] == ["a"]
        journal.commit(entry(6, "b"))
        assert subscribed(settings) == ["a", "b"]


def test_letters_that_came_while_an_outcome_was_unknown_are_committed_too(
    kafka_server: KafkaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = with_topics(kafka_server.bootstrap, **SHORT)
    first, second = (DeadLetter(value, b"pump", []) for value in (b"first", b"second"))
    wanted = replace(entry(5, "a"), dead_letters=[(0, first)])
    with member(settings) as source, opened(settings, source.group_metadata) as journal:
        lose_the_end(journal, after_sending=True)
        with monkeypatch.context() as away:
            away.setattr(journal._reader, "committed", unreachable)
            with pytest.raises(Unavailable):
                journal.commit(wanted)
        first = DeadLetter(b"first", b"pump", [])  # as it is after the batch was judged anew
        journal.commit(replace(wanted, dead_letters=[(0, first), (0, second)]))
        letters = read_committed(settings, settings.dead_letters_topic)
        assert [letter.value for letter in letters] == [b"first", b"second"]
        assert subscribed(settings) == ["a"]


def test_a_batch_is_not_committed_anew_because_its_further_letters_were_not(
    kafka_server: KafkaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = with_topics(kafka_server.bootstrap, **SHORT)
    with member(settings) as source, opened(settings, source.group_metadata) as journal:
        lose_the_end(journal, after_sending=True)
        with monkeypatch.context() as away:
            away.setattr(journal._reader, "committed", unreachable)
            with pytest.raises(Unavailable):
                journal.commit(entry(5, "a"))
        wanted = replace(entry(5, "a"), dead_letters=[(0, DeadLetter(b"late", b"pump", []))])
        with monkeypatch.context() as away:
            away.setattr(journal._transactions, "run", unreachable)
            with pytest.raises(Unavailable):
                journal.commit(wanted)
        journal.commit(wanted)
        journal.commit(entry(6, "b"))
        letters = read_committed(settings, settings.dead_letters_topic)
        assert [letter.value for letter in letters] == [b"late"]
        assert subscribed(settings) == ["a", "b"]


def test_closing_takes_no_offset_back_whose_outcome_is_in_doubt(
    kafka_server: KafkaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = with_topics(kafka_server.bootstrap, **SHORT)
    with member(settings) as source, opened(settings, source.group_metadata) as journal:
        journal.commit(entry(5, "a"))
        journal.undelivered()
        journal.mark_delivered()
        lose_the_end(journal, after_sending=True)
        monkeypatch.setattr(journal._reader, "committed", unreachable)
        with pytest.raises(Unavailable):
            journal.commit(Entry(next_offsets={0: 6}))
        assert journal._transactions.is_open
        journal.close()
        with opened(settings, source.group_metadata) as successor:
            assert successor.restore({0})[0].next_offset == 6


def test_an_answer_that_came_too_late_is_none_to_the_next_question(tmp_path: Path) -> None:
    with running_kafka(tmp_path / "kafka") as server:
        settings = with_topics(server.bootstrap)
        where = TopicPartition(settings.windows_topic, 0)
        reader = KafkaReader(settings)
        reader.open()
        reader.committed({0})
        reader._patience_s = 1.0
        with server.frozen(), pytest.raises(Unavailable):
            reader.committed({0})
        other = KafkaConsumer(bootstrap_servers=server.bootstrap, group_id=settings.group)
        other.assign([where])
        other.commit({where: OffsetAndMetadata(7, "", -1)})
        other.close()
        reader.open()
        assert reader.committed({0})[0].next_offset == 7
        reader.close()


def test_a_commit_that_is_lost_leaves_nothing_and_may_be_repeated(
    kafka_server: KafkaServer,
) -> None:
    settings = with_topics(kafka_server.bootstrap, **SHORT)
    with member(settings) as source, opened(settings, source.group_metadata) as journal:
        lose_the_end(journal, after_sending=False)
        with pytest.raises(Unavailable):
            journal.commit(entry(5, "a"))
        assert subscribed(settings) == []
        journal.commit(entry(5, "a"))
        assert subscribed(settings) == ["a"]
        assert journal.restore({0})[0].next_offset == 5


def test_a_transaction_that_a_killed_process_left_open_is_never_seen(
    kafka_server: KafkaServer,
) -> None:
    settings = with_topics(kafka_server.bootstrap)
    with member(settings) as source, opened(settings, source.group_metadata) as killed:
        producer = killed._transactions._producer
        producer.begin_transaction()
        producer.send(settings.alerts_topic, b"never", partition=0)
        producer.send(settings.state_topic, b"never", key=b"pump/de#hot", partition=0)
        producer.flush()
        with opened(settings, source.group_metadata) as successor:
            assert successor.restore({0})[0].states == {}
            successor.commit(entry(5, "a"))
            assert subscribed(settings) == ["a"]


def test_a_mark_is_durable_also_when_the_source_was_closed_before(
    kafka_server: KafkaServer,
) -> None:
    settings = with_topics(kafka_server.bootstrap)
    with member(settings) as source, opened(settings, source.group_metadata) as journal:
        journal.commit(entry(5, "a"))
        journal.undelivered()
        journal.mark_delivered()
        source.close()
        journal.close()
        with opened(settings, source.group_metadata) as successor:
            assert not successor.undelivered()


def test_an_outage_ends_in_time_and_the_same_entry_is_committed_once(tmp_path: Path) -> None:
    with running_kafka(tmp_path / "kafka") as server:
        settings = with_topics(server.bootstrap, **SHORT)
        with member(settings) as source, opened(settings, source.group_metadata) as journal:
            journal.commit(entry(5, "a"))
            server.stop()
            began = time.monotonic()
            for _ in range(2):
                with pytest.raises(Unavailable):
                    journal.commit(entry(6, "b"))
            assert time.monotonic() - began < 30.0
            server.start()
            commit_with_patience(journal, source, entry(6, "b"))
            assert subscribed(settings) == ["a", "b"]


def commit_with_patience(journal: KafkaJournal, source: KafkaSource, wanted: Entry) -> None:
    """Do as the loop does: poll and try again while the journal is away."""
    deadline = time.monotonic() + 60.0
    while time.monotonic() < deadline:
        source.poll(0.2)
        try:
            journal.commit(wanted)
        except Unavailable:
            continue
        return
    pytest.fail("the journal did not come back")


def test_a_membership_of_an_earlier_generation_commits_nothing(kafka_server: KafkaServer) -> None:
    settings = with_topics(kafka_server.bootstrap)
    with member(settings) as source:
        current = source.group_metadata()
        stale = current._replace(generation_id=current.generation_id - 1)
        memberships = iter([stale, current, current])
        with opened(settings, lambda: next(memberships)) as journal:
            with pytest.raises(Unavailable, match="rebalancing") as caught:
                journal.commit(entry(5, "a"))
            assert caught.value.retry_after_s == 0.0
            assert subscribed(settings) == []
            journal.commit(entry(5, "a"))
            assert subscribed(settings) == ["a"]


def test_an_offset_that_was_refused_is_not_committed_with_the_next_ones(
    kafka_server: KafkaServer,
) -> None:
    settings = with_topics(kafka_server.bootstrap)
    with member(settings) as source:
        current = source.group_metadata()
        stale = current._replace(generation_id=current.generation_id - 1)
        memberships = iter([stale, current])
        with opened(settings, lambda: next(memberships)) as journal:
            with pytest.raises(Unavailable, match="rebalancing"):
                journal.commit(entry(5, "a"))
            journal.release(frozenset({0}))
            journal.commit(Entry(next_offsets={1: 7}))
            restored = journal.restore(BOTH)
            assert {n: one.next_offset for n, one in restored.items()} == {0: None, 1: 7}


def test_topics_that_are_missing_are_named_at_the_start(kafka_server: KafkaServer) -> None:
    settings = kafka_settings(kafka_server.bootstrap)
    with (
        pytest.raises(StartError, match="bearingwatch topics create"),
        opened(settings, no_membership),
    ):
        pass


def test_a_plant_without_the_topic_of_evidence_is_told_to_make_it_or_to_do_without(
    kafka_server: KafkaServer,
) -> None:
    settings = with_topics(kafka_server.bootstrap)
    admin = KafkaAdminClient(bootstrap_servers=list(settings.bootstrap_servers))
    delete_topic(admin, settings.evidence_topic)
    admin.close()
    wanted = r"\.evidence does not exist .*`bearingwatch topics create .*journal\.evidence = false"
    with pytest.raises(StartError, match=wanted), opened(settings, no_membership):
        pass
    with member(settings) as source:
        journal = KafkaJournal(settings, "one", source.group_metadata, evidence=False)
        journal.start()
        journal.restore(BOTH)
        journal.commit(entry(5, "a"))
        journal.close()
    assert subscribed(settings) == ["a"]


def test_topics_with_unequal_partitions_are_refused_at_the_start(
    kafka_server: KafkaServer,
) -> None:
    settings = kafka_settings(kafka_server.bootstrap)
    admin = KafkaAdminClient(bootstrap_servers=kafka_server.bootstrap)
    admin.create_topics(
        {settings.state_topic: {"num_partitions": 3, "replication_factor": 1}},
        wait_for_metadata=True,
    )
    admin.close()
    topics.create(settings, 2)
    with pytest.raises(StartError, match="3 partitions"), opened(settings, no_membership):
        pass


def test_starting_without_a_broker_ends_in_time() -> None:
    settings = kafka_settings("127.0.0.1:1", request_timeout_s=1.0)
    began = time.monotonic()
    with pytest.raises(Unavailable), opened(settings, no_membership):
        pass
    assert time.monotonic() - began < 5.0


def no_membership() -> Any:
    raise Unavailable("nobody joined")


@pytest.mark.parametrize("key", [b"pump/de#lukewarm", b"no-slash", b"\xff"])
def test_state_records_of_a_newer_version_are_fatal(kafka_server: KafkaServer, key: bytes) -> None:
    settings = with_topics(kafka_server.bootstrap)
    send(settings, settings.state_topic, key, b"value")
    with pytest.raises(StartError, match="newer"), opened(settings, no_membership):
        pass


def test_alert_events_of_a_newer_version_are_fatal(kafka_server: KafkaServer) -> None:
    settings = with_topics(kafka_server.bootstrap)
    newer = {**msgspec.to_builtins(event()), "schema": 2}
    send(settings, settings.alerts_topic, b"pump", msgspec.json.encode(newer))
    with pytest.raises(StartError, match="upgrade"), opened(settings, no_membership):
        pass


def send(settings: KafkaSettings, topic: str, key: bytes, value: bytes) -> None:
    producer = KafkaProducer(bootstrap_servers=list(settings.bootstrap_servers))
    producer.send(topic, value, key=key, partition=0)
    producer.flush()
    producer.close()


def test_offsets_set_by_another_tool_bring_all_events_back(kafka_server: KafkaServer) -> None:
    settings = with_topics(kafka_server.bootstrap)
    with member(settings) as source, opened(settings, source.group_metadata) as journal:
        journal.commit(entry(5, "a"))
        journal.undelivered()
        journal.mark_delivered()
    reset = KafkaConsumer(
        bootstrap_servers=list(settings.bootstrap_servers),
        group_id=settings.group,
        group_instance_id=f"{settings.group}-one",
        partition_assignment_strategy=[CooperativeStickyAssignor],
        enable_auto_commit=False,
    )
    reset.subscribe([settings.windows_topic])
    where = TopicPartition(settings.windows_topic, 0)
    deadline = time.monotonic() + 20.0
    while where not in reset.assignment() and time.monotonic() < deadline:
        reset.poll(timeout_ms=200)
    reset.commit({where: OffsetAndMetadata(2, "", -1)})
    reset.close()
    with opened(settings, no_membership) as journal:
        assert journal.restore({0})[0].next_offset == 2
        assert [event.id for event in journal.undelivered()] == ["a"]


def test_a_mark_beyond_the_end_of_the_alerts_delivers_all_of_a_topic_made_anew(
    kafka_server: KafkaServer,
) -> None:
    settings = with_topics(kafka_server.bootstrap)
    with member(settings) as source, opened(settings, source.group_metadata) as journal:
        journal.commit(entry(5, "a"))
        journal._delivery.restore(0, 40, [])
        journal.commit(entry(6, "b"))
        with capture_logs() as lines:
            journal.restore({0})
        assert [event.id for event in journal.undelivered()] == ["a", "b"]
        journal.mark_delivered()
        assert journal.undelivered() == []
    assert [one["event"] for one in lines] == ["alerts_topic_is_shorter"]


def test_a_state_topic_that_forgets_by_age_is_refused(kafka_server: KafkaServer) -> None:
    settings = with_topics(kafka_server.bootstrap)
    client = kafka_clients.admin(settings)
    changed = ConfigResource(
        ConfigResourceType.TOPIC, settings.state_topic, {"cleanup.policy": "delete"}
    )
    client.alter_configs([changed])
    deadline = time.monotonic() + 10.0
    while not topics.check(settings) and time.monotonic() < deadline:
        time.sleep(0.1)  # brokers tell of a change a moment later
    client.close()
    journal = KafkaJournal(settings, "one", lambda: None)
    with pytest.raises(StartError, match=r"cleanup\.policy is delete, expected compact"):
        journal.start()
    journal.close()


def test_records_of_no_value_in_the_journals_topics_are_passed_over(
    kafka_server: KafkaServer,
) -> None:
    settings = with_topics(kafka_server.bootstrap)
    with member(settings) as source, opened(settings, source.group_metadata) as journal:
        journal.commit(replace(entry(5, "a"), bases={0: BASIS}))
        assert journal.restore({0})[0].basis == BASIS
        producer = KafkaProducer(bootstrap_servers=kafka_server.bootstrap)
        producer.send(settings.alerts_topic, None, key=b"pump", partition=0)
        producer.send(settings.state_topic, None, key=BASIS_KEY, partition=0)
        producer.close()
        restored = journal.restore({0})[0]
        assert (restored.basis, restored.next_offset) == (None, 5)
        assert [event.id for event in journal.undelivered()] == ["a"]
