"""The course of one batch: windows and commands judged in their order, each seeing what was before.

A function of the records and of what was held before them: nothing held is changed, so that what
was not committed can be judged again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from models import commanding
from models.state import moved_up_to
from pipelines.commands import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from daemon.holdings import Holdings
    from daemon.intake import Order
    from daemon.sources import Record
    from models.alerts import AlertEvent
    from models.commanding import Lapse
    from models.judgement import Judgement
    from models.state import SensorState
    from pipelines.window import SensorKey, Window


@dataclass(frozen=True, slots=True)
class Effect:
    """A command and the sensors it changed here; none where it was passed over."""

    order: Order
    sensors: tuple[SensorKey, ...]
    lapsed: tuple[Lapse, ...] = ()


class Course:
    """What is known at one place of a batch, and what was found out up to there."""

    def __init__(self, held: Holdings) -> None:
        self._held = held
        self.states: Mapping[SensorKey, SensorState] = held.states
        """All states as they are here; before the first command as they were before the batch."""
        self.changed: dict[SensorKey, SensorState] = {}
        self.homes: dict[SensorKey, int] = {}
        """The partitions of `changed`."""
        self.forgotten: set[tuple[int, SensorKey]] = set()
        """Where a state was dropped; the sensor may be in `changed`, new again."""
        self._followed_by: dict[SensorKey, int] = {}
        """Partitions of states that waited and now judge, since the one before was dropped."""
        self.judgements: list[Judgement] = []
        self.alerts: list[tuple[int, AlertEvent]] = []
        self.effects: list[Effect] = []

    def places(
        self, windows: Sequence[Window], records: Sequence[Record]
    ) -> Callable[[SensorKey], int | None]:
        """Return what says which partition a sensor is in, of these windows or known before."""
        here = {w.key: r.partition for w, r in zip(windows, records, strict=True)}
        return lambda key: here[key] if key in here else self._home(key)

    def take(
        self,
        records: Sequence[Record],
        judged: tuple[Mapping[SensorKey, SensorState], Sequence[Judgement]],
    ) -> None:
        """Go on behind windows that were judged from `states`."""
        states, judgements = judged
        moved: dict[SensorKey, int] = {}
        for record, judgement in zip(records, judgements, strict=True):
            key = judgement.observation.key
            self.homes[key] = record.partition
            self.alerts += [(record.partition, event) for event in judgement.events]
            if judgement.index >= 0:  # neither late nor a duplicate
                moved[key] = record.offset + 1
        states = {
            key: moved_up_to(state, moved[key]) if key in moved else state
            for key, state in states.items()
        }
        self.changed.update(states)
        if self.effects:
            self.states = {**self.states, **states}
        self.judgements += judgements

    def follow(self, order: Order) -> None:
        """Go on behind a command: it changes the states that live in its partition.

        Those that are from behind it already have followed it: the log is read once more.
        """
        states = {**self.states, **self.changed}
        partition, command = order.record.partition, order.command
        keys = [
            key
            for key, state in states.items()
            if command.covers(key)
            and self._home(key) == partition
            and state.next_offset <= order.record.offset
        ]
        outcome = commanding.follow(command, states, keys)
        self.alerts += [(partition, event) for event in outcome.events]
        touched = [*outcome.states]
        if command.command is Kind.FORGET:
            touched += self._waiting_in(order)
        for key in touched:
            if (state := outcome.states.get(key)) is not None:
                states[key] = self.changed[key] = state
                self.homes[key] = partition
            else:
                self._forget(key, partition, states)
        self.effects.append(Effect(order, tuple(touched), tuple(outcome.lapsed)))
        self.states = states

    def _home(self, key: SensorKey) -> int | None:
        return self.homes.get(key, self._followed_by.get(key, self._held.home_of(key)))

    def _waiting_in(self, order: Order) -> list[SensorKey]:
        """Return sensors of a command that are judged elsewhere and have a state here as well."""
        partition, command = order.record.partition, order.command
        return [
            key
            for key, waiting in sorted(self._held.shadowed.items())
            if command.covers(key)
            and partition in waiting
            and waiting[partition].next_offset <= order.record.offset
            and (partition, key) not in self.forgotten
            and self._home(key) != partition
        ]

    def _forget(self, key: SensorKey, partition: int, states: dict[SensorKey, SensorState]) -> None:
        """Drop a state; where it judged, the one that waits in the lowest partition does now."""
        self.forgotten.add((partition, key))
        if self._home(key) != partition:
            return
        for known in (states, self.changed, self.homes):
            known.pop(key, None)
        waiting = {
            home: state
            for home, state in self._held.shadowed.get(key, {}).items()
            if (home, key) not in self.forgotten
        }
        if waiting:
            home = min(waiting)
            states[key], self._followed_by[key] = waiting[home], home
