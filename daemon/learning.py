"""From recordings to a bundle: what `bearingwatch train` does, step by step.

1. Read the healthy part of each sensor and extract its features, as the daemon does.
2. Measure each window against the sensor's own first windows, as commissioning does.
3. Train and calibrate (`models.training`).
4. Take golden sequences from the simulator, healthy to failing.
5. Publish (`models.publishing`), which verifies what it wrote.
"""

from __future__ import annotations

import tempfile
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.golden import Golden
from models.learning_set import SensorSequences, TrainingError, normalised
from models.policy import ChartPolicy
from models.publishing import Parts, library_versions, write_bundle
from models.training import TrainingSettings, train
from pipelines import features
from pipelines.features import FeatureSettings
from pipelines.simulator import PROVING, Fleet, random_fleet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from models.bundle import Bundle
    from models.training import Epoch, TrainingResult
    from pipelines.features import Machine, Observation
    from pipelines.recordings import Recording
    from pipelines.window import SensorKey, Window

GOLDEN_SEQUENCES: Final = 256
GOLDEN_SEED: Final = 20_261_124
_BLOCK: Final = 64
"""Windows whose features are computed together."""


@dataclass(frozen=True, slots=True)
class Healthy:
    """Which windows are taken to be healthy: the first `share` of each sensor's, or as told."""

    share: float = 0.5
    until: Mapping[SensorKey, int] = field(default_factory=dict)
    """Per sensor the first window that no longer is."""
    exclude: frozenset[SensorKey] = frozenset()

    def count(self, key: SensorKey, windows: int) -> int:
        """Return how many of a sensor's windows to learn from."""
        if key in self.exclude:
            return 0
        return min(windows, self.until.get(key, int(windows * self.share)))


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be trained, and how it is called."""

    name: str
    created: str
    command: str
    data: str
    """Source and terms of the data, for the card."""
    features: FeatureSettings = field(default_factory=FeatureSettings)
    training: TrainingSettings = field(default_factory=TrainingSettings)


def healthy_observations(
    recordings: Iterable[Recording],
    healthy: Healthy,
    settings: FeatureSettings,
    *,
    machine: Callable[[SensorKey], Machine | None] = features.unknown,
    advance: Callable[[int], object] = lambda _: None,
) -> dict[SensorKey, list[Observation]]:
    """Return the features of every sensor's healthy windows, in order of time."""
    found: dict[SensorKey, list[Observation]] = {}
    for recording in recordings:
        counts = {key: healthy.count(key, _windows_of(recording)) for key in recording.sensors}
        for block in _blocks(_first(recording, counts)):
            for seen in features.extract(block, settings, machine):
                found.setdefault(seen.key, []).append(seen)
            advance(len(block))
    if not found:
        raise TrainingError("no healthy windows: raise --healthy-share, or exclude less")
    return found


def expected_windows(recordings: Iterable[Recording], healthy: Healthy) -> int:
    """Return how many windows `healthy_observations` will take."""
    return sum(
        healthy.count(key, _windows_of(recording))
        for recording in recordings
        for key in recording.sensors
    )


def learn(
    observations: Mapping[SensorKey, Sequence[Observation]],
    wanted: Wanted,
    progress: Callable[[Epoch], None] = lambda _: None,
) -> tuple[TrainingResult, list[SensorSequences]]:
    """Train on what was read; raises `TrainingError`."""
    baseline = wanted.training.baseline_windows
    sensors = [normalised(str(key), seen, baseline) for key, seen in observations.items()]
    return train(sensors, wanted.features.bands, wanted.training, progress), sensors


def publish(
    result: TrainingResult, sensors: Sequence[SensorSequences], wanted: Wanted, out: Path
) -> Bundle:
    """Write the bundle and return it, loaded and verified; raises `BundleError`."""
    from models.engines.graph import to_onnx

    windows = sum(len(sensor) for sensor in sensors)
    parts = Parts(
        name=wanted.name,
        created=wanted.created,
        features=wanted.features,
        charts=ChartPolicy(),
        calibration=result.calibration,
        training=_training(result, wanted, f"{len(sensors)} sensors, {windows} healthy windows"),
        card=card(result, sensors, wanted),
        golden=golden(wanted.features),
        network_keras=_keras_bytes(result.network),
        network_onnx=to_onnx(result.network),
        libraries=library_versions(),
    )
    return write_bundle(parts, out)


def golden(settings: FeatureSettings) -> Golden:
    """Return sequences of simulated windows, healthy to failing; their losses are not known yet."""
    fleet = Fleet(
        random_fleet(
            GOLDEN_SEED,
            machines=4,
            sensors_per_machine=1,
            degrading=4,
            windows=400,
            duration_s=0.5,
            family=PROVING,
        )
    )
    flats = []
    for truth in fleet.truth:
        windows = [fleet.window(truth.key, index) for index in range(truth.failure)]
        seen = features.extract(windows, settings)
        sequences, mask = normalised(str(truth.key), seen, 100).flat()
        at = np.linspace(0, len(sequences) - 1, GOLDEN_SEQUENCES // len(fleet.truth)).astype(int)
        flats.append((sequences[at], mask[at]))
    sequences = np.concatenate([sequences for sequences, _ in flats])
    # Kept in half precision, hence computed with what will be read back.
    sequences = sequences.astype(np.float16).astype(np.float32)
    mask = np.concatenate([mask for _, mask in flats])
    return Golden(sequences, mask, np.zeros(len(sequences)))


def card(result: TrainingResult, sensors: Sequence[SensorSequences], wanted: Wanted) -> str:
    """Return the card: what it was trained on, how, and what it does not promise."""
    rows = "\n".join(f"| {sensor.name} | {len(sensor)} |" for sensor in sensors)
    best, prior = result.best(), result.calibration
    return f"""# {wanted.name}

An LSTM autoencoder over {wanted.features.frames} frames x {wanted.features.width} bands, \
normalised per sensor.

* Data: {wanted.data}
* Command: `{wanted.command}`
* Created: {wanted.created}, seed {wanted.training.seed}
* Best epoch: {best.number}, loss {best.loss:.4f}, validation {best.validation_loss:.4f}
* Healthy log10 loss on held-out sensors: {prior.mean:.3f}, between sensors \
{prior.between_sd:.3f}, within {prior.within_sd:.3f}, autocorrelation {prior.autocorrelation:.2f}

| sensor | healthy windows |
|---|---|
{rows}

Limits: it knows departures from a sensor's own health, not their cause; a bearing that is damaged
when its baseline is learnt looks healthy to it.
"""


def _training(result: TrainingResult, wanted: Wanted, data_summary: str) -> dict[str, Any]:
    return {
        "command": wanted.command,
        "seed": wanted.training.seed,
        "data": wanted.data,
        "data_summary": data_summary,
        "settings": asdict(wanted.training),
        "epochs": [asdict(epoch) for epoch in result.epochs],
    }


def _keras_bytes(network: Any) -> bytes:
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "network.keras"
        network.save(path)
        return path.read_bytes()


def _windows_of(recording: Recording) -> int:
    """Return how many windows each sensor of a recording has."""
    if recording.length is None:
        keys = len(recording.sensors)
        return sum(1 for _ in recording.read()) // keys
    return recording.length // len(recording.sensors)


def _first(recording: Recording, counts: Mapping[SensorKey, int]) -> Iterator[Window]:
    """Yield the first windows of each sensor, and stop reading when there are enough."""
    left = dict(counts)
    for window in recording:
        if left[window.key] > 0:
            left[window.key] -= 1
            yield window
        if not any(left.values()):
            return


def _blocks(windows: Iterable[Window]) -> Iterator[list[Window]]:
    iterator = iter(windows)
    while block := list(islice(iterator, _BLOCK)):
        yield block
