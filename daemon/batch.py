"""One batch from records to facts: judged once, then written and committed until it is done."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from daemon.journal import Entry, StateRecord
from daemon.series import Points
from models.judgement import Verdict
from models.state import encode_cold, encode_hot

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence, Set

    from daemon.course import Course, Effect
    from daemon.intake import Sorted
    from daemon.sources import Record
    from models.judgement import Judgement
    from models.peers import PlaceLookup
    from models.state import SensorState
    from pipelines.features import Observation
    from pipelines.window import SensorKey, Window

_OLD = frozenset({Verdict.LATE, Verdict.DUPLICATE})
"""Not in order, or already there: no sign that a sensor is alive."""

_NO_DESCRIPTORS = _OLD | {Verdict.SENSOR_FAULT}
"""Nothing is charted of these: old, or no signal of a machine."""


class Judge(Protocol):
    """Windows to judgements, in pure steps that are timed apart."""

    def check(self, window: Window) -> None:
        """Raise `Unfit` for a window that `extract` cannot take."""
        ...

    def check_states(self, states: Iterable[SensorState]) -> None:
        """Raise `StartError` for restored states that cannot be gone on from."""
        ...

    def extract(
        self, windows: Sequence[Window], states: Mapping[SensorKey, SensorState]
    ) -> Sequence[Observation]:
        """Return the features of `windows`, in their order, as their sensors' states need them."""
        ...

    def judge(
        self,
        states: Mapping[SensorKey, SensorState],
        observations: Sequence[Observation],
        place_of: PlaceLookup,
    ) -> tuple[Mapping[SensorKey, SensorState], Sequence[Judgement]]:
        """Return new states of the sensors met, and one judgement per observation.

        `place_of` names the partition of any sensor of the states or the observations.
        """
        ...


@dataclass(frozen=True, slots=True)
class Judged:
    """What a batch adds, computed once: a function of the records and the states before."""

    sorted: Sorted
    states: Mapping[SensorKey, SensorState]
    homes: Mapping[SensorKey, int]
    judgements: Sequence[Judgement]
    points: Points
    entry: Entry
    forgotten: Set[tuple[int, SensorKey]] = frozenset()
    """Partitions and sensors whose states there are dropped, before `states` are put in."""
    effects: Sequence[Effect] = ()
    """What each command of `sorted` did, in the same order."""

    @property
    def heard(self) -> dict[SensorKey, int]:
        """The sensors that sent a new window and are still known, each with its partition.

        One that sends late windows alone, as with a clock that was set back, is not judged: it
        falls silent.
        """
        met = {one.observation.key for one in self.judgements if one.verdict not in _OLD}
        return {key: home for key, home in self.homes.items() if key in met}


@dataclass(slots=True)
class Batch:
    """The batch in hand and how far it is."""

    records: Sequence[Record]
    judged: Judged | None = None
    written: bool = False

    def without(self, partitions: Iterable[int]) -> Batch:
        """Return a batch of the other partitions' records, to be judged anew."""
        gone = set(partitions)
        return Batch([record for record in self.records if record.partition not in gone])


def judged(
    sorted_: Sorted,
    before: Mapping[SensorKey, SensorState],
    course: Course,
    records: Sequence[Record],
    vibration_every: int,
) -> Judged:
    """Put together what is to be written and committed."""
    return Judged(
        sorted=sorted_,
        states=course.changed,
        homes=course.homes,
        judgements=course.judgements,
        points=points_of(course.judgements, vibration_every),
        entry=Entry(
            states=_state_records(before, course),
            alerts=course.alerts,
            dead_letters=sorted_.dead_letters,
            next_offsets={record.partition: record.offset + 1 for record in records},
        ),
        forgotten=course.forgotten,
        effects=course.effects,
    )


def points_of(judgements: Sequence[Judgement], vibration_every: int) -> Points:
    """Return the points due; decimation goes by the sensor's own index, hence by the log."""
    return Points(
        losses=[judgement for judgement in judgements if not math.isnan(judgement.loss)],
        vibrations=[
            judgement
            for judgement in judgements
            if judgement.index % vibration_every == 0 and judgement.verdict not in _NO_DESCRIPTORS
        ],
        rows=judgements,
    )


def _state_records(
    before: Mapping[SensorKey, SensorState], course: Course
) -> dict[int, dict[SensorKey, StateRecord | None]]:
    by_partition: dict[int, dict[SensorKey, StateRecord | None]] = {}
    for partition, key in course.forgotten:
        by_partition.setdefault(partition, {})[key] = None
    anew = {key for _, key in course.forgotten}
    for key, partition in course.homes.items():
        known = None if key in anew else before.get(key)
        record = _state_record(known, course.changed[key])
        by_partition.setdefault(partition, {})[key] = record
    return by_partition


def _state_record(before: SensorState | None, after: SensorState) -> StateRecord:
    """Encode a state; the cold part only when it is another one than before."""
    changed = before is None or after.cold is not before.cold
    return StateRecord(encode_hot(after), encode_cold(after) if changed else None)
