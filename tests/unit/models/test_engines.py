import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.bundle import Bundle, load_bundle, read_golden
from models.engines import EngineError, open_engine
from models.engines.blocks import BLOCK, in_blocks
from models.loss import bounded, charted_loss, reconstruction_loss

SEED = 5


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return load_bundle()


def sequences_like(bundle: Bundle, n: int) -> NDArray[np.float32]:
    shape = (n, bundle.features.frames, bundle.features.width)
    return np.random.default_rng(SEED).normal(0, 2, shape).astype(np.float32)


@pytest.mark.parametrize("batch", [1, 7, 32, 256])
def test_a_sequence_gets_the_same_bits_in_any_batch(bundle: Bundle, batch: int) -> None:
    engine, sequences = open_engine(bundle), sequences_like(bundle, 256)
    at_once = engine.reconstruct(sequences)
    parts = [engine.reconstruct(sequences[i : i + batch]) for i in range(0, 256, batch)]
    np.testing.assert_array_equal(np.concatenate(parts), at_once)


@settings(max_examples=25, deadline=None)
@given(position=st.integers(0, 2 * BLOCK), company=st.integers(0, 2 * BLOCK))
def test_a_sequence_gets_the_same_bits_at_any_position(position: int, company: int) -> None:
    bundle = load_bundle()
    engine, sequences = open_engine(bundle), sequences_like(bundle, 1 + company)
    alone = engine.reconstruct(sequences[:1])
    order = np.roll(np.arange(1 + company), position % (1 + company))
    found = engine.reconstruct(sequences[order])[order.tolist().index(0)]
    np.testing.assert_array_equal(found, alone[0])


@pytest.mark.parametrize("batch", [1, 7, 32])
def test_the_loss_has_the_same_bits_in_any_batch(batch: int) -> None:
    rng = np.random.default_rng(SEED)
    sequences, reconstruction = rng.normal(0, 2, (2, 64, 8, 32)).astype(np.float32)
    mask = rng.random((64, 32)) < 0.8
    loss, band_loss = reconstruction_loss(sequences, reconstruction, mask)
    charted = charted_loss(sequences, band_loss, mask)
    for start in range(0, 64, batch):
        part = slice(start, start + batch)
        some, bands = reconstruction_loss(sequences[part], reconstruction[part], mask[part])
        np.testing.assert_array_equal(some, loss[part])
        np.testing.assert_array_equal(bands, band_loss[part])
        np.testing.assert_array_equal(
            charted_loss(sequences[part], bands, mask[part]), charted[part]
        )


def test_a_reconstruction_explains_departures_and_invents_none(bundle: Bundle) -> None:
    sequences = sequences_like(bundle, 256)
    reconstruction = open_engine(bundle).reconstruct(sequences)
    residual = sequences - reconstruction
    assert (np.abs(residual) <= np.abs(sequences)).all()
    assert (residual * sequences >= 0).all()


def test_an_opposite_expectation_costs_no_more_than_the_departure() -> None:
    sequences = np.random.default_rng(SEED).normal(size=(3, 8, 4)).astype(np.float32)
    np.testing.assert_array_equal(bounded(sequences, -2 * sequences), 0)
    np.testing.assert_array_equal(bounded(sequences, 3 * sequences), sequences)


def test_the_loss_is_the_mean_square_over_frames_and_bands_that_count() -> None:
    sequences = np.zeros((1, 2, 3), np.float32)
    reconstruction = np.array([[[1, 2, 9], [3, 4, 9]]], np.float32)
    loss, band_loss = reconstruction_loss(
        sequences, reconstruction, np.array([[True, True, False]])
    )
    np.testing.assert_array_equal(band_loss, [[5.0, 10.0, 0.0]])
    np.testing.assert_array_equal(loss, [7.5])


def test_the_loss_is_zero_where_no_band_counts() -> None:
    sequences = np.ones((1, 2, 3), np.float32)
    loss, _ = reconstruction_loss(sequences, 0 * sequences, np.zeros((1, 3), bool))
    np.testing.assert_array_equal(loss, [0.0])


def test_only_louder_bands_are_charted() -> None:
    sequences = np.stack([np.full((8, 2), [2.0, -2.0], np.float32)])
    mask = np.ones((1, 2), bool)
    loss, band_loss = reconstruction_loss(sequences, 0 * sequences, mask)
    np.testing.assert_array_equal(loss, [4.0])
    np.testing.assert_allclose(charted_loss(sequences, band_loss, mask), [2.001])


def test_no_sequence_gives_no_reconstruction(bundle: Bundle) -> None:
    empty = sequences_like(bundle, 0)
    assert open_engine(bundle).reconstruct(empty).shape == empty.shape


def test_blocks_are_always_full() -> None:
    sizes = []

    def run(block: NDArray[np.float32]) -> NDArray[np.float32]:
        sizes.append(len(block))
        return block

    sequences = np.ones((BLOCK + 1, 2, 3), np.float32)
    np.testing.assert_array_equal(in_blocks(run, sequences), sequences)
    assert sizes == [BLOCK, BLOCK]


@pytest.mark.training
def test_the_engines_agree_on_the_golden_sequences(bundle: Bundle) -> None:
    golden = read_golden(bundle)
    assert golden.difference(golden.losses(open_engine(bundle, "tensorflow"))) == ""


@pytest.mark.training
@pytest.mark.parametrize("batch", [1, 7, 32])
def test_tensorflow_gives_the_same_bits_in_any_batch(bundle: Bundle, batch: int) -> None:
    engine, sequences = open_engine(bundle, "tensorflow"), sequences_like(bundle, 64)
    at_once = engine.reconstruct(sequences)
    parts = [engine.reconstruct(sequences[i : i + batch]) for i in range(0, 64, batch)]
    np.testing.assert_array_equal(np.concatenate(parts), at_once)


def test_an_unknown_engine_is_refused_with_the_known_ones(bundle: Bundle) -> None:
    with pytest.raises(EngineError, match=r"unknown engine 'abacus': choose one of onnx, tensor"):
        open_engine(bundle, "abacus")


def test_a_missing_extra_is_named(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    monkeypatch.delitem(sys.modules, "models.engines.tensorflow_compiled", raising=False)
    with pytest.raises(EngineError, match=r"requirements/training\.txt"):
        open_engine(bundle, "tensorflow")


def test_scoring_imports_no_training_library() -> None:
    program = (
        "import sys, models.bundle, models.engines as e;"
        "bundle = models.bundle.load_bundle(); e.open_engine(bundle);"
        "print(sorted({'tensorflow', 'keras', 'onnx', 'torch', 'jax'} & set(sys.modules)))"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
