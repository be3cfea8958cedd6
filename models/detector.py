"""Judging windows: states and observations in, states and judgements out. Pure.

Contract (design: from loss to alert)
-------------------------------------
* `Detector.judge` is a function of its arguments: no clock, no randomness, no hidden memory.
* Any split of a stream into batches gives the same bytes of state and the same judgements; so
  does saving and loading the state between any two windows.
* A batch is judged in rounds with at most one window of a sensor in each; what links sensors of
  one asset, and what compares peers, is decided in log order.
* States are values: `judge` returns new ones for the sensors it met and leaves its input alone.
* No change of bundle blinds a sensor that `previous` bundles can judge: see `models.judging`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from models.alerts import Zone
from models.judgement import Judgement, Note, Status, Verdict
from models.judging import Judge
from models.linking import OpenAlerts
from models.peers import Peers, no_group, one_place
from models.policy import DetectorSettings, Limits
from models.rounds import Batch

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from models.bundle import Bundle
    from models.engines import Engine
    from models.peers import GroupLookup, PlaceLookup
    from models.policy import LimitsLookup
    from models.state import SensorState
    from pipelines.features import Observation
    from pipelines.window import SensorKey

__all__ = [
    "Detector",
    "DetectorSettings",
    "Judgement",
    "Limits",
    "Note",
    "Previous",
    "Status",
    "Verdict",
]


def no_limits(_key: SensorKey) -> Limits | None:
    """Declare absolute limits for no sensor."""
    return None


class Previous(NamedTuple):
    """An earlier bundle that may still judge sensors, with the engine and policies to do it."""

    bundle: Bundle
    engine: Engine
    settings: DetectorSettings


class Detector:
    """Judges windows with one bundle; see the contract in this module's docstring.

    A sensor whose state is of other features is judged by the bundle of `previous` that has them,
    from its observations' `former`, until this bundle has a baseline of its own. Where none has
    them the sensor is commissioned anew.
    """

    def __init__(
        self,
        bundle: Bundle,
        engine: Engine,
        settings: DetectorSettings | None = None,
        limits: LimitsLookup = no_limits,
        previous: Sequence[Previous] = (),
        *,
        group_of: GroupLookup = no_group,
    ) -> None:
        settings = settings or DetectorSettings(charts=bundle.charts)
        self._judge = Judge(bundle, engine, settings, limits)
        self._links = settings.links
        self._peers = Peers(bundle, settings.peers, group_of)
        others = [one for one in previous if one.bundle.features_hash != bundle.features_hash]
        # Of two bundles with the same features the one that is named first carries on for both.
        self._previous = {
            one.bundle.features_hash: Judge(*one, limits, self._judge) for one in reversed(others)
        }

    def judge(
        self,
        states: Mapping[SensorKey, SensorState],
        observations: Sequence[Observation],
        place_of: PlaceLookup = one_place,
    ) -> tuple[dict[SensorKey, SensorState], list[Judgement]]:
        """Return the new states of the sensors met, and one judgement per observation.

        `states` must hold every known sensor of the assets met, since neighbours are linked, and
        of the groups met; a sensor that is not in it is new. Both are left as they are. `place_of`
        says in which log a sensor's windows are: peers are those of one log.
        """
        batch = Batch.of(states, observations)
        for number, positions in enumerate(batch.rounds()):
            for judge, part in self._shared(batch, positions):
                judge.judge(batch, number, part)
        if batch.moved:
            self._link(batch)
        self._peers.compare(batch, place_of)
        return batch.states, [batch.judgements[k] for k in range(len(observations))]

    def _shared(self, batch: Batch, positions: list[int]) -> Iterable[tuple[Judge, list[int]]]:
        """Share the windows of a round among the judges of their sensors."""
        if not self._previous:
            return [(self._judge, positions)]
        parts: dict[Judge, list[int]] = {}
        for position in positions:
            state = batch.state(batch.observations[position].key)
            features = "" if state is None else state.features
            parts.setdefault(self._previous.get(features, self._judge), []).append(position)
        return parts.items()

    def _link(self, batch: Batch) -> None:
        """Say in each event which alert of its asset it follows, in the order of the log."""
        assets = {batch.observations[position].key.asset for position in batch.moved}
        alerts = OpenAlerts.before(batch.before, assets)
        for position, alert in sorted(batch.moved.items()):
            judgement = batch.judgements[position]
            key = judgement.observation.key
            link = alerts.link(key, alert, self._links)
            events = tuple(msgspec.structs.replace(one, link=link) for one in judgement.events)
            batch.judgements[position] = msgspec.structs.replace(judgement, events=events)
            cleared = judgement.zone is Zone.NORMAL
            alerts.put(key, None if cleared else alert)
