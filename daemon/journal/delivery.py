"""Which committed alert events the series does not have yet."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from models.alerts import AlertEvent


@dataclass(frozen=True, slots=True)
class Published:
    """A committed alert event and its position in its partition of the alerts."""

    position: int
    event: AlertEvent


@dataclass(slots=True)
class _Partition:
    delivered: int
    """The series has every event before this position."""
    pending: list[Published] = field(default_factory=list)
    shown: int = 0
    """Position after the last event that `undelivered` returned."""
    unsaved: bool = False


class Delivery:
    """Marks per partition, and the events behind them."""

    def __init__(self) -> None:
        self._partitions: dict[int, _Partition] = {}

    def restore(self, partition: int, delivered: int, pending: Iterable[Published]) -> None:
        """Begin with what was found committed."""
        self._partitions[partition] = _Partition(delivered, list(pending), shown=delivered)

    def add(self, partition: int, published: Published) -> None:
        """Note an event that was just committed."""
        self._partitions[partition].pending.append(published)

    def release(self, partitions: Iterable[int]) -> None:
        """Forget partitions."""
        for partition in partitions:
            self._partitions.pop(partition, None)

    def undelivered(self) -> Sequence[AlertEvent]:
        """Return what the series may lack, oldest first."""
        waiting = []
        for state in self._partitions.values():
            waiting += [published.event for published in state.pending]
            if state.pending:
                state.shown = state.pending[-1].position + 1
        return sorted(waiting, key=lambda event: event.time_ns)

    def mark(self) -> None:
        """Note that the series has what `undelivered` returned last."""
        for state in self._partitions.values():
            if state.shown > state.delivered:
                state.delivered = state.shown
                state.pending = [p for p in state.pending if p.position >= state.shown]
                state.unsaved = True

    def delivered(self, partition: int) -> int:
        """Return the mark of a partition."""
        return self._partitions[partition].delivered

    def unsaved(self) -> Mapping[int, int]:
        """Return the marks that are not durable yet."""
        return {
            number: state.delivered for number, state in self._partitions.items() if state.unsaved
        }

    def saved(self, marks: Mapping[int, int]) -> None:
        """Note that `marks` became durable."""
        for partition, delivered in marks.items():
            state = self._partitions.get(partition)
            if state is not None and state.delivered == delivered:
                state.unsaved = False
