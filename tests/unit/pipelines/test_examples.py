"""A few windows of commissioning: which are kept, how small, and how true."""

from __future__ import annotations

from functools import reduce

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.examples import (
    EXAMPLES_BYTES,
    FEWEST_EXAMPLES,
    MOST_EXAMPLES,
    Examples,
    ExamplesError,
)
from pipelines.features import FeatureSettings, Observation
from tests.unit.models.fleet import observation

SETTINGS = FeatureSettings()
WINDOW_BYTES = SETTINGS.frames * SETTINGS.width
RECORD_BYTES = 32


def window(index: int, axes: int = 1) -> Observation:
    """Return a window of the real size: 8 frames x 32 bands."""
    names = tuple(f"axis-{k}" for k in range(axes))
    return observation(index, axes=names, features=SETTINGS)


def gathered(count: int, axes: int = 1, start: Examples | None = None) -> Examples:
    first = 0 if start is None else start.count
    return reduce(Examples.add, (window(k, axes) for k in range(first, count)), start or Examples())


@pytest.mark.parametrize(
    ("count", "kept", "stride"),
    [(1, 1, 1), (14, 14, 1), (15, 8, 2), (20, 10, 2), (40, 10, 4), (100, 13, 8), (200, 13, 16)],
)
def test_examples_are_spread_evenly_over_all_windows(count: int, kept: int, stride: int) -> None:
    examples = gathered(count)
    assert (len(examples), examples.stride, examples.count) == (kept, stride, count)
    for k, bands in enumerate(examples.log_bands()):
        assert bands == pytest.approx(window(k * stride).log_bands, abs=0.0051)


@pytest.mark.parametrize(
    ("axes", "most_bytes"),
    [
        (1, MOST_EXAMPLES * WINDOW_BYTES),
        (3, EXAMPLES_BYTES),
        (8, FEWEST_EXAMPLES * 8 * WINDOW_BYTES),
    ],
)
def test_examples_keep_to_their_room(axes: int, most_bytes: int) -> None:
    reference_bytes = 4 * axes * SETTINGS.width
    examples = Examples()
    for k in range(220):
        examples = examples.add(window(k, axes))
        assert len(examples.encode()) <= most_bytes + reference_bytes + RECORD_BYTES
    assert len(examples) >= FEWEST_EXAMPLES // 2


@given(stop=st.integers(0, 60))
@settings(max_examples=20, deadline=None)
def test_saving_and_loading_changes_nothing_that_follows(stop: int) -> None:
    saved = gathered(stop, 2)
    assert gathered(60, 2, Examples.decode(saved.encode())).encode() == gathered(60, 2).encode()


def test_examples_are_a_value() -> None:
    before = gathered(5)
    data = before.encode()
    before.add(window(5))
    assert before.encode() == data


def test_what_is_unknown_stays_unknown_and_what_becomes_known_is_kept() -> None:
    first, second = window(0), window(1)
    first.log_bands[..., 3] = np.nan
    second.log_bands[..., 5] = np.nan
    kept = Examples().add(first).add(second).log_bands()
    assert np.isnan(kept[0, ..., 3]).all()
    assert kept[1, ..., 3] == pytest.approx(second.log_bands[..., 3], abs=0.0051)
    assert np.isnan(kept[1, ..., 5]).all()


@pytest.mark.parametrize("data", [b"", b"\xc0", b"\x93\x01\x02\x03"])
def test_damaged_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ExamplesError, match="damaged"):
        Examples.decode(data)


def test_a_window_that_is_cut_short_is_refused() -> None:
    with pytest.raises(ExamplesError, match="bytes of windows"):
        Examples.decode(
            Examples(frames=2, reference=np.zeros((1, 4), np.float32), kept=b"123").encode()
        )
