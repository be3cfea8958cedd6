"""Rounding to 6 significant digits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rounding import round_significant


@given(st.floats(min_value=1e-12, max_value=1e5))
def test_the_result_is_the_nearest_decimal_of_six_digits(value: float) -> None:
    rounded = round_significant(np.array([value]))[0]
    assert rounded == float(f"{rounded:.5e}")
    assert rounded == pytest.approx(value, rel=5.1e-6)


@given(st.lists(st.floats(min_value=0, max_value=1e6), min_size=1, max_size=40))
def test_a_value_does_not_depend_on_its_company(values: list[float]) -> None:
    together = round_significant(np.array(values))
    alone = [round_significant(np.array([value]))[0] for value in values]
    assert together.tolist() == alone


@given(st.floats(min_value=1e-12, max_value=1e5))
def test_rounding_twice_changes_nothing(value: float) -> None:
    once = round_significant(np.array([value]))
    assert round_significant(once).tolist() == once.tolist()


def test_zero_stays_and_nan_stays() -> None:
    rounded = round_significant(np.array([0.0, np.nan]))
    assert rounded[0] == 0.0
    assert np.isnan(rounded[1])
