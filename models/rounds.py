"""A batch is judged in rounds: at most one window of a sensor in each, as columns.

The hot records of a round are gathered into one array, changed in place by column operations and
scattered again; what needs Python a sensor at a time (commissioning, events) is rare or small.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.scoring import Scores
from models.state import COMMISSIONED, HOT, NEW_HOT, Cold, SensorState
from pipelines.quality import CLIPPED_LIMIT, SensorFault

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from models.judgement import Judgement, Note
    from models.linking import OpenAlert
    from pipelines.features import Observation
    from pipelines.normalise import Baseline, BaselineSummary
    from pipelines.quality import Quality
    from pipelines.window import SensorKey

    Signal = Baseline | BaselineSummary | Observation
    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]
    Rows = np.ndarray[Any, Any]


RATE_TOLERANCE: Final = 0.02
"""Sample rates further apart give other bands, and another noise in them."""

LENGTH_TOLERANCE: Final = 2.0
"""Windows of less than half the length, or more than twice, scatter otherwise from band to band."""

EMPTY: Final = Cold()


def by_sensor(observations: Sequence[Observation]) -> dict[SensorKey, list[int]]:
    """Return the positions of each sensor's windows, in order."""
    found: dict[SensorKey, list[int]] = {}
    for position, observation in enumerate(observations):
        found.setdefault(observation.key, []).append(position)
    return found


@dataclass(slots=True)
class Batch:
    """A batch under judgement; `states` holds the new states of the sensors met so far."""

    before: Mapping[SensorKey, SensorState]
    observations: Sequence[Observation]
    positions: dict[SensorKey, list[int]]
    scores: Scores
    judgements: dict[int, Judgement] = field(default_factory=dict)
    states: dict[SensorKey, SensorState] = field(default_factory=dict)
    moved: dict[int, OpenAlert] = field(default_factory=dict)
    """Position of each transition -> the alert as it was then."""

    @classmethod
    def of(
        cls, states: Mapping[SensorKey, SensorState], observations: Sequence[Observation]
    ) -> Batch:
        """Return a batch of which nothing is judged yet."""
        scores = Scores.empty(len(observations))
        return cls(states, observations, by_sensor(observations), scores)

    def rounds(self) -> list[list[int]]:
        """Return the positions of each round: the k-th window of every sensor is in round k."""
        longest = max(map(len, self.positions.values()), default=0)
        rounds: list[list[int]] = [[] for _ in range(longest)]
        for positions in self.positions.values():
            for number, position in enumerate(positions):
                rounds[number].append(position)
        return rounds

    def view(self, position: int, *, former: bool) -> Observation | None:
        """Return a window as the current features show it, or the former ones (None: unknown)."""
        observation = self.observations[position]
        return observation.former if former else observation

    def state(self, key: SensorKey) -> SensorState | None:
        """Return the newest state of a sensor, or None for a new one."""
        return self.states.get(key) or self.before.get(key)


@dataclass(slots=True)
class Round:
    """The columns of one round; every array has one entry a window.

    `rows` are copies of the hot records, changed in place. `active` windows move the state;
    duplicates and late ones do not. `odd` windows measure something else than the baseline and are
    too few yet to be believed. `bundles` are named where a note tells of another one. `runs` are
    the starts of the runs of exceedances before the round.
    """

    number: int
    positions: list[int]
    observations: list[Observation]
    states: list[SensorState | None]
    colds: list[Cold]
    rows: Rows
    runs: NDArray[np.int64]
    start_ns: NDArray[np.int64]
    rpm: Floats
    faulty: Bools
    clipped: Floats
    """Share of samples at the rail where that is all that is wrong with what is left, else NaN."""
    partial: Bools
    """Windows of which some axes are lost and the others say something."""
    duplicate: Bools
    late: Bools
    active: Bools
    """Windows that are newer than the last of their sensor."""
    silent: Bools
    """Windows behind a time without any in which the machine may have stood."""
    elapsed_s: Floats
    """Time since the window before, of `active` windows; a gap counts as a few cadences."""
    alike: Bools
    odd: Bools
    notes: list[tuple[Note, ...]]
    bundles: list[tuple[str, str] | None]

    @classmethod
    def gather(
        cls, batch: Batch, number: int, positions: list[int], *, former: bool = False
    ) -> Round:
        """Collect what a round needs into columns; `former` features see what they can."""
        views = [batch.view(position, former=former) for position in positions]
        observations = [
            batch.observations[position] if view is None else view
            for position, view in zip(positions, views, strict=True)
        ]
        states = [batch.state(observation.key) for observation in observations]
        colds = [EMPTY if state is None else state.cold for state in states]
        hot = b"".join([NEW_HOT if state is None else state.hot for state in states])
        rows = np.frombuffer(hot, HOT).copy()
        start_ns = np.array([observation.start_ns for observation in observations], np.int64)
        seen = rows["index"] > 0
        again = (rows["recent_ns"] == start_ns[:, np.newaxis]).any(axis=1)
        duplicate = seen & (again | (start_ns == rows["last_ns"]))
        late = seen & (start_ns < rows["last_ns"]) & ~duplicate
        return cls(
            number=number,
            positions=positions,
            observations=observations,
            states=states,
            colds=colds,
            rows=rows,
            runs=rows["first_ns"].copy(),
            start_ns=start_ns,
            rpm=np.array([_number(observation.rpm) for observation in observations]),
            faulty=np.array(
                [one.quality.fault is not SensorFault.NONE for one in observations], np.bool_
            ),
            clipped=np.array([_clipped(one.quality) for one in observations]),
            partial=np.array([bool(one.quality.lost) for one in observations], np.bool_),
            duplicate=duplicate,
            late=late,
            active=~(duplicate | late),
            silent=np.zeros(len(positions), np.bool_),
            elapsed_s=np.zeros(len(positions)),
            alike=np.array(list(map(alike, colds, views)), np.bool_),
            odd=np.zeros(len(positions), np.bool_),
            notes=[()] * len(positions),
            bundles=[None] * len(positions),
        )

    @property
    def whole(self) -> Bools:
        """Windows of which every axis says all that it has to say: only these are learnt."""
        return ~self.partial & np.isnan(self.clipped)

    @property
    def commissioned(self) -> Bools:
        """Sensors with a baseline in force."""
        has: Bools = (self.rows["flags"] & COMMISSIONED) != 0
        return has

    def flag(self, bit: int, which: Bools) -> None:
        """Set `bit` of the flags where `which`, and unset it in the other active rows."""
        flags = self.rows["flags"]
        cleared = np.where(self.active, flags & ~np.uint32(bit), flags)
        self.rows["flags"] = np.where(which, cleared | np.uint32(bit), cleared)

    def note(self, which: Bools, text: Note) -> None:
        """Add a note to the windows in `which`."""
        for k in which.nonzero()[0].tolist():
            self.notes[k] = (*self.notes[k], text)

    def tell(self, k: int, notes: tuple[Note, ...], bundles: tuple[str, str] | None = None) -> None:
        """Add notes to the window of row `k`, and the bundles that they speak of."""
        self.notes[k] = (*self.notes[k], *notes)
        self.bundles[k] = bundles or self.bundles[k]

    def scatter(self, batch: Batch) -> None:
        """Put the new states into the batch; late windows and duplicates leave theirs."""
        data, size = self.rows.tobytes(), HOT.itemsize
        for k, moved in enumerate(self.active.tolist()):
            state = self.states[k]
            if moved or state is None:
                state = SensorState(data[k * size : (k + 1) * size], self.colds[k])
            batch.states[self.observations[k].key] = state


def alike(cold: Cold, observation: Observation | None) -> bool:
    """Say whether a window measures what the sensor's baseline, if there is one, was learnt on.

    None is a window that the features of the baseline cannot be had from.
    """
    if observation is None:
        return False
    known = cold.baseline or cold.summary
    if known is None:
        return True
    return same_signal(known, observation)


def same_signal(one: Signal, other: Signal) -> bool:
    """Say whether two windows, or what was learnt of some, measure the same thing."""
    return (
        one.axes == other.axes
        and one.unit == other.unit
        and abs(one.sample_rate_hz - other.sample_rate_hz) <= RATE_TOLERANCE * other.sample_rate_hz
        and one.duration_s <= LENGTH_TOLERANCE * other.duration_s
        and other.duration_s <= LENGTH_TOLERANCE * one.duration_s
    )


def _clipped(quality: Quality) -> float:
    heard = quality.fault is SensorFault.CLIPPED or quality.lost
    return quality.clipped_share if heard and quality.clipped_share > CLIPPED_LIMIT else np.nan


def _number(value: float | None) -> float:
    return np.nan if value is None else value
