"""The fleet to certify on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from models.budget import SECONDS_PER_YEAR
from models.evaluation.certification.fleets import (
    CALM,
    USUAL,
    Year,
    healthy_fleet,
)
from pipelines.simulator import FleetSpec, Stop, WearIn
from pipelines.simulator.disturbances import Burst, Remount, over_run

YEAR = round(SECONDS_PER_YEAR / 600.0)


def fleet(windows: int = YEAR, sensors: int = 12, seed: int = 3, year: Year = USUAL) -> FleetSpec:
    return healthy_fleet(seed, sensors=sensors, windows=windows, cadence_s=600.0, year=year)


def events(spec: FleetSpec, kind: type) -> list[object]:
    return [
        event
        for machine in spec.machines
        for event in (*machine.events, *machine.sensors[0].events)
        if isinstance(event, kind)
    ]


def test_things_happen_as_often_as_the_year_says() -> None:
    spec = fleet(sensors=40)
    assert len(events(spec, Burst)) == pytest.approx(40 * USUAL.bursts, rel=0.15)
    assert len(events(spec, Stop)) == pytest.approx(40 * USUAL.stops, rel=0.2)
    assert len(events(spec, Remount)) == pytest.approx(40 * USUAL.remounts, abs=9)


def test_half_a_year_has_half_as_many() -> None:
    assert len(events(fleet(YEAR // 2, sensors=40), Burst)) == pytest.approx(480, rel=0.2)


def test_restarts_do_not_add_up() -> None:
    for machine in fleet(year=replace(CALM, stops=60.0)).machines:
        level = over_run(machine.events, YEAR).level
        assert level.min() > 0.84
        assert level.max() < 1.2


def test_a_calm_year_has_wear_in_only() -> None:
    spec = healthy_fleet(1, sensors=20, windows=500, cadence_s=600.0, year=CALM)
    assert events(spec, WearIn)
    assert not any(machine.events or machine.sensors[0].drop_outs for machine in spec.machines)
    assert all(len(machine.sensors[0].events) <= 1 for machine in spec.machines)


def test_the_same_seed_draws_the_same_fleet() -> None:
    assert fleet() == fleet()
    assert fleet() != fleet(seed=4)
