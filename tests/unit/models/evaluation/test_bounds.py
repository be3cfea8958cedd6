import pytest

from models.evaluation.bounds import clopper_pearson, poisson_rate


@pytest.mark.parametrize(
    ("hits", "trials", "lower", "upper"),
    [(0, 10, 0.0, 0.3085), (10, 10, 0.6915, 1.0), (7, 7, 0.5904, 1.0), (5, 10, 0.1871, 0.8129)],
)
def test_a_share_has_the_published_bounds(
    hits: int, trials: int, lower: float, upper: float
) -> None:
    assert clopper_pearson(hits, trials) == pytest.approx((lower, upper), abs=1e-4)


@pytest.mark.parametrize(
    ("events", "lower", "upper"), [(0, 0.0, 3.6889), (1, 0.0253, 5.5716), (10, 4.7954, 18.3904)]
)
def test_a_rate_has_the_published_bounds(events: int, lower: float, upper: float) -> None:
    assert poisson_rate(events, 1.0) == pytest.approx((lower, upper), abs=1e-4)
    assert poisson_rate(events, 2.0) == pytest.approx((lower / 2, upper / 2), abs=1e-4)


def test_nothing_seen_bounds_nothing() -> None:
    assert clopper_pearson(0, 0) == (0.0, 1.0)
    assert poisson_rate(0, 0.0).upper == float("inf")
