"""A journal in memory: the fake, and the journal of runs that are not to be continued."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from daemon.errors import Fenced, Unavailable
from daemon.journal import EVIDENCE_KEPT_S, Basis, Entry, Exhibit, Restored, StateRecord
from daemon.journal.delivery import Delivery, Published

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence, Set

    from models.alerts import AlertEvent
    from pipelines.dead_letters import DeadLetter
    from pipelines.window import SensorKey


@dataclass(slots=True)
class MemoryStore:
    """What was committed; it outlives the journals that are opened on it."""

    states: dict[int, dict[SensorKey, StateRecord]] = field(default_factory=dict)
    alerts: dict[int, list[AlertEvent]] = field(default_factory=dict)
    evidence: dict[tuple[SensorKey, str, str], Exhibit] = field(default_factory=dict)
    dead_letters: list[tuple[int, DeadLetter]] = field(default_factory=list)
    next_offsets: dict[int, int] = field(default_factory=dict)
    delivered: dict[int, int] = field(default_factory=dict)
    bases: dict[int, Basis] = field(default_factory=dict)
    owners: dict[str, int] = field(default_factory=dict)
    """Per instance how many journals were started: only the newest may commit."""

    def events(self) -> list[AlertEvent]:
        """Return every committed alert event, partition by partition."""
        return [event for _, events in sorted(self.alerts.items()) for event in events]


class MemoryJournal:
    """Commits into a `MemoryStore`; `outage` lets every call but `close` raise `Unavailable`."""

    def __init__(self, store: MemoryStore | None = None, instance: str = "memory") -> None:
        self.store = MemoryStore() if store is None else store
        self.outage = False
        self._instance = instance
        self._number = 0
        self._delivery = Delivery()
        self._owned: set[int] = set()

    def start(self) -> None:
        """Become the owner of the identity."""
        self._check_outage()
        self._number = self.store.owners.get(self._instance, 0) + 1
        self.store.owners[self._instance] = self._number

    def restore(self, partitions: Set[int]) -> Mapping[int, Restored]:
        """Return what was last committed for `partitions`."""
        self._check_outage()
        return {partition: self._restored(partition) for partition in partitions}

    def _restored(self, partition: int) -> Restored:
        delivered = self.store.delivered.get(partition, 0)
        events = self.store.alerts.get(partition, [])
        pending = [Published(i, event) for i, event in enumerate(events) if i >= delivered]
        self._delivery.restore(partition, delivered, pending)
        self._owned.add(partition)
        states = dict(self.store.states.get(partition, {}))
        basis = self.store.bases.get(partition)
        return Restored(states, self.store.next_offsets.get(partition), basis)

    def commit(self, entry: Entry) -> None:
        """Take everything over at once."""
        self._check_outage()
        self._check_owner(entry.next_offsets.keys())
        for partition, states in entry.states.items():
            merge(self.store.states.setdefault(partition, {}), states)
        for partition, event in entry.alerts:
            events = self.store.alerts.setdefault(partition, [])
            self._delivery.add(partition, Published(len(events), event))
            events.append(event)
        for _, exhibit in entry.evidence:
            keep(self.store.evidence, exhibit)
        self.store.dead_letters += entry.dead_letters
        self.store.bases.update(entry.bases)
        self.store.next_offsets.update(entry.next_offsets)
        self._save_marks()

    def _check_outage(self) -> None:
        if self.outage:
            raise Unavailable("the journal in memory pretends to be away")

    def _check_owner(self, partitions: Set[int]) -> None:
        if self.store.owners.get(self._instance) != self._number:
            raise Fenced(f"a newer process runs as instance {self._instance!r}")
        if not partitions <= self._owned:
            raise Fenced(f"partitions {sorted(partitions - self._owned)} were not restored here")

    def _save_marks(self) -> None:
        marks = self._delivery.unsaved()
        self.store.delivered.update(marks)
        self._delivery.saved(marks)

    def undelivered(self) -> Sequence[AlertEvent]:
        """Return committed alert events that the series may not have yet, oldest first."""
        return self._delivery.undelivered()

    def mark_delivered(self) -> None:
        """Note that the series has everything that `undelivered` last returned."""
        self._delivery.mark()

    def release(self, partitions: Set[int]) -> None:
        """Forget partitions that are no longer ours."""
        self._owned -= partitions
        self._delivery.release(partitions)

    def close(self) -> None:
        """Save the marks, unless a newer process owns the identity."""
        if self.store.owners.get(self._instance) == self._number:
            self._save_marks()


def merge(
    into: dict[SensorKey, StateRecord], states: Mapping[SensorKey, StateRecord | None]
) -> None:
    """Lay new states over old ones; a cold part of None leaves the old one, no state drops it."""
    for key, state in states.items():
        if state is None:
            into.pop(key, None)
            continue
        old = into.get(key)
        cold = old.cold if state.cold is None and old is not None else state.cold
        into[key] = StateRecord(state.hot, cold)


def keep(evidence: dict[tuple[SensorKey, str, str], Exhibit], exhibit: Exhibit) -> None:
    """Put one exhibit in its place, or take away what is there; the sensor's old ones go."""
    evidence.pop((exhibit.sensor, exhibit.alert, exhibit.part), None)
    oldest_ns = exhibit.time_ns - EVIDENCE_KEPT_S * 10**9
    for place, one in list(evidence.items()):
        if one.sensor == exhibit.sensor and one.time_ns < oldest_ns:
            del evidence[place]
    if exhibit.value is not None:
        evidence[exhibit.sensor, exhibit.alert, exhibit.part] = exhibit


def read_evidence(store: MemoryStore) -> Iterator[Exhibit]:
    """Yield the evidence that was committed."""
    yield from store.evidence.values()
