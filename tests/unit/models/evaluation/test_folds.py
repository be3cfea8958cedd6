from collections.abc import Sequence
from contextlib import nullcontext

import pytest

from models.calibration import Calibration
from models.engines import Engine
from models.evaluation import EvaluationError
from models.evaluation.folds import Companions, Folds, refuse_too_few
from models.evaluation.labels import Labels
from models.learning_set import SensorSequences
from pipelines.window import SensorKey
from tests.unit.models.evaluation.lives import label, life
from tests.unit.models.fleet import ZeroEngine, bundle

KEYS = [SensorKey(name, "a") for name in ("p", "q", "r")]
LEARNT = Calibration(-0.5, 0.2, 0.1, 0.3, (1.0, 2.0, 3.0), 2, 100)


class Noting:
    """Trains nothing and remembers what it was given."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []

    def __call__(
        self, sensors: Sequence[SensorSequences], companions: Sequence[SensorSequences], seed: int
    ) -> tuple[Engine, Calibration]:
        assert all(len(sensor) == 150 for sensor in sensors)
        self.calls.append([sensor.name for sensor in sensors])
        return ZeroEngine(), LEARNT


def folds(train: Noting, count: int = 3) -> Folds:
    fleet = [life(key, of=label(str(key), learn_until=150)) for key in KEYS[:count]]
    return Folds(bundle(), fleet, Companions(bundle(), made=[]), train)


def test_a_bearing_is_judged_by_a_network_that_never_saw_it() -> None:
    train = Noting()
    network = folds(train)(life(KEYS[1]).part(0, 100), 0)
    assert train.calls == [["p/a", "r/a"]]
    assert network.bundle.calibration == LEARNT


def test_a_bearing_nobody_learns_from_is_judged_by_a_network_that_saw_all_others() -> None:
    train = Noting()
    folds(train)(life(SensorKey("foreign", "a")).part(0, 100), 0)
    assert train.calls == [["p/a", "q/a", "r/a"]]


def test_a_fold_is_trained_once_for_each_seed() -> None:
    train = Noting()
    made = folds(train)
    for seed in (0, 0, 1):
        made(life(KEYS[0]).part(0, 100), seed)
    assert len(train.calls) == 2


def test_too_few_bearings_are_refused() -> None:
    with pytest.raises(EvaluationError, match="needs three"):
        folds(Noting(), count=2)(life(KEYS[0]).part(0, 100), 0)


@pytest.mark.parametrize(
    ("sensors", "enough"),
    [
        (("a/1", "b/1"), False),
        (("a/1", "b/1", "c/1"), True),
        (("a/1", "a/2", "b/1"), False),  # without a there is b alone
        (("a/1", "a/2", "b/1", "b/2"), True),
    ],
)
def test_two_bearings_must_be_left_whichever_asset_is_left_out(
    sensors: tuple[str, ...], *, enough: bool
) -> None:
    labels = Labels(tuple(label(one, learn_until=150) for one in sensors))
    keys = [SensorKey(*one.split("/")) for one in sensors]
    refused = nullcontext() if enough else pytest.raises(EvaluationError, match="needs three")
    with refused:
        refuse_too_few(labels, keys)
