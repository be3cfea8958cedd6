from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from models.engines.onnx_cpu import OnnxEngine
from models.loss import bounded
from models.networks import MODEL_NAME, NetworkSettings, build_autoencoder, load_network

keras = pytest.importorskip("keras", reason="needs the training extra")

pytestmark = [
    pytest.mark.training,
    # NumPy 2 warns of Keras' own np.array(variable): TensorFlow's variables take no copy argument.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]


def random_network(frames: int = 4, bands: int = 6) -> Any:
    """Return a small network with random weights, biases included."""
    network = build_autoencoder(frames, bands, NetworkSettings(hidden=7, code=3))
    rng = np.random.default_rng(0)
    network.set_weights([rng.normal(0, 0.5, weight.shape) for weight in network.get_weights()])
    return network


def sequences(n: int, frames: int = 4, bands: int = 6) -> NDArray[np.float32]:
    return np.random.default_rng(1).normal(0, 3, (n, frames, bands)).astype(np.float32)


def test_the_graph_computes_what_keras_computes() -> None:
    from models.engines.graph import to_onnx

    network = random_network()
    expected = bounded(sequences(40), network.predict(sequences(40), verbose=0))
    found = OnnxEngine(to_onnx(network)).reconstruct(sequences(40))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_the_graph_of_equal_weights_is_the_same_bytes() -> None:
    from models.engines.graph import to_onnx

    assert to_onnx(random_network()) == to_onnx(random_network())


def test_a_stored_network_computes_the_same(tmp_path: Path) -> None:
    network = random_network()
    network.save(tmp_path / "network.keras")
    again = load_network(tmp_path / "network.keras")
    batch = sequences(3)
    np.testing.assert_array_equal(
        again.predict(batch, verbose=0), network.predict(batch, verbose=0)
    )


def test_names_begin_with_the_products_name() -> None:
    network = random_network()
    names = [MODEL_NAME, network.name, *(layer.name for layer in network.layers)]
    assert all(name.startswith("bearingwatch_") for name in names)


def test_the_layers_are_what_cudnn_runs() -> None:
    recurrent = [layer for layer in random_network().layers if isinstance(layer, keras.layers.LSTM)]
    assert len(recurrent) == 4
    for layer in recurrent:
        activations = layer.activation.__name__, layer.recurrent_activation.__name__
        assert activations == ("tanh", "sigmoid")
        assert layer.use_bias
        assert not layer.unroll
        assert layer.recurrent_dropout == 0.0
