"""Running the network: one contract, several engines.

An engine is stateless, may be called from one thread at a time, and gives bit-equal results for a
sequence whatever else is in the call (it pads to a fixed batch, or shows that it need not).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

KINDS: Final = ("onnx", "tensorflow")
"""The engines, the default first."""

NETWORK_ONNX: Final = "network.onnx"
NETWORK_KERAS: Final = "network.keras"


class EngineError(Exception):
    """An engine cannot be opened; the message says what to do."""


class Engine(Protocol):
    """Reconstructs normalised sequences."""

    @property
    def name(self) -> str:
        """Say which engine and device this is, for logs: `onnx`, `tensorflow`."""
        ...

    def reconstruct(self, sequences: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the reconstruction of `sequences`, both (n, frames, bands), n >= 0.

        Every value lies between 0 and what was given (`models.loss.bounded`), so masked bands,
        which are 0 in the input, are 0 in the output.
        """
        ...


class NetworkFiles(Protocol):
    """What an engine needs of a bundle: the directory with both networks, verified."""

    @property
    def path(self) -> Path:
        """Directory that holds `NETWORK_ONNX` and `NETWORK_KERAS`."""
        ...


def open_engine(bundle: NetworkFiles, kind: str = "onnx", threads: int = 1) -> Engine:
    """Return an engine of `kind` for the network in `bundle`.

    `threads` bounds what `onnx` uses for one call; `tensorflow` takes its own settings. Raises
    `EngineError` for an unknown kind, a missing extra or a network that cannot be read.
    """
    if kind == "onnx":
        return _open_onnx(bundle.path / NETWORK_ONNX, threads)
    if kind == "tensorflow":
        return _open_tensorflow(bundle.path / NETWORK_KERAS)
    raise EngineError(f"unknown engine {kind!r}: choose one of {', '.join(KINDS)}")


def _open_onnx(path: Path, threads: int) -> Engine:
    from models.engines.onnx_cpu import OnnxEngine

    try:
        return OnnxEngine(path.read_bytes(), threads)
    except Exception as error:  # ONNX Runtime raises classes of its own that it does not export
        raise EngineError(f"{path}: ONNX Runtime cannot read the network: {error}") from error


def _open_tensorflow(path: Path) -> Engine:
    try:
        from models.engines.tensorflow_compiled import TensorflowEngine
    except ImportError as error:
        raise EngineError(
            f"the engine 'tensorflow' cannot be imported ({error}): "
            "pip install --require-hashes -r requirements/training.txt, or choose the engine 'onnx'"
        ) from error
    try:
        return TensorflowEngine(path)
    except (OSError, ValueError) as error:
        raise EngineError(f"{path}: Keras cannot read the network: {error}") from error
