"""Damaged when commissioned: suspected or not."""

from __future__ import annotations

from itertools import islice

import pytest

from models.evaluation.certification.arrival import (
    MEDIUM,
    WINDOWS,
    Arrival,
    arrive,
    damaged_fleets,
    healthy_starts,
)
from models.evaluation.certification.panel import panel, stated
from pipelines.features import FeatureSettings
from pipelines.simulator import FaultKind, Fleet
from tests.unit.models.fleet import ZeroEngine, bundle


def test_damage_is_there_from_the_first_window_and_stays_medium() -> None:
    spec = next(damaged_fleets(10, seed=1, cadence_s=600.0))
    fleet = Fleet(spec)
    for key in fleet.keys:
        level = fleet.severity(key)
        assert level.size == WINDOWS
        assert MEDIUM[0] * 0.7 < level.min()
        assert level.max() < MEDIUM[1] * 1.4


def test_every_kind_is_damaged_alike() -> None:
    spec = next(damaged_fleets(10, seed=1, cadence_s=600.0))
    kinds = [machine.sensors[0].fault.kind for machine in spec.machines if machine.sensors[0].fault]
    assert all(kinds.count(kind) == 2 for kind in FaultKind)


def test_the_healthy_starts_are_the_same_machines() -> None:
    damaged = next(damaged_fleets(5, seed=1, cadence_s=600.0))
    healthy = next(healthy_starts(5, seed=1, cadence_s=600.0))
    assert [m.duty for m in damaged.machines] == [m.duty for m in healthy.machines]
    assert all(machine.sensors[0].fault is None for machine in healthy.machines)


def test_shares_are_of_the_sensors_that_were_commissioned() -> None:
    arrival = Arrival({"ball": 4, "cage": 6}, {"ball": 3})
    assert arrival.share()[:2] == (3, 10)
    assert arrival.share("cage")[:2] == (0, 6)


@pytest.mark.parametrize(("damaged", "expected"), [(True, "outer_race"), (False, "healthy")])
def test_sensors_are_commissioned_and_counted_by_what_fails(damaged: bool, expected: str) -> None:
    features = FeatureSettings()
    fleets = (damaged_fleets if damaged else healthy_starts)(1, seed=3, cadence_s=600.0)
    juror = panel(bundle(features=features), ZeroEngine(), stated((0.1,)))[0.1]
    result = arrive(islice(fleets, 1), juror, features)
    assert result.commissioned == {expected: 1}
    assert result.suspected == ({expected: 1} if damaged else {})
