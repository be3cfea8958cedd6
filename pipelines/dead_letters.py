"""What is kept of a record that could not be read: its bytes, and where and why it was refused.

And of a point that the series refuses for good: the point as text, and what it came from.

A dead letter is smaller than what it reports: the broker that accepted a record just under
`max.message.bytes` would refuse the same bytes with more headers, and a transaction with such a
record would be aborted for ever.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

WHOLE_VALUE_BYTES: Final = 512 * 1024
"""A longer value is not kept whole."""

EXCERPT_BYTES: Final = 4 * 1024
"""What is kept of a value over `WHOLE_VALUE_BYTES`."""

KEY_BYTES: Final = 1024
"""What is kept of a key; a valid one has at most 256 bytes."""

DETAIL_CHARACTERS: Final = 300

SERIES_REFUSED: Final = "series_refused"
"""The reason of dead letters that hold a point; all others are of `pipelines.wire.Reason`."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One record for the dead-letter topic."""

    value: bytes
    key: bytes | None
    headers: list[tuple[str, bytes]]

    def header(self, name: str) -> str:
        """Return a header as text; raises KeyError where there is none."""
        return dict(self.headers)[name].decode()


def dead_letter(
    value: bytes | None,
    key: bytes | None,
    reason: str,
    detail: str,
    topic: str,
    partition: int,
    offset: int,
    timestamp_ms: int,
) -> DeadLetter:
    """Wrap a refused record; a pure function, so doing it again gives the same bytes.

    `length` and `sha256` are those of the original value, also where only an excerpt is kept.
    """
    source = {
        "source-topic": topic,
        "source-partition": str(partition),
        "source-offset": str(offset),
        "source-timestamp-ms": str(timestamp_ms),
    }
    return _letter(value or b"", key, reason, detail, source)


def refused_alert(
    point: bytes, key: bytes, *, detail: str, alert: str, transition: str, time_ns: int
) -> DeadLetter:
    """Wrap an alert's point; it comes from a committed event, which (id, time, transition) name."""
    source = {
        "source-alert": alert,
        "source-transition": transition,
        "source-time-ns": str(time_ns),
    }
    return _letter(point, key, SERIES_REFUSED, detail, source)


def _letter(
    original: bytes, key: bytes | None, reason: str, detail: str, source: dict[str, str]
) -> DeadLetter:
    headers = {
        "reason": reason,
        "detail": one_line(detail),
        **source,
        "length": str(len(original)),
        "sha256": hashlib.sha256(original).hexdigest(),
    }
    return DeadLetter(
        value=original if len(original) <= WHOLE_VALUE_BYTES else original[:EXCERPT_BYTES],
        key=None if key is None else key[:KEY_BYTES],
        headers=[(name, text.encode("utf-8", "replace")) for name, text in headers.items()],
    )


def one_line(detail: str) -> str:
    """Return a detail as it is kept and logged: bounded, and without control characters."""
    # The text may quote the record: control characters would forge lines in an operator's terminal.
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in detail)
    return shown[:DETAIL_CHARACTERS]
