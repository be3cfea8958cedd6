"""What is kept of a record that could not be read: its bytes, and where and why it was refused.

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
    original = value or b""
    headers = {
        "reason": reason,
        "detail": _one_line(detail),
        "source-topic": topic,
        "source-partition": str(partition),
        "source-offset": str(offset),
        "source-timestamp-ms": str(timestamp_ms),
        "length": str(len(original)),
        "sha256": hashlib.sha256(original).hexdigest(),
    }
    return DeadLetter(
        value=original if len(original) <= WHOLE_VALUE_BYTES else original[:EXCERPT_BYTES],
        key=None if key is None else key[:KEY_BYTES],
        headers=[(name, text.encode("utf-8", "replace")) for name, text in headers.items()],
    )


def _one_line(detail: str) -> str:
    # The text may quote the record: control characters would forge lines in an operator's terminal.
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in detail)
    return shown[:DETAIL_CHARACTERS]
