"""A source in memory: the fake that tests and demonstrations fill by hand."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from daemon.sources import Polled, Record

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipelines.window import Window


class MemorySource:
    """Partitions as lists; assignment changes when `assign`, `revoke` or `lose` is called.

    Two sources may share one `log` and split its partitions, as two members of a group do.
    """

    def __init__(
        self,
        partitions: Iterable[int] = (0,),
        *,
        topic: str = "windows",
        batch: int = 256,
        log: dict[int, list[Record]] | None = None,
    ) -> None:
        self.log = defaultdict[int, list[Record]](list) if log is None else log
        self._topic = topic
        self._batch = batch
        self._positions: dict[int, int] = {}
        self._accepted: set[int] = set()
        self._paused = False
        self._finite = False
        self._closed = False
        self.away: str | None = None
        """Set it for an outage: nothing comes then."""
        self._assigned = set(partitions)
        self._revoked: set[int] = set()
        self._lost: set[int] = set()
        self._cut: set[int] = set()

    def append(
        self,
        value: bytes | Window | None,
        *,
        partition: int = 0,
        key: bytes | None = None,
        timestamp_ms: int = 0,
        headers: tuple[tuple[str, bytes], ...] = (),
    ) -> Record:
        """Add a record at the end of a partition and return it."""
        records = self.log.setdefault(partition, [])
        offset = len(records)
        record = Record(self._topic, partition, offset, timestamp_ms, key, value, headers)
        records.append(record)
        return record

    def finish(self) -> None:
        """Declare that nothing more will be appended: the source is finite from now on."""
        self._finite = True

    def assign(self, partitions: Iterable[int]) -> None:
        """Give partitions with the next poll."""
        self._assigned |= set(partitions)

    def revoke(self, partitions: Iterable[int]) -> None:
        """Take partitions away with the next poll; their work may still be committed."""
        self._revoked |= self._take(partitions)

    def lose(self, partitions: Iterable[int]) -> None:
        """Take partitions away with the next poll; nothing of them can be committed."""
        self._lost |= self._take(partitions)

    def cut(self, partition: int = 0) -> None:
        """Lose the log of a partition, as when its topic is made anew; it begins at offset 0."""
        self.log[partition] = []
        self._cut.add(partition)

    def _take(self, partitions: Iterable[int]) -> set[int]:
        gone = set(partitions) & self._positions.keys()
        for partition in gone:
            del self._positions[partition]
        self._accepted -= gone
        return gone

    def start(self) -> None:
        """Do nothing: memory is there."""

    def poll(self, timeout_s: float) -> Polled:
        """Answer at once, whatever the timeout."""
        assigned, self._assigned = frozenset(self._assigned), set()
        revoked, self._revoked = frozenset(self._revoked), set()
        lost, self._lost = frozenset(self._lost), set()
        if not self._paused:  # polling again accepts the start of what an earlier poll assigned
            self._accepted = set(self._positions)
        for partition in assigned:
            self._positions.setdefault(partition, 0)
        cut = self._leapt()
        return Polled(self._records(), assigned, revoked, lost, cut)

    def _leapt(self) -> frozenset[int]:
        """Begin anew where the log is shorter than what was read of it; return where."""
        cut = frozenset(self._cut & self._accepted)
        self._cut -= cut
        self._positions.update(dict.fromkeys(cut, 0))
        return cut

    def _records(self) -> tuple[Record, ...]:
        if self._paused or self._closed or self.away:
            return ()
        taken: list[Record] = []
        for partition in sorted(self._accepted):
            position = self._positions[partition]
            new = self.log.get(partition, [])[position : position + self._batch - len(taken)]
            self._positions[partition] += len(new)
            taken += new
        return tuple(taken)

    def seek(self, partition: int, offset: int) -> None:
        """Let the next record of `partition` be the one at `offset`."""
        if partition in self._positions:
            self._positions[partition] = offset

    def pause(self) -> None:
        """Hold back records until `resume`."""
        self._paused = True

    def resume(self) -> None:
        """Let records come again."""
        self._paused = False

    @property
    def rewinds(self) -> bool:
        """Always: the log is kept."""
        return True

    def lag(self) -> dict[int, int]:
        """Return per assigned partition how many records wait."""
        return {
            partition: max(0, len(self.log.get(partition, [])) - position)
            for partition, position in self._positions.items()
        }

    @property
    def exhausted(self) -> bool:
        """True after `finish` once everything was handed out."""
        waiting = self._assigned or self._cut or any(self.lag().values())
        return self._finite and not waiting

    def close(self) -> None:
        """Hand out nothing more."""
        self._closed = True
