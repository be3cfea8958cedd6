"""Limits from a budget of false alerts: the equation, its bounds, and its solution."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.budget import SECONDS_PER_YEAR, factor
from models.policy import BudgetPolicy, Tail

QUICK = Tail(level=-2.0, slope=3.0, stretch=1.5)
SLOW = Tail(level=-2.5, slope=4.0, stretch=2.0)


def factor_of(
    budget: float = 0.1,
    cadence_s: float = 10.0,
    correlation: float = 0.0,
    *,
    slow: bool = False,
    young: bool = False,
    narrowest: float = 0.0,
    widest: float = 9.0,
) -> float:
    policy = BudgetPolicy(budget, QUICK, SLOW, narrowest=narrowest, widest=widest)
    cadences, correlations = np.array([cadence_s]), np.array([correlation])
    found = factor(cadences, correlations, np.array([slow]), np.array([young]), policy)
    return float(found[0])


@given(
    budget=st.floats(0.01, 5.0),
    cadence_s=st.floats(0.1, 3_600.0),
    correlation=st.floats(0.0, 0.3),
    slow=st.booleans(),
)
def test_at_the_factor_chance_takes_its_share_of_the_budget(
    budget: float, cadence_s: float, correlation: float, slow: bool
) -> None:
    tail = SLOW if slow else QUICK
    reach = factor_of(budget, cadence_s, correlation, slow=slow) / (1 + tail.stretch * correlation)
    chance = SECONDS_PER_YEAR / cadence_s * 10 ** (tail.level - tail.slope * reach**2)
    assert chance == pytest.approx(BudgetPolicy().chance_share * budget, rel=0.02)


def test_limits_widen_with_windows_and_correlation_and_narrow_with_the_budget() -> None:
    assert factor_of(cadence_s=1.0) > factor_of(cadence_s=10.0) > factor_of(cadence_s=600.0)
    assert factor_of(correlation=0.2) > factor_of(correlation=0.0)
    assert factor_of(0.1) > factor_of(1.0) > factor_of(10.0)


def test_more_correlation_than_the_fit_knows_counts_as_what_it_knows() -> None:
    most = BudgetPolicy().correlation_most
    assert factor_of(correlation=0.9) == factor_of(correlation=most)
    assert factor_of(correlation=-0.5) == factor_of(correlation=0.0)


def test_the_factor_stays_within_its_bounds() -> None:
    assert factor_of(1e-12, narrowest=0.6, widest=1.2) == 1.2
    assert factor_of(1e9, narrowest=0.6, widest=1.2) == 0.6
    assert factor_of(cadence_s=0.0, widest=1.2) == 1.2


def test_limits_of_a_young_sensor_are_not_widened_but_may_be_narrowed() -> None:
    assert factor_of() > 1.1
    assert factor_of(young=True) == BudgetPolicy().young_widest
    assert factor_of(50.0, 600.0, young=True) == factor_of(50.0, 600.0) < 1.0
