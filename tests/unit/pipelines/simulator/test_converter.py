"""Rails, rounding and lost segments."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.simulator import Converter, DropOut
from pipelines.simulator.converter import RAIL, digitise, drop_out


@settings(deadline=None)
@given(st.lists(st.floats(-200.0, 200.0, width=32), min_size=1, max_size=50))
def test_codes_are_within_half_a_step_or_at_the_rail(values: list[float]) -> None:
    converter = Converter(full_scale=50.0)
    given_g = np.array([values], dtype=np.float32)
    read_g = digitise(given_g.copy(), converter) * converter.scale
    held = np.clip(given_g, -50.0, 50.0)
    assert np.abs(read_g - held).max() <= 0.51 * converter.scale


def test_both_rails_are_reached_and_symmetric() -> None:
    codes = digitise(np.array([[-1e3, 1e3]], dtype=np.float32), Converter(10.0))
    assert codes.tolist() == [[-RAIL, RAIL]]
    assert codes.dtype == np.int16


@pytest.mark.parametrize("kind", ["stuck", "zero"])
def test_a_drop_out_loses_its_share_in_all_axes(kind: Literal["stuck", "zero"]) -> None:
    codes = np.random.default_rng(0).integers(1, 9_000, (2, 1_000)).astype(np.int16)
    spoiled = drop_out(codes, DropOut(0, 1, 0.4, kind), np.random.default_rng(1))
    lost = np.flatnonzero(np.any(spoiled != codes, axis=0))
    assert np.ptp(lost) == pytest.approx(399, abs=2)
    assert np.all(np.ptp(spoiled[:, lost], axis=1) == 0)


def test_a_drop_out_of_everything_leaves_one_value() -> None:
    codes = np.arange(1, 11, dtype=np.int16)[np.newaxis]
    assert np.ptp(drop_out(codes, DropOut(0, 1, 1.0), np.random.default_rng(1))) == 0
