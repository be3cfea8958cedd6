"""The charts: limits, learning, the notes on quiet sensors, and the memory of levels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from models import charts
from models.calibration import Calibration
from models.charts import Prior
from models.policy import BudgetPolicy, ChartPolicy
from models.state import HOT, PROVISIONAL, QUIETER, SETTLED

POLICY = ChartPolicy()
PRIOR = Prior(0.1, 0.1)
ALWAYS = np.ones(1, np.bool_)


def fresh(count: int = 1) -> np.ndarray[tuple[int], np.dtype[np.void]]:
    rows = np.zeros(count, HOT)
    charts.reset(rows, PRIOR, 0.1)
    return rows


def read(
    rows: np.ndarray[tuple[int], np.dtype[np.void]], value: float, factor: float = 1.0
) -> charts.Reading:
    values, none = np.full(len(rows), value), np.zeros(len(rows))
    factors = np.full(len(rows), factor)
    return charts.read(rows, values, values, none, none, factors, policy=POLICY, prior=PRIOR)


def learn(
    rows: np.ndarray[tuple[int], np.dtype[np.void]],
    value: float | NDArray[np.float64],
    *,
    healthy: bool = True,
    elapsed_s: float = 10.0,
) -> NDArray[np.bool_]:
    values = np.full(len(rows), value)
    chosen = np.full(len(rows), healthy)
    elapsed = np.full(len(rows), elapsed_s)
    return charts.learn(rows, values, chosen, elapsed, policy=POLICY, prior=PRIOR)


def learnt(values: list[float]) -> np.ndarray[tuple[int], np.dtype[np.void]]:
    rows = fresh()
    for value in values:
        learn(rows, value)
    return rows


def test_the_charted_value_is_linear_in_health_and_logarithmic_beyond() -> None:
    loss = np.array([0.0, POLICY.loss_unit, 9 * POLICY.loss_unit])
    assert charts.charted(loss, POLICY) == pytest.approx([0.0, np.log10(2.0), 1.0])


def test_the_threshold_is_the_loss_at_which_a_chart_reaches_its_limit() -> None:
    rows = learnt([0.1] * 50)
    threshold = read(rows, 0.1).threshold
    at_limit = read(rows, float(charts.charted(threshold, POLICY)[0]))
    assert max(at_limit.anchored[0], at_limit.adaptive[0]) == pytest.approx(1.0, abs=1e-4)


def test_the_factor_is_on_every_limit() -> None:
    rows = learnt([0.1] * 50)
    usual, wide = read(rows, 0.6), read(rows, 0.6, factor=1.5)
    for name in ("anchored", "adaptive", "quieter"):
        assert getattr(wide, name) == pytest.approx(getattr(usual, name) / 1.5)
    ones = np.ones(1)
    lines = [
        charts.read(rows, ones, ones, ones, ones, factor * ones, policy=POLICY, prior=PRIOR)
        for factor in (1.0, 1.5)
    ]
    for name in ("line", "high"):
        assert getattr(lines[1], name) == pytest.approx(getattr(lines[0], name) / 1.5)
    assert wide.threshold > usual.threshold


BUDGET = BudgetPolicy()


def correlated(values: Sequence[float], cadence_s: float = 100.0) -> float:
    rows = fresh()
    for value in values:
        charts.correlate(rows, np.array([value]), ALWAYS, POLICY, BUDGET)
        learn(rows, value, elapsed_s=cadence_s)
    return float(rows["correlation"][0])


def autoregression(r: float, count: int, spread: float = 0.1) -> list[float]:
    rng, values = np.random.default_rng(3), [0.0]
    for _ in range(count):
        values.append(r * values[-1] + spread * math.sqrt(1 - r * r) * rng.normal())
    return values


@pytest.mark.parametrize("r", [0.0, 0.4, 0.7])
def test_the_correlation_is_that_of_neighbours(r: float) -> None:
    assert correlated(autoregression(r, 1100)) == pytest.approx(r, abs=0.1)


def test_a_steady_rise_does_not_pass_for_restlessness() -> None:
    rng = np.random.default_rng(4)
    rise = [0.0004 * k + 0.03 * rng.normal() for k in range(1000)]
    assert correlated(rise) < 0.15


def test_a_rise_that_pauses_does_not_pass_for_restlessness() -> None:
    rng = np.random.default_rng(4)
    rise = [0.0004 * min(k, 1000) + 0.03 * rng.normal() for k in range(3000)]
    still = [0.03 * rng.normal() for _ in range(3000)]
    assert correlated(rise, 10.0) < correlated(still, 10.0) + 0.04


@pytest.mark.parametrize("cadence_s", [100.0, 600.0])
def test_the_correlation_is_frozen_after_its_windows_where_they_last_a_day(
    cadence_s: float,
) -> None:
    first = autoregression(0.0, 299) + autoregression(0.9, 699)
    assert len(first) == BUDGET.correlation_windows
    assert correlated(first, cadence_s) > 0.25
    assert correlated(first, cadence_s) == correlated(first + autoregression(0.0, 500), cadence_s)


def test_the_correlation_is_learnt_for_a_day_where_windows_come_often() -> None:
    first, later = autoregression(0.0, 1200), autoregression(0.9, 900)
    calm = correlated(first, OFTEN_S)
    assert calm < 0.1
    restless = correlated(first + later, OFTEN_S)
    assert restless > 0.25
    assert correlated(first + later + autoregression(0.0, 500), OFTEN_S) == restless


def test_neighbours_of_a_window_that_is_not_healthy_are_none() -> None:
    rows = fresh()
    rows["last_deviation"] = 1.0
    charts.correlate(rows, np.array([3.0]), ~ALWAYS, POLICY, BUDGET)
    assert rows["correlation_count"] == 0.0
    assert rows["last_deviation"] == 0.0
    assert rows["correlation"] == 0.1


def test_a_deviation_is_kept_as_it_lies_about_the_recent_mean() -> None:
    rows = fresh()
    rows["mean_deviation"], rows["correlation_count"] = 0.5, 150.0
    rows["last_deviation"], rows["correlation"] = 2.0, 0.0
    charts.correlate(rows, PRIOR.mean + 1.5 * PRIOR.scale * np.ones(1), ALWAYS, POLICY, BUDGET)
    assert rows["last_deviation"] == pytest.approx([1.0])
    assert rows["correlation"] == pytest.approx([2.0 / (151 + BUDGET.correlation_weight)])
    assert rows["mean_deviation"] == pytest.approx([0.5 + 1.0 / BUDGET.correlation_memory])


def test_the_first_deviations_weigh_more_than_their_memory_says() -> None:
    rows = fresh()
    charts.correlate(rows, PRIOR.mean + PRIOR.scale * np.ones(1), ALWAYS, POLICY, BUDGET)
    assert rows["mean_deviation"] == pytest.approx([1.0 / (1 + BUDGET.correlation_weight)])


def test_without_windows_of_its_own_a_sensor_has_the_fleets_prior() -> None:
    reading = read(fresh(), PRIOR.mean + POLICY.anchored_sigmas * PRIOR.scale)
    assert reading.anchored == pytest.approx([1.0])


def test_the_anchored_reference_freezes_and_the_adaptive_one_does_not() -> None:
    early = learnt([0.1] * POLICY.reference_windows)
    late = learnt([0.1] * POLICY.reference_windows + [0.3] * 500)
    assert late["anchor_mean"] == early["anchor_mean"]
    assert late["adaptive_mean"][0] == pytest.approx(0.3, abs=0.01)


DAY_S = POLICY.reference_span_s
OFTEN_S = DAY_S / (10 * POLICY.reference_windows - 0.5)
"""A cadence at which a day has ten times the windows of the first reference."""

LAST = 10 * POLICY.reference_windows - 1
"""The day's last window."""


def watched(
    values: Sequence[float], cadence_s: float = OFTEN_S
) -> tuple[np.ndarray[tuple[int], np.dtype[np.void]], list[int]]:
    """Return what was learnt of `values`, and the windows in which the limit was widened."""
    rows = fresh()
    moved = [learn(rows, one, elapsed_s=cadence_s)[0] for one in values]
    return rows, np.flatnonzero(moved).tolist()


def wave(windows: int, swing: float = 0.06) -> list[float]:
    """Return a loss that wanders up and down twice in a day."""
    turn = 4 * math.pi / LAST
    return [0.2 + swing * math.sin(turn * k) for k in range(windows)]


def test_what_wanders_over_a_day_widens_the_anchored_limit_once() -> None:
    early, none = watched(wave(LAST))
    late, widened = watched(wave(3 * LAST))
    assert none == []
    assert widened == [LAST]
    assert late["flags"][0] & SETTLED
    assert late["anchor_mean"] == early["anchor_mean"]
    (strayed,) = np.polyfit(range(LAST + 1), wave(LAST + 1), 1, full=True)[1] / (LAST + 1)
    own, fleet = POLICY.reference_windows, POLICY.prior_windows
    location = (own * early["anchor_mean"][0] + fleet * PRIOR.mean) / (own + fleet)
    spread = math.sqrt((own * strayed + fleet * PRIOR.scale**2) / (own + fleet))
    limit = location + POLICY.anchored_sigmas * spread
    assert read(late, limit).anchored == pytest.approx([1.0])
    assert read(early, limit).anchored > 1.1


def test_the_limit_grows_by_a_bounded_factor() -> None:
    early, _ = watched(wave(LAST, swing=0.6))
    late, widened = watched(wave(LAST + 1, swing=0.6))
    assert widened == [LAST]
    wider = read(early, 1.0).anchored / read(late, 1.0).anchored
    assert wider == pytest.approx([POLICY.reference_widening])


@pytest.mark.parametrize("factor", [0.5, 1.0])
def test_a_factor_that_widens_nothing_leaves_the_limit_as_it_is(factor: float) -> None:
    rows, _ = watched(wave(LAST, swing=0.6))
    squares, policy = rows["anchor_squares"].item(), replace(POLICY, reference_widening=factor)
    day = np.array([DAY_S])
    widened = charts.learn(rows, np.ones(1), ALWAYS, day, policy=policy, prior=PRIOR)
    assert not widened[0]
    assert rows["flags"][0] & SETTLED
    assert rows["anchor_squares"].item() == squares


def test_what_only_grows_and_what_only_scatters_widen_nothing() -> None:
    noise = np.random.default_rng(5).normal(0.0, 0.037, 2 * LAST)
    growing = 0.1 + np.linspace(0.0, 0.6, 2 * LAST) + noise
    for values in (growing, 0.1 + noise):
        rows, widened = watched(values.tolist())
        assert widened == []
        assert rows["flags"][0] & SETTLED


def test_where_the_first_windows_last_a_day_they_are_all_there_is() -> None:
    first = POLICY.reference_windows
    alone, _ = watched(wave(first), DAY_S / first)
    later, widened = watched(wave(3 * LAST), DAY_S / first)
    assert widened == []
    assert alone["flags"][0] & later["flags"][0] & SETTLED
    for name in ("count", "mean", "squares"):
        assert later[f"anchor_{name}"] == alone[f"anchor_{name}"]


def test_no_day_is_over_before_the_first_windows_are() -> None:
    first = POLICY.reference_windows
    before, _ = watched(wave(first - 1), 2 * DAY_S / first)
    after, _ = watched(wave(first), 2 * DAY_S / first)
    assert not before["flags"][0] & SETTLED
    assert after["flags"][0] & SETTLED


def test_what_is_not_healthy_is_no_part_of_a_day() -> None:
    rows = fresh(2)
    healthy = np.array([True, False])
    day = np.full(2, DAY_S)
    charts.learn(rows, np.array([0.2, 0.9]), healthy, day, policy=POLICY, prior=PRIOR)
    assert rows["day_s"].tolist() == [DAY_S, 0.0]
    assert rows[1].tobytes() == fresh()[0].tobytes()


def test_a_new_baseline_begins_its_day_anew() -> None:
    rows, _ = watched(wave(LAST + 1))
    charts.reset(rows, PRIOR, 0.1)
    assert not rows["flags"][0] & SETTLED
    assert not any(rows[name][0] for name in charts.DAY)


def test_windows_that_are_not_healthy_teach_nothing() -> None:
    rows = learnt([0.1] * 10)
    before = rows.tobytes()
    learn(rows, 2.0, healthy=False)
    assert rows.tobytes() == before


def test_the_adaptive_variance_is_that_of_the_values() -> None:
    noise = np.random.default_rng(1).normal(0.2, 0.07, 3000)
    rows = learnt(noise.tolist())
    assert np.sqrt(rows["adaptive_variance"][0]) == pytest.approx(0.07, rel=0.3)


def test_the_first_window_of_the_adaptive_chart_weighs_one_in_eleven() -> None:
    rows = np.zeros(1, HOT)
    learn(rows, 1.1)
    assert rows["adaptive_mean"][0] == pytest.approx(0.1)


def test_one_step_of_the_adaptive_chart_is_wests() -> None:
    rows = fresh()
    rows["adaptive_mean"], rows["adaptive_variance"], rows["adaptive_count"] = 0.2, 0.01, 500.0
    learn(rows, 0.5)
    weight = 1.0 / POLICY.adaptive_windows
    assert rows["adaptive_mean"][0] == pytest.approx(0.2 + weight * 0.3)
    assert rows["adaptive_variance"][0] == pytest.approx((1 - weight) * (0.01 + weight * 0.09))


def settled(level: float, spread: float = 0.01) -> np.ndarray[tuple[int], np.dtype[np.void]]:
    rows = fresh()
    for value in np.random.default_rng(2).normal(level, spread, 1000):
        charts.learn_high(rows, np.array([value]), ALWAYS, POLICY)
    return rows


def high(rows: np.ndarray[tuple[int], np.dtype[np.void]], level: float) -> float:
    none = np.zeros(1)
    reading = charts.read(
        rows, none, none, none, np.array([level]), np.ones(1), policy=POLICY, prior=PRIOR
    )
    return float(reading.high[0])


def test_high_bands_are_measured_from_where_they_settled_not_from_the_baseline() -> None:
    rise = POLICY.high_sigmas * POLICY.high_scale_floor
    assert high(settled(-0.5), -0.5 + rise) == pytest.approx(1.0, abs=0.05)
    assert high(settled(-0.5), 0.0) > 4.0
    assert high(settled(0.3), 0.3) == pytest.approx(0.0, abs=0.05)


def test_high_bands_that_are_not_known_say_and_teach_nothing() -> None:
    rows = settled(0.1)
    before = rows.tobytes()
    charts.learn_high(rows, np.array([np.nan]), ALWAYS, POLICY)
    assert rows.tobytes() == before
    assert high(rows, np.nan) == 0.0


def test_before_it_has_shown_its_own_a_sensor_has_a_wide_limit_on_high_bands() -> None:
    assert high(fresh(), POLICY.high_sigmas * POLICY.high_prior_scale) == pytest.approx(1.0)


def test_a_provisional_baseline_has_wider_limits() -> None:
    rows = learnt([0.1] * 50)
    usual = read(rows, 1.0)
    rows["flags"] = PROVISIONAL
    wider = read(rows, 1.0)
    assert wider.adaptive * POLICY.provisional_widening == pytest.approx(usual.adaptive)
    assert wider.anchored * POLICY.provisional_widening == pytest.approx(usual.anchored)
    assert wider.quieter * POLICY.provisional_widening == pytest.approx(usual.quieter)
    assert wider.threshold > usual.threshold


def test_rows_do_not_influence_each_other() -> None:
    values = np.random.default_rng(2).normal(0.1, 0.05, (40, 5))
    together = fresh(5)
    for row in values:
        learn(together, row)
    alone = np.concatenate([learnt(values[:, k].tolist()) for k in range(5)])
    assert together.tobytes() == alone.tobytes()


def test_the_prior_follows_from_the_calibration() -> None:
    calibration = Calibration(np.log10(POLICY.loss_unit), 0.1, 0.1, 0.3, (1.3, 2.5, 3.5), 6, 1000)
    prior = charts.prior_of(calibration, POLICY)
    assert prior.mean == pytest.approx(np.log10(2.0))


def test_quiet_windows_turn_a_sensor_quieter_once_and_a_calm_spell_turns_it_back() -> None:
    rows = fresh()
    pattern = [True] * 30 + [False] * 25 + [True] * 30
    turned = [
        bool(charts.turn_quieter(rows, ALWAYS, np.array([quiet]), POLICY)[0]) for quiet in pattern
    ]
    assert [k for k, now in enumerate(turned) if now] == [19, 74]
    assert rows["flags"][0] & QUIETER


def test_a_jump_stands_out_of_the_level_and_a_plateau_does_not() -> None:
    rows = fresh()
    above = [
        charts.follow_level(rows, np.array([level]), ALWAYS, 60.0)[0]
        for level in [0.0] * 50 + [0.7] * 400
    ]
    assert above[50] == pytest.approx(0.7)
    assert above[-1] == pytest.approx(0.0, abs=0.01)


def test_references_are_carried_over_along_the_line_from_old_to_new() -> None:
    rows = learnt([0.2, 0.3, 0.4] * 20)
    before = np.array([0.2, 0.3, 0.4])
    spread = float(before.std())
    mean, squares = rows["anchor_mean"].item(), rows["anchor_squares"].item()
    day = {name: rows[name].item() for name in charts.DAY}
    adaptive, variance = rows["adaptive_mean"].item(), rows["adaptive_variance"].item()
    charts.carry_over(rows, before, 0.1 + 1.5 * before)
    slope = (1.5 * spread + charts.SPREAD_FLOOR) / (spread + charts.SPREAD_FLOOR)
    assert rows["anchor_mean"].item() == pytest.approx(0.55 + slope * (mean - 0.3))
    assert rows["adaptive_mean"].item() == pytest.approx(0.55 + slope * (adaptive - 0.3))
    assert rows["anchor_squares"].item() == pytest.approx(slope**2 * squares)
    assert rows["day_mean"].item() == pytest.approx(0.55 + slope * (day["day_mean"] - 0.3))
    assert rows["day_squares"].item() == pytest.approx(slope**2 * day["day_squares"])
    assert rows["day_trend"].item() == pytest.approx(slope * day["day_trend"])
    assert (rows["day_s"].item(), rows["day_count"].item()) == (day["day_s"], day["day_count"])
    assert rows["adaptive_variance"].item() == pytest.approx(slope**2 * variance)


@pytest.mark.parametrize(("factor", "slope"), [(50.0, 2.0), (0.0, 0.5)])
def test_a_spread_is_never_believed_to_change_by_more_than_two(factor: float, slope: float) -> None:
    rows = learnt([0.2, 0.3, 0.4] * 20)
    variance = rows["adaptive_variance"].item()
    before = np.array([0.0, 0.3, 0.6])
    charts.carry_over(rows, before, factor * before)
    assert rows["adaptive_variance"].item() == pytest.approx(slope**2 * variance)
