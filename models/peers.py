"""Whether a sensor's baseline stands out of those of its peers: the bearing may be bad on arrival.

A baseline learnt on a damaged bearing calls the damage normal, and lost lubrication has neither
lines nor impacts that an absolute figure would show: only sensors that should look alike tell.
Peers are the sensors of one declared group whose windows are in one log. Each baseline is compared
once, with those in force at that place of the log, hence the same for any split into batches.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import stdtrit

from models.judgement import Note
from models.rounds import same_signal
from models.state import COMPARED, STANDS_OUT, SUSPICIOUS, with_row
from pipelines.normalise import MAD_TO_STD

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
    figures: Floats | None = None
    """What `Peers.figures` says of the baseline, once it was asked for."""

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
            self.figures = None
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
        self._high = np.zeros(bundle.features.bands, np.bool_)
        self._high[bundle.features.high_bands()] = True
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
                rosters.get(group, []).append(key)
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
        rosters[group] = members

    def _compared(
        self, judgement: Judgement, own: Standing, peers: Iterable[Standing]
    ) -> Judgement:
        """Compare a baseline once there are peers enough; return the judgement that says so."""
        assert own.baseline is not None  # noqa: S101 (it is due)
        fit = [
            one
            for one in peers
            if one.baseline is not None
            and one.features == self._features
            and not (one.suspicious or one.stands_out)
            and same_signal(one.baseline, own.baseline)
        ]
        if len(fit) < self._policy.fewest:
            return judgement
        own.compared = True
        others = np.stack([self._figures(one) for one in fit])
        own.stands_out = stands_out(self._figures(own), others, self._policy)
        if not own.stands_out:
            return judgement
        told = (Note.STANDS_OUT, Note.COMMISSIONED_WITH_SUSPICION)
        return replace(judgement, notes=(*judgement.notes, *told[: 1 + (not own.suspicious)]))

    def _figures(self, one: Standing) -> Floats:
        if one.figures is None:
            assert one.baseline is not None  # noqa: S101 (only such are compared)
            one.figures = figures(one.baseline, self._high)
        return one.figures


def figures(baseline: Baseline, high: NDArray[np.bool_]) -> Floats:
    """Return what peers have in common, (2, axes) in decades of power.

    How far the `high` bands, those that the envelope demodulates, stand out of the other spectral
    ones, which no gain of a mount moves; and the level. `high` has one entry a spectral band.
    """
    bands = baseline.location[:, : len(high)].astype(np.float64)
    return np.stack([_mean(bands[:, high]) - _mean(bands[:, ~high]), baseline.power])


def stands_out(own: Floats, peers: Floats, policy: PeerPolicy) -> bool:
    """Say whether any figure, (figures, axes), is higher than `peers`, (n, ...), let one expect.

    The bound is the one-sided predictive one of a normal population: median and median absolute
    deviation of the peers, the variance joined with the prior's as in a scaled inverse chi-square
    posterior, Student's t with both their degrees of freedom. NaN is no suspicion.
    """
    count = len(peers)
    centre = np.median(peers, axis=0)
    deviation = MAD_TO_STD * np.median(np.abs(peers - centre), axis=0)
    prior = np.array([policy.high_spread, policy.level_spread])[:, np.newaxis]
    freedom = policy.prior_peers + count - 1
    variance = (policy.prior_peers * prior**2 + (count - 1) * deviation**2) / freedom
    quantile = float(stdtrit(freedom, 1.0 - policy.chance))
    bound = centre + quantile * np.sqrt(variance * (1.0 + 1.0 / count))
    return bool((own > bound).any())


def _mean(bands: Floats) -> Floats:
    """Return the mean of the known bands, (axes,); NaN where none is."""
    known = np.isfinite(bands)
    total = np.where(known, bands, 0.0).sum(axis=1)
    count = known.sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _keep(batch: Batch, known: dict[SensorKey, Standing]) -> None:
    """Write into the new states how the sensors stand."""
    for key in batch.states.keys() & known.keys():
        state = batch.states[key]
        flags = int(state.row["flags"])
        told = flags & ~(COMPARED | STANDS_OUT) | known[key].flags
        if told != flags:
            batch.states[key] = with_row(state, flags=told)
