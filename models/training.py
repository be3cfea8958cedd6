"""Training a fleet model: healthy sequences of many sensors in, a network and its calibration out.

Deterministic for a seed on one machine and set of versions. Needs the training extra.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from models.augmentation import AugmentationSettings, augment
from models.calibration import Calibration, calibrate
from models.learning_set import SensorSequences, TrainingError, folds, together
from models.loss import charted_loss, reconstruction_loss
from models.networks import NetworkSettings, build_autoencoder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Progress = Callable[["Epoch"], None]
    Learning = tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """How a network is trained."""

    seed: int = 0
    epochs: int = 60
    patience: int = 10
    """Epochs without a better validation loss before training ends."""
    epoch_sequences: int = 8192
    batch: int = 128
    learning_rate: float = 3e-3
    baseline_windows: int = 100
    validation_share: float = 0.15
    calibration_folds: int = 3
    """Networks that are trained on a part of the sensors to calibrate on the others."""
    network: NetworkSettings = field(default_factory=NetworkSettings)
    augmentation: AugmentationSettings = field(default_factory=AugmentationSettings)


@dataclass(frozen=True, slots=True)
class Epoch:
    """How one epoch ended; `stage` says of which network, such as `fold 1 of 3` or `final`."""

    stage: str
    number: int
    of: int
    loss: float
    validation_loss: float
    best: bool


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """A trained Keras network, its calibration on held-out sensors, and each epoch's losses."""

    network: Any
    calibration: Calibration
    epochs: tuple[Epoch, ...]

    def best(self) -> Epoch:
        """Return the epoch that the final network's weights are from."""
        return [epoch for epoch in self.epochs if epoch.stage == "final" and epoch.best][-1]


def train(
    sensors: Sequence[SensorSequences],
    spectral_bands: int,
    settings: TrainingSettings,
    progress: Progress = lambda _: None,
) -> TrainingResult:
    """Train on all of `sensors`, after calibrating with networks that held some of them out.

    `spectral_bands` is the number of leading bands that are a spectrum (the rest is not masked by
    augmentation). Raises `TrainingError` when there are fewer sensors than folds.
    """
    if len(sensors) < settings.calibration_folds:
        raise TrainingError(
            f"{len(sensors)} sensors, calibration on held-out ones needs at least "
            f"{settings.calibration_folds}: give more recordings"
        )
    log_losses: list[NDArray[np.float64]] = []
    for fold, (learnt, held_out) in enumerate(folds(sensors, settings.calibration_folds)):
        stage = f"fold {fold + 1} of {settings.calibration_folds}"
        network, _ = fit(learnt, spectral_bands, settings, progress=progress, stage=stage)
        log_losses += [monitored_log_loss(network, sensor, settings) for sensor in held_out]
    network, epochs = fit(sensors, spectral_bands, settings, progress=progress)
    return TrainingResult(network, calibrate(log_losses), epochs)


def monitored_log_loss(
    network: Any, sensor: SensorSequences, settings: TrainingSettings
) -> NDArray[np.float64]:
    """Return log10 of a sensor's charted loss (windows,) after its commissioning."""
    return log_loss(network, sensor)[settings.baseline_windows :]


def log_loss(network: Any, sensor: SensorSequences) -> NDArray[np.float64]:
    """Return log10 of a sensor's charted loss (windows,): the louder part, the worst axis."""
    sequences, mask = sensor.flat()
    reconstruction = network.predict(sequences, batch_size=1024, verbose=0)
    _, band_loss = reconstruction_loss(sequences, reconstruction, mask)
    louder = charted_loss(sequences, band_loss, mask).reshape(sensor.mask.shape[:2])
    return np.asarray(np.log10(louder.max(axis=1)), np.float64)


def fit(
    sensors: Sequence[SensorSequences],
    spectral_bands: int,
    settings: TrainingSettings,
    *,
    progress: Progress = lambda _: None,
    stage: str = "final",
) -> tuple[Any, tuple[Epoch, ...]]:
    """Train one network; return it with the weights of its best epoch, and all epochs."""
    _make_deterministic(settings.seed)
    parts = [sensor.split(settings.validation_share) for sensor in sensors]
    held_out = together([late for _, late in parts])
    learning = together([early for early, _ in parts])
    run = _Run(learning, held_out, spectral_bands=spectral_bands, settings=settings)
    for number in range(1, settings.epochs + 1):
        progress(run.epoch(stage, number))
        if run.stalled():
            break
    run.network.set_weights(run.weights)
    return run.network, tuple(run.epochs)


class _Run:
    """One network on its way: its best weights so far and the epochs done."""

    def __init__(
        self,
        learning: Learning,
        held_out: Learning,
        spectral_bands: int,
        settings: TrainingSettings,
    ) -> None:
        frames, bands = learning[0].shape[1:]
        self.network = build_autoencoder(frames, bands, settings.network)
        self.weights = self.network.get_weights()
        self.epochs: list[Epoch] = []
        self._learning, self._spectral_bands, self._settings = learning, spectral_bands, settings
        self._held_out = held_out[0], _with_mask(held_out[0], held_out[1])
        self._rng = np.random.default_rng(settings.seed)
        self._optimizer = _optimizer(settings)
        self.network.compile(optimizer=self._optimizer, loss=masked_squared_error)

    def epoch(self, stage: str, number: int) -> Epoch:
        """Train for one epoch and keep the weights if they are the best so far."""
        settings = self._settings
        source, target = _variant(self._learning, self._spectral_bands, settings, self._rng)
        self._optimizer.learning_rate = _learning_rate(number, settings)
        history = self.network.fit(
            source, target, batch_size=settings.batch, verbose=0, shuffle=False
        )
        loss = float(history.history["loss"][0])
        validation = float(self.network.evaluate(*self._held_out, batch_size=1024, verbose=0))
        best = all(validation < epoch.validation_loss for epoch in self.epochs)
        if best:
            self.weights = self.network.get_weights()
        self.epochs.append(Epoch(stage, number, settings.epochs, loss, validation, best))
        return self.epochs[-1]

    def stalled(self) -> bool:
        """Say whether the last `patience` epochs brought nothing."""
        return not any(epoch.best for epoch in self.epochs[-self._settings.patience :])


def masked_squared_error(target: Any, reconstruction: Any) -> Any:
    """Keras loss: squared residual averaged over the bands that count.

    `target` is (n, frames, 2 x bands): the sequence and behind it, in each frame, the mask.
    """
    from keras import ops

    sequence, mask = ops.split(target, 2, axis=-1)
    squares = ops.square(sequence - reconstruction) * mask
    return ops.sum(squares, axis=-1) / ops.maximum(ops.sum(mask, axis=-1), 1.0)


def _variant(
    learning: Learning,
    spectral_bands: int,
    settings: TrainingSettings,
    rng: np.random.Generator,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Draw an epoch's sequences and change them; return input and target with its mask."""
    sequences, mask, chance = learning
    drawn = rng.choice(len(sequences), size=settings.epoch_sequences, p=chance)
    source, target, visible = augment(
        sequences[drawn],
        mask[drawn],
        settings=settings.augmentation,
        spectral_bands=spectral_bands,
        rng=rng,
    )
    return source, _with_mask(target, visible)


def _with_mask(target: NDArray[np.float32], mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    repeated = np.broadcast_to(mask[:, np.newaxis], target.shape)
    return np.concatenate([target, repeated.astype(np.float32)], axis=-1)


def _learning_rate(number: int, settings: TrainingSettings) -> float:
    """Fall from the given rate to a tenth of it along a half cosine."""
    done = (number - 1) / max(settings.epochs - 1, 1)
    return settings.learning_rate * float(0.55 + 0.45 * np.cos(np.pi * done))


def _optimizer(settings: TrainingSettings) -> Any:
    import keras

    return keras.optimizers.Adam(settings.learning_rate, clipnorm=1.0)


def _make_deterministic(seed: int) -> None:
    import keras

    keras.utils.set_random_seed(seed)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
