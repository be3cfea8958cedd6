"""What limits from a budget reckon with, fitted to false alerts of a fleet."""

from __future__ import annotations

import numpy as np
import pytest

from models.evaluation.certification.healthy import Exposure
from models.evaluation.certification.panel import panel, pinned
from models.evaluation.certification.tails import Crossings, crossings, fit
from models.policy import Tail
from pipelines.simulator import SETTING
from tests.unit.models.fleet import FEATURES, ZeroEngine, bundle

TRUE = Tail(level=-2.5, slope=6.0, stretch=3.5)


def drawn(seed: int) -> list[Crossings]:
    rng, found = np.random.default_rng(seed), []
    for number in range(150):
        r, frailty = float(rng.uniform(0.0, 0.3)), float(rng.gamma(1.0, 1.0))
        for factor in (0.4, 0.6, 0.8, 1.0, 1.3):
            reach = factor / (1 + TRUE.stretch * r)
            mean = 25_000 * 10 ** (TRUE.level - TRUE.slope * reach**2)
            alerts = int(rng.poisson(frailty * mean))
            found.append(Crossings(str(number), factor, 25_000, 0.5, r, alerts))
    return found


def test_the_fit_finds_the_tail_that_alerts_were_drawn_from() -> None:
    fitted = fit(drawn(1), 0.3)
    assert fitted.level == pytest.approx(TRUE.level, abs=0.2)
    assert fitted.slope == pytest.approx(TRUE.slope, abs=0.5)
    assert fitted.stretch == pytest.approx(TRUE.stretch, abs=0.6)


def test_without_a_false_alert_there_is_nothing_to_fit_to() -> None:
    none = [Crossings("one", 1.0, 1000, 0.1, 0.0, 0)]
    with pytest.raises(ValueError, match="lower factors or more sensor-years"):
        fit(none, 0.3)


def test_a_healthy_exposure_is_counted_sensor_by_sensor() -> None:
    of = Exposure(sensors=3, windows=768, cadence_s=600.0, seed=4, family=SETTING)
    found = crossings(of, panel(bundle(), ZeroEngine(), pinned((0.1, 1.0))), FEATURES)
    assert len(found) == 6
    narrow, usual = ([one for one in found if one.factor == each] for each in (0.1, 1.0))
    assert sum(one.alerts for one in narrow) > sum(one.alerts for one in usual)
    for one in found:
        assert 100 < one.windows < 768
        assert one.years == pytest.approx(one.windows * 600.0 / 31_557_600)
        assert -0.3 < one.correlation < 1.0
