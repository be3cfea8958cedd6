"""What every journal promises: on the fake, on an SQLite file, and on a real Kafka."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import pytest

from daemon.errors import Fenced, StartError, Unavailable
from daemon.journal import (
    EVIDENCE_KEPT_S,
    Basis,
    Entry,
    Exhibit,
    Journal,
    Restored,
    StateRecord,
    kafka,
    memory,
    sqlite,
)
from daemon.journal.kafka import KafkaJournal
from daemon.journal.memory import MemoryJournal, MemoryStore
from daemon.journal.sqlite import SqliteJournal
from daemon.settings import SqliteSettings
from daemon.sources.kafka import KafkaSource
from models.alerts import AlertEvent
from pipelines.dead_letters import DeadLetter
from pipelines.window import SensorKey
from tests.contract.builders import assigned_in, event, poll_until
from tests.contract.kafka_bench import read_committed, with_topics

PUMP = SensorKey("pump", "de")
FAN = SensorKey("fan", "shaft/nde")
BOTH = frozenset({0, 1})


class Bench(Protocol):
    """Opens journals on the same store, one after the other or at once."""

    def open(self, instance: str = "one") -> Journal:
        """Start a journal that owns partitions 0 and 1."""
        ...

    def alerts(self) -> list[str]:
        """Return the identities of the alert events that a subscriber sees."""
        ...

    def dead_letters(self) -> list[bytes]: ...

    def evidence(self) -> dict[tuple[SensorKey, str, str], bytes]:
        """Return what another process reads of the evidence."""
        ...

    def close(self) -> None: ...


class MemoryBench:
    def __init__(self) -> None:
        self._store = MemoryStore()

    def open(self, instance: str = "one") -> Journal:
        journal = MemoryJournal(self._store, instance)
        journal.start()
        journal.restore(BOTH)
        return journal

    def alerts(self) -> list[str]:
        return [event.id for event in self._store.events()]

    def dead_letters(self) -> list[bytes]:
        return [letter.value for _, letter in self._store.dead_letters]

    def evidence(self) -> dict[tuple[SensorKey, str, str], bytes]:
        return latest(memory.read_evidence(self._store))

    def close(self) -> None:
        pass


class SqliteBench:
    def __init__(self, path: Path) -> None:
        self.path = path
        self._opened: list[Journal] = []

    def open(self, instance: str = "one") -> Journal:
        journal = SqliteJournal(SqliteSettings(path=self.path), instance)
        self._opened.append(journal)
        journal.start()
        journal.restore(BOTH)
        return journal

    def _column(self, text: str) -> list[bytes]:
        with closing(sqlite3.connect(self.path)) as connection:
            return [value for (value,) in connection.execute(text)]

    def alerts(self) -> list[str]:
        rows = self._column("SELECT event ->> 'id' FROM alert_events ORDER BY position")
        return [str(row) for row in rows]

    def dead_letters(self) -> list[bytes]:
        return self._column("SELECT value FROM dead_letters ORDER BY position")

    def evidence(self) -> dict[tuple[SensorKey, str, str], bytes]:
        return latest(sqlite.read_evidence(self.path))

    def close(self) -> None:
        for journal in self._opened:
            journal.close()


class KafkaBench:
    def __init__(self, bootstrap: str) -> None:
        self.settings = with_topics(bootstrap)
        self._source = KafkaSource(self.settings, "one")
        self._source.start()
        poll_until(self._source, lambda seen: assigned_in(seen) == BOTH)
        self._opened: list[Journal] = []

    def open(self, instance: str = "one") -> Journal:
        journal = KafkaJournal(self.settings, instance, self._source.group_metadata)
        self._opened.append(journal)
        journal.start()
        journal.restore(BOTH)
        return journal

    def alerts(self) -> list[str]:
        records = read_committed(self.settings, self.settings.alerts_topic)
        events = [_decoded(record.value) for record in records]
        return [event.id for event in sorted(events, key=lambda event: event.time_ns)]

    def dead_letters(self) -> list[bytes]:
        records = read_committed(self.settings, self.settings.dead_letters_topic)
        return [record.value for record in records if isinstance(record.value, bytes)]

    def evidence(self) -> dict[tuple[SensorKey, str, str], bytes]:
        return latest(kafka.read_evidence(self.settings))

    def close(self) -> None:
        for journal in self._opened:
            journal.close()
        self._source.close()


def latest(exhibits: Iterable[Exhibit]) -> dict[tuple[SensorKey, str, str], bytes]:
    """Return what holds in the end."""
    found = {(one.sensor, one.alert, one.part): one.value for one in exhibits}
    return {place: value for place, value in found.items() if value is not None}


def _decoded(value: object) -> AlertEvent:
    import msgspec

    assert isinstance(value, bytes)
    return msgspec.json.decode(value, type=AlertEvent)


@pytest.fixture
def memory_bench() -> MemoryBench:
    return MemoryBench()


@pytest.fixture
def sqlite_bench(tmp_path: Path) -> Iterator[SqliteBench]:
    bench = SqliteBench(tmp_path / "journal.db")
    yield bench
    bench.close()


@pytest.fixture
def kafka_bench(request: pytest.FixtureRequest) -> Iterator[KafkaBench]:
    bench = KafkaBench(request.getfixturevalue("kafka_server").bootstrap)
    yield bench
    bench.close()


@pytest.fixture(
    params=["memory_bench", "sqlite_bench", pytest.param("kafka_bench", marks=pytest.mark.kafka)]
)
def bench(request: pytest.FixtureRequest) -> Bench:
    made: Bench = request.getfixturevalue(request.param)
    return made


def entry(
    offset: int,
    *,
    partition: int = 0,
    hot: bytes = b"hot",
    cold: bytes | None = b"cold",
    key: SensorKey = PUMP,
    alerts: tuple[AlertEvent, ...] = (),
    dead_letters: tuple[DeadLetter, ...] = (),
    evidence: tuple[Exhibit, ...] = (),
) -> Entry:
    """Return what a batch up to `offset` of one partition adds."""
    return Entry(
        states={partition: {key: StateRecord(hot, cold)}},
        alerts=[(partition, one) for one in alerts],
        dead_letters=[(partition, one) for one in dead_letters],
        evidence=[(partition, one) for one in evidence],
        next_offsets={partition: offset},
    )


def ids(journal: Journal) -> list[str]:
    return [event.id for event in journal.undelivered()]


def test_nothing_is_restored_where_nothing_was_committed(bench: Bench) -> None:
    assert bench.open().restore(BOTH) == {0: Restored({}, None), 1: Restored({}, None)}


def test_what_was_committed_is_restored_after_a_kill(bench: Bench) -> None:
    journal = bench.open()
    journal.commit(entry(5, key=PUMP))
    journal.commit(entry(8, partition=1, key=FAN, hot=b"h", cold=b"c"))
    assert bench.open().restore(BOTH) == {
        0: Restored({PUMP: StateRecord(b"hot", b"cold")}, 5),
        1: Restored({FAN: StateRecord(b"h", b"c")}, 8),
    }


def test_the_latest_state_wins_and_an_unchanged_cold_part_stays(bench: Bench) -> None:
    journal = bench.open()
    journal.commit(entry(5, hot=b"1", cold=b"cold"))
    journal.commit(entry(6, hot=b"2", cold=None))
    restored = bench.open().restore({0})
    assert restored[0] == Restored({PUMP: StateRecord(b"2", b"cold")}, 6)


def test_a_forgotten_sensor_is_not_restored_and_the_others_are(bench: Bench) -> None:
    journal = bench.open()
    journal.commit(entry(5, key=PUMP))
    journal.commit(entry(6, key=FAN))
    journal.commit(Entry(states={0: {PUMP: None}}, next_offsets={0: 7}))
    assert bench.open().restore({0})[0] == Restored({FAN: StateRecord(b"hot", b"cold")}, 7)


def test_a_sensor_that_comes_again_has_nothing_of_what_was_forgotten(bench: Bench) -> None:
    journal = bench.open()
    journal.commit(entry(5, cold=b"cold"))
    journal.commit(Entry(states={0: {PUMP: None}}, next_offsets={0: 6}))
    journal.commit(entry(7, hot=b"new", cold=None))
    assert bench.open().restore({0})[0] == Restored({PUMP: StateRecord(b"new", None)}, 7)


def test_forgetting_what_is_not_there_changes_nothing(bench: Bench) -> None:
    journal = bench.open()
    journal.commit(Entry(states={0: {PUMP: None}}, next_offsets={0: 1}))
    assert bench.open().restore({0})[0] == Restored({}, 1)


def test_a_sensor_without_a_cold_part_has_none(bench: Bench) -> None:
    bench.open().commit(entry(5, cold=None))
    assert bench.open().restore({0})[0].states == {PUMP: StateRecord(b"hot", None)}


def test_states_come_back_to_the_byte_whatever_their_schema(bench: Bench) -> None:
    strange = bytes(range(256)) * 30
    bench.open().commit(entry(5, hot=strange, cold=strange[::-1]))
    assert bench.open().restore({0})[0].states == {PUMP: StateRecord(strange, strange[::-1])}


def test_many_sensors_in_one_commit_are_all_restored(bench: Bench) -> None:
    states = {SensorKey(f"a{n}", "de"): StateRecord(b"%d" % n, None) for n in range(500)}
    bench.open().commit(Entry(states={1: states}, next_offsets={1: 500}))
    assert bench.open().restore({1}) == {1: Restored(states, 500)}


BASIS = Basis("bundle-1", "features-1", "settings-1", since=5)


def test_a_partitions_basis_is_restored_with_its_states(bench: Bench) -> None:
    journal = bench.open()
    journal.commit(Entry(bases={0: BASIS}, next_offsets={0: 5}))
    journal.commit(entry(6))
    assert bench.open().restore(BOTH) == {
        0: Restored({PUMP: StateRecord(b"hot", b"cold")}, 6, BASIS),
        1: Restored({}, None),
    }


def test_the_latest_basis_wins_and_is_that_of_its_partition_alone(bench: Bench) -> None:
    journal = bench.open()
    later = Basis("bundle-2", "features-1", "settings-1", since=6)
    other = Basis("bundle-3", "features-3", "settings-3", since=0)
    journal.commit(Entry(bases={0: BASIS, 1: other}, next_offsets={0: 5, 1: 0}))
    journal.commit(Entry(bases={0: later}, next_offsets={0: 6}))
    journal.commit(Entry(bases={0: later}, next_offsets={0: 6}))  # as after a lost answer
    restored = bench.open().restore(BOTH)
    assert {number: one.basis for number, one in restored.items()} == {0: later, 1: other}


def test_a_fenced_process_leaves_no_basis(bench: Bench) -> None:
    older = bench.open()
    bench.open()
    with pytest.raises(Fenced):
        older.commit(Entry(bases={0: BASIS}, next_offsets={0: 5}))
    assert bench.open().restore({0})[0].basis is None


def test_only_the_partitions_asked_for_are_restored(bench: Bench) -> None:
    bench.open().commit(entry(5))
    assert set(bench.open().restore({1})) == {1}


def test_committed_events_are_undelivered_until_they_are_marked(bench: Bench) -> None:
    journal = bench.open()
    journal.commit(entry(5, alerts=(event("a", time_ns=2), event("b", time_ns=3))))
    assert ids(journal) == ["a", "b"]
    journal.mark_delivered()
    assert ids(journal) == []


def test_undelivered_events_come_oldest_first_over_all_partitions(bench: Bench) -> None:
    journal = bench.open()
    journal.commit(entry(5, partition=1, alerts=(event("late", time_ns=9),)))
    journal.commit(entry(5, partition=0, alerts=(event("early", time_ns=2),)))
    assert ids(journal) == ["early", "late"]


def test_events_that_were_not_marked_survive_a_kill(bench: Bench) -> None:
    bench.open().commit(entry(5, alerts=(event("a"),)))
    assert ids(bench.open()) == ["a"]


def test_a_mark_is_not_durable_before_the_next_commit(bench: Bench) -> None:
    journal = bench.open()
    journal.commit(entry(5, alerts=(event("a"),)))
    journal.undelivered()
    journal.mark_delivered()
    assert ids(bench.open()) == ["a"]


def test_a_mark_is_durable_with_the_next_commit(bench: Bench) -> None:
    journal = bench.open()
    journal.commit(entry(5, alerts=(event("a"),)))
    journal.undelivered()
    journal.mark_delivered()
    journal.commit(entry(6, partition=1, alerts=(event("b"),)))
    assert ids(bench.open()) == ["b"]


def test_a_mark_is_durable_with_close(bench: Bench) -> None:
    journal = bench.open()
    journal.commit(entry(5, alerts=(event("a"),)))
    journal.undelivered()
    journal.mark_delivered()
    journal.close()
    again = bench.open()
    assert ids(again) == []
    assert again.restore({0})[0].next_offset == 5


def test_an_event_committed_after_the_list_was_taken_is_not_marked(bench: Bench) -> None:
    journal = bench.open()
    journal.commit(entry(5, alerts=(event("a", time_ns=1),)))
    journal.undelivered()
    journal.commit(entry(6, alerts=(event("b", time_ns=2),)))
    journal.mark_delivered()
    assert ids(journal) == ["b"]


def test_events_of_released_partitions_are_the_next_owners(bench: Bench) -> None:
    journal = bench.open()
    journal.commit(entry(5, alerts=(event("a"),)))
    journal.release({0})
    assert ids(journal) == []


def test_a_subscriber_sees_each_event_once_in_order(bench: Bench) -> None:
    journal = bench.open()
    for number in range(5):
        journal.commit(entry(number + 1, alerts=(event(f"a{number}", time_ns=number),)))
    assert bench.alerts() == [f"a{number}" for number in range(5)]


def test_dead_letters_are_committed_too(bench: Bench) -> None:
    letter = DeadLetter(b"\x00bad", b"key", [("reason", b"not_msgpack")])
    bench.open().commit(entry(5, dead_letters=(letter,)))
    assert bench.dead_letters() == [b"\x00bad"]


FIRST = Exhibit(PUMP, "alert-1", "first", 5, b"window 5")
PLACE = (PUMP, "alert-1", "first")


def test_evidence_is_committed_and_read_by_another_process(bench: Bench) -> None:
    journal = bench.open()
    raised = Exhibit(FAN, "alert-2", "raised", 6, bytes(range(256)))
    journal.commit(entry(5, evidence=(FIRST,)))
    journal.commit(entry(6, partition=1, key=FAN, evidence=(raised,)))
    assert bench.evidence() == {
        PLACE: b"window 5",
        (FAN, "alert-2", "raised"): bytes(range(256)),
    }


def test_evidence_in_the_same_place_is_replaced_and_can_be_taken_away(bench: Bench) -> None:
    journal = bench.open()
    other = replace(FIRST, alert="alert-2")
    journal.commit(entry(5, evidence=(FIRST, other)))
    journal.commit(entry(6, evidence=(replace(FIRST, value=b"another"),)))
    assert bench.evidence()[PLACE] == b"another"
    journal.commit(entry(7, evidence=(replace(FIRST, value=None),)))
    journal.commit(entry(8, evidence=(replace(FIRST, value=None),)))  # nothing is there any more
    assert bench.evidence() == {(PUMP, "alert-2", "first"): b"window 5"}


def test_evidence_is_put_and_taken_in_the_order_given(bench: Bench) -> None:
    gone = replace(FIRST, value=None)
    bench.open().commit(entry(5, evidence=(FIRST, gone, replace(FIRST, alert="b"), FIRST)))
    assert set(bench.evidence()) == {PLACE, (PUMP, "b", "first")}


def test_a_fenced_process_leaves_no_evidence(bench: Bench) -> None:
    older = bench.open()
    bench.open()
    with pytest.raises(Fenced):
        older.commit(entry(5, evidence=(FIRST,)))
    assert bench.evidence() == {}


@pytest.mark.parametrize("bench", ["memory_bench", "sqlite_bench"], indirect=True)
def test_evidence_goes_when_its_sensor_has_some_that_is_a_year_younger(bench: Bench) -> None:
    """On Kafka the topic's retention sees to that."""
    journal = bench.open()
    year_ns = EVIDENCE_KEPT_S * 10**9
    journal.commit(entry(5, evidence=(FIRST, replace(FIRST, sensor=FAN))))
    journal.commit(entry(6, evidence=(replace(FIRST, alert="b", time_ns=5 + year_ns),)))
    assert set(bench.evidence()) == {PLACE, (FAN, *PLACE[1:]), (PUMP, "b", "first")}
    journal.commit(entry(7, evidence=(replace(FIRST, alert="c", time_ns=6 + year_ns),)))
    assert set(bench.evidence()) == {
        (FAN, *PLACE[1:]), (PUMP, "b", "first"), (PUMP, "c", "first")
    }  # fmt: skip


def test_a_newer_process_of_the_same_identity_fences_the_older_one(bench: Bench) -> None:
    older = bench.open()
    older.commit(entry(5, hot=b"older"))
    newer = bench.open()
    with pytest.raises(Fenced, match="instance"):
        older.commit(entry(6, hot=b"lost", alerts=(event("never"),)))
    with pytest.raises(Fenced):
        older.commit(entry(6, hot=b"lost", alerts=(event("never"),)))
    newer.commit(entry(7, hot=b"newer"))
    assert bench.alerts() == []
    assert bench.open().restore({0})[0] == Restored({PUMP: StateRecord(b"newer", b"cold")}, 7)


def test_partitions_that_were_released_cannot_be_committed_for(bench: Bench) -> None:
    journal = bench.open()
    journal.release({1})
    with pytest.raises(Fenced):
        journal.commit(entry(6, partition=1, alerts=(event("never"),)))
    journal.commit(entry(5, partition=0))
    assert bench.alerts() == []
    assert bench.open().restore({1})[1].next_offset is None


def test_close_may_be_called_twice(bench: Bench) -> None:
    journal = bench.open()
    journal.close()
    journal.close()


def test_the_same_entry_may_be_committed_after_an_outage() -> None:
    bench = MemoryBench()
    journal = bench.open()
    assert isinstance(journal, MemoryJournal)
    journal.outage = True
    with pytest.raises(Unavailable):
        journal.commit(entry(5, alerts=(event("a"),)))
    journal.outage = False
    journal.commit(entry(5, alerts=(event("a"),)))
    assert bench.alerts() == ["a"]


def test_a_locked_file_is_an_outage_and_leaves_nothing_behind(sqlite_bench: SqliteBench) -> None:
    journal = sqlite_bench.open()
    with closing(sqlite3.connect(sqlite_bench.path)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match="locked"):
            journal.commit(entry(5, alerts=(event("a"),)))
    journal.commit(entry(5, alerts=(event("a"),)))
    assert sqlite_bench.alerts() == ["a"]


def test_a_file_that_a_newer_version_wrote_is_refused(sqlite_bench: SqliteBench) -> None:
    sqlite_bench.open().close()
    with closing(sqlite3.connect(sqlite_bench.path)) as connection:
        connection.execute("UPDATE rooms SET version = 9")
        connection.commit()
    with pytest.raises(StartError, match="upgrade"):
        sqlite_bench.open()


def damage(path: Path) -> None:
    """Write over the first page, as a file system that lost it would, under an open journal."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    path.write_bytes(b"\x17" * path.stat().st_size)


def test_a_damaged_file_is_not_waited_for(sqlite_bench: SqliteBench) -> None:
    journal = sqlite_bench.open()
    journal.commit(entry(5))
    damage(sqlite_bench.path)
    with pytest.raises(StartError, match=r"damaged, committing: .*backup"):
        journal.commit(entry(6))
    with pytest.raises(StartError, match=r"damaged, restoring: .*backup"):
        journal.restore(BOTH)


def test_a_damaged_file_is_refused_at_the_start(sqlite_bench: SqliteBench) -> None:
    sqlite_bench.open().close()
    damage(sqlite_bench.path)
    with pytest.raises(StartError, match=r"cannot be used as an SQLite file: .*not a database"):
        sqlite_bench.open()
