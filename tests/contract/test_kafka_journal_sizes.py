"""Records that a topic refuses for their size: left out, cut, or fatal, and the rest committed."""

from dataclasses import replace
from typing import Any

import pytest
from kafka import KafkaAdminClient

from daemon.errors import Fatal, Unavailable
from daemon.journal import Entry, Exhibit, StateRecord, kafka, kafka_transactions
from daemon.settings import KafkaSettings
from pipelines.dead_letters import DeadLetter
from tests.contract.kafka_bench import delete_topic, read_committed, with_topics
from tests.contract.kafka_journal_bench import (
    PUMP,
    SHORT,
    entry,
    lose_the_end,
    member,
    opened,
    subscribed,
    unreachable,
)
from tests.servers.kafka import KafkaServer

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.usefixtures("foreign_sockets"),
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]


def test_a_dead_letter_that_the_topic_refuses_is_cut_and_the_batch_goes_on(
    kafka_server: KafkaServer,
) -> None:
    settings = with_topics(kafka_server.bootstrap)
    limit_record_size(settings, settings.dead_letters_topic, 100_000)
    letter = DeadLetter(b"x" * 300_000, b"key", [("reason", b"too_large")])
    with member(settings) as source, opened(settings, source.group_metadata) as journal:
        journal.commit(replace(entry(5, "a"), dead_letters=[(0, letter)]))
        (record,) = read_committed(settings, settings.dead_letters_topic)
        assert record.value == b"x" * 4096
        assert subscribed(settings) == ["a"]


def test_a_letter_that_was_cut_is_not_told_again_when_its_outcome_was_unknown(
    kafka_server: KafkaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = with_topics(kafka_server.bootstrap, **SHORT)
    limit_record_size(settings, settings.dead_letters_topic, 100_000)
    letter = DeadLetter(b"x" * 300_000, b"key", [("reason", b"too_large")])
    wanted = replace(entry(5, "a"), dead_letters=[(0, letter)])
    with member(settings) as source, opened(settings, source.group_metadata) as journal:
        run = journal._transactions.run

        def lose_the_second(*args: Any) -> Any:
            if len(args[0][-2].value) == 4096:  # the cut letter, before the alert
                lose_the_end(journal, after_sending=True)
            return run(*args)

        with monkeypatch.context() as away:
            away.setattr(journal._transactions, "run", lose_the_second)
            away.setattr(journal._reader, "committed", unreachable)
            with pytest.raises(Unavailable):
                journal.commit(wanted)
        journal.commit(wanted)
        letters = read_committed(settings, settings.dead_letters_topic)
        assert [letter.value for letter in letters] == [b"x" * 4096]


def test_a_state_that_the_topic_refuses_is_fatal_and_says_what_to_do(
    kafka_server: KafkaServer,
) -> None:
    settings = with_topics(kafka_server.bootstrap)
    limit_record_size(settings, settings.state_topic, 10_000)
    states = {0: {PUMP: StateRecord(b"x" * 20_000, None)}}
    with (
        member(settings) as source,
        opened(settings, source.group_metadata) as journal,
        pytest.raises(Fatal, match=r"max\.message\.bytes"),
    ):
        journal.commit(Entry(states=states, next_offsets={0: 1}))


def test_evidence_that_the_topic_refuses_is_left_out_and_the_batch_goes_on(
    kafka_server: KafkaServer,
) -> None:
    settings = with_topics(kafka_server.bootstrap)
    limit_record_size(settings, settings.evidence_topic, 10_000)
    large = Exhibit(PUMP, "a", "raised", 5, b"x" * 20_000)
    letter = DeadLetter(b"x" * 5_000, b"key", [("reason", b"too_large")])
    with member(settings) as source, opened(settings, source.group_metadata) as journal:
        journal.commit(replace(entry(5, "a"), evidence=[(0, large)], dead_letters=[(0, letter)]))
        journal.commit(replace(entry(6, "b"), evidence=[(0, replace(large, value=b"x"))]))
        assert subscribed(settings) == ["a", "b"]
        assert [one.value for one in kafka.read_evidence(settings)] == [b"x"]


def test_records_that_are_too_large_only_together_are_all_committed(
    kafka_server: KafkaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_transactions, "UNFLUSHED_BYTES", 100_000)  # of the three, two
    settings = with_topics(kafka_server.bootstrap)
    limit_record_size(settings, settings.evidence_topic, 100_000)
    parts = {name: name.encode() * 60_000 for name in "abc"}
    exhibits = [(0, Exhibit(PUMP, alert, "first", 5, value)) for alert, value in parts.items()]
    with member(settings) as source, opened(settings, source.group_metadata) as journal:
        journal.commit(replace(entry(5, "a"), evidence=exhibits))
        journal.commit(entry(6, "b"))
        assert {one.alert: one.value for one in kafka.read_evidence(settings)} == parts
        assert subscribed(settings) == ["a", "b"]


def test_of_what_the_topics_refuse_only_what_is_too_large_is_left_out_or_cut(
    kafka_server: KafkaServer,
) -> None:
    settings = with_topics(kafka_server.bootstrap)
    limit_record_size(settings, settings.evidence_topic, 600_000)
    limit_record_size(settings, settings.dead_letters_topic, 600_000)
    parts = {"a": b"x" * 500_000, "b": b"x" * 700_000, "c": b"x" * 5, "d": b"x" * 800_000}
    exhibits = [(0, Exhibit(PUMP, alert, "first", 5, value)) for alert, value in parts.items()]
    gone = (0, Exhibit(PUMP, "old", "first", 6, None))
    sizes = (500_000, 700_000)
    letters = [(0, DeadLetter(b"x" * size, b"key", [("reason", b"empty")])) for size in sizes]
    with member(settings) as source, opened(settings, source.group_metadata) as journal:
        old = (0, Exhibit(PUMP, "old", "first", 5, b"x"))
        journal.commit(replace(entry(5, "a"), evidence=[old]))
        whole = replace(entry(6, "b"), evidence=[*exhibits, gone], dead_letters=letters)
        journal.commit(whole)
        found = [(one.alert, one.value) for one in kafka.read_evidence(settings)]
        assert found == [("old", b"x"), ("a", parts["a"]), ("c", parts["c"]), ("old", None)]
        kept = read_committed(settings, settings.dead_letters_topic)
        assert [one.value for one in kept] == [b"x" * 500_000, b"x" * 4096]


def limit_record_size(settings: KafkaSettings, topic: str, limit: int) -> None:
    admin = KafkaAdminClient(bootstrap_servers=list(settings.bootstrap_servers))
    delete_topic(admin, topic)
    wanted = {
        "num_partitions": 2,
        "replication_factor": 1,
        "configs": {"max.message.bytes": str(limit), "cleanup.policy": "compact"},
    }
    admin.create_topics({topic: wanted}, wait_for_metadata=True)
    admin.close()


def test_a_batch_of_many_megabytes_is_committed_whole(kafka_server: KafkaServer) -> None:
    settings = with_topics(kafka_server.bootstrap)
    letters = [(0, DeadLetter(b"x" * 500_000, b"%d" % n, [])) for n in range(40)]
    with member(settings) as source, opened(settings, source.group_metadata) as journal:
        journal.commit(replace(entry(5, "a"), dead_letters=letters))
        assert len(read_committed(settings, settings.dead_letters_topic)) == 40
