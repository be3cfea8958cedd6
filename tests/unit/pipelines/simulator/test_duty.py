"""Load, speed and temperature over days."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.simulator import Duty, Stop
from pipelines.simulator.duty import Operation, operate

_WEEK_S = np.arange(0.0, 7 * 86_400.0, 600.0, dtype=np.float64)


def _run(*events: Stop, duty: Duty | None = None, count: int = _WEEK_S.size) -> Operation:
    return operate(duty or Duty(), events, _WEEK_S[:count], seed=3, asset="pump")


def test_load_has_a_daily_cycle_that_peaks_in_the_afternoon() -> None:
    load = _run(duty=Duty(daily_load=0.2)).load.reshape(7, 144).mean(axis=0)
    assert 12 <= np.argmax(np.convolve(load, np.ones(24) / 24, "same")) / 6 <= 16


def test_temperature_follows_load_and_speed_falls_with_it() -> None:
    operation = _run(duty=Duty(daily_ambient=0.0, load_unrest=0.1))
    assert np.corrcoef(operation.load, operation.temperature)[0, 1] > 0.5
    assert np.corrcoef(operation.load, operation.shaft_hz)[0, 1] < -0.99


def test_a_standing_machine_has_no_speed_no_load_and_cools() -> None:
    operation = _run(Stop(at=300, length=50))
    assert np.all(operation.shaft_hz[300:350] == 0)
    assert np.all(operation.load[300:350] == 0)
    assert operation.temperature[349] < operation.temperature[299] - 10


def test_a_machine_coasts_down_and_runs_up_unless_it_trips() -> None:
    stops = Stop(300, 50), Stop(300, 50, coast_down=0, run_up=0)
    ramped, tripped = (_run(stop).shaft_hz / 29.5 for stop in stops)
    assert ramped[[299, 350]] == pytest.approx([0.55, 0.7], abs=0.02)
    assert tripped[[299, 350]] == pytest.approx([1.0, 1.0], abs=0.03)


def test_speed_changes_evenly_over_as_many_windows_as_are_asked_for() -> None:
    speed = _run(Stop(300, 50, coast_down=10, run_up=20), duty=Duty(droop=0.0)).shaft_hz / 29.5
    assert np.all(speed[[289, 370]] == 1.0)
    assert speed[[290, 299, 350, 369]] == pytest.approx([0.955, 0.055, 0.035, 0.985])
    assert np.diff(speed[350:370]) == pytest.approx(0.05)
    assert np.all(speed[300:350] == 0.0)


def test_a_longer_run_begins_the_same() -> None:
    for short, long in zip(_run(count=50), _run(), strict=True):
        assert np.array_equal(short, long[:50])


def test_one_window_is_a_run_too() -> None:
    assert [field.size for field in _run(count=1)] == [1, 1, 1, 1]
