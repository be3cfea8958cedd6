"""What people see of long work: a bar in a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from rich.console import Console

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WIDTH: Final = 140
"""Columns of a table where there is no terminal to ask."""

LINE_EVERY_S: Final = 5.0
"""Without a terminal, progress is one line in so long."""


@contextmanager
def progress(
    what: str,
    total: int | None,
    *,
    console: Console | None = None,
    monotonic: Callable[[], float] = time.monotonic,
) -> Iterator[Callable[[int], None]]:
    """Show how far long work is; the block calls what it is given with each step's size.

    Goes to stderr, so that results on stdout stay clean.
    """
    console = console or Console(stderr=True)
    if console.is_terminal:
        with _bar(console, what, total) as advance:
            yield advance
    else:
        lines = _Lines(console, what, total, monotonic)
        yield lines.advance
        lines.close()


@contextmanager
def _bar(console: Console, what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(what, total=total)
        yield lambda count: bar.advance(task, count)


class _Lines:
    """Says how far it is, seldom."""

    def __init__(
        self, console: Console, what: str, total: int | None, monotonic: Callable[[], float]
    ) -> None:
        self._console, self._what, self._total = console, what, total
        self._monotonic = monotonic
        self._done = 0
        self._said_at = monotonic()

    def advance(self, count: int) -> None:
        self._done += count
        now = self._monotonic()
        if now - self._said_at >= LINE_EVERY_S:
            self._said_at = now
            self._say()

    def close(self) -> None:
        self._say()

    def _say(self) -> None:
        of = f" of {self._total}" if self._total else ""
        self._console.print(f"{self._what}: {self._done}{of}", highlight=False)
