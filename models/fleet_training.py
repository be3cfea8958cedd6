"""Training as one reproducible command: recordings and a recipe in, a published bundle out."""

from __future__ import annotations

import platform
import tempfile
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from models.bundle import BundleError
from models.card import write_card
from models.engines.graph import to_onnx
from models.golden_windows import simulate_golden
from models.learning_set import SensorSequences, TrainingError, normalised
from models.policy import ChartPolicy
from models.publishing import Parts, library_versions, write_bundle
from models.recipe import Recipe, fingerprint
from models.training import Epoch, TrainingResult, TrainingSettings, train
from pipelines.features import FeatureSettings, Observation, extract, unknown
from pipelines.recordings import Declared, discover
from pipelines.simulator import WORKSHOP, Fleet, quiet, random_fleet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from models.bundle import Bundle
    from pipelines.features import Machine
    from pipelines.window import SensorKey, Window

BATCH: Final = 64
SIMULATED_WINDOWS: Final = 250
"""Healthy windows of a simulated sensor."""
NOTHING_DECLARED: Final = Declared()


@dataclass(frozen=True, slots=True)
class Read:
    """Progress: so many healthy windows of a sensor have been turned into features."""

    name: str
    windows: int


if TYPE_CHECKING:
    Progress = Callable[[Read | Epoch], None]


@dataclass(frozen=True, slots=True)
class Request:
    """What to train on and how.

    `declared` is what is known of the recordings beside what they say themselves. `exclude` names
    assets or sensors (`asset/sensor`) to leave out; `simulated` healthy sensors are added, which
    widens what the network takes for healthy. `command` is kept for the card.
    """

    paths: tuple[Path, ...]
    recipe: Recipe
    declared: Declared = NOTHING_DECLARED
    exclude: frozenset[str] = frozenset()
    simulated: int = 0
    features: FeatureSettings = field(default_factory=FeatureSettings)
    settings: TrainingSettings = field(default_factory=TrainingSettings)
    command: str = "not stated"


@dataclass(frozen=True, slots=True)
class Trained:
    """Outcome of a request: what was trained and on what, ready to be published."""

    request: Request
    result: TrainingResult
    windows: dict[str, int]
    """Healthy windows learnt from, by sensor."""

    def summary(self) -> dict[str, Any]:
        """Return what `training.json` says."""
        request, best = self.request, self.result.best()
        recorded = [name for name in self.windows if not name.startswith(SIMULATED)]
        return {
            "command": request.command,
            "seed": request.settings.seed,
            "settings": asdict(request.settings),
            "data": [
                fingerprint(recording.path)
                for recording in discover(request.paths, request.declared)
            ],
            "data_summary": f"{sum(self.windows[name] for name in recorded)} healthy windows of "
            f"{len(recorded)} recorded sensors, "
            f"{len(self.windows) - len(recorded)} simulated sensors",
            "source": request.recipe.source,
            "terms": request.recipe.terms,
            "healthy_windows": self.windows,
            "epochs": best.number,
            "loss": best.loss,
            "validation_loss": best.validation_loss,
            "history": [_history(epoch) for epoch in self.result.epochs],
            "python": platform.python_version(),
        }


SIMULATED: Final = "simulated/"


def train_from_paths(
    request: Request,
    lookup: Callable[[SensorKey], Machine | None] = unknown,
    progress: Progress = lambda _: None,
) -> Trained:
    """Read recordings, train, and return the outcome; writes nothing.

    Raises `TrainingError` where there is too little to learn from, and what reading recordings
    raises.
    """
    sensors = _normalised(read_healthy(request, lookup, progress), request)
    companions = _normalised(simulate_healthy(request, progress), request)
    if not sensors:
        raise TrainingError(
            "no healthy window was found: does the recipe name the sensors of these recordings?"
        )
    result = train(
        sensors,
        request.features.bands,
        request.settings,
        progress=progress,
        companions=companions,
    )
    return Trained(request, result, {each.name: len(each) for each in [*sensors, *companions]})


def publish(trained: Trained, out: Path, created: str) -> Bundle:
    """Write the bundle `out`, named like the directory; raises `BundleError`.

    `created` is a date such as 2026-11-24.
    """
    if out.exists():
        raise BundleError(f"{out}: exists; a bundle is never overwritten: choose another --out")
    training = trained.summary()
    calibration = trained.result.calibration
    parts = Parts(
        name=out.name,
        created=created,
        features=trained.request.features,
        charts=ChartPolicy(),
        calibration=calibration,
        training=training,
        card=write_card(out.name, created, training, calibration, trained.request.recipe.remarks),
        golden=simulate_golden(trained.request.features),
        network_keras=_keras_bytes(trained.result.network),
        network_onnx=to_onnx(trained.result.network),
        libraries=library_versions(),
    )
    return write_bundle(parts, out)


def read_healthy(
    request: Request, lookup: Callable[[SensorKey], Machine | None], progress: Progress
) -> dict[str, list[Observation]]:
    """Return the healthy observations of each recorded sensor, in order of time."""
    healthy: dict[str, list[Observation]] = {}
    for recording in discover(request.paths, request.declared):
        wanted = _healthy_windows(recording, request)
        for observation in _observe(wanted, request.features, lookup):
            healthy.setdefault(str(observation.key), []).append(observation)
        for key in recording.sensors:
            if str(key) in healthy:
                progress(Read(str(key), len(healthy[str(key)])))
    return healthy


def simulate_healthy(request: Request, progress: Progress) -> dict[str, list[Observation]]:
    """Return observations of healthy simulated sensors, half of them in short windows.

    They come from the simulator's family to learn from, never from the one to certify on.
    """
    healthy: dict[str, list[Observation]] = {}
    for k in range(request.simulated):
        name = f"{SIMULATED}{k}"
        windows = _simulated(request.settings.seed + k, short=bool(k % 2))
        healthy[name] = list(_observe(windows, request.features, unknown))
        progress(Read(name, len(healthy[name])))
    return healthy


def _normalised(healthy: dict[str, list[Observation]], request: Request) -> list[SensorSequences]:
    first, features = request.settings.baseline_windows, request.features
    return [normalised(name, seen, first, features) for name, seen in healthy.items()]


def _simulated(seed: int, *, short: bool) -> Iterator[Window]:
    spec = random_fleet(
        seed,
        machines=1,
        sensors_per_machine=1,
        degrading=0,
        windows=SIMULATED_WINDOWS,
        sample_rate_hz=25_600.0 if short else 20_480.0,
        duration_s=0.1 if short else 1.0,
        family=quiet(WORKSHOP),
    )
    return Fleet(spec).windows()


def _healthy_windows(recording: Iterable[Window], request: Request) -> Iterator[Window]:
    """Yield the windows that are healthy by the recipe, of sensors that are not excluded."""
    seen: dict[SensorKey, int] = {}
    for window in recording:
        seen[window.key] = seen.get(window.key, 0) + 1
        if {str(window.key), window.asset} & request.exclude:
            continue
        if seen[window.key] <= request.recipe.windows_of(window.key):
            yield window


def _observe(
    windows: Iterable[Window],
    features: FeatureSettings,
    lookup: Callable[[SensorKey], Machine | None],
) -> Iterator[Observation]:
    """Yield observations of windows that are fit to judge by."""
    source = iter(windows)
    while batch := list(islice(source, BATCH)):
        yield from extract(batch, features, lookup)


def _history(epoch: Epoch) -> list[Any]:
    return [epoch.stage, epoch.number, round(epoch.loss, 5), round(epoch.validation_loss, 5)]


def _keras_bytes(network: Any) -> bytes:
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "network.keras"
        bare = type(network).from_config(network.get_config())
        bare.set_weights(network.get_weights())
        bare.save(path)  # without the optimizer, which is twice as large as the network
        return path.read_bytes()
