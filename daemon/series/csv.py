"""One row per window and sensor in a CSV file, which appears when it is complete."""

from __future__ import annotations

import csv
import io
import math
from typing import IO, TYPE_CHECKING, Any, Final

import structlog

from daemon.errors import Fatal, StartError, Unavailable
from models.judgement import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from daemon.series import Points
    from daemon.settings import CsvSettings
    from models.judgement import Judgement
    from pipelines.window import SensorKey

COLUMNS: Final = (
    "asset",
    "sensor",
    "index",
    "time",
    "loss",
    "threshold",
    "zone",
    "state",
    "louder",
)
"""`index` counts from 0, and is -1 for a window that is not after the sensor's last one; `time` is
the window's start in ns since the epoch; `louder` is 1 or 0."""

_log: Any = structlog.get_logger("bearingwatch.series")
_REPEATED: Final = frozenset({Verdict.LATE, Verdict.DUPLICATE})
"""Windows that are not after the sensor's last one; all others have a time of their own."""


class CsvSeries:
    """Writes `Points.rows` beside `settings.path`; the file is renamed at `close` if complete.

    A run that was stopped or failed leaves an older file of that name alone. There is nothing to
    overwrite in a text file, so rows that were written already are left out.
    """

    def __init__(self, settings: CsvSettings) -> None:
        self._path, self._unfinished = settings.target, settings.unfinished
        self._file: IO[str] | None = None
        self._complete = False
        self._last_ns: dict[SensorKey, int] = {}
        self._repeated: set[tuple[SensorKey, int]] = set()

    def start(self) -> None:
        """Open the file."""
        if self._file is not None:
            return
        if self._path.exists() and not self._path.is_file():
            raise StartError(f"{self._path}: is no file but a folder, a pipe or a device")
        try:
            self._file = self._unfinished.open("w", newline="", encoding="utf-8")
            self._file.write(_text([COLUMNS]))
        except OSError as error:
            raise StartError(f"{self._path}: cannot be written: {error.strerror}") from error

    def write(self, points: Points) -> None:
        """Append the rows that are new; on an error the file is as it was before."""
        if self._file is None:
            raise Fatal("the series was used before its start or after its close")
        fresh = [judgement for judgement in points.rows if self._is_new(judgement)]
        try:
            self._append(self._file, _text(map(_row, fresh)))
        except OSError as error:
            raise Unavailable(f"{self._path}: cannot be written: {error.strerror}") from error
        for judgement in fresh:
            self._note(judgement)

    def _append(self, file: IO[str], text: str) -> None:
        before = file.tell()
        try:
            file.write(text)
            file.flush()
        except OSError:
            file.seek(before)
            file.truncate()
            raise

    def _is_new(self, judgement: Judgement) -> bool:
        key, start_ns = judgement.observation.key, judgement.observation.start_ns
        if judgement.verdict in _REPEATED:
            return (key, start_ns) not in self._repeated
        last_ns = self._last_ns.get(key)
        return last_ns is None or start_ns > last_ns

    def _note(self, judgement: Judgement) -> None:
        key, start_ns = judgement.observation.key, judgement.observation.start_ns
        if judgement.verdict in _REPEATED:
            self._repeated.add((key, start_ns))
        else:
            self._last_ns[key] = start_ns

    def complete(self) -> None:
        """Say that no more rows come: nothing but a source's end makes a file worth its name."""
        self._complete = True

    def close(self) -> None:
        """Let the file appear under its name if it is complete, else keep the rows beside it.

        Without a row there is nothing to keep, and an older file stays.
        """
        if self._file is None:
            return
        self._file.close()
        self._file = None
        if not self._last_ns and not self._repeated:
            self._unfinished.unlink(missing_ok=True)
        elif self._complete:
            self._unfinished.replace(self._path)
        else:
            _log.warning("csv_unfinished", kept=str(self._unfinished), untouched=str(self._path))


def _row(judgement: Judgement) -> Iterator[object]:
    seen = judgement.observation
    yield from (seen.key.asset, seen.key.sensor, judgement.index, seen.start_ns)
    yield from (_number(judgement.loss), _number(judgement.threshold))
    yield from (judgement.zone, judgement.status, int(judgement.louder))


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.6g}"


def _text(rows: Iterable[Iterable[object]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
