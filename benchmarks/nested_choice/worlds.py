"""Networks that learnt from some of the bearings, and what they make of others."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from benchmarks.nested_choice.choosing import Result, result
from benchmarks.nested_choice.menu import NETWORKS, NONE, PRINCIPAL
from benchmarks.starts import BEARINGS, Start, judge, read_starts
from models.bundle import load_bundle
from models.calibration import calibrate
from models.detector import Detector
from models.evaluation import FIRST_WINDOWS
from models.evaluation.ablations import HELD_BACK, Asked, QuickTraining
from models.evaluation.charted import Network, Nothing, Principal
from models.evaluation.folds import Companions
from models.learning_set import normalised, together
from models.training import log_loss

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.nested_choice.menu import Charts
    from models.bundle import Bundle
    from models.engines import Engine
    from models.evaluation.outcomes import Outcome
    from models.learning_set import SensorSequences
    from pipelines.features import FeatureSettings

COMPONENTS: Final = 8


@dataclass
class World:
    """The bearings as one choice of features shows them; a network is trained once."""

    features: FeatureSettings
    epochs: int
    bundle: Bundle = field(init=False)
    starts: list[Start] = field(init=False)
    sensors: dict[str, SensorSequences] = field(init=False)
    companions: list[SensorSequences] = field(init=False)
    networks: dict[tuple[str, tuple[str, ...]], Network] = field(default_factory=dict)

    def __post_init__(self) -> None:
        hash_ = self.features.hash
        self.bundle = replace(load_bundle(), features=self.features, features_hash=hash_)
        self.starts = read_starts(self.features)
        self.companions = Companions(self.bundle).sensors()
        self.sensors = {}
        for one in self.starts:
            if one.native:
                healthy = one.life.observations[: one.life.label.learn_until]
                self.sensors[one.bearing] = normalised(
                    one.bearing, healthy, FIRST_WINDOWS, self.features
                )

    def outcomes(self, bearing: str, network: Network, charts: Charts) -> list[Outcome]:
        """Judge every start of a bearing, the whole one first."""
        lives = [one.life for one in self.starts if one.bearing == bearing]
        return judge(lives, self.detector(network, charts))

    def results(self, network: Network, charts: Charts) -> dict[str, Result]:
        """Judge every start of every bearing by one network."""
        found = judge([one.life for one in self.starts], self.detector(network, charts))
        pairs = list(zip(self.starts, found, strict=True))
        return {
            bearing: result(outcome for one, outcome in pairs if one.bearing == bearing)
            for bearing in BEARINGS
        }

    def detector(self, network: Network, charts: Charts) -> Detector:
        """Return the product's detector with another network and other charts."""
        return Detector(network.bundle, network.engine, charts.settings(network.bundle.charts))

    def nobody(self) -> Network:
        """Return no network, calibrated on simulated sensors alone."""
        return self._network(Nothing(), self.companions, NONE)

    def network(self, kind: str, left_out: Sequence[str]) -> Network:
        """Return the network of a kind that saw neither bearing of `left_out`."""
        name = kind, tuple(sorted(left_out))
        if name not in self.networks:
            self.networks[name] = self._trained(kind, left_out)
        return self.networks[name]

    def _trained(self, kind: str, left_out: Sequence[str]) -> Network:
        sensors = [one for bearing, one in self.sensors.items() if bearing not in left_out]
        parts = [one.split(HELD_BACK) for one in sensors]
        early = [*(part for part, _ in parts), *self.companions]
        engine: Engine
        if kind == NONE:
            engine = Nothing()
        elif kind == PRINCIPAL:
            engine = Principal(together(early)[0].sequences, COMPONENTS)
        else:
            print(f"training {kind} without {', '.join(left_out) or 'leaving any out'}", flush=True)
            training = QuickTraining(NETWORKS[kind], self.features.bands, self.epochs)
            engine, _ = training(sensors, self.companions, seed=0)
        return self._network(engine, [late for _, late in parts], kind + "".join(left_out))

    def _network(self, engine: Engine, held: Sequence[SensorSequences], name: str) -> Network:
        calibration = calibrate([log_loss(Asked(engine), each) for each in held])
        return Network(
            replace(self.bundle, calibration=calibration, hash=name[:16].ljust(16, "-")), engine
        )
