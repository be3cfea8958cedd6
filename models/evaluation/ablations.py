"""Small networks trained alike, to see what the LSTM and the order of its frames are worth.

All of them get the same windows, augmentation, epochs and calibration (on the last part of the
sensors they learn from); they differ in one thing only. `quick-lstm` is the product's network in
this cheaper training and the one to compare the others with.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.augmentation import AugmentationSettings, augment
from models.calibration import calibrate
from models.engines.blocks import in_blocks
from models.evaluation.charted import Averaged
from models.learning_set import together
from models.loss import bounded

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from models.calibration import Calibration
    from models.engines import Engine
    from models.learning_set import SensorSequences

    Sequences = NDArray[np.float32]

LEARNING_RATE: Final = 3e-3
EPOCH_SEQUENCES: Final = 6144
BATCH: Final = 128
HELD_BACK: Final = 0.15


@dataclass(frozen=True, slots=True)
class Variant:
    """One thing done differently: the network, what it is shown, or how it is asked."""

    name: str
    about: str
    build: Callable[[int, int], Any]
    show: Callable[[Sequences, np.random.Generator], Sequences]
    ask: Callable[[Engine], Engine]
    augmentation: AugmentationSettings = field(default_factory=AugmentationSettings)


@dataclass(slots=True)
class QuickTraining:
    """Trains one variant again and again; the traced network is kept and put back to its start."""

    variant: Variant
    spectral_bands: int
    epochs: int
    network: Any = None
    beginning: list[Any] | None = None

    def __call__(
        self, sensors: Sequence[SensorSequences], companions: Sequence[SensorSequences], seed: int
    ) -> tuple[Engine, Calibration]:
        """Return an engine and its calibration."""
        from models.training import log_loss

        self._start(sensors[0], seed)
        parts = [sensor.split(HELD_BACK) for sensor in sensors]
        self._fit([*(early for early, _ in parts), *companions], np.random.default_rng(seed))
        engine = self.variant.ask(Frozen(self.network))
        asked = Asked(engine)
        return engine, calibrate([log_loss(asked, late) for _, late in parts])

    def _start(self, like: SensorSequences, seed: int) -> None:
        import keras

        from models.training import masked_squared_error

        keras.utils.set_random_seed(seed)
        frames, bands = like.sequences.shape[2:]
        fresh = self.variant.build(frames, bands)
        if self.network is None:
            self.network = fresh
            optimizer = keras.optimizers.Adam(LEARNING_RATE, clipnorm=1.0)
            optimizer.build(fresh.trainable_variables)
            fresh.compile(optimizer=optimizer, loss=masked_squared_error, jit_compile=False)
            self.beginning = [np.array(variable) for variable in optimizer.variables]
        for variable, value in zip(
            self.network.optimizer.variables, self.beginning or [], strict=True
        ):
            variable.assign(value)
        self.network.set_weights(fresh.get_weights())

    def _fit(self, sensors: Sequence[SensorSequences], rng: np.random.Generator) -> None:
        every, chance = together(sensors)
        for epoch in range(self.epochs):
            self.network.optimizer.learning_rate = LEARNING_RATE * (1 - 0.9 * epoch / self.epochs)
            drawn = every.drawn(rng.choice(len(chance), size=EPOCH_SEQUENCES, p=chance))
            source, target, visible = augment(
                drawn._replace(sequences=self.variant.show(drawn.sequences, rng)),
                settings=self.variant.augmentation,
                spectral_bands=self.spectral_bands,
                rng=rng,
            )
            repeated = np.broadcast_to(visible[:, None], target.shape).astype(np.float32)
            both = np.concatenate([target, repeated], axis=-1)
            self.network.fit(source, both, batch_size=BATCH, verbose=0, shuffle=False)


class Frozen:
    """The network as it is now, as an engine: later training changes another copy."""

    name = "keras"

    def __init__(self, network: Any) -> None:
        self._network = type(network).from_config(network.get_config())
        self._network.set_weights(network.get_weights())

    def reconstruct(self, sequences: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the reconstruction, in blocks of one size."""
        return bounded(sequences, in_blocks(self._run, sequences))

    def _run(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(self._network.predict_on_batch(block), np.float32)


@dataclass(frozen=True, slots=True)
class Asked:
    """An engine where `log_loss` expects a Keras network."""

    engine: Engine

    def predict(self, sequences: Sequences, **_: Any) -> Sequences:
        """Return the reconstruction."""
        return self.engine.reconstruct(sequences)


def _lstm(frames: int, bands: int) -> Any:
    from models.networks import NetworkSettings, build_autoencoder

    return build_autoencoder(frames, bands, NetworkSettings())


def _dense(frames: int, bands: int) -> Any:
    """Return a dense autoencoder with a code of the same size and about as many weights."""
    import keras

    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((frames, bands)),
            layers.Flatten(),
            layers.Dense(32, activation="tanh"),
            layers.Dense(12, activation="tanh"),
            layers.Dense(32, activation="tanh"),
            layers.Dense(frames * bands),
            layers.Reshape((frames, bands)),
        ]
    )


def _as_is(sequences: Sequences, _rng: np.random.Generator) -> Sequences:
    return sequences


def _reordered(sequences: Sequences, rng: np.random.Generator) -> Sequences:
    """Give each window an order of its own: nothing can be learnt from order."""
    order = rng.random(sequences.shape[:2]).argsort(axis=1)
    return np.take_along_axis(sequences, order[:, :, None], axis=1)


def _averaged(sequences: Sequences, _rng: np.random.Generator) -> Sequences:
    mean = sequences.mean(axis=1, keepdims=True)
    return np.ascontiguousarray(np.broadcast_to(mean, sequences.shape))


def _direct(engine: Engine) -> Engine:
    return engine


LSTM: Final = Variant(
    "quick-lstm", "the product's network in the short training", _lstm, _as_is, _direct
)
VARIANTS: Final = (
    LSTM,
    replace(LSTM, name="quick-dense", about="dense network instead", build=_dense),
    replace(LSTM, name="quick-shuffled", about="trained on shuffled frames", show=_reordered),
    replace(
        LSTM,
        name="quick-averaged",
        about="trained and asked on the frames' average",
        show=_averaged,
        ask=Averaged,
    ),
)
