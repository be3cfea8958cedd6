"""The way of a fault from onset to failure."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.simulator import Fault, FaultKind, Healing
from pipelines.simulator.growth import level, spread


def _fault(onset: int = 40, failure: int = 90, **more: float) -> Fault:
    return Fault(FaultKind.OUTER_RACE, onset, failure, **more)  # type: ignore[arg-type]


def test_there_is_no_damage_before_onset() -> None:
    path = level(_fault(), 100, np.random.default_rng(0))
    assert np.all(path[:40] == 0)
    assert np.all(path[40:] > 0)


def test_level_goes_from_start_to_final_and_stays_there() -> None:
    path = level(_fault(start=0.02, final=20.0, unrest=0.0), 100, np.random.default_rng(0))
    assert path[40] == pytest.approx(0.02)
    assert path[89:] == pytest.approx(np.full(11, 20.0))


def test_growth_is_not_monotone() -> None:
    fault = Fault(FaultKind.BALL, 0, 1_000, healing=(Healing(0.5, 0.8, 0.05),), unrest=0.0)
    path = level(fault, 1_000, np.random.default_rng(0))
    falling = np.diff(path) < 0
    assert 20 < falling.sum() < 300
    assert path[-1] == path.max()


def test_spall_widens_late_and_only_outwards() -> None:
    fault = _fault(spread=0.9, widening=0.6)
    path = spread(fault, 100)
    assert np.all(path[:70] == 0)
    assert np.all(np.diff(path) >= 0)
    assert path[-1] == pytest.approx(0.9)


@settings(deadline=None)
@given(st.integers(50, 200))
def test_a_longer_run_begins_the_same(count: int) -> None:
    short = level(_fault(), count, np.random.default_rng(5))
    long = level(_fault(), 200, np.random.default_rng(5))
    assert np.array_equal(short, long[:count])


def test_a_fault_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(ValueError, match="must come before"):
        _fault(onset=9, failure=9)
