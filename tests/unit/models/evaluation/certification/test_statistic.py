"""The distribution that thresholds follow from."""

from __future__ import annotations

import numpy as np
import pytest

from models.evaluation.certification.statistic import (
    EDGES,
    LAGS,
    Statistic,
    autocorrelation,
    confirmation,
    confirmed,
)
from models.policy import ConfirmationPolicy

NAN = float("nan")


@pytest.mark.parametrize(("cadence_s", "asked"), [(10.0, (3, 4)), (600.0, (5, 6))])
def test_slow_sensors_need_more_windows(cadence_s: float, asked: tuple[int, int]) -> None:
    assert confirmation(ConfirmationPolicy(), cadence_s) == asked


def test_the_confirmed_value_exceeds_where_enough_windows_do() -> None:
    values = np.array([0.0, 2.0, 2.0, 0.0, 3.0, 0.5, NAN, 2.0])
    largest = confirmed(values, 3, 4)
    assert largest.tolist()[3:] == [0.0, 2.0, 0.5, 0.0, 0.5]
    counts = np.array([(values[max(k - 3, 0) : k + 1] > 1.0).sum() for k in range(8)])
    np.testing.assert_array_equal(largest > 1.0, counts >= 3)


def test_the_tail_is_the_share_of_windows_over_each_value() -> None:
    statistic = Statistic()
    values = np.array([0.11, 0.31, 0.51, NAN, 0.91])
    statistic.add(values, needed=1, among=1, a_day=2)
    tail = dict(zip(EDGES.tolist(), statistic.tail(confirmed=False).tolist(), strict=True))
    assert [tail[x] for x in (0.0, 0.2, 0.4, 0.6, 1.0)] == [1.0, 0.75, 0.5, 0.25, 0.0]


def test_a_value_beyond_the_bins_is_still_over_all_of_them() -> None:
    statistic = Statistic()
    statistic.add(np.array([99.0]), needed=1, among=1, a_day=1)
    assert statistic.tail(confirmed=False)[-1] == 1.0


def test_days_keep_their_largest_value_and_empty_days_none() -> None:
    statistic = Statistic()
    statistic.add(np.array([0.1, 0.4, NAN, NAN, 0.3, 0.2, 0.9]), needed=1, among=1, a_day=2)
    assert np.concatenate(statistic.daily).tolist() == [0.4, 0.3]
    assert statistic.day_quantiles(confirmed=False)[0.5] == pytest.approx(0.35)


def test_the_correlation_of_an_autoregression_is_found_across_gaps() -> None:
    noise = np.random.default_rng(1).standard_normal(50_000)
    values = np.zeros(noise.size)
    for k in range(1, noise.size):
        values[k] = 0.8 * values[k - 1] + noise[k]
    values[::50] = NAN
    found = dict(zip(LAGS, autocorrelation(values).tolist(), strict=True))
    assert found[1] == pytest.approx(0.8, abs=0.02)
    assert found[3] == pytest.approx(0.8**3, abs=0.03)


def test_too_few_windows_have_no_correlation() -> None:
    assert np.isnan(autocorrelation(np.zeros(20))).all()
