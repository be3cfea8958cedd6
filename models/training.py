"""Training a fleet model: healthy sequences of many sensors in, a network and its calibration out.

Deterministic for a seed on one machine and set of versions. Needs the training extra.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from models.augmentation import AugmentationSettings, augment
from models.calibration import Calibration, calibrate
from models.learning_set import Flat, SensorSequences, TrainingError, folds, together
from models.loss import bounded, charted_loss, reconstruction_loss
from models.networks import NetworkSettings, build_autoencoder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Progress = Callable[["Epoch"], None]
    Learning = tuple[Flat, NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """How a network is trained."""

    seed: int = 0
    epochs: int = 30
    patience: int = 8
    """Epochs without a better validation loss before training ends."""
    epoch_sequences: int = 6144
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
    *,
    progress: Progress = lambda _: None,
    companions: Sequence[SensorSequences] = (),
) -> TrainingResult:
    """Train on all of `sensors`, after calibrating with networks that held some of them out.

    `spectral_bands` is the number of leading bands that are a spectrum (the rest is not masked by
    augmentation). `companions` are learnt from and never held out: simulated sensors have no say
    in what a real one's loss is. Raises `TrainingError` when there are fewer sensors than folds.
    """
    if len(sensors) < settings.calibration_folds:
        raise TrainingError(
            f"{len(sensors)} sensors, calibration on held-out ones needs at least "
            f"{settings.calibration_folds}: give more recordings"
        )
    trainer = Trainer(sensors[0], spectral_bands, settings)
    log_losses: list[NDArray[np.float64]] = []
    for fold, (learnt, held_out) in enumerate(folds(sensors, settings.calibration_folds)):
        stage = f"fold {fold + 1} of {settings.calibration_folds}"
        trainer.fit([*learnt, *companions], progress, stage)
        log_losses += [monitored_log_loss(trainer.network, each, settings) for each in held_out]
    epochs = trainer.fit([*sensors, *companions], progress)
    return TrainingResult(trainer.network, calibrate(log_losses), epochs)


def monitored_log_loss(
    network: Any, sensor: SensorSequences, settings: TrainingSettings
) -> NDArray[np.float64]:
    """Return log10 of a sensor's charted loss (windows,) after its commissioning."""
    return log_loss(network, sensor)[settings.baseline_windows :]


def log_loss(network: Any, sensor: SensorSequences) -> NDArray[np.float64]:
    """Return log10 of a sensor's charted loss (windows,): the louder part, the worst axis."""
    sequences, mask, _ = sensor.flat()
    reconstruction = bounded(sequences, network.predict(sequences, batch_size=1024, verbose=0))
    _, band_loss = reconstruction_loss(sequences, reconstruction, mask)
    louder = charted_loss(sequences, band_loss, mask).reshape(sensor.mask.shape[:2])
    return np.asarray(np.log10(louder.max(axis=1)), np.float64)


class Trainer:
    """Trains one network again and again from the same start.

    Tracing the training step takes longer than many epochs, so the network and its optimizer are
    built once and put back to where they began.
    """

    def __init__(
        self, like: SensorSequences, spectral_bands: int, settings: TrainingSettings
    ) -> None:
        _make_deterministic(settings.seed)
        frames, bands = like.sequences.shape[2:]
        self.network = build_autoencoder(frames, bands, settings.network)
        self._spectral_bands, self._settings = spectral_bands, settings
        self._optimizer = _optimizer(settings)
        self._optimizer.build(self.network.trainable_variables)
        # XLA takes longer to compile this than the whole training to run.
        self.network.compile(
            optimizer=self._optimizer, loss=masked_squared_error, jit_compile=False
        )
        self._variables = [*self.network.variables, *self._optimizer.variables]
        self._beginning = [np.array(variable) for variable in self._variables]

    def fit(
        self,
        sensors: Sequence[SensorSequences],
        progress: Progress = lambda _: None,
        stage: str = "final",
    ) -> tuple[Epoch, ...]:
        """Train from the start; leave `network` with the weights of the best epoch."""
        for variable, value in zip(self._variables, self._beginning, strict=True):
            variable.assign(value)
        rng = np.random.default_rng(self._settings.seed)
        parts = [sensor.split(self._settings.validation_share) for sensor in sensors]
        learning = together([early for early, _ in parts])
        held, _ = together([late for _, late in parts])
        held_out = held.sequences, _with_mask(held.sequences, held.mask)
        epochs: list[Epoch] = []
        weights = self.network.get_weights()
        for number in range(1, self._settings.epochs + 1):
            loss, validation_loss = self._epoch(number, learning, held_out, rng)
            best = all(validation_loss < epoch.validation_loss for epoch in epochs)
            if best:
                weights = self.network.get_weights()
            epochs.append(Epoch(stage, number, self._settings.epochs, loss, validation_loss, best))
            progress(epochs[-1])
            if not any(epoch.best for epoch in epochs[-self._settings.patience :]):
                break
        self.network.set_weights(weights)
        return tuple(epochs)

    def _epoch(
        self,
        number: int,
        learning: Learning,
        held_out: tuple[NDArray[np.float32], NDArray[np.float32]],
        rng: np.random.Generator,
    ) -> tuple[float, float]:
        """Train for one epoch; return its loss and the validation loss."""
        settings = self._settings
        source, target = _variant(learning, self._spectral_bands, settings, rng)
        self._optimizer.learning_rate = _learning_rate(number, settings)
        history = self.network.fit(
            source, target, batch_size=settings.batch, verbose=0, shuffle=False
        )
        validation_loss = self.network.evaluate(*held_out, batch_size=1024, verbose=0)
        return float(history.history["loss"][0]), float(validation_loss)


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
    every, chance = learning
    drawn = rng.choice(len(chance), size=settings.epoch_sequences, p=chance)
    source, target, visible = augment(
        every.drawn(drawn),
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
