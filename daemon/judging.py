"""From windows to judgements: the model side of the loop, put together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from daemon.errors import SettingsError, StartError
from models.bundle import BundleError, load_bundle
from models.detector import Detector, no_limits
from models.engines import EngineError, open_engine
from pipelines import features

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from models.bundle import Bundle
    from models.engines import Engine
    from models.judgement import Judgement
    from models.policy import DetectorSettings, LimitsLookup
    from models.state import SensorState
    from pipelines.features import Machine, Observation
    from pipelines.window import SensorKey, Window


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
    """Implements `daemon.batch.Judge` with one model; holds no state of any sensor."""

    def __init__(
        self,
        model: Model,
        settings: DetectorSettings,
        *,
        machine: Callable[[SensorKey], Machine | None] = features.unknown,
        limits: LimitsLookup = no_limits,
    ) -> None:
        self._features = model.bundle.features
        self._machine = machine
        self._detector = Detector(model.bundle, model.engine, settings, limits)

    def check(self, window: Window) -> None:
        """Raise `Unfit` for a window that no features can be had from."""
        features.check(window, self._features)

    def extract(self, windows: Sequence[Window]) -> list[Observation]:
        """Return the features of `windows`, in their order."""
        return features.extract(windows, self._features, self._machine)

    def judge(
        self, states: Mapping[SensorKey, SensorState], observations: Sequence[Observation]
    ) -> tuple[dict[SensorKey, SensorState], list[Judgement]]:
        """Return new states of the sensors met, and one judgement per observation."""
        return self._detector.judge(states, observations)
