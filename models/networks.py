"""The LSTM autoencoder, in Keras 3 and nothing of a backend's own.

The encoder reads the frames of a window and keeps one short code; the decoder has to write all
frames from it. What healthy windows of many sensors have in common fits through the code, a fault
does not. The layers stay what cuDNN runs: tanh, sigmoid, with bias, not unrolled, no recurrent
dropout. Layer and model names begin with the product's name; all classes are Keras' own, so that
loading a network runs no code of ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pathlib import Path

MODEL_NAME: Final = "bearingwatch_autoencoder"


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """Size of the network."""

    hidden: int = 32
    code: int = 12
    """Numbers that a window is squeezed through; more of them reconstruct faults as well."""


def build_autoencoder(frames: int, bands: int, settings: NetworkSettings) -> Any:
    """Return an untrained Keras model from (n, frames, bands) to the same shape."""
    import keras

    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((frames, bands), name="bearingwatch_sequence"),
            layers.LSTM(settings.hidden, return_sequences=True, name="bearingwatch_encoder_wide"),
            layers.LSTM(settings.code, name="bearingwatch_encoder_code"),
            layers.RepeatVector(frames, name="bearingwatch_repeat"),
            layers.LSTM(settings.code, return_sequences=True, name="bearingwatch_decoder_code"),
            layers.LSTM(settings.hidden, return_sequences=True, name="bearingwatch_decoder_wide"),
            layers.Dense(bands, name="bearingwatch_output"),
        ],
        name=MODEL_NAME,
    )


def load_network(path: Path) -> Any:
    """Return the Keras model stored at `path`; only Keras' own classes are accepted."""
    import keras

    return keras.saving.load_model(path, compile=False, safe_mode=True)
