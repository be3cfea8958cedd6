"""A source over windows that are already here: recordings, or the simulator."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final

from daemon.errors import Fatal
from daemon.sources import Polled, Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pipelines.window import Window

_NS_PER_MS: Final = 1_000_000
_NS_PER_S: Final = 1_000_000_000


class WindowSource:
    """Hands out the windows of an iterable, numbered per partition in the order they come.

    The record's timestamp is the end of the window: the moment an edge could have published it.
    An iterator only goes forward, and so does `seek`: a restarted process iterates from the
    beginning and skips what the journal has.
    """

    def __init__(
        self,
        windows: Iterable[Window],
        *,
        topic: str = "windows",
        partitions: int = 1,
        batch: int = 256,
    ) -> None:
        self._windows = iter(windows)
        self._topic = topic
        self._batch = batch
        self._unannounced = frozenset(range(partitions))
        self._next_offsets = dict.fromkeys(range(partitions), 0)
        self._skip_to = dict.fromkeys(range(partitions), 0)
        self._paused = False
        self._exhausted = False

    def start(self) -> None:
        """Do nothing: the windows are there."""

    def poll(self, timeout_s: float) -> Polled:
        """Return the next windows; takes as long as making them does, whatever the timeout."""
        if self._unannounced:
            assigned, self._unannounced = self._unannounced, frozenset()
            return Polled(assigned=assigned)
        if self._paused or self._exhausted:
            return Polled()
        return Polled(tuple(self._take()))

    def _take(self) -> Iterator[Record]:
        # Skipped windows count too: a poll must not last as long as the whole recording.
        for _ in range(self._batch):
            window = next(self._windows, None)
            if window is None:
                self._exhausted = True
                return
            record = self._record(window)
            if record.offset >= self._skip_to[record.partition]:
                yield record

    def _record(self, window: Window) -> Record:
        key = window.asset.encode()
        partition = zlib.crc32(key) % len(self._next_offsets)
        offset = self._next_offsets[partition]
        self._next_offsets[partition] = offset + 1
        end_ns = window.start_ns + round(window.duration_s * _NS_PER_S)
        return Record(self._topic, partition, offset, end_ns // _NS_PER_MS, key, window)

    def seek(self, partition: int, offset: int) -> None:
        """Skip what comes before `offset`; raises `Fatal` where that was handed out already."""
        if offset < self._next_offsets[partition]:
            raise Fatal(
                f"cannot go back to offset {offset} of partition {partition}: recordings and the"
                f" simulator only go forward, and stand at {self._next_offsets[partition]}"
            )
        self._skip_to[partition] = offset

    def pause(self) -> None:
        """Hold back records until `resume`."""
        self._paused = True

    def resume(self) -> None:
        """Let records come again."""
        self._paused = False

    def lag(self) -> dict[int, int]:
        """Return nothing: how many windows an iterator still has cannot be known."""
        return {}

    @property
    def rewinds(self) -> bool:
        """Never: an iterator only goes forward."""
        return False

    @property
    def away(self) -> str | None:
        """Never: the windows are here."""
        return None

    @property
    def exhausted(self) -> bool:
        """True once the last window was handed out."""
        return self._exhausted

    def close(self) -> None:
        """End the iteration, so that a generator closes its files."""
        close = getattr(self._windows, "close", None)
        if close is not None:
            close()
        self._exhausted = True
