"""Gates withhold on evidence of stop or speed, never on a rise."""

from __future__ import annotations

import numpy as np
import pytest

from models import gates
from models.policy import GatePolicy
from models.state import COMMISSIONED, HOT, STARTING, STOPPED

POLICY = GatePolicy(hold_windows=3, started_s=30.0)
UNTOLD = np.array([np.nan])
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
def test_standing_by_the_baseline(level: float, rpm: float, *, stands: bool) -> None:
    assert standing([(level, rpm)], flags=COMMISSIONED) == [stands]


@pytest.mark.parametrize(
    ("level", "rpm", "stands"),
    [
        (0.0, np.nan, False),
        (-1.0, np.nan, False),
        (0.0, 0.0, True),
        (-1.0, 0.0, True),
        (0.0, 1500.0, False),
        (-1.0, 1500.0, False),
    ],
)
def test_without_a_baseline_only_a_tachometer_says_that_a_machine_stands(
    level: float, rpm: float, *, stands: bool
) -> None:
    assert standing([(level, rpm)]) == [stands]


def standing(windows: list[tuple[float, float]], flags: int = 0) -> list[bool]:
    """Return whether the machine stands at each window of (level, rpm)."""
    rows = np.zeros(1, HOT)
    rows["flags"] = flags
    return [
        bool(gates.standing(rows, LIVE, np.array([level]), np.array([rpm]), POLICY)[0])
        for level, rpm in windows
    ]


LAST = POLICY.standing_windows


@pytest.mark.parametrize("level", [np.nan, 0.0])
def test_a_tachometer_alone_is_believed_for_so_many_windows_in_a_row(level: float) -> None:
    still, turning = (level, 0.0), (level, 1500.0)
    assert standing([still] * (LAST + 2)) == [True] * LAST + [False] * 2
    again = [turning] * 50 + [still] * LAST + [turning] + [still] * (LAST + 1)
    assert standing(again) == [False] * 50 + [True] * LAST + [False] + [True] * LAST + [False]


def test_what_the_energy_says_as_well_is_believed_for_ever() -> None:
    assert standing([(-1.0, 0.0)] * (3 * LAST)) == [True] * (3 * LAST)


def test_windows_that_are_not_live_do_not_stand_and_count_nothing() -> None:
    rows = np.zeros(1, HOT)
    before = rows.tobytes()
    assert not gates.standing(rows, ~LIVE, np.full(1, np.nan), np.zeros(1), POLICY)[0]
    assert rows.tobytes() == before


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


def test_a_loud_window_does_not_make_its_speed_the_usual_one() -> None:
    rows = np.zeros(1, HOT)
    windows = [(1500.0, 0.0), (1200.0, 0.9), (1200.0, 0.0)]
    held = [
        bool(gates.hold(rows, LIVE, np.array([level]), np.array([rpm]), POLICY)[0])
        for rpm, level in windows
    ]
    assert held == [False, False, True]
    assert rows["rpm"].tolist() == [1500.0]


def test_a_slow_change_is_followed() -> None:
    assert not any(held([1500.0 + 2 * k for k in range(100)]))


def behind_a_stop(
    ratios: list[float], speeds: list[float] | None = None, **fields: float
) -> list[bool]:
    """Return what is held at these parts of the baseline's RMS, the first just behind a stop."""
    rows = np.zeros(1, HOT)
    rows["flags"], rows["cadence_s"] = STOPPED, 10.0
    for name, value in fields.items():
        rows[name] = value
    found = []
    for ratio, rpm in zip(ratios, speeds or [np.nan] * len(ratios), strict=True):
        level = np.log10(np.array([ratio]))
        given = rows, LIVE, level, np.array([rpm]), POLICY
        found.append(bool((gates.hold(*given) | gates.hold_start(*given))[0]))
        rows["flags"] &= ~np.uint32(STOPPED)
    return found


def test_a_run_up_is_held_until_the_machine_is_back_at_its_level_and_no_longer() -> None:
    assert behind_a_stop([0.4, 0.6, 0.8, 0.5, 0.5]) == [True, True, False, False, False]


@pytest.mark.parametrize(("cadence_s", "windows"), [(5.0, 6), (10.0, 3), (20.0, 2), (3600.0, 1)])
def test_a_machine_that_does_not_come_back_to_its_level_is_held_for_so_long(
    cadence_s: float, windows: int
) -> None:
    expected = [True] * windows + [False] * 3
    assert behind_a_stop([0.5] * len(expected), cadence_s=cadence_s) == expected


def test_quiet_windows_that_no_stop_precedes_are_not_held() -> None:
    assert behind_a_stop([0.4] * 4, flags=COMMISSIONED) == [False] * 4


@pytest.mark.parametrize("ratio", [0.76, 1.0, 1.5, 8.0])
def test_what_is_back_at_its_level_or_louder_is_not_held(ratio: float) -> None:
    assert behind_a_stop([ratio, 0.5]) == [False, False]


def test_what_has_worn_in_is_back_at_the_level_that_it_had_of_late() -> None:
    worn_in = float(np.log10(0.6))
    assert behind_a_stop([0.4, 0.5], level_count=60, level_mean=worn_in) == [True, False]
    assert behind_a_stop([0.5], level_count=0, level_mean=worn_in) == [True]


def test_what_was_louder_of_late_is_back_at_its_baselines_level() -> None:
    assert behind_a_stop([0.8], level_count=60, level_mean=0.3) == [False]


def test_where_a_tachometer_tells_the_speed_it_is_asked_alone() -> None:
    held = behind_a_stop([0.5, 0.5, 0.9, 0.9], [500.0] * 4, rpm=1500.0, cadence_s=3600.0)
    assert held == [True] * 3 + [False]


def test_a_tachometer_that_tells_no_low_speed_takes_over_with_a_count_of_its_own() -> None:
    speeds = [np.nan] * 3 + [500.0, 900.0, 1500.0, 1500.0]
    held = behind_a_stop([0.5] * 5 + [1.0] * 2, speeds, rpm=1500.0)
    assert held == [True] * 5 + [False] * 2


def test_starts_that_are_aborted_are_held_for_so_long_in_all() -> None:
    rows = np.zeros(1, HOT)
    rows["flags"], rows["cadence_s"] = COMMISSIONED, 10.0
    found: list[bool] = []
    for ratio in [0.5, 0.5, 0.0] * 4 + [1.0, 0.0, 0.5]:
        level = np.log10(np.array([max(ratio, 1e-3)]))
        if ratio == 0.0:
            rows["flags"] |= STOPPED
            continue
        rows["flags"] |= STOPPED if not found else 0
        found.append(bool(gates.hold_start(rows, LIVE, level, UNTOLD, POLICY)[0]))
        rows["flags"] &= ~np.uint32(STOPPED)
    # Then it is charted until it was back at its level; from then on each start may be held.
    assert found == [True] * 3 + [False] * 6 + [True]


def test_a_machine_at_its_usual_speed_does_not_run_up() -> None:
    assert behind_a_stop([0.5, 0.5], [1500.0] * 2, rpm=1500.0) == [False] * 2


def test_a_window_at_another_speed_says_nothing_of_those_behind_that_have_none() -> None:
    speeds = [1200.0, np.nan]
    assert behind_a_stop([0.5, 0.5], speeds, rpm=1500.0, flags=0) == [True, False]
    assert behind_a_stop([0.9, 0.5], speeds, rpm=1500.0) == [True, False]


@pytest.mark.parametrize("flags", [0, STOPPED, STARTING])
def test_windows_that_are_not_live_count_nothing(flags: int) -> None:
    rows = np.zeros(1, HOT)
    rows["flags"] = flags
    before = rows.tobytes()
    for gate in (gates.hold, gates.hold_start):
        gate(rows, ~LIVE, np.full(1, -0.3), UNTOLD, POLICY)
        gate(rows, ~LIVE, np.full(1, -0.3), np.array([1500.0]), POLICY)
    assert rows.tobytes() == before
