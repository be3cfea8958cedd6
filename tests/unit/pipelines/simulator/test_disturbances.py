"""What events do to a window."""

from __future__ import annotations

import pytest

from pipelines.simulator import Burst, Event, Regreasing, Remount, Stop, WearIn
from pipelines.simulator.disturbances import Effect, combined, over_run

_NOTHING = Effect()


@pytest.mark.parametrize(
    "event",
    [Stop(50, 5), Regreasing(50, 0.5, 10.0), Burst(50, 5, 1.5), Remount(50, 0.8, 1.1)],
)
def test_nothing_happens_before_an_event(event: Event) -> None:
    assert event.effect(49) == _NOTHING
    assert event.effect(55) is not _NOTHING


@pytest.mark.parametrize("drop", [0.2, 0.4])
def test_wear_in_lets_the_level_fall_by_its_share(drop: float) -> None:
    event = WearIn(drop, 20.0)
    assert event.effect(400).level / event.effect(0).level == pytest.approx(1 - drop)


def test_a_restart_is_at_another_level_for_good() -> None:
    stop = Stop(50, 5, level=1.15)
    assert [stop.effect(k).level for k in (54, 55, 500)] == [1.0, 1.15, 1.15]


def test_regreasing_wears_off() -> None:
    event = Regreasing(50, 0.5, 10.0)
    assert event.effect(50) == Effect(high=0.5)
    assert event.effect(200).high == pytest.approx(1.0, abs=1e-3)


def test_a_burst_comes_back() -> None:
    burst = Burst(50, 5, 1.5)
    assert [burst.effect(k).level for k in (50, 54, 55)] == [1.5, 1.5, 1.0]


def test_effects_multiply() -> None:
    events = (Burst(0, 9, 1.5), Remount(0, 0.8, 1.1), Regreasing(0, 0.5, 10.0))
    assert combined(events, 0) == pytest.approx((1.2, 0.5, 1.1))
    assert combined((), 3) == _NOTHING


def test_effects_over_a_run_are_those_of_each_window() -> None:
    events = (
        WearIn(0.3, 20.0),
        Stop(10, 4, 1.15),
        Burst(12, 5, 1.5),
        Regreasing(20, 0.4, 8.0),
        Remount(30, 0.9, 1.1),
        Ramp(),
    )
    run = over_run(events, 50)
    each = [combined(events, index) for index in range(50)]
    assert run.level == pytest.approx([one.level for one in each])
    assert run.high == pytest.approx([one.high for one in each])
    assert run.shift == pytest.approx([one.shift for one in each])


class Ramp:
    """An event that the simulator does not know."""

    def effect(self, index: int) -> Effect:
        return Effect(level=1.0 + index / 100)
