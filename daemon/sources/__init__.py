"""Where windows come from. A source only reads; it commits nothing.

Contract
--------
* `start` may raise `StartError`; after it `poll` may be called. `close` is idempotent.
* One thread calls everything. `poll` blocks for `timeout_s` at most, answers with an empty
  `Polled` when there is nothing (a server that is away is "nothing"), and raises only `Fatal`,
  or `SettingsError` where another process has our name.
  `away` says after a poll whether a server was: nothing has to be done about it.
* Partitions arrive in `Polled.assigned` before any record of theirs; the caller restores their
  state, then `seek`s them to where the journal says (or accepts the source's own start), and only
  then sees their records: polling again while not paused is accepting.
* After `Polled.revoked` none of their records comes any more; `lost` are those whose work can no
  longer be committed either. What is in `assigned` too went and came back: it goes first.
* Records of one partition come in order of offset.
* `pause` holds back records of all partitions, also of those assigned later, until `resume`; the
  caller goes on polling.
* `rewinds` says whether `seek` may go back behind what was handed out.
* `exhausted` turns true when a finite source has handed out its last record; Kafka's never does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pipelines.window import Window


@dataclass(frozen=True, slots=True)
class Record:
    """One message as the source gave it; `value` is a `Window` where nothing was on a wire."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | Window | None
    headers: tuple[tuple[str, bytes | None], ...] = ()

    def header(self, name: str) -> str | None:
        """Return the last header of that name as text, or None; one without a value counts not."""
        for key, value in reversed(self.headers):
            if key == name and value is not None:
                return value.decode("utf-8", "replace")
        return None


@dataclass(frozen=True, slots=True)
class Polled:
    """What one `poll` brought.

    `cut` are partitions whose log is shorter than what was read of it, after a topic was made anew
    or brokers lost records: what comes of them from here on is new, whatever its offset.
    """

    records: tuple[Record, ...] = ()
    assigned: frozenset[int] = frozenset()
    revoked: frozenset[int] = frozenset()
    lost: frozenset[int] = frozenset()
    cut: frozenset[int] = frozenset()


class Source(Protocol):
    """Reads windows in order, partition by partition."""

    def start(self) -> None:
        """Connect and ask for partitions."""
        ...

    def poll(self, timeout_s: float) -> Polled:
        """Wait for records or a change of assignment."""
        ...

    def seek(self, partition: int, offset: int) -> None:
        """Let the next record of `partition` be the one at `offset`."""
        ...

    def pause(self) -> None:
        """Hold back records until `resume`."""
        ...

    def resume(self) -> None:
        """Let records come again."""
        ...

    def lag(self) -> dict[int, int]:
        """Return per assigned partition how many records wait, as far as known.

        They are those that no poll handed out yet. A server may be asked, for a second at most.
        """
        ...

    @property
    def rewinds(self) -> bool:
        """Whether `seek` may go back behind what was handed out."""
        ...

    @property
    def away(self) -> str | None:
        """Why nothing can come, as of the last poll: a server that does not answer; else None."""
        ...

    @property
    def exhausted(self) -> bool:
        """True once a finite source has nothing more."""
        ...

    def close(self) -> None:
        """Leave; may be called twice."""
        ...
