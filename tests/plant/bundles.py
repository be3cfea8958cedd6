"""Bundles that need no training: a network that reconstructs nothing, so the loss is departure."""

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper

from models.bundle import (
    CARD,
    CHARTS,
    FEATURES,
    FORMAT,
    GOLDEN,
    MANIFEST,
    TRAINING,
    Manifest,
    canonical_json,
    sha256,
)
from models.calibration import Calibration
from models.engines import NETWORK_KERAS, NETWORK_ONNX
from models.golden import Golden
from models.loss import reconstruction_loss
from models.policy import ChartPolicy
from pipelines.features import FeatureSettings

CHARTS_OF_TESTS = ChartPolicy(anchored_sigmas=2.0, adaptive_sigmas=2.0, gain_allowance=0.15)
"""Tight: the windows of these tests are short, hence noisy; so is commissioning. Their defects are
louder in all bands alike, of which no more than load may be forgiven."""

CALIBRATION = Calibration(0.1, 0.15, 0.12, 0.3, (1.3, 2.5, 3.5), 6, 1000)


def write_bundle(
    directory: Path,
    *,
    name: str = "plain",
    charts: ChartPolicy = CHARTS_OF_TESTS,
    features: FeatureSettings | None = None,
) -> Path:
    """Write a bundle as the new folder `name` in `directory` and return its path."""
    features = features or FeatureSettings()
    files = {
        FEATURES: canonical_json({"settings": asdict(features), "hash": features.hash}),
        CHARTS: canonical_json({"settings": asdict(charts), "calibration": asdict(CALIBRATION)}),
        TRAINING: canonical_json({}),
        GOLDEN: _golden(features).encode(),
        CARD: b"# A bundle for tests\n",
        NETWORK_KERAS: b"nobody runs this one",
        NETWORK_ONNX: _silent_network(features),
    }
    manifest = Manifest(
        format=FORMAT,
        name=name,
        created="2026-11-24",
        features_hash=features.hash,
        libraries={},
        files={file: sha256(data) for file, data in files.items()},
    )
    manifest = replace(manifest, content=manifest.expected_content())
    path = directory / name
    path.mkdir(parents=True)
    for file, data in {**files, MANIFEST: canonical_json(asdict(manifest))}.items():
        (path / file).write_bytes(data)
    return path


def _silent_network(features: FeatureSettings) -> bytes:
    shape = ["n", features.frames, features.width]
    graph = helper.make_graph(
        [helper.make_node("Mul", ["sequences", "zero"], ["reconstruction"])],
        "silent",
        [helper.make_tensor_value_info("sequences", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("reconstruction", TensorProto.FLOAT, shape)],
        [helper.make_tensor("zero", TensorProto.FLOAT, [1], [0.0])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return bytes(model.SerializeToString())


def _golden(features: FeatureSettings) -> Golden:
    noise = np.random.default_rng(1).standard_normal((4, features.frames, features.width))
    sequences = noise.astype(np.float16).astype(np.float32)
    mask = np.ones((4, features.width), bool)
    loss, _ = reconstruction_loss(sequences, np.zeros_like(sequences), mask)
    return Golden(sequences, mask, loss)
