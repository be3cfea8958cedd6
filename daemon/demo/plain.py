"""The view where there is no terminal: a line per alert event, and one now and then."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from daemon.demo.wording import clock, told

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from daemon.demo.board import Board
    from models.alerts import AlertEvent

LINE_EVERY_S: Final = 5.0


class PlainView:
    """Writes lines; used as a context manager like `LiveView`."""

    def __init__(
        self,
        echo: Callable[[str], object],
        board: Board,
        total: int,
        title: str,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._echo, self._board, self._total = echo, board, total
        self._monotonic = monotonic
        self._said_at = monotonic()
        echo(title)

    def __enter__(self) -> PlainView:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._progress()

    def show(self, new: list[AlertEvent]) -> None:
        """Write the alert events that are new, and how far it is."""
        for event in new:
            self._echo(told(event))
        if self._monotonic() - self._said_at >= LINE_EVERY_S:
            self._progress()

    def _progress(self) -> None:
        self._said_at = self._monotonic()
        board = self._board
        self._echo(f"{clock(board.time_ns)}  {board.windows} of {self._total} windows judged")
