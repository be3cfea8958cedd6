"""The wander of a healthy spectrum's shape."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipelines.simulator import PROVING, WORKSHOP, Colour, Fleet, random_fleet
from pipelines.simulator.colour import KNOTS, over, over_bins, wandering
from tests.unit.pipelines.simulator.builders import GRID, band_rms, fleet, key, sensor


def test_the_wander_has_the_spread_and_the_memory_asked_for() -> None:
    drawn = wandering(Colour(0.1, 20.0), 20_000, 3, "m", "a")
    assert drawn.shape == (20_000, KNOTS)
    assert drawn.std(axis=0) == pytest.approx(0.1, rel=0.2)
    lagged = [np.corrcoef(knot[:-20], knot[20:])[0, 1] for knot in drawn.T]
    assert np.mean(lagged) == pytest.approx(np.exp(-1.0), abs=0.06)


def test_knots_wander_independently() -> None:
    drawn = wandering(Colour(0.1, 5.0), 20_000, 3, "m", "a")
    correlation = np.corrcoef(drawn.T) - np.eye(KNOTS)
    assert np.abs(correlation).max() < 0.06


def test_a_longer_run_begins_with_the_same_wander() -> None:
    short, long = (wandering(Colour(0.1, 9.0), count, 3, "m", "a") for count in (50, 500))
    np.testing.assert_array_equal(short, long[:50])


def test_the_knots_share_every_frequency_among_them() -> None:
    assert over_bins(GRID).sum(axis=0) == pytest.approx(1.0)
    assert over(np.array([1.0, GRID.nyquist_hz]), GRID.nyquist_hz)[[0, -1], [0, 1]] == (
        pytest.approx(1.0)
    )


def test_a_wandering_sensor_changes_its_bands_against_each_other() -> None:
    ratios = {}
    for unrest in (0.0, 0.3):
        run = Fleet(
            fleet(replace(sensor(), colour=Colour(unrest, 5.0)), windows=40, duration_s=1.0)
        )
        signals = [run.window(key(), k).signal()[0] for k in range(40)]
        low = np.array([band_rms(signal, 100.0, 400.0, GRID.rate_hz) for signal in signals])
        high = np.array([band_rms(signal, 7e3, 1e4, GRID.rate_hz) for signal in signals])
        ratios[unrest] = np.std(np.log10(low / high))
    assert ratios[0.3] > 3 * ratios[0.0]


def test_only_the_family_to_certify_on_wanders() -> None:
    colours = {
        family.name: [m.sensors[0].colour.unrest for m in random_fleet(2, family=family).machines]
        for family in (WORKSHOP, PROVING)
    }
    assert max(colours["workshop"]) == 0.0
    assert min(colours["proving"]) > 0.0
