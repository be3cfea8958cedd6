"""What this process holds: its partitions, and the states of the sensors in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from daemon.errors import StartError
from models.state import SensorState, StateError, decode_state

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Set

    from daemon.journal import Restored, StateRecord
    from pipelines.window import SensorKey


@dataclass(slots=True)
class Holdings:
    """States by sensor and the partition each lives in.

    States are values; `adopt` puts new ones in only after they were committed.
    """

    states: dict[SensorKey, SensorState] = field(default_factory=dict)
    homes: dict[SensorKey, int] = field(default_factory=dict)
    next_offsets: dict[int, int | None] = field(default_factory=dict)
    """Per restored partition the offset after the last one committed; None for none."""

    @property
    def partitions(self) -> frozenset[int]:
        """The partitions whose state is restored."""
        return frozenset(self.next_offsets)

    def home_of(self, key: SensorKey) -> int | None:
        """Return the partition that a sensor's state lives in."""
        return self.homes.get(key)

    def homes_in(self, partitions: Set[int]) -> dict[SensorKey, int]:
        """Return the sensors of some partitions, each with its partition."""
        return {key: home for key, home in self.homes.items() if home in partitions}

    def take(self, partition: int, restored: Restored) -> None:
        """Begin to hold a partition; raises `StartError` for states that cannot be read."""
        states = {key: _decoded(key, state) for key, state in restored.states.items()}
        self.drop([partition])
        self.states.update(states)
        self.homes.update(dict.fromkeys(states, partition))
        self.next_offsets[partition] = restored.next_offset

    def drop(self, partitions: Iterable[int]) -> None:
        """Forget partitions and every state in them."""
        gone = self.next_offsets.keys() & set(partitions)
        for key in [key for key, home in self.homes.items() if home in gone]:
            del self.homes[key], self.states[key]
        for partition in gone:
            del self.next_offsets[partition]

    def adopt(
        self,
        states: Mapping[SensorKey, SensorState],
        homes: Mapping[SensorKey, int],
        next_offsets: Mapping[int, int],
    ) -> None:
        """Replace what was committed."""
        self.states.update(states)
        self.homes.update(homes)
        self.next_offsets.update(next_offsets)

    def is_ahead(self, partition: int, offset: int) -> bool:
        """Whether the record at `offset` is still to be judged."""
        after = self.next_offsets[partition]
        return after is None or offset >= after


def _decoded(key: SensorKey, record: StateRecord) -> SensorState:
    try:
        return decode_state(record.hot, record.cold)
    except StateError as error:
        # Neither a defect nor cured by a restart: a supervisor must not try it in a loop.
        raise StartError(f"state of {key}: {error}") from error
