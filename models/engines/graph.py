"""The network as an ONNX graph, written by hand: four LSTM nodes and a dense layer.

Keras' own export unrolls the recurrences into loops that run several times slower. Needs the
`onnx` package (training extra); the runtime only reads what this wrote.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

INPUT: Final = "sequences"
OUTPUT: Final = "reconstruction"
OPSET: Final = 17
IR_VERSION: Final = 9
"""Old enough for every ONNX Runtime that the product accepts."""

GATES: Final = (0, 3, 1, 2)
"""Keras orders the gates input, forget, cell, output; ONNX input, output, forget, cell."""


def to_onnx(network: Any) -> bytes:
    """Return the ONNX model of an autoencoder from `models.networks`, as bytes."""
    from onnx import TensorProto, checker, helper

    wide, code, repeat, code_back, wide_back, dense = network.layers
    frames, bands = repeat.n, dense.units
    graph = _Graph()
    graph.node("Transpose", [INPUT], ["by_frame"], perm=[1, 0, 2])
    graph.lstm("encoder_wide", "by_frame", wide)
    graph.lstm("encoder_code", "encoder_wide", code, last_only=True)
    graph.constant("frames", np.array([frames, 1, 1], np.int64))
    graph.node("Expand", ["encoder_code", "frames"], ["repeated"])
    graph.lstm("decoder_code", "repeated", code_back)
    graph.lstm("decoder_wide", "decoder_code", wide_back)
    graph.dense("decoder_wide", dense)
    graph.node("Transpose", ["dense"], [OUTPUT], perm=[1, 0, 2])
    ends = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", frames, bands])
        for name in (INPUT, OUTPUT)
    )
    model = helper.make_model(
        helper.make_graph(graph.nodes, network.name, [next(ends)], [next(ends)], graph.constants),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="bearingwatch",
    )
    checker.check_model(model)
    return bytes(model.SerializeToString())


class _Graph:
    """Collects nodes and constants."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, name: str, values: NDArray[Any]) -> str:
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def node(self, kind: str, inputs: list[str], outputs: list[str], **attributes: Any) -> None:
        from onnx import helper

        self.nodes.append(helper.make_node(kind, inputs, outputs, name=outputs[0], **attributes))

    def lstm(self, name: str, source: str, layer: Any, *, last_only: bool = False) -> None:
        """Add one LSTM node, whose output is called `name`."""
        kernel, recurrent, bias = (_onnx_order(weight) for weight in layer.get_weights())
        weights = [
            self.constant(f"{name}_w", kernel[np.newaxis]),
            self.constant(f"{name}_r", recurrent[np.newaxis]),
            self.constant(f"{name}_b", np.concatenate([bias, np.zeros_like(bias)])[np.newaxis]),
        ]
        # An LSTM node gives all frames as (frames, 1, n, units), the last as (1, n, units).
        outputs = ["", name] if last_only else [f"{name}_directions"]
        self.nodes.append(_lstm_node([source, *weights], outputs, name, layer.units))
        if not last_only:
            axis = self.constant(f"{name}_axis", np.array([1], np.int64))
            self.node("Squeeze", [outputs[0], axis], [name])

    def dense(self, source: str, layer: Any) -> None:
        kernel, bias = layer.get_weights()
        self.node("MatMul", [source, self.constant("dense_w", kernel)], ["dense_product"])
        self.node("Add", ["dense_product", self.constant("dense_b", bias)], ["dense"])


def _lstm_node(inputs: list[str], outputs: list[str], name: str, units: int) -> Any:
    from onnx import helper

    return helper.make_node("LSTM", inputs, outputs, name=f"{name}_lstm", hidden_size=units)


def _onnx_order(weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """Reorder the gates of a Keras weight (..., 4 units) and put them first: (4 units, ...)."""
    gates = np.split(weight, 4, axis=-1)
    return np.concatenate([gates[gate] for gate in GATES], axis=-1).T
