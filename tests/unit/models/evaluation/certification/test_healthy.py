"""False alerts on healthy sensors, and what is made responsible for them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from models.budget import SECONDS_PER_YEAR
from models.evaluation.bounds import poisson_rate
from models.evaluation.certification import healthy
from models.evaluation.certification.fleets import CALM
from models.evaluation.certification.healthy import Exposure, Healthy, cause, expose
from models.evaluation.certification.panel import panel, pinned, stated
from pipelines.simulator import Burst, Event, Regreasing, Remount, Stop, WearIn
from tests.unit.models.fleet import FEATURES, ZeroEngine, bundle

ROUGH = replace(CALM, bursts=130.0, burst_windows=(12.0, 12.0))


@cache
def exposed(*, rough: bool, sensors: int = 4, budgets: tuple[float, ...] = (0.1, 1.0)) -> Healthy:
    exposure = Exposure(sensors, 1_000, 600.0, seed=2, year=ROUGH if rough else CALM)
    return expose(exposure, panel(bundle(), ZeroEngine(), stated(budgets)), FEATURES)


def test_judged_time_is_what_was_scored() -> None:
    result = exposed(rough=False)
    withheld = sum(result.verdicts.values())
    assert result.judged + withheld == 4_000
    assert result.verdicts["learnt"] >= 400
    assert result.years == result.judged * 600.0 / SECONDS_PER_YEAR


def test_rough_spells_are_counted_and_made_responsible() -> None:
    calm, rough = exposed(rough=False), exposed(rough=True)
    assert not calm.spells
    assert len(rough.spells) == rough.happened["rough spell"]
    assert rough.counts[0.1] > calm.counts[0.1]
    alerted = [spell for spell in rough.spells if spell.alerted]
    assert alerted
    assert min(spell.level for spell in alerted) > 1.15
    assert rough.tally(lambda alert: alert.cause)["rough spell"] >= 0.8 * len(rough.alerts)


def test_every_alert_at_the_usual_limits_is_explained() -> None:
    rough = exposed(rough=True)
    assert len(rough.alerts) == rough.counts[0.1] == sum(rough.causes[0.1].values())
    assert {alert.zone for alert in rough.alerts} <= {"warning", "alarm"}
    assert all(alert.windows > 0 and alert.chart for alert in rough.alerts)


def test_the_rate_has_exact_bounds() -> None:
    rough = exposed(rough=True)
    assert rough.rate() == rough.counts[0.1] / rough.years
    assert rough.bounds() == poisson_rate(rough.counts[0.1], rough.years)


def test_the_statistic_covers_every_judged_window_of_the_zone_normal() -> None:
    calm = exposed(rough=False)
    assert calm.in_alert == 0
    for statistic in calm.charts.values():
        assert statistic.single.sum() == calm.judged
    assert len(calm.log_loss) == 4


def test_it_is_all_one_how_many_groups_are_judged_side_by_side(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Limits at a tenth of the usual spread, so that there are alerts to compare."""
    monkeypatch.setattr(healthy, "GROUP", 1)
    found = []
    for together in (1, 3):
        monkeypatch.setattr(healthy, "TOGETHER", together)
        exposure = Exposure(3, 600, 600.0, seed=2, year=CALM)
        jurors = panel(bundle(), ZeroEngine(), pinned((healthy.REFERENCE,)))
        found.append(expose(exposure, jurors, FEATURES))
    apart, beside = (sorted(one.alerts, key=lambda alert: alert.key) for one in found)
    assert apart == beside
    assert len({alert.key for alert in beside}) >= 2
    assert found[0].judged == found[1].judged
    assert np.array_equal(found[0].log_loss, found[1].log_loss)


def test_an_exposure_is_split_into_groups_of_their_own_seeds() -> None:
    groups = list(Exposure(70, 50, 600.0, seed=4).groups())
    assert [len(group.machines) for group in groups] == [64, 6]
    assert groups[0].seed != groups[1].seed
    assert Exposure(70, 52_596, 600.0).sensor_years == pytest.approx(70.0)


@pytest.mark.parametrize(
    ("events", "index", "expected"),
    [
        ((), 5_000, "calm running"),
        ((), 150, "learning"),
        ((Burst(4_990, 6, 1.5),), 5_000, "rough spell"),
        ((Burst(4_900, 6, 1.5),), 5_000, "calm running"),
        ((Stop(4_000, 800, 1.1),), 5_000, "restart"),
        ((Remount(4_900, 0.9, 1.1),), 5_000, "new mount"),
        ((Remount(100, 0.9, 1.1),), 5_000, "new mount"),
        ((Regreasing(4_900, 0.5, 500.0),), 5_000, "grease"),
        ((Regreasing(2_000, 0.5, 500.0),), 5_000, "grease"),
        ((WearIn(0.3, 2_000.0),), 5_000, "wear-in"),
        ((WearIn(0.3, 500.0),), 5_000, "calm running"),
        ((Burst(5_001, 6, 1.5),), 5_000, "calm running"),
        ((Stop(4_000, 800, 1.1), Burst(4_990, 6, 1.5)), 5_000, "rough spell"),
    ],
)
def test_the_most_telling_event_is_the_cause(
    events: tuple[Event, ...], index: int, expected: str
) -> None:
    assert cause(events, index, first=100) == expected


def test_moments_of_the_loss_are_numbers() -> None:
    assert np.isfinite(np.array(exposed(rough=False).log_loss)).all()
