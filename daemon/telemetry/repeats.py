"""Keeps one line of many equal ones, with a count of the rest."""

from __future__ import annotations

import logging
import re
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, MutableMapping

KNOWN_AT_MOST: Final = 1024
"""Distinct lines that are remembered; the one not seen for longest is forgotten first."""

_TOLD_APART_BY: Final = (
    "event", "service", "reason", "alert", "transition", "sensors", "id", "partition", "partitions"
)  # fmt: skip
_MEASURED: Final = re.compile(r"\d+\.\d{3,}")
"""What differs at every time within the words of a library, such as `read timeout=9.99978451`."""
_NUMBER: Final = re.compile(r"0x[0-9a-fA-F]+|\d+(?:\.\d+)?")


class Repeats:
    """Says of each line whether it is due, and how many were left out before it."""

    def __init__(
        self,
        every_s: float,
        monotonic: Callable[[], float],
        suppressed: Callable[[], object] = lambda: None,
    ) -> None:
        self._every_s = every_s
        self._monotonic = monotonic
        self._suppressed = suppressed
        self._known: OrderedDict[Hashable, tuple[float, int]] = OrderedDict()

    def admit(self, line: Hashable) -> int | None:
        """Return how many equal lines were left out since the last one, or None to leave it out."""
        now = self._monotonic()
        written_at, left_out = self._known.pop(line, (None, 0))
        if written_at is None or now - written_at >= self._every_s:
            self._remember(line, now, 0)
            return left_out
        self._remember(line, written_at, left_out + 1)
        self._suppressed()
        return None

    def _remember(self, line: Hashable, written_at: float, left_out: int) -> None:
        self._known[line] = (written_at, left_out)
        if len(self._known) > KNOWN_AT_MOST:
            self._known.popitem(last=False)


class RepeatProcessor:
    """Applies `Repeats` to our own events."""

    def __init__(self, repeats: Repeats) -> None:
        self._repeats = repeats

    def __call__(
        self, _logger: Any, _method: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        """Add `suppressed`, or drop the event."""
        told = (_MEASURED.sub("#", str(event.get(name))) for name in _TOLD_APART_BY)
        left_out = self._repeats.admit(tuple(told))
        if left_out is None:
            raise structlog.DropEvent
        if left_out:
            event["suppressed"] = left_out
        return event


class RepeatFilter(logging.Filter):
    """Applies `Repeats` to the lines of libraries, told apart by logger and template.

    With a broker away kafka-python writes eleven lines a second. Some of its templates are filled
    in before they are logged (net/selector.py: "Task <... at 0x7f...> ran for 0.114s"), so numbers
    and addresses do not count.
    """

    def __init__(self, repeats: Repeats) -> None:
        super().__init__()
        self._repeats = repeats

    def filter(self, record: logging.LogRecord) -> bool:
        """Let our own lines pass: they were counted before."""
        if isinstance(record.msg, dict):
            return True
        template = _NUMBER.sub("#", str(record.msg))
        left_out = self._repeats.admit((record.name, record.levelno, template))
        if left_out:
            record.suppressed = left_out
        return left_out is not None
