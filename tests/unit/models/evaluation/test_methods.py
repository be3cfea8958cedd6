"""Every method that needs no training keeps the contract; each finds a bearing that got louder."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from models.evaluation import FIRST_WINDOWS, WARNING, EvaluationError, Method
from models.evaluation.article import Article
from models.evaluation.catalogue import (
    BASELINES,
    NEEDS_KERAS,
    OURS,
    WITHOUT,
    Setting,
    choose,
    every,
    names,
)
from models.evaluation.charted import Averaged, Network, Shuffled
from models.evaluation.lives import Life
from models.evaluation.outcomes import judge_outcome
from pipelines.features import Observation
from pipelines.quality import FIT, Quality, SensorFault
from pipelines.window import SensorKey
from tests.unit.models.evaluation.lives import EARLIEST, label, life
from tests.unit.models.fleet import ZeroEngine, bundle

OTHER = SensorKey("fan", "drive-end")
SHIPPED = Network(bundle(), ZeroEngine())
UNTRAINED = [name for name in (OURS, *BASELINES, *WITHOUT) if name not in NEEDS_KERAS]
BLIND_TO_LEVEL = {"kurtosis-6-sigma"}


def method(name: str) -> Method:
    fleet = [life(), life(OTHER, of=label(str(OTHER), learn_until=150))]
    return choose([name], Setting(SHIPPED, fleet))[0]


def zones(of: Method, whole: Life) -> list[int]:
    fitted = of.fit(whole.part(0, FIRST_WINDOWS), 0)
    return [int(zone) for zone in fitted.judge(whole.part(FIRST_WINDOWS)).zones]


@pytest.mark.parametrize("name", UNTRAINED)
def test_what_is_said_of_a_window_does_not_depend_on_later_ones(name: str) -> None:
    whole = life()
    said = zones(method(name), whole)
    assert len(said) == len(whole) - FIRST_WINDOWS
    assert zones(method(name), whole.part(0, 215)) == said[: 215 - FIRST_WINDOWS]


@pytest.mark.parametrize("name", [name for name in UNTRAINED if name not in BLIND_TO_LEVEL])
def test_a_bearing_that_gets_much_louder_is_found(name: str) -> None:
    whole = life()
    of = method(name)
    fitted = of.fit(whole.part(0, FIRST_WINDOWS), 0)
    one = judge_outcome(whole, fitted.judge(whole.part(FIRST_WINDOWS)))
    assert one.detected is not None
    assert EARLIEST <= one.detected <= EARLIEST + 10


@pytest.mark.parametrize("name", UNTRAINED)
def test_the_same_seed_says_the_same(name: str) -> None:
    whole = life()
    assert zones(method(name), whole) == zones(method(name), whole)


def spoiled(whole: Life, places: Sequence[int], value: float, quality: Quality) -> Life:
    """Return a life in which some windows measure `value`, all numbers alike."""

    def column(values: np.ndarray) -> np.ndarray:
        values = values.copy()
        values[list(places)] = value
        return values

    def seen(one: Observation) -> Observation:
        wrong = np.full_like(one.rms, value)
        return replace(one, rms=wrong, kurtosis=wrong, quality=quality)

    return replace(
        whole,
        observations=tuple(
            seen(one) if k in places else one for k, one in enumerate(whole.observations)
        ),
        mean_absolute=column(whole.mean_absolute),
        envelope_rms=column(whole.envelope_rms),
        rig_mean_absolute=column(whole.rig_mean_absolute),
    )


LIMITS = [
    name
    for name in BASELINES
    if name not in {*NEEDS_KERAS, *BLIND_TO_LEVEL, "pca-6-sigma", "isolation-forest"}
    and name != "pca-same-charts"
]


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize(
    ("value", "quality"),
    [
        (math.nan, Quality(SensorFault.NON_FINITE)),
        (math.nan, FIT),
        (1e20, Quality(SensorFault.OFFSET)),
    ],
)
def test_a_faulty_window_among_the_first_switches_no_limit_off(
    name: str, value: float, quality: Quality
) -> None:
    whole = spoiled(life(), [50], value, quality)
    fitted = method(name).fit(whole.part(0, FIRST_WINDOWS), 0)
    one = judge_outcome(whole, fitted.judge(whole.part(FIRST_WINDOWS)))
    assert one.detected is not None
    assert EARLIEST <= one.detected <= EARLIEST + 10


@pytest.mark.parametrize("name", [*LIMITS, "kurtosis-6-sigma"])
def test_an_axis_that_never_says_anything_leaves_the_others_to_be_judged(name: str) -> None:
    def dead_y(values: np.ndarray) -> np.ndarray:
        return np.stack([values[..., 0], np.full_like(values[..., 0], np.nan)], axis=-1)

    lost = Quality(SensorFault.NON_FINITE, lost=(1,))
    one_axis = life()
    whole = replace(
        one_axis,
        observations=tuple(
            replace(one, rms=dead_y(one.rms), kurtosis=dead_y(one.kurtosis), quality=lost)
            for one in one_axis.observations
        ),
        mean_absolute=dead_y(one_axis.mean_absolute),
        envelope_rms=dead_y(one_axis.envelope_rms),
    )
    assert zones(method(name), whole) == zones(method(name), one_axis)


def test_an_article_learns_no_limit_from_a_faulty_window() -> None:
    pytest.importorskip("keras")
    whole = spoiled(life(), [50], 1e3, Quality(SensorFault.OFFSET))
    fitted = Article(epochs=2).fit(whole.part(0, FIRST_WINDOWS), 0)
    assert max(int(zone) for zone in fitted.judge(whole.part(FIRST_WINDOWS)).zones) == WARNING


def test_a_sensor_of_which_no_first_window_is_finite_is_refused_by_name() -> None:
    whole = spoiled(life(), range(FIRST_WINDOWS), math.nan, Quality(SensorFault.NON_FINITE))
    with pytest.raises(EvaluationError, match=r"windows 0 to 99 hold no finite .* leave"):
        method("rms-6-sigma").fit(whole.part(0, FIRST_WINDOWS), 0)


def test_where_all_first_windows_are_faulty_their_numbers_are_better_than_none() -> None:
    stuck = spoiled(life(), range(FIRST_WINDOWS), 1.0, Quality(SensorFault.STUCK))
    assert max(zones(method("rms-6-sigma"), stuck)) == WARNING


def test_a_quieter_bearing_is_news_only_without_the_sign() -> None:
    quieter = life(rise=-0.8)
    assert max(zones(method("no-sign"), quieter)) >= WARNING
    assert max(zones(method(OURS), quieter)) < WARNING


def test_names_leave_out_what_was_not_asked_for() -> None:
    assert set(names(ablations=False)) >= set(UNTRAINED)
    assert not any(name.startswith("quick-") for name in names(ablations=False))


def test_an_unknown_method_is_refused_with_the_known_ones() -> None:
    with pytest.raises(EvaluationError, match=r"no method 'rms'; there are bearingwatch, rms-3"):
        choose(["rms"], Setting(SHIPPED, []))


def test_every_method_is_in_one_list() -> None:
    found = [one.name for one in every(Setting(SHIPPED, []))]
    assert set(found) >= {OURS, *BASELINES, *WITHOUT}
    assert len(found) == len(set(found))


class Echo:
    """Reconstructs its input with the first frame in place of the last."""

    name = "echo"

    def reconstruct(self, sequences: np.ndarray) -> np.ndarray:
        result = sequences.copy()
        result[:, -1] = sequences[:, 0]
        return result


def test_shuffled_frames_come_back_where_they_belong() -> None:
    sequences = np.random.default_rng(1).normal(size=(3, 8, 4)).astype(np.float32)
    result = Shuffled(Echo(), 8, seed=2).reconstruct(sequences)
    assert (result != sequences).any(axis=2).sum(axis=1).tolist() == [1, 1, 1]


def test_averaged_frames_leave_the_residual_of_the_average() -> None:
    sequences = np.random.default_rng(1).normal(size=(3, 8, 4)).astype(np.float32)
    residual = sequences - Averaged(ZeroEngine()).reconstruct(sequences)
    mean = sequences.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(residual, np.broadcast_to(mean, residual.shape), atol=1e-6)
