"""An SQLite file that the series, the journal and other processes share."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from daemon.errors import Fatal, StartError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BUSY_S: Final = 2.0
"""Time to wait for another process's transaction."""

_ROOMS: Final = (
    "CREATE TABLE IF NOT EXISTS rooms (room TEXT PRIMARY KEY, version INTEGER NOT NULL)"
    " WITHOUT ROWID"
)


def open_room(path: Path, room: str, version: int, tables: str) -> sqlite3.Connection:
    """Open `path` and see to the tables of `room`; raises `StartError`.

    `tables` are statements that do nothing where the tables are there. A file whose room a newer
    version wrote is refused and left as it is.
    """
    try:
        connection = _connect(path)
        found = _version(connection, room)
        if found is None or found <= version:
            _create(connection, room, version, tables)
    except (sqlite3.Error, OSError) as error:
        raise StartError(f"{path}: cannot be used as an SQLite file: {error}") from error
    if found is not None and found > version:
        connection.close()
        raise StartError(
            f"{path}: {room} has schema {found}, this version knows {version}:"
            " a newer bearingwatch wrote it, upgrade or use another file"
        )
    return connection


def _connect(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Transactions are written out: isolation_level=None keeps the module from beginning its own.
    connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")  # what was committed survives a power cut
    return connection


def _version(connection: sqlite3.Connection, room: str) -> int | None:
    connection.execute(_ROOMS)
    row = connection.execute("SELECT version FROM rooms WHERE room = ?", (room,)).fetchone()
    return None if row is None else int(row[0])


def _create(connection: sqlite3.Connection, room: str, version: int, tables: str) -> None:
    connection.executescript(tables)
    connection.execute("INSERT OR REPLACE INTO rooms VALUES (?, ?)", (room, version))


@contextmanager
def transaction(connection: sqlite3.Connection, doing: str) -> Iterator[None]:
    """Do all or nothing; a file that is locked or full is `Unavailable`, a broken one `Fatal`."""
    try:
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
    except sqlite3.OperationalError as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise Unavailable(f"SQLite file is away, {doing}: {error}") from error
    except sqlite3.DatabaseError as error:
        raise Fatal(f"SQLite file is broken, {doing}: {error}") from error
