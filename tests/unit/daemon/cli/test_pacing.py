"""Windows at a rate, or at a multiple of their own time."""

import pytest

from daemon.cli.pacing import LONGEST_S, paced
from tests.unit.daemon.loop_bench import StubClock, window


def passed_s(rate_hz: float | None, speed: float | None, slow_s: float = 0.0) -> float:
    clock = StubClock()
    began = clock.now
    for _ in paced((window(i) for i in range(11)), rate_hz, speed, clock.monotonic, clock.sleep):
        clock.now += slow_s
    return clock.now - began


@pytest.mark.parametrize(
    ("rate_hz", "speed", "expected_s"),
    [(None, None, 0.0), (5.0, None, 2.0), (None, 10.0, 1.0), (5.0, 10.0, 2.0)],
)
def test_the_slower_limit_counts(
    rate_hz: float | None, speed: float | None, expected_s: float
) -> None:
    assert passed_s(rate_hz, speed) == pytest.approx(expected_s, abs=0.02)


def test_no_wait_is_longer_than_a_system_can_sleep() -> None:
    clock, sleeps = StubClock(), list[float]()

    def sleep(seconds: float) -> None:
        sleeps.append(seconds)
        clock.sleep(seconds)

    began = clock.now
    list(paced((window(i) for i in range(2)), 1e-4, None, clock.monotonic, sleep))
    assert clock.now - began == pytest.approx(1e4)
    assert max(sleeps) <= LONGEST_S


def test_time_spent_on_sending_is_not_waited_again() -> None:
    assert passed_s(5.0, None, slow_s=0.15) == pytest.approx(2.15, abs=0.02)
