"""Whether a sensor's baseline stands out of those of its peers: the bearing may be bad on arrival.

A baseline learnt on a damaged bearing calls the damage normal, and lost lubrication has neither
lines nor impacts that an absolute figure would show: only sensors that should look alike tell.
Peers are the sensors of one declared group whose windows are in one log. Each baseline is compared
once, with those in force at that place of the log, hence the same for any split into batches.
"""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from models.judgement import Note
from models.rounds import same_signal
from models.state import COMPARED, STANDS_OUT, SUSPICIOUS, with_row
from pipelines.normalise import POWER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

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
    Group = tuple[str, int | None]


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
        row = state.row
        flags = int(row["flags"])
        return cls(
            baseline=state.cold.baseline,
            features=state.features,
            suspicious=bool(flags & SUSPICIOUS),
            compared=bool(flags & COMPARED),
            stands_out=bool(flags & STANDS_OUT),
        )

    def go_on(self, judgement: Judgement) -> None:
        """Go on behind a window: another baseline has yet to be compared."""
        if judgement.baseline is not self.baseline:
            self.compared = self.stands_out = False
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
        known: dict[SensorKey, Standing] = {}
        rosters: dict[Group, list[SensorKey]] = {}
        for position, observation in enumerate(batch.observations):
            key = observation.key
            if (name := self._group_of(key)) is None:
                continue
            group = name, place_of(key)
            if key not in known:
                known[key] = Standing.of(batch.before.get(key))
                insort(rosters.get(group, []), key)
            judgement, own = batch.judgements[position], known[key]
            own.go_on(judgement)
            if judgement.index >= 0 and self._is_due(own):
                self._fill(known, rosters, group, batch, place_of)
                peers = (known[one] for one in rosters[group] if one != key)
                judgement = self._compared(judgement, own, peers)
            if own.stands_out:
                batch.judgements[position] = replace(judgement, suspicious=True)
        _keep(batch, known)

    def _is_due(self, own: Standing) -> bool:
        return own.baseline is not None and not own.compared and own.features == self._features

    def _fill(
        self,
        known: dict[SensorKey, Standing],
        rosters: dict[Group, list[SensorKey]],
        group: Group,
        batch: Batch,
        place_of: PlaceLookup,
    ) -> None:
        """List the sensors of a group, the first time that it is asked for."""
        if group in rosters:
            return
        name, place = group
        every = dict.fromkeys((*batch.before, *known))
        members = [key for key in every if self._group_of(key) == name and place_of(key) == place]
        for key in members:
            known.setdefault(key, Standing.of(batch.before.get(key)))
        rosters[group] = sorted(members)

    def _compared(
        self, judgement: Judgement, own: Standing, peers: Iterable[Standing]
    ) -> Judgement:
        """Compare a baseline once there are peers enough; return the judgement that says so."""
        assert own.baseline is not None  # noqa: S101 (it is due)
        fit = [
            one.baseline.centre
            for one in peers
            if one.baseline is not None
            and one.features == self._features
            and not (one.suspicious or one.stands_out)
            and same_signal(one.baseline, own.baseline)
        ]
        if len(fit) < self._policy.fewest:
            return judgement
        own.compared = True
        centres = np.stack([own.baseline.centre, *fit[: self._policy.most]]).astype(np.float64)
        own.stands_out = stands_out(centres[0], centres[1:], self._bands, self._policy)
        if not own.stands_out:
            return judgement
        told = (Note.STANDS_OUT, Note.COMMISSIONED_WITH_SUSPICION)
        return replace(judgement, notes=(*judgement.notes, *told[: 1 + (not own.suspicious)]))


def stands_out(own: Floats, peers: Floats, bands: int, policy: PeerPolicy) -> bool:
    """Say whether an axis is louder than its peers let one expect, in some bands or all over.

    `own` is (axes, columns), `peers` (n, axes, columns): log10 of power in `bands` spectral bands,
    and of the whole signal in the column `POWER`. Nothing is assumed of how peers differ: each is
    held against the others, and what none of them comes near stands out.
    """
    everyone = np.concatenate([own[np.newaxis], peers])
    shapes, levels = np.stack(
        [
            _excess(everyone[k], np.delete(everyone, [0, k], axis=0), bands, policy.neighbours)
            for k in range(len(everyone))
        ],
        axis=1,
    )
    shape = np.fmax(policy.times * shapes[1:].max(axis=0), policy.least_shape)
    level = np.fmax(policy.times * np.abs(levels[1:]).max(axis=0), policy.least_level)
    return bool(((shapes[0] > shape) | (levels[0] > level)).any())


def _excess(own: Floats, others: Floats, bands: int, neighbours: int) -> Floats:
    """Return by how much `own` is over the median of `others`, (2, axes) in decades of power.

    First the bands, less what all of them share, since mounts differ by a gain: the highest mean of
    so many neighbours, NaN where fewer are known. Then the level.
    """
    above = own - np.median(others, axis=0)
    shapes = [_highest_mean(row[np.isfinite(row)], neighbours) for row in above[:, :bands]]
    return np.stack([np.array(shapes), above[:, POWER]])


def _highest_mean(above: Floats, neighbours: int) -> float:
    if len(above) < neighbours:
        return float("nan")
    means = sliding_window_view(above - np.median(above), neighbours).mean(axis=1)
    return float(means.max())


def _keep(batch: Batch, known: dict[SensorKey, Standing]) -> None:
    """Write into the new states how the sensors stand."""
    for key in batch.states.keys() & known.keys():
        state = batch.states[key]
        flags = int(state.row["flags"])
        told = flags & ~(COMPARED | STANDS_OUT) | known[key].flags
        if told != flags:
            batch.states[key] = with_row(state, flags=told)
