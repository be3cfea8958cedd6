"""Parts that are taken out of the detector are out, and nothing else is."""

from collections.abc import Callable
from dataclasses import asdict, replace

import numpy as np
import pytest

from models.evaluation import FIRST_WINDOWS
from models.evaluation.bands import baseline_of
from models.evaluation.catalogue import OURS, Setting, choose
from models.evaluation.charted import (
    NEVER,
    FleetBaseline,
    Network,
    fleet_view,
    without_adaptive,
    without_anchored,
    without_high,
)
from models.evaluation.lives import Life
from models.policy import ChartPolicy
from pipelines.window import SensorKey
from tests.unit.models.evaluation.lives import label, life
from tests.unit.models.fleet import FEATURES, KEY, NEIGHBOUR, ZeroEngine, bundle

LOW, HIGH, ALL = slice(0, 3), FEATURES.high_bands(), slice(0, FEATURES.bands)


def lifted(windows: int, *lifts: tuple[slice, Callable[[int], float]]) -> Life:
    """Return a life whose bands are lifted by so many decades, each a function of the window."""
    whole = life(of=label(fails=False, earliest=None, latest=None, last_live=windows - 1), rise=0.0)
    seen = []
    for k, one in enumerate(whole.observations):
        bands = one.log_bands.copy()
        for chosen, lift in lifts:
            bands[:, :, chosen] += np.float32(lift(k))
        seen.append(replace(one, log_bands=bands))
    return replace(whole, observations=tuple(seen))


def is_found(name: str, whole: Life) -> bool:
    (method,) = choose([name], Setting(Network(bundle(), ZeroEngine()), []))
    fitted = method.fit(whole.part(0, FIRST_WINDOWS), 0)
    return bool(fitted.judge(whole.part(FIRST_WINDOWS)).zones.any())


def creeping() -> Life:
    """Return a life with a rise so slow that the adaptive chart follows it."""
    return lifted(520, (LOW, lambda k: 0.6 * max(k - 300, 0) / 280))


def stepping() -> Life:
    """Return a life with a step smaller than the anchored chart's limit, which is wide."""
    return lifted(210, (LOW, lambda k: 0.34 * (k >= 200)))


def ringing() -> Life:
    """Return a life worn in far below its baseline, where impacts lift the high bands only."""
    return lifted(270, (ALL, lambda k: -0.5 * (k >= 100)), (HIGH, lambda k: 0.4 * (k >= 260)))


@pytest.mark.parametrize(
    ("name", "whole"),
    [
        ("no-anchored-chart", creeping),
        ("no-adaptive-chart", stepping),
        ("no-high-chart", ringing),
    ],
)
def test_what_only_one_chart_finds_is_missed_without_it(
    name: str, whole: Callable[[], Life]
) -> None:
    made = whole()
    assert (is_found(OURS, made), is_found(name, made)) == (True, False)


@pytest.mark.parametrize(
    ("without", "limit"),
    [
        (without_anchored, "anchored_sigmas"),
        (without_adaptive, "adaptive_sigmas"),
        (without_high, "high_sigmas"),
    ],
)
def test_a_chart_is_taken_out_by_its_own_limit_alone(
    without: Callable[[ChartPolicy], ChartPolicy], limit: str
) -> None:
    policy = ChartPolicy()
    assert asdict(without(policy)) == asdict(policy) | {limit: NEVER}


def test_the_fleet_that_measures_a_bearing_holds_nothing_of_its_own_asset() -> None:
    other = life(SensorKey("fan", "motor"))
    view = fleet_view([life(KEY), life(NEIGHBOUR), other])(life(KEY).part(0, FIRST_WINDOWS))
    assert isinstance(view, FleetBaseline)
    expected = baseline_of(other.part(0, FIRST_WINDOWS))
    assert [one.id for one in view.fleet] == [expected.id]
