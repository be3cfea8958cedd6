"""Limits by numbers: where they lie, what they were learnt from, and when they speak."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from models.evaluation import FIRST_WINDOWS
from models.evaluation.bands import PcaLimit
from models.evaluation.catalogue import Setting, choose
from models.evaluation.charted import Network
from models.evaluation.limits import AdaptiveLimit, FixedLimit
from models.evaluation.lives import Life
from tests.unit.models.evaluation.lives import life
from tests.unit.models.fleet import ZeroEngine, bundle

Floats = NDArray[np.float64]

MEAN, SIGMA = 2.0, 0.25
USUAL = [MEAN - SIGMA, MEAN + SIGMA] * (FIRST_WINDOWS // 2)
"""First windows of this mean and standard deviation, exactly."""


def measuring(*rest: float, of: Callable[[Floats], Floats] = np.asarray) -> Life:
    """Return a life of which every number is `of` the usual values, then of the `rest`."""
    values = of(np.array([*USUAL, *rest]))[:, None]
    whole = life().part(0, len(values))
    seen = [
        replace(one, rms=value.astype(np.float32), kurtosis=value.astype(np.float32))
        for one, value in zip(whole.observations, values, strict=True)
    ]
    return replace(
        whole,
        observations=tuple(seen),
        mean_absolute=values,
        envelope_rms=values,
        rig_mean_absolute=values,
    )


def absolute(of: Life) -> Floats:
    return of.mean_absolute


def at(*sigmas: float) -> list[float]:
    """Return values so many standard deviations over the usual mean."""
    return [MEAN + SIGMA * each for each in sigmas]


FIXED = FixedLimit("fixed", "", absolute, 6.0)
ADAPTIVE = AdaptiveLimit("adaptive", "", absolute, 4.0)


def distances(of: FixedLimit | AdaptiveLimit, *sigmas: float) -> Floats:
    whole = measuring(*at(*sigmas))
    fitted = of.fit(whole.part(0, FIRST_WINDOWS), 0)
    return fitted.judge(whole.part(FIRST_WINDOWS)).value


def zones(sigmas: Sequence[float]) -> list[int]:
    whole = measuring(*at(*sigmas))
    fitted = FIXED.fit(whole.part(0, FIRST_WINDOWS), 0)
    return [int(zone) for zone in fitted.judge(whole.part(FIRST_WINDOWS)).zones]


def test_a_fixed_limit_lies_so_many_deviations_over_the_mean_of_the_first_windows() -> None:
    assert distances(FIXED, -2.0, 0.0, 6.0, 7.5).tolist() == [-2.0, 0.0, 6.0, 7.5]
    assert zones([6.0] * 4) == [0, 0, 0, 0]
    assert zones([6.0 + 1e-9] * 4) == [0, 0, 1, 1]


def test_the_third_window_over_a_limit_in_a_row_is_an_alert_and_the_first_below_ends_it() -> None:
    assert zones([7, 7, 0, 7, 7, 7, 7, 0, 7]) == [0, 0, 0, 0, 0, 1, 1, 0, 0]


def test_an_adaptive_limit_stands_still_while_it_is_exceeded() -> None:
    assert distances(ADAPTIVE, *[5.0] * 20).tolist() == [5.0] * 20


def test_an_adaptive_limit_follows_what_does_not_exceed_by_a_hundredth_a_window() -> None:
    # The mean moves by 0.01 deviations, and the variance loses the square of that.
    then = 0.99 / np.sqrt(1 - 1e-4)
    np.testing.assert_allclose(distances(ADAPTIVE, 1.0, 1.0), [1.0, then], rtol=1e-12)


def power_of_ten(exponents: Floats) -> Floats:
    return np.power(10.0, exponents)


@pytest.mark.parametrize(
    ("name", "sigmas", "of"),
    [
        ("rms-3-sigma", 3, np.asarray),
        ("rms-6-sigma", 6, np.asarray),
        ("kurtosis-6-sigma", 6, np.asarray),
        ("envelope-6-sigma", 6, np.asarray),
        ("adaptive-log-rms", 4, power_of_ten),
    ],
)
def test_a_baseline_finds_what_lies_just_over_so_many_deviations_and_nothing_just_below(
    name: str, sigmas: int, of: Callable[[Floats], Floats]
) -> None:
    (method,) = choose([name], Setting(Network(bundle(), ZeroEngine()), []))
    said = []
    for share in (0.99, 1.01):
        whole = measuring(*at(*[share * sigmas] * 3), of=of)
        fitted = method.fit(whole.part(0, FIRST_WINDOWS), 0)
        said.append(fitted.judge(whole.part(FIRST_WINDOWS)).zones.tolist())
    assert said == [[0, 0, 0], [0, 0, 1]]


def test_the_limit_of_pca_is_learnt_from_windows_that_its_components_were_not_fitted_to() -> None:
    first = life().part(0, FIRST_WINDOWS)
    value = PcaLimit().fit(first, 0).judge(first).value
    fitted_to, others = value[::2], value[1::2]
    assert (others.mean(), others.std()) == pytest.approx((0.0, 1.0))
    assert fitted_to.mean() < -1.0
