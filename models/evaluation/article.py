"""The well-known LSTM autoencoder article's method on mean absolute values, as published.

Mean absolute value of each channel of the rig, min-max scaled on the first windows; LSTM 16-4-4-16
on sequences of *one* step; mean absolute error, 100 epochs of batches of 10; mean absolute residual
as score. The article set its limit by eye at the end of the histogram of training losses; here it
is the largest of them. Needs the training extra.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.evaluation.limits import tracked

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.evaluation import Track
    from models.evaluation.lives import Life

    Floats = NDArray[np.float64]

EPOCHS: Final = 100
BATCH: Final = 10


@dataclass(frozen=True, slots=True)
class Article:
    """The article's method; it looks at all sensors of the rig at once."""

    name: str = "lstm-article"
    about: str = "published LSTM autoencoder on mean absolute values of the whole rig"
    random: bool = True
    whole_rig: bool = True
    alarms: bool = False
    epochs: int = EPOCHS

    def fit(self, first: Life, seed: int) -> FittedArticle:
        """Train on the first windows."""
        import keras

        values = first.fit_to_learn(first.rig_mean_absolute)
        low = np.nan_to_num(np.fmin.reduce(values, axis=0))
        span = np.maximum(np.nan_to_num(np.fmax.reduce(values, axis=0)) - low, 1e-12)
        scaled = _scaled(values, low, span)
        keras.utils.set_random_seed(seed)
        network = _network(values.shape[1])
        network.compile(optimizer="adam", loss="mae", jit_compile=False)
        network.fit(scaled, scaled, epochs=self.epochs, batch_size=BATCH, verbose=0)
        unlimited = FittedArticle(network, low, span, 1.0)
        return FittedArticle(network, low, span, float(unlimited.losses(values).max()))


@dataclass(frozen=True, slots=True)
class FittedArticle:
    """A trained network with its scaling and limit."""

    network: Any
    low: Floats
    span: Floats
    limit: float

    def losses(self, values: Floats) -> Floats:
        """Return the mean absolute residual of (windows, channels), (windows,)."""
        scaled = _scaled(values, self.low, self.span)
        residual = scaled - self.network.predict(scaled, batch_size=1024, verbose=0)
        return np.asarray(np.abs(residual).mean(axis=(1, 2)), np.float64)

    def judge(self, rest: Life) -> Track:
        """Compare each window's residual with the limit."""
        return tracked(self.losses(rest.rig_mean_absolute) / self.limit, 1.0)


def _scaled(values: Floats, low: Floats, span: Floats) -> NDArray[np.float32]:
    """Return values between their usual extremes; what is not finite lies at the lower one."""
    finite = np.where(np.isfinite(values), values, low)
    return ((finite - low) / span).astype(np.float32)[:, None, :]


def _network(channels: int) -> Any:
    import keras

    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((1, channels)),
            layers.LSTM(16, activation="relu", return_sequences=True),
            layers.LSTM(4, activation="relu"),
            layers.RepeatVector(1),
            layers.LSTM(4, activation="relu", return_sequences=True),
            layers.LSTM(16, activation="relu", return_sequences=True),
            layers.TimeDistributed(layers.Dense(channels)),
        ]
    )
