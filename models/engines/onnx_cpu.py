"""ONNX Runtime on the CPU: the default engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnxruntime

from models.engines.blocks import in_blocks
from models.loss import bounded

if TYPE_CHECKING:
    from numpy.typing import NDArray

onnxruntime.set_default_logger_severity(3)


class OnnxEngine:
    """Runs `network.onnx`, in blocks of a fixed size; see `models.engines`."""

    name = "onnx"

    def __init__(self, model: bytes, threads: int = 1) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(
            model, options, providers=["CPUExecutionProvider"]
        )
        self._input = self._session.get_inputs()[0].name

    def reconstruct(self, sequences: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the reconstruction of `sequences`, both (n, frames, bands)."""
        return bounded(sequences, in_blocks(self._run, sequences))

    def _run(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(self._session.run(None, {self._input: block})[0], np.float32)
