"""Gates withhold on evidence of stop or speed, never on a rise."""

from __future__ import annotations

import numpy as np
import pytest

from models import gates
from models.policy import GatePolicy
from models.state import HOT

POLICY = GatePolicy(hold_windows=3)
LIVE = np.ones(1, np.bool_)


@pytest.mark.parametrize(
    ("level", "rpm", "stands"),
    [
        (0.0, np.nan, False),
        (-1.0, np.nan, True),
        (2.0, np.nan, False),
        (0.0, 0.0, False),
        (1.2, 0.0, False),
        (-1.0, 0.0, True),
        (0.0, 1500.0, False),
        (np.nan, np.nan, False),
        (np.nan, 0.0, True),
    ],
)
def test_standing(level: float, rpm: float, *, stands: bool) -> None:
    assert stands_at(level, rpm) == stands


def stands_at(level: float, rpm: float, *, index: int = 1, turned: float = 0.0) -> bool:
    rows = np.zeros(1, HOT)
    rows["index"], rows["rpm"] = index, turned
    return bool(gates.standing(rows, np.array([level]), np.array([rpm]), POLICY)[0])


def test_before_a_baseline_a_tachometer_that_never_turned_is_believed_for_a_while_only() -> None:
    last = POLICY.standing_windows
    assert stands_at(np.nan, 0.0, index=last)
    assert not stands_at(np.nan, 0.0, index=last + 1)
    assert stands_at(np.nan, 0.0, index=last + 1, turned=1500.0)
    assert not stands_at(np.nan, 0.5, index=last + 1, turned=0.5)


def test_a_shaft_that_turns_backwards_turns() -> None:
    assert not stands_at(np.nan, -1500.0)
    assert held([1500.0, -1500.0, -1495.0]) == [False] * 3


def held(speeds: list[float], level: float = 0.0) -> list[bool]:
    rows = np.zeros(1, HOT)
    return [
        bool(gates.hold(rows, LIVE, np.array([level]), np.array([rpm]), POLICY)[0])
        for rpm in speeds
    ]


def test_a_steady_speed_is_not_held() -> None:
    assert held([1500.0, 1505.0, 1490.0]) == [False] * 3


def test_a_new_speed_is_held_for_so_many_windows_and_then_usual() -> None:
    assert held([1500.0] + [1200.0] * 6) == [False] + [True] * 3 + [False] * 3


def test_without_a_tachometer_nothing_is_held() -> None:
    assert held([np.nan] * 5) == [False] * 5


def test_what_is_loud_is_not_held() -> None:
    assert held([1500.0, 1200.0], level=0.9) == [False, False]


def test_a_slow_change_is_followed() -> None:
    assert not any(held([1500.0 + 2 * k for k in range(100)]))


def test_windows_that_are_not_live_count_nothing() -> None:
    rows = np.zeros(1, HOT)
    before = rows.tobytes()
    gates.hold(rows, ~LIVE, np.zeros(1), np.array([1500.0]), POLICY)
    assert rows.tobytes() == before
