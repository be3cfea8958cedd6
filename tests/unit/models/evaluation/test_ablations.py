from dataclasses import replace

import numpy as np
import pytest

from models.evaluation import FIRST_WINDOWS, ablations
from models.evaluation.ablations import VARIANTS, QuickTraining, Variant
from models.evaluation.article import Article
from models.evaluation.outcomes import judge_outcome
from models.learning_set import SensorSequences
from tests.unit.models.evaluation.lives import life

pytestmark = [
    pytest.mark.training,
    # NumPy 2 warns of Keras' own np.array(variable): TensorFlow's variables take no copy argument.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

FRAMES, BANDS = 4, 8


def sensor(name: str, seed: int) -> SensorSequences:
    """Return windows whose bands move together, which is what a network can learn."""
    rng = np.random.default_rng(seed)
    level = rng.normal(0, 2, (100, 1, 1, 1))
    noise = rng.normal(0, 0.3, (100, 1, FRAMES, BANDS))
    sequences = (level + noise).astype(np.float32)
    return SensorSequences(
        name, sequences, np.ones((100, 1, BANDS), bool), np.zeros((1, 2, BANDS), np.float32)
    )


@pytest.mark.parametrize(
    "variant",
    [one for one in VARIANTS if one.name in ("quick-dense", "quick-averaged")],
    ids=lambda variant: variant.name,
)
def test_a_fold_is_left_alone_when_the_next_one_is_trained(
    variant: Variant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ablations, "EPOCH_SEQUENCES", 256)
    training = QuickTraining(variant, BANDS, epochs=1)
    sensors = [sensor("a", 1), sensor("b", 2)]
    engine, calibration = training(sensors, [], seed=0)
    sequences = sensors[0].flat()[0][:5]
    before = engine.reconstruct(sequences)
    assert before.shape == sequences.shape
    assert np.isfinite(calibration.mean)
    training(sensors[:1], [], seed=1)
    np.testing.assert_array_equal(engine.reconstruct(sequences), before)


def test_the_articles_method_finds_a_bearing_that_gets_much_louder() -> None:
    whole = life()
    fitted = replace(Article(), epochs=2).fit(whole.part(0, FIRST_WINDOWS), 0)
    one = judge_outcome(whole, fitted.judge(whole.part(FIRST_WINDOWS)))
    assert one.detected is not None
