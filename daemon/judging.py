"""From windows to judgements: the model side of the loop, put together."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import msgspec
import structlog

from daemon.errors import SettingsError, StartError
from daemon.journal import Basis
from models.bundle import BundleError, load_bundle
from models.detector import Detector, Previous, no_limits
from models.engines import EngineError, open_engine
from models.peers import no_group, one_place
from pipelines import features

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from models.bundle import Bundle
    from models.engines import Engine
    from models.judgement import Judgement
    from models.peers import GroupLookup, PlaceLookup
    from models.policy import DetectorSettings, LimitsLookup
    from models.state import SensorState
    from pipelines.features import FeatureSettings, Machine, Observation
    from pipelines.window import SensorKey, Window

NO_STATES: Final[Mapping[SensorKey, SensorState]] = MappingProxyType({})
_log: Any = structlog.get_logger("bearingwatch.judging")


@dataclass(frozen=True, slots=True)
class Model:
    """A loaded bundle and the engine that runs it."""

    bundle: Bundle
    engine: Engine


def open_model(bundle: Path | str | None, engine: str = "onnx", threads: int = 1) -> Model:
    """Load and verify a bundle, None for the shipped one, and open its engine.

    Raises `SettingsError` for an engine that is not installed, `StartError` for a bad bundle.
    """
    try:
        loaded = load_bundle(bundle)
    except BundleError as error:
        raise StartError(str(error)) from error
    try:
        return Model(loaded, open_engine(loaded, engine, threads))
    except EngineError as error:
        raise SettingsError(str(error)) from error


class Judging:
    """Implements `daemon.batch.Judge` with one model; holds no state of any sensor.

    `previous` models judge sensors whose states are of their features, until the present one has
    learnt those sensors. What none of them can judge is refused, or with `recommission` begun
    anew.
    """

    def __init__(
        self,
        model: Model,
        settings: DetectorSettings,
        *,
        machine: Callable[[SensorKey], Machine | None] = features.unknown,
        limits: LimitsLookup = no_limits,
        group_of: GroupLookup = no_group,
        previous: Sequence[Previous] = (),
        recommission: bool = False,
    ) -> None:
        self._bundle = model.bundle
        self._settings = settings
        self._features = model.bundle.features
        self._machine = machine
        self._previous = previous
        self._recommission = recommission
        self._former: dict[str, FeatureSettings] = {
            one.bundle.features_hash: one.bundle.features
            for one in previous
            if one.bundle.features_hash != model.bundle.features_hash
        }
        self._detector = Detector(
            model.bundle, model.engine, settings, limits, previous, group_of=group_of
        )

    def basis(self, declared: bytes = b"") -> Basis:
        """Return what judgements rest on; `declared` is what is said of the machines."""
        earlier = [(one.bundle.hash, one.settings) for one in self._previous]
        rules = (self._settings, earlier, self._recommission)
        content = msgspec.json.encode(rules, order="sorted") + declared
        return Basis(
            bundle=self._bundle.hash,
            features=self._bundle.features_hash,
            settings=hashlib.sha256(content).hexdigest()[:16],
        )

    def check_states(self, states: Iterable[SensorState]) -> None:
        """Raise `StartError` for sensors that no bundle given here can go on judging."""
        others = Counter(
            (state.features, state.bundle)
            for state in states
            if state.features and state.features != self._bundle.features_hash
        )
        missing = {told: count for told, count in others.items() if told[0] not in self._former}
        if missing and not self._recommission:
            raise StartError(self._without(missing))
        if waiting := others.total() - sum(missing.values()):
            _log.info(
                "sensors_judged_by_previous_bundle", sensors=waiting, bundle=self._bundle.hash
            )

    def _without(self, missing: Mapping[tuple[str, str], int]) -> str:
        """Say which bundles are missing, for how many sensors, and what can be done."""
        named = ", ".join(
            f"{bundle} (features {hash_}) of {count} sensor{'s' * (count > 1)}"
            for (hash_, bundle), count in sorted(missing.items())
        )
        return (
            f"sensors are judged by a bundle that is not given: {named}. Bundle"
            f" {self._bundle.hash} sees other features ({self._bundle.features_hash}): name the"
            " folder of each missing bundle in model.previous, and it judges until the new one has"
            " learnt; or set model.recommission = true to leave these sensors unjudged until they"
            " are commissioned anew"
        )

    def check(self, window: Window) -> None:
        """Raise `Unfit` for a window that no features can be had from."""
        features.check(window, self._features)

    def extract(
        self, windows: Sequence[Window], states: Mapping[SensorKey, SensorState] = NO_STATES
    ) -> list[Observation]:
        """Return the features of `windows`, in their order.

        Those of sensors whose states are of a previous bundle have its features too.
        """
        observations = features.extract(windows, self._features, self._machine)
        for hash_, former in self._former.items():
            chosen = [
                k for k, window in enumerate(windows) if _is_of(states.get(window.key), hash_)
            ]
            fit = [k for k in chosen if _fits(windows[k], former)]
            views = features.extract([windows[k] for k in fit], former, self._machine)
            for k, view in zip(fit, views, strict=True):
                observations[k] = replace(observations[k], former=view)
        return observations

    def judge(
        self,
        states: Mapping[SensorKey, SensorState],
        observations: Sequence[Observation],
        place_of: PlaceLookup = one_place,
    ) -> tuple[dict[SensorKey, SensorState], list[Judgement]]:
        """Return new states of the sensors met, and one judgement per observation."""
        return self._detector.judge(states, observations, place_of)


def _is_of(state: SensorState | None, features_hash: str) -> bool:
    return state is not None and state.features == features_hash


def _fits(window: Window, settings: FeatureSettings) -> bool:
    try:
        features.check(window, settings)
    except features.Unfit:
        return False
    return True
