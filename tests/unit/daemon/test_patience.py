"""Waiting for services."""

import pytest

from daemon.patience import Backoff, Patience


@pytest.mark.parametrize(("failures", "limit_s"), [(1, 1), (2, 2), (4, 8), (6, 30), (4000, 30)])
def test_limits_double_up_to_the_longest(failures: int, limit_s: float) -> None:
    assert Backoff(1.0, 30.0).limit_s(failures) == limit_s


@pytest.mark.parametrize("chance", [0.0, 0.25, 0.999])
def test_jitter_takes_the_whole_range(chance: float) -> None:
    patience = Patience(Backoff(4.0, 30.0), lambda: chance)
    assert patience.failed(now=0.0) == pytest.approx(4.0 * chance)


def test_a_wish_is_met_but_not_beyond_the_longest_wait() -> None:
    patience = Patience(Backoff(1.0, 30.0), lambda: 0.0)
    assert patience.failed(now=0.0, wish_s=7.0) == 7.0
    assert patience.failed(now=0.0, wish_s=3600.0) == 30.0


def test_success_ends_the_wait() -> None:
    patience = Patience(Backoff(1.0, 30.0), lambda: 1.0)
    patience.failed(now=10.0)
    assert patience.left_s(10.25) == 0.75
    patience.succeeded()
    assert patience.left_s(10.25) == 0.0
    assert not patience.waiting
