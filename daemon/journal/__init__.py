"""What the process must never lose or repeat: states, alerts and evidence, dead letters, offsets.

Contract
--------
* `start` fences an older process with the same identity; may raise `StartError`, `Unavailable`.
* `restore(partitions)` returns what was last committed for them. It raises `StartError` for
  a record that a newer version wrote.
* `commit(entry)` is atomic: all of it or nothing, once. It raises `Unavailable` (nothing was
  committed, or it is not known yet: the same entry may be committed again, less the partitions
  that a poll took away meanwhile), or `Fenced` (nothing was committed and nothing of it ever will
  be). After an outcome that cannot be known the journal finds out before it commits anything else.
* After `Fenced` every commit is `Fenced` until `restore` is called again. An entry for partitions
  that were not restored here, or were released, is `Fenced` too.
* `undelivered()` lists committed alert events of the restored partitions that `mark_delivered`
  has not covered: the caller writes them to the series, then marks them. The mark becomes durable
  with the next commit or with `close`; writing an event to the series twice changes nothing.
  So the series' alerts always catch up with the committed ones, whatever died when.
* `release(partitions)` forgets revoked partitions.
* A partition's `Basis` is committed before anything is judged otherwise than before, and restored
  with its states. The journal keeps the last one and does not look into it.
* An `Exhibit` replaces the one of the same sensor, alert and part, or takes it away. One that is
  `EVIDENCE_KEPT_S` older than its sensor's newest may go. The process itself never asks for them:
  each kind has a function `read_evidence`, for other processes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from daemon.errors import StartError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence, Set

    from models.alerts import AlertEvent
    from pipelines.dead_letters import DeadLetter
    from pipelines.window import SensorKey

EVIDENCE_KEPT_S: Final = 365 * 86_400
"""A year: for so long somebody may ask what an alert rested on."""


@dataclass(frozen=True, slots=True)
class StateRecord:
    """The encoded state of one sensor; `cold` is None in an entry when it did not change."""

    hot: bytes
    cold: bytes | None


class Basis(msgspec.Struct, frozen=True):
    """What judgements of a partition rest on, from input offset `since` on.

    Bundle and features by their hashes; `settings` is a digest of everything else that judgement
    is a function of: policies, previous bundles, what is declared of the machines.
    """

    bundle: str
    features: str
    settings: str
    since: int = 0
    schema: int = 1

    def is_that_of(self, other: Basis) -> bool:
        """Whether both judge alike, wherever they began."""
        return msgspec.structs.replace(self, since=other.since) == other

    def encode(self) -> bytes:
        """Return the basis as JSON; `decode_basis` is the inverse."""
        return msgspec.json.encode(self)


def decode_basis(data: bytes) -> Basis:
    """Return what `Basis.encode` wrote; raises `StartError` for what a newer version wrote."""
    try:
        found = msgspec.json.decode(data, type=Basis)
    except msgspec.MsgspecError as error:
        raise StartError(f"the journal's record of what judged last is damaged: {error}") from error
    if found.schema > 1:
        raise StartError(
            f"the journal's record of what judged last has schema {found.schema}, this version"
            " knows 1: a newer bearingwatch wrote it, upgrade"
        )
    return found


@dataclass(frozen=True, slots=True)
class Exhibit:
    """One piece of evidence: `part` of an alert; a value of None takes it away.

    `time_ns` is the start of the window that it came with.
    """

    sensor: SensorKey
    alert: str
    part: str
    time_ns: int
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One batch's worth of facts, committed together.

    `states`, `alerts` and `evidence` carry the input partition they belong to; a state of None is
    forgotten. `next_offsets` maps input partition to the offset after the last record covered.
    `bases` are given for partitions that are judged otherwise from there on.
    """

    states: Mapping[int, Mapping[SensorKey, StateRecord | None]] = field(default_factory=dict)
    alerts: Sequence[tuple[int, AlertEvent]] = ()
    evidence: Sequence[tuple[int, Exhibit]] = ()
    dead_letters: Sequence[tuple[int, DeadLetter]] = ()
    next_offsets: Mapping[int, int] = field(default_factory=dict)
    bases: Mapping[int, Basis] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Restored:
    """What was last committed for one partition; None where nothing was."""

    states: Mapping[SensorKey, StateRecord]
    next_offset: int | None
    basis: Basis | None = None


class Journal(Protocol):
    """Commits a batch atomically and gives it back after a restart."""

    def start(self) -> None:
        """Connect, and fence an older process of the same identity."""
        ...

    def restore(self, partitions: Set[int]) -> Mapping[int, Restored]:
        """Return the committed state of `partitions`."""
        ...

    def commit(self, entry: Entry) -> None:
        """Make `entry` durable, all or nothing."""
        ...

    def undelivered(self) -> Sequence[AlertEvent]:
        """Return committed alert events that the series may not have yet, oldest first."""
        ...

    def mark_delivered(self) -> None:
        """Note that the series has everything that `undelivered` last returned."""
        ...

    def release(self, partitions: Set[int]) -> None:
        """Forget partitions that are no longer ours."""
        ...

    def close(self) -> None:
        """Release what is held; may be called twice."""
        ...
