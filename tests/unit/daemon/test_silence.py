"""Sensors that fall silent."""

from daemon.silence import Silence
from pipelines.window import SensorKey

PUMP, FAN = SensorKey("pump", "de"), SensorKey("fan", "de")


def silence(cadence_s: float = 10.0) -> Silence:
    return Silence(5.0, lambda _: cadence_s)


def test_five_cadences_without_a_window_are_silence() -> None:
    watch = silence()
    watch.hear({PUMP: 0})
    assert watch.pass_time(0.0, {0}) == []
    assert watch.pass_time(50.0, {0}) == []
    assert watch.pass_time(50.5, {0}) == [(PUMP, 50.5)]
    assert watch.pass_time(60.0, {0}) == []
    assert watch.silent == 1


def test_a_sensor_that_is_back_is_told() -> None:
    watch = silence()
    watch.hear({PUMP: 0, FAN: 0})
    watch.pass_time(0.0, {0})
    watch.pass_time(51.0, {0})
    assert watch.hear({FAN: 0}) == [FAN]
    assert watch.silent == 1


def test_time_stands_still_for_a_partition_that_is_behind() -> None:
    watch = silence()
    watch.hear({PUMP: 0, FAN: 1})
    watch.pass_time(0.0, {0, 1})
    assert [key for key, _ in watch.pass_time(1000.0, {1})] == [FAN]


def test_a_cadence_that_is_not_known_yet_cannot_be_missed() -> None:
    watch = silence(cadence_s=0.0)
    watch.hear({PUMP: 0})
    watch.pass_time(0.0, {0})
    assert watch.pass_time(1e6, {0}) == []


def test_partitions_that_left_take_their_sensors_along() -> None:
    watch = silence()
    watch.hear({PUMP: 0, FAN: 1})
    watch.forget([0])
    watch.pass_time(0.0, {0, 1})
    assert [key for key, _ in watch.pass_time(100.0, {0, 1})] == [FAN]
