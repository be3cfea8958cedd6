"""Whether a sensor's baseline stands out of those of its peers: the bearing may be bad on arrival.

A baseline learnt on a damaged bearing calls the damage normal, and lost lubrication has neither
lines nor impacts that an absolute figure would show: only sensors that should look alike tell.
Peers are the sensors of one declared group whose windows are in one log. Each baseline is compared
once, with those in force at that place of the log, hence the same for any split into batches.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from models.judgement import Note
from models.rounds import same_signal
from models.state import COMPARED, STANDS_OUT, SUSPICIOUS, with_row
from pipelines.normalise import POWER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

    from models.bundle import Bundle
    from models.judgement import Judgement
    from models.policy import PeerPolicy
    from models.rounds import Batch
    from models.state import SensorState
    from pipelines.normalise import Baseline
    from pipelines.window import SensorKey

    GroupLookup = Callable[[SensorKey], str | None]
    PlaceLookup = Callable[[SensorKey], int | None]
    Floats = NDArray[np.float64]


def no_group(_key: SensorKey) -> str | None:
    """Declare peers for no sensor."""
    return None


def one_place(_key: SensorKey) -> int | None:
    """Say that all windows are in one log."""
    return None


@dataclass(slots=True)
class Standing:
    """How a sensor stands at one place of the log: by which baseline it is judged, how it looks."""

    baseline: Baseline | None = None
    features: str = ""
    suspicious: bool = False
    compared: bool = False
    stands_out: bool = False

    @classmethod
    def of(cls, state: SensorState | None) -> Standing:
        """Return how a sensor stood before the batch."""
        if state is None or state.cold.baseline is None:
            return cls()
        flags = state.flags
        return cls(
            baseline=state.cold.baseline,
            features=state.features,
            suspicious=bool(flags & SUSPICIOUS),
            compared=bool(flags & COMPARED),
            stands_out=bool(flags & STANDS_OUT),
        )

    def go_on(self, judgement: Judgement) -> None:
        """Go on behind a window: another baseline has yet to be compared.

        One that was given fault lines alone is as it was, since these are not compared.
        """
        if judgement.baseline is not self.baseline:
            notes = judgement.notes
            lines = Note.LINES_LEARNT in notes and Note.REBASELINED_AFTER_STOP not in notes
            self.compared, self.stands_out = self.compared and lines, self.stands_out and lines
        self.baseline, self.features = judgement.baseline, judgement.features
        self.suspicious = judgement.suspicious

    @property
    def flags(self) -> int:
        """The bits of `models.state.HOT` that are about peers."""
        return COMPARED * self.compared | STANDS_OUT * self.stands_out


class Peers:
    """Compares sensors of a bundle with their peers; holds no state of any sensor."""

    def __init__(self, bundle: Bundle, policy: PeerPolicy, group_of: GroupLookup) -> None:
        self._features = bundle.features_hash[:16]
        self._bands = bundle.features.bands
        self._policy = policy
        self._group_of = group_of

    def compare(self, batch: Batch, place_of: PlaceLookup) -> None:
        """Go through a judged batch in the order of the log; suspect in place what stands out."""
        if self._group_of is no_group:
            return
        known = _Known(batch, self._group_of, place_of)
        for position, observation in enumerate(batch.observations):
            key = observation.key
            if self._group_of(key) is None:
                continue
            judgement, own = batch.judgements[position], known.at(key)
            own.go_on(judgement)
            if self._is_due(own, judgement):
                judgement = self._compared(judgement, own, known.peers(key))
            if own.stands_out:
                batch.judgements[position] = msgspec.structs.replace(judgement, suspicious=True)
        known.keep()

    def _is_due(self, own: Standing, judgement: Judgement) -> bool:
        """Say whether a window asks for the comparison of its sensor.

        Those that start together are commissioned one after the other: the first waits for a part
        of the time that it took. Who waits for peers asks ever more rarely, since it costs a look
        at all sensors.
        """
        baseline = own.baseline
        if baseline is None or own.compared or own.features != self._features:
            return False
        took_ns = max(baseline.last_ns - baseline.first_ns, 1)
        age = (judgement.observation.start_ns - baseline.last_ns) / took_ns
        windows = min(max(int(age * baseline.count), 0), judgement.index)
        rarely = 1 << max((windows // self._policy.patience).bit_length() - 1, 0)
        return age >= self._policy.wait and judgement.index >= 0 and judgement.index % rarely == 0

    def _compared(
        self, judgement: Judgement, own: Standing, peers: Iterable[Standing]
    ) -> Judgement:
        """Compare a baseline once there are peers enough; return the judgement that says so."""
        assert own.baseline is not None  # noqa: S101 (it is due)
        fit = (
            one.baseline.centre
            for one in peers
            if one.baseline is not None
            and one.features == self._features
            and not (one.suspicious or one.stands_out)
            and same_signal(one.baseline, own.baseline)
        )
        centres = list(islice(fit, self._policy.most))
        if len(centres) < self._policy.fewest:
            return judgement
        own.compared = True
        every = np.stack([own.baseline.centre, *centres]).astype(np.float64)
        own.stands_out = stands_out(every[0], every[1:], self._bands, self._policy)
        if not own.stands_out:
            return judgement
        told = (Note.STANDS_OUT, Note.COMMISSIONED_WITH_SUSPICION)
        notes = (*judgement.notes, *told[: 1 + (not own.suspicious)])
        return msgspec.structs.replace(judgement, notes=notes)


class _Known:
    """How the sensors of a batch and their peers stand at one place of the log."""

    def __init__(self, batch: Batch, group_of: GroupLookup, place_of: PlaceLookup) -> None:
        self._batch = batch
        self._group_of = group_of
        self._place_of = place_of
        self._standings: dict[SensorKey, Standing] = {}
        self._groups: dict[str, set[SensorKey]] = {}
        self._rosters: dict[str, list[SensorKey]] = {}

    def at(self, key: SensorKey) -> Standing:
        """Return how a sensor stands here, to be gone on with."""
        if key not in self._standings:
            self._standings[key] = Standing.of(self._batch.before.get(key))
        return self._standings[key]

    def peers(self, key: SensorKey) -> Iterator[Standing]:
        """Yield how the peers of a sensor stand, by their names."""
        self._groups = self._groups or self._listed()
        name, place = self._group_of(key) or "", self._place_of(key)
        if name not in self._rosters:
            self._rosters[name] = sorted(self._groups[name])
        for other in self._rosters[name]:
            if other != key and self._place_of(other) == place:
                yield self.at(other)

    def _listed(self) -> dict[str, set[SensorKey]]:
        """Return the sensors of each group, those that are new in the batch as well."""
        groups: dict[str, set[SensorKey]] = {}
        group_of = self._group_of
        for key in chain(self._batch.before, self._batch.positions):
            if (name := group_of(key)) is not None:
                groups.setdefault(name, set()).add(key)
        return groups

    def keep(self) -> None:
        """Write into the new states of the batch how their sensors stand."""
        states = self._batch.states
        for key in states.keys() & self._standings.keys():
            flags = states[key].flags
            told = flags & ~(COMPARED | STANDS_OUT) | self._standings[key].flags
            if told != flags:
                states[key] = with_row(states[key], flags=told)


def stands_out(own: Floats, peers: Floats, bands: int, policy: PeerPolicy) -> bool:
    """Say whether an axis is louder than its peers let one expect, in some bands or all over.

    `own` is (axes, columns), `peers` (n, axes, columns): log10 of power in `bands` spectral bands,
    and of the whole signal in the column `POWER`. Nothing is assumed of how peers differ: each is
    held against the others, and what goes far beyond the median of what they show stands out. So
    some of them may be damaged as well.
    """
    count = len(peers)
    others = np.array([[k for k in range(count) if k != one] for one in range(count)])
    among = peers - np.median(peers[others], axis=1)
    above = np.concatenate([[own - np.median(peers, axis=0)], among])
    shapes = np.stack(
        [_highest_mean(axis[:, :bands], policy.neighbours) for axis in above.swapaxes(0, 1)], axis=1
    )
    levels = above[..., POWER]
    shape = np.fmax(policy.times * np.median(shapes[1:], axis=0), policy.least_shape)
    level = np.fmax(policy.times * np.median(np.abs(levels[1:]), axis=0), policy.least_level)
    return bool(((shapes[0] > shape) | (levels[0] > level)).any())


def _highest_mean(above: Floats, neighbours: int) -> Floats:
    """Return the highest mean of neighbouring bands, less what all share: (n,) of (n, bands).

    Mounts differ by a gain. Counted are bands that are known of all; NaN where these are too few.
    """
    known = above[:, np.isfinite(above).all(axis=0)]
    if known.shape[1] < neighbours:
        return np.full(len(above), np.nan)
    shape = known - np.median(known, axis=1, keepdims=True)
    highest: Floats = sliding_window_view(shape, neighbours, axis=1).mean(axis=2).max(axis=1)
    return highest
