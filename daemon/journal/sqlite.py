"""A journal in an SQLite file: one transaction per commit, one writer, many readers."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Final

import msgspec

from daemon.errors import Fatal, Fenced, StartError, Unavailable
from daemon.journal import (
    EVIDENCE_KEPT_S,
    Basis,
    Entry,
    Exhibit,
    Restored,
    StateRecord,
    decode_basis,
)
from daemon.journal.delivery import Delivery, Published
from daemon.sqlite_file import open_room, transaction
from models.alerts import AlertEvent
from pipelines.window import SensorKey

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence, Set
    from pathlib import Path

    from daemon.settings import SqliteSettings

SCHEMA: Final = 1

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS owners (instance TEXT PRIMARY KEY, number INTEGER NOT NULL)
    WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS offsets (
    partition INTEGER PRIMARY KEY, next_offset INTEGER, delivered INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS states (
    partition INTEGER NOT NULL, asset TEXT NOT NULL, sensor TEXT NOT NULL,
    hot BLOB NOT NULL, cold BLOB, PRIMARY KEY (partition, asset, sensor)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS alert_events (
    position INTEGER PRIMARY KEY, partition INTEGER NOT NULL, event TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS dead_letters (
    position INTEGER PRIMARY KEY, partition INTEGER NOT NULL, key BLOB, value BLOB NOT NULL,
    headers BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS evidence (
    asset TEXT NOT NULL, sensor TEXT NOT NULL, alert TEXT NOT NULL, part TEXT NOT NULL,
    time_ns INTEGER NOT NULL, value BLOB NOT NULL, PRIMARY KEY (asset, sensor, alert, part));
CREATE TABLE IF NOT EXISTS bases (partition INTEGER PRIMARY KEY, basis TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS sources (number INTEGER PRIMARY KEY CHECK (number = 1), told TEXT);
"""
_SAVE_STATE: Final = """
INSERT INTO states VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE
    SET hot = excluded.hot, cold = coalesce(excluded.cold, states.cold)
"""
_SAVE_OFFSET: Final = """
INSERT INTO offsets (partition, next_offset) VALUES (?, ?) ON CONFLICT DO UPDATE
    SET next_offset = excluded.next_offset
"""
_SAVE_MARK: Final = """
INSERT INTO offsets (partition, delivered) VALUES (?, ?) ON CONFLICT DO UPDATE
    SET delivered = excluded.delivered
"""
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(AlertEvent).decode


class SqliteJournal:
    """Commits into `settings.path`, which a `SqliteSeries` may use too.

    `source` says in words what the offsets count; a file of another source is refused.
    """

    def __init__(self, settings: SqliteSettings, instance: str, source: str = "") -> None:
        self._path = settings.path
        self._instance = instance
        self._source = source
        self._number = 0
        self._file: sqlite3.Connection | None = None
        self._delivery = Delivery()
        self._owned: set[int] = set()

    @property
    def _connection(self) -> sqlite3.Connection:
        if self._file is None:
            raise Fatal("the journal was used before its start or after its close")
        return self._file

    def start(self) -> None:
        """Open the file and become the owner of the identity."""
        if self._file is None:
            self._file = open_room(self._path, "journal", SCHEMA, _TABLES)
        with transaction(self._file, "taking over the journal"):
            self._check_source(self._file)
            self._number = (self._owner() or 0) + 1
            self._file.execute(
                "INSERT OR REPLACE INTO owners VALUES (?, ?)", (self._instance, self._number)
            )

    def _check_source(self, file: sqlite3.Connection) -> None:
        """Refuse offsets that count another source's windows: the first of ours would be skipped.

        A file that has no offsets yet, or that knows no source, becomes this one's.
        """
        begun = file.execute("SELECT 1 FROM offsets WHERE next_offset IS NOT NULL").fetchone()
        (told,) = file.execute("SELECT told FROM sources").fetchone() or ("",)
        if begun and told and told != self._source:
            raise StartError(
                f"{self._path}: the journal in it is of {told}, and what is to be read now is"
                f" {self._source}; name another file as sqlite.path, or read what was read before"
            )
        file.execute("INSERT OR REPLACE INTO sources VALUES (1, ?)", (self._source,))

    def _owner(self) -> int | None:
        row = self._connection.execute(
            "SELECT number FROM owners WHERE instance = ?", (self._instance,)
        ).fetchone()
        return None if row is None else int(row[0])

    def restore(self, partitions: Set[int]) -> Mapping[int, Restored]:
        """Return what was last committed for `partitions`."""
        with transaction(self._connection, "restoring"):
            return {partition: self._restored(partition) for partition in partitions}

    def _restored(self, partition: int) -> Restored:
        row = self._connection.execute(
            "SELECT next_offset, delivered FROM offsets WHERE partition = ?", (partition,)
        ).fetchone()
        next_offset, delivered = row or (None, 0)
        self._delivery.restore(partition, delivered, self._published(partition, delivered))
        self._owned.add(partition)
        return Restored(self._states(partition), next_offset, self._basis(partition))

    def _basis(self, partition: int) -> Basis | None:
        row = self._connection.execute(
            "SELECT basis FROM bases WHERE partition = ?", (partition,)
        ).fetchone()
        return None if row is None else decode_basis(row[0].encode())

    def _states(self, partition: int) -> dict[SensorKey, StateRecord]:
        rows = self._connection.execute(
            "SELECT asset, sensor, hot, cold FROM states WHERE partition = ?", (partition,)
        )
        return {
            SensorKey(asset, sensor): StateRecord(hot, cold) for asset, sensor, hot, cold in rows
        }

    def _published(self, partition: int, since: int) -> list[Published]:
        rows = self._connection.execute(
            "SELECT position, event FROM alert_events WHERE partition = ? AND position >= ?"
            " ORDER BY position",
            (partition, since),
        )
        return [Published(position, _decode(event)) for position, event in rows]

    def commit(self, entry: Entry) -> None:
        """Write everything in one transaction."""
        marks = self._delivery.unsaved()
        with transaction(self._connection, "committing"):
            self._check_owner(entry.next_offsets.keys())
            published = self._save(entry)
            self._connection.executemany(_SAVE_MARK, marks.items())
        self._delivery.saved(marks)
        for partition, event in published:
            self._delivery.add(partition, event)

    def _save(self, entry: Entry) -> list[tuple[int, Published]]:
        self._connection.executemany(
            _SAVE_STATE,
            (
                (partition, key.asset, key.sensor, state.hot, state.cold)
                for partition, states in entry.states.items()
                for key, state in states.items()
                if state is not None
            ),
        )
        self._connection.executemany(
            "DELETE FROM states WHERE partition = ? AND asset = ? AND sensor = ?",
            (
                (partition, *key)
                for partition, states in entry.states.items()
                for key, state in states.items()
                if state is None
            ),
        )
        self._connection.executemany(
            "INSERT INTO dead_letters (partition, key, value, headers) VALUES (?, ?, ?, ?)",
            (
                (partition, letter.key, letter.value, msgspec.msgpack.encode(letter.headers))
                for partition, letter in entry.dead_letters
            ),
        )
        self._connection.executemany(_SAVE_OFFSET, entry.next_offsets.items())
        self._connection.executemany(
            "INSERT OR REPLACE INTO bases VALUES (?, ?)",
            ((partition, basis.encode().decode()) for partition, basis in entry.bases.items()),
        )
        for _, exhibit in entry.evidence:
            self._keep(exhibit)
        return [self._publish(partition, event) for partition, event in entry.alerts]

    def _keep(self, exhibit: Exhibit) -> None:
        """Put one exhibit in its place, or take away what is there; the sensor's old ones go."""
        run, place = self._connection.execute, (*exhibit.sensor, exhibit.alert, exhibit.part)
        if exhibit.value is None:
            run("DELETE FROM evidence WHERE (asset, sensor, alert, part) = (?, ?, ?, ?)", place)
        else:
            values = (*place, exhibit.time_ns, exhibit.value)
            run("INSERT OR REPLACE INTO evidence VALUES (?, ?, ?, ?, ?, ?)", values)
        oldest_ns = exhibit.time_ns - EVIDENCE_KEPT_S * 10**9
        run(
            "DELETE FROM evidence WHERE (asset, sensor) = (?, ?) AND time_ns < ?",
            (*exhibit.sensor, oldest_ns),
        )

    def _publish(self, partition: int, event: AlertEvent) -> tuple[int, Published]:
        cursor = self._connection.execute(
            "INSERT INTO alert_events (partition, event) VALUES (?, ?)",
            (partition, _encode(event).decode()),
        )
        assert cursor.lastrowid is not None  # noqa: S101 (a plain insert has one)
        return partition, Published(cursor.lastrowid, event)

    def _check_owner(self, partitions: Set[int]) -> None:
        if self._owner() != self._number:
            raise Fenced(
                f"a newer process runs as instance {self._instance!r} on {self._path}:"
                " let only one use the file"
            )
        if not partitions <= self._owned:
            raise Fenced(f"partitions {sorted(partitions - self._owned)} were not restored here")

    def undelivered(self) -> Sequence[AlertEvent]:
        """Return committed alert events that the series may not have yet, oldest first."""
        return self._delivery.undelivered()

    def mark_delivered(self) -> None:
        """Note that the series has everything that `undelivered` last returned."""
        self._delivery.mark()

    def release(self, partitions: Set[int]) -> None:
        """Forget partitions that are no longer ours."""
        self._owned -= partitions
        self._delivery.release(partitions)

    def close(self) -> None:
        """Save the marks, unless a newer process owns the identity, and close the file."""
        if self._file is None:
            return
        marks = self._delivery.unsaved()
        if marks and self._owner() == self._number:
            # Without the marks the events are written once more, which changes nothing.
            with suppress(Unavailable), transaction(self._file, "closing"):
                self._file.executemany(_SAVE_MARK, marks.items())
        self._file.close()
        self._file = None


def read_evidence(path: Path) -> Iterator[Exhibit]:
    """Yield the evidence in the file, also while a process writes to it; raises `StartError`."""
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as file:
            rows = file.execute("SELECT asset, sensor, alert, part, time_ns, value FROM evidence")
            for asset, sensor, *told in rows:
                yield Exhibit(SensorKey(asset, sensor), *told)
    except sqlite3.Error as error:
        raise StartError(
            f"{path}: no evidence can be read from it: {error}; is it the sqlite.path of a process"
            " that has run?"
        ) from error
