"""An SQLite file that the series, the journal and other processes share."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from daemon.errors import Fatal, StartError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from daemon.errors import BearingwatchError

BUSY_S: Final = 2.0
"""Time to wait for another process's transaction."""

_DAMAGED: Final = frozenset(
    # The last one is what a file says that lacks a table: our statements are right.
    {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}
)

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
    if not path.parent.is_dir():
        raise StartError(f"{path}: there is no folder {path.parent}; make it first")
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
    """Do all or nothing; a file that is locked is `Unavailable`, a damaged one `StartError`."""
    try:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("COMMIT")
    except sqlite3.DatabaseError as error:
        _roll_back(connection)
        raise _translated(error, doing) from error
    except BaseException:
        _roll_back(connection)
        raise


def _roll_back(connection: sqlite3.Connection) -> None:
    # SQLite has rolled back by itself after some errors; and what a damaged file says of its
    # ROLLBACK must not stand in for what it said before.
    with suppress(sqlite3.Error):
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _translated(error: sqlite3.DatabaseError, doing: str) -> BearingwatchError:
    """Return what to do about an error: waiting mends a lock or a full disk, no damage."""
    if getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED:  # the primary code
        return StartError(
            f"SQLite file is damaged, {doing}: {error}; restore it from a backup, save what is "
            "left with `sqlite3 FILE .recover`, or move it away to begin anew (sensors are then "
            "commissioned again)"
        )
    if isinstance(error, sqlite3.OperationalError):
        return Unavailable(f"SQLite file is away, {doing}: {error}")
    return Fatal(f"SQLite refused {doing}: {error}")
