"""Points in an SQLite file: the same measurements as in InfluxDB, a table each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from daemon.errors import Fatal
from daemon.series import schema
from daemon.sqlite_file import open_room, transaction

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Mapping

    from daemon.series import Points
    from daemon.settings import SqliteSettings

SCHEMA: Final = 1

_TYPES: Final = {float: "REAL", int: "INTEGER", bool: "INTEGER", str: "TEXT"}


def _table(name: str, tags: Iterable[str], fields: Mapping[str, type]) -> str:
    columns = [f"{tag} TEXT NOT NULL" for tag in tags]
    columns += ["time_ns INTEGER NOT NULL"]
    columns += [f"{field} {_TYPES[kind]}" for field, kind in fields.items()]
    key = ", ".join([*tags, "time_ns"])
    return (
        f"CREATE TABLE IF NOT EXISTS {name} ({', '.join(columns)}, PRIMARY KEY ({key}))"
        " WITHOUT ROWID;"
    )


def _insert(name: str, columns: int) -> str:
    return f"INSERT OR REPLACE INTO {name} VALUES ({', '.join('?' * columns)})"  # noqa: S608


_TABLES: Final = "\n".join(
    [
        _table(schema.LOSSES, ("asset", "sensor"), schema.LOSS_FIELDS),
        _table(schema.VIBRATION, ("asset", "sensor", "axis"), schema.VIBRATION_FIELDS),
        _table(schema.ALERTS, ("asset", "sensor", "zone"), schema.ALERT_FIELDS),
    ]
)
_LOSS: Final = _insert(schema.LOSSES, 3 + len(schema.LOSS_FIELDS))
_VIBRATION: Final = _insert(schema.VIBRATION, 4 + len(schema.VIBRATION_FIELDS))
_ALERT: Final = _insert(schema.ALERTS, 4 + len(schema.ALERT_FIELDS))


class SqliteSeries:
    """Writes into `settings.path`, which a `SqliteJournal` may use too."""

    def __init__(self, settings: SqliteSettings) -> None:
        self._path = settings.path
        self._file: sqlite3.Connection | None = None

    def start(self) -> None:
        """Open the file and make the tables."""
        if self._file is None:
            self._file = open_room(self._path, "series", SCHEMA, _TABLES)

    def write(self, points: Points) -> None:
        """Write everything in one transaction."""
        if self._file is None:
            raise Fatal("the series was used before its start or after its close")
        if not (points.losses or points.vibrations or points.alerts):
            return
        with transaction(self._file, "writing points"):
            self._file.executemany(_LOSS, _losses(points))
            self._file.executemany(_VIBRATION, _vibrations(points))
            self._file.executemany(_ALERT, _alerts(points))

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
        self._file = None


def _losses(points: Points) -> Iterator[tuple[Any, ...]]:
    for judgement in points.losses:
        seen = judgement.observation
        yield (*seen.key, seen.start_ns, *schema.loss_values(judgement))


def _vibrations(points: Points) -> Iterator[tuple[Any, ...]]:
    for judgement in points.vibrations:
        seen = judgement.observation
        for axis, values in schema.vibration_values(judgement):
            yield (*seen.key, axis, seen.start_ns, *values)


def _alerts(points: Points) -> Iterator[tuple[Any, ...]]:
    for event in points.alerts:
        values = schema.alert_values(event)
        yield (event.asset, event.sensor, str(event.zone), event.time_ns, *values)
