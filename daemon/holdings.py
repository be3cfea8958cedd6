"""What this process holds: its partitions, and the states of the sensors in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from daemon.errors import StartError
from models.commanding import rebaseline
from models.state import SensorState, StateError, decode_state

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Set

    from daemon.journal import Basis, Restored, StateRecord
    from daemon.sources import Record
    from pipelines.window import SensorKey

_log: Any = structlog.get_logger("bearingwatch.holdings")


@dataclass(slots=True)
class Holdings:
    """States by sensor and the partition each lives in.

    States are values; `adopt` puts new ones in only after they were committed. Where two processes
    each met a sensor in a partition of their own, it has two states; once both partitions are held
    by one process, the lower one is its home, in whatever order they came. The other state waits,
    as the journal has it, for the day that its partition is held without the lower one.
    """

    states: dict[SensorKey, SensorState] = field(default_factory=dict)
    homes: dict[SensorKey, int] = field(default_factory=dict)
    next_offsets: dict[int, int | None] = field(default_factory=dict)
    """Per restored partition the offset after the last one committed; None for none."""
    shadowed: dict[SensorKey, dict[int, SensorState]] = field(default_factory=dict)
    """States that are not judged by, each with its partition, which is higher than the home."""
    bases: dict[int, Basis | None] = field(default_factory=dict)
    """Per restored partition what it was judged with last."""
    cut: set[int] = field(default_factory=set)
    """Partitions whose log was cut since they were restored: old offsets mean nothing there."""

    @property
    def partitions(self) -> frozenset[int]:
        """The partitions whose state is restored."""
        return frozenset(self.next_offsets)

    @property
    def lost(self) -> bool:
        """Whether offsets were committed and nothing else: judging writes a basis before them."""
        goes_on = any(self.next_offsets.values())
        return goes_on and not self.states and not any(self.bases.values())

    def all_states(self) -> Iterator[SensorState]:
        """Yield every state held, those that wait included."""
        yield from self.states.values()
        for waiting in self.shadowed.values():
            yield from waiting.values()

    def home_of(self, key: SensorKey) -> int | None:
        """Return the partition that a sensor's state lives in."""
        return self.homes.get(key)

    def homes_of(self, key: SensorKey) -> dict[int, int]:
        """Return every partition that a sensor has a state in, the one that judges it first.

        With each goes the offset behind the last record that moved the state there.
        """
        home = self.homes.get(key)
        if home is None:
            return {}
        found = {home: self.states[key], **dict(sorted(self.shadowed.get(key, {}).items()))}
        return {partition: state.next_offset for partition, state in found.items()}

    def homes_in(self, partitions: Set[int]) -> dict[SensorKey, int]:
        """Return the sensors of some partitions, each with its partition."""
        return {key: home for key, home in self.homes.items() if home in partitions}

    def take(self, partition: int, restored: Restored) -> None:
        """Begin to hold a partition; raises `StartError` for states that cannot be read."""
        states = {key: _decoded(key, state) for key, state in restored.states.items()}
        blind = [key for key, state in states.items() if state.commissioned and _is_blind(state)]
        states |= {key: rebaseline(states[key]) for key in blind}
        self.drop([partition])
        double = [key for key in states if key in self.homes]
        for key, state in states.items():
            self._place(key, partition, state)
        self.next_offsets[partition] = restored.next_offset
        self.bases[partition] = restored.basis
        if blind:
            _log.error(
                "baselines_missing", partition=partition, sensors=len(blind), first=str(min(blind))
            )
        if double:
            first = min(double)
            _log.error(
                "state_in_two_partitions",
                partition=partition,
                sensors=len(double),
                first=str(first),
                judged_by=self.homes[first],
            )

    def _place(self, key: SensorKey, partition: int, state: SensorState) -> None:
        """Put in one state; the sensor's lowest partition is its home."""
        home = self.homes.get(key, partition)
        if partition > home:
            self.shadowed.setdefault(key, {})[partition] = state
            return
        if partition < home:
            self.shadowed.setdefault(key, {})[home] = self.states[key]
        self.homes[key], self.states[key] = partition, state

    def drop(self, partitions: Iterable[int]) -> None:
        """Forget partitions and every state in them, and no other."""
        gone = self.next_offsets.keys() & set(partitions)
        for partition in gone:
            del self.next_offsets[partition], self.bases[partition]
            self.cut.discard(partition)
        for key in list(self.shadowed):
            waiting = {home: kept for home, kept in self.shadowed[key].items() if home not in gone}
            self._shadow(key, waiting)
        for key in [key for key, home in self.homes.items() if home in gone]:
            self._drop_home(key)

    def _drop_home(self, key: SensorKey) -> None:
        """Drop the state that judges a sensor; of those that wait the lowest partition's does."""
        del self.homes[key], self.states[key]
        waiting = self.shadowed.pop(key, {})
        if waiting:
            home = min(waiting)
            self._place(key, home, waiting.pop(home))
            self._shadow(key, waiting)

    def _shadow(self, key: SensorKey, waiting: dict[int, SensorState]) -> None:
        if waiting:
            self.shadowed[key] = waiting
        else:
            self.shadowed.pop(key, None)

    def adopt(
        self,
        states: Mapping[SensorKey, SensorState],
        homes: Mapping[SensorKey, int],
        next_offsets: Mapping[int, int],
        forgotten: Iterable[tuple[int, SensorKey]] = (),
    ) -> None:
        """Replace what was committed; `forgotten` are dropped first."""
        for partition, key in sorted(forgotten):
            if self.homes.get(key) == partition:
                self._drop_home(key)
            elif key in self.shadowed:
                waiting = self.shadowed[key]
                self._shadow(key, {p: kept for p, kept in waiting.items() if p != partition})
        # A batch may have been judged before a lower partition came with a state of its own.
        for key, state in states.items():
            self._place(key, homes[key], state)
        self.next_offsets.update(next_offsets)

    def judged_otherwise(self, records: Iterable[Record], basis: Basis) -> dict[int, Basis]:
        """Return for which partitions of `records` `basis` is another, and from where it holds."""
        first: dict[int, int] = {}
        for record in records:
            first.setdefault(record.partition, record.offset)
        return {
            partition: msgspec.structs.replace(basis, since=offset)
            for partition, offset in first.items()
            if (last := self.bases[partition]) is None or not last.is_that_of(basis)
        }

    def begin_anew(self, partitions: Iterable[int]) -> None:
        """Judge held partitions from their beginning: their logs were cut or made anew."""
        self.cut |= self.partitions.intersection(partitions)

    def is_ahead(self, partition: int, offset: int) -> bool:
        """Whether the record at `offset` is still to be judged."""
        after = self.next_offsets[partition]
        return partition in self.cut or after is None or offset >= after


def _is_blind(state: SensorState) -> bool:
    """Whether the record that holds the baseline is gone: nothing would ever be judged."""
    return state.cold.baseline is None


def _decoded(key: SensorKey, record: StateRecord) -> SensorState:
    try:
        return decode_state(record.hot, record.cold)
    except StateError as error:
        # Neither a defect nor cured by a restart: a supervisor must not try it in a loop.
        raise StartError(f"state of {key}: {error}") from error
