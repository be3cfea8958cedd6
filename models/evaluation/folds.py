"""Networks that never saw the bearing they judge: one is trained for each learning bearing.

Every network learns from the healthy beginnings of the other learning assets (labels say how far)
and from simulated healthy sensors. Bearings that nobody learns from share one network. A fold is
trained once in a run. Chart settings stay those of the bundle. Needs the training extra.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from models.evaluation import FIRST_WINDOWS, EvaluationError
from models.evaluation.charted import Network
from models.learning_set import normalised

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from models.bundle import Bundle
    from models.calibration import Calibration
    from models.engines import Engine
    from models.evaluation.labels import Labels
    from models.evaluation.lives import Life
    from models.learning_set import SensorSequences
    from pipelines.window import SensorKey

    Learnt = tuple[Engine, Calibration]
    Train = Callable[[Sequence[SensorSequences], Sequence[SensorSequences], int], Learnt]

SIMULATED: Final = 8
"""Healthy simulated sensors beside the recorded ones, as for the shipped bundle."""

FEWEST: Final = 2
"""Bearings that a network learns from."""

TOO_FEW: Final = (
    "leaving one bearing out needs three labelled with learn_until among the recordings: add "
    "recordings, or judge with a trained bundle (--model)"
)

EVERYBODY: Final = ""
"""Name of the fold that leaves nobody out."""


@dataclass(slots=True)
class Companions:
    """Simulated healthy sensors, made when first asked for and shared by all folds."""

    bundle: Bundle
    count: int = SIMULATED
    made: list[SensorSequences] | None = None

    def sensors(self) -> list[SensorSequences]:
        """Return their normalised windows."""
        from models.fleet_training import Request, simulate_healthy
        from models.recipe import Recipe

        if self.made is None:
            request = Request((), Recipe(), simulated=self.count, features=self.bundle.features)
            simulated = simulate_healthy(request, lambda _: None)
            self.made = [
                normalised(name, seen, FIRST_WINDOWS, request.features)
                for name, seen in simulated.items()
            ]
        return self.made


@dataclass(slots=True)
class Folds:
    """Gives each bearing the network that was trained without its asset; callable as `Networks`."""

    bundle: Bundle
    fleet: Sequence[Life]
    companions: Companions
    train: Train
    progress: Callable[[str], None] = lambda _: None
    networks: dict[tuple[str, int], Network] = field(default_factory=dict)

    def __call__(self, first: Life, seed: int) -> Network:
        """Return the network for the bearing whose first windows these are."""
        learning = {life.key.asset for life in learning_lives(self.fleet)}
        left_out = first.key.asset if first.key.asset in learning else EVERYBODY
        if (left_out, seed) not in self.networks:
            self.progress(f"training without {left_out or 'leaving any out'}, seed {seed}")
            self.networks[left_out, seed] = self._trained(left_out, seed)
        return self.networks[left_out, seed]

    def _trained(self, left_out: str, seed: int) -> Network:
        sensors = [
            normalised(
                str(life.key),
                life.observations[: life.label.learn_until],
                FIRST_WINDOWS,
                self.bundle.features,
            )
            for life in learning_lives(self.fleet)
            if life.key.asset != left_out
        ]
        if len(sensors) < FEWEST:
            raise EvaluationError(TOO_FEW)
        engine, calibration = self.train(sensors, self.companions.sensors(), seed)
        hash_ = f"{seed:04d}without{left_out}"[:16].ljust(16, "-")
        return Network(replace(self.bundle, calibration=calibration, hash=hash_), engine)


def refuse_too_few(labels: Labels, sensors: Iterable[SensorKey]) -> None:
    """Raise `EvaluationError` where networks cannot be trained without each of these sensors."""
    found = [(key, labels.of(key)) for key in sensors]
    assets = [key.asset for key, label in found if label and label.learn_until]
    left = [sum(one != asset for one in assets) for asset in {*assets, EVERYBODY}]
    if min(left) < FEWEST:
        raise EvaluationError(TOO_FEW)


def learning_lives(lives: Sequence[Life]) -> list[Life]:
    """Return the lives that a network may learn the beginning of."""
    return [life for life in lives if life.label.learn_until]


def as_shipped(bundle: Bundle, epochs: int) -> Train:
    """Return the training that `bearingwatch train` does, calibration on held-out sensors too."""

    def run(
        sensors: Sequence[SensorSequences], companions: Sequence[SensorSequences], seed: int
    ) -> Learnt:
        from models.engines.graph import to_onnx
        from models.engines.onnx_cpu import OnnxEngine
        from models.training import TrainingSettings, train

        settings = TrainingSettings(seed=seed, epochs=epochs)
        settings = replace(settings, calibration_folds=min(3, len(sensors)))
        result = train(sensors, bundle.features.bands, settings, companions=companions)
        return OnnxEngine(to_onnx(result.network)), result.calibration

    return run
