"""Several settings side by side, the network's work shared."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from models.budget import factor
from models.detector import Detector, DetectorSettings
from models.evaluation.certification.panel import Juror, Shared, panel, pinned, stated
from tests.unit.models.fleet import KEY, ZeroEngine, bundle, healthy, observation


class Counting(ZeroEngine):
    """Counts its calls."""

    calls = 0

    def reconstruct(self, sequences: NDArray[np.float32]) -> NDArray[np.float32]:
        self.calls += 1
        return super().reconstruct(sequences) + np.float32(0.25)


def test_the_shared_engine_works_once_for_the_same_call() -> None:
    behind = Counting()
    shared = Shared(behind)
    first, second = (np.full((3, 2, 4), value, np.float32) for value in (1.0, 2.0))
    answers = [shared.reconstruct(each) for each in (first, second, first)]
    assert behind.calls == 2
    np.testing.assert_array_equal(answers[0], answers[2])


def test_an_answer_that_was_changed_is_not_given_again() -> None:
    shared = Shared(Counting())
    asked = np.ones((1, 2, 4), np.float32)
    shared.reconstruct(asked)[:] = 9.0
    assert shared.reconstruct(asked).max() == pytest.approx(0.25)


def test_a_pinned_factor_holds_at_any_cadence() -> None:
    policy = pinned((1.5,))[1.5]
    cadence_s, none = np.array([0.1, 10.0, 3600.0]), np.zeros(3)
    for young in (False, True):
        slow, youth = np.array([False, False, True]), np.full(3, young)
        assert factor(cadence_s, none, slow, youth, policy).tolist() == [1.5, 1.5, 1.5]


def test_a_juror_says_what_the_detector_says() -> None:
    stream = [*healthy(160), *(observation(k, louder=0.5) for k in range(160, 180))]
    made = bundle()
    jurors = panel(made, ZeroEngine(), stated((0.1, 1e-9)))
    said = {budget: juror.judge(stream) for budget, juror in jurors.items()}
    alone = Detector(made, ZeroEngine(), DetectorSettings(charts=made.charts)).judge({}, stream)[1]
    assert [one.loss for one in said[0.1]][110:] == [one.loss for one in alone][110:]
    assert [one.zone for one in said[0.1]] == [one.zone for one in alone]
    assert [alert.key for alert in jurors[0.1].raised] == [KEY]
    assert 160 < jurors[0.1].raised[0].index < 170


def test_wider_limits_raise_later_or_not_at_all() -> None:
    stream = [*healthy(160), *(observation(k, louder=(k - 159) / 10) for k in range(160, 200))]
    jurors = panel(bundle(), ZeroEngine(), pinned((0.6, 1.0, 1.3)))
    for juror in jurors.values():
        juror.judge(stream)
    at = [juror.raised[0].index for juror in jurors.values()]
    assert at == sorted(at)
    assert at[0] < at[-1]


def test_forgetting_starts_sensors_anew_and_keeps_the_alerts() -> None:
    stream = [*healthy(160), *(observation(k, louder=0.8) for k in range(160, 180))]
    juror = Juror(Detector(bundle(), ZeroEngine()))
    juror.judge(stream)
    juror.forget()
    assert not juror.states
    assert len(juror.raised) == 1
