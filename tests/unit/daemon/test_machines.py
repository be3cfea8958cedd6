"""What the rules of assets.toml do not do for the sensors that are there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from daemon.machines import SENSORS_SHOWN, Machines, load_machines
from pipelines.assets import parse
from pipelines.window import SensorKey

if TYPE_CHECKING:
    from pathlib import Path

PUMP = SensorKey("pump", "signal")


def remarks(rules: str, units: dict[SensorKey, str]) -> list[str]:
    return list(Machines(parse(rules)).remarks(units))


def test_limits_in_another_unit_than_the_windows_are_told() -> None:
    rules = '[[rule]]\nmatch = "*"\nlimits = { unit = "mm/s", rms_warning = 4.5 }\n'
    (told,) = remarks(rules, {PUMP: "g"})
    assert "rms limits in mm/s protect nothing where windows are in g" in told
    assert told.endswith(": pump/signal")
    assert remarks(rules, {PUMP: "mm/s"}) == []


@pytest.mark.parametrize(
    "rule", ["limits = { velocity_warning = 4.5 }", 'machine_group = "1-rigid"']
)
def test_limits_of_velocity_hold_in_any_unit(rule: str) -> None:
    assert remarks(f'[[rule]]\nmatch = "*"\n{rule}\n', {PUMP: "m/s2"}) == []


def test_rules_and_sensors_that_do_not_meet_are_told() -> None:
    rules = '[[rule]]\nmatch = "fan-*"\nrated_rpm = 1480\n'
    assert remarks(rules, {PUMP: "g"}) == [
        "no rule matches pump/signal",
        "rule 1 (fan-*) matched no sensor",
    ]


def test_many_sensors_are_one_remark() -> None:
    sensors = {SensorKey("pump", str(k)): "g" for k in range(SENSORS_SHOWN + 3)}
    (told,) = remarks('[[rule]]\nmatch = "pump/none"\n', sensors)[:1]
    assert told.endswith("pump/19 and 3 more")


def test_a_byte_order_mark_is_no_part_of_the_rules(tmp_path: Path) -> None:
    path = tmp_path / "assets.toml"
    path.write_text('[[rule]]\nmatch = "pump"\nrated_rpm = 1480\n', "utf-8-sig")
    known = load_machines(path).machine(PUMP)
    assert known is not None
    assert known.rated_rpm == 1480


def test_without_rules_there_is_nothing_to_remark() -> None:
    assert remarks("", {PUMP: "g"}) == []


def test_groups_that_are_too_small_for_a_comparison_are_told() -> None:
    rules = '[[rule]]\nmatch = "pump"\npeer_group = "pumps"\n'
    sensors = {SensorKey("pump", str(k)): "g" for k in range(4)}
    (told,) = remarks(rules, dict(list(sensors.items())[:3]))
    assert told.startswith("peer_group 'pumps' has 3 of the 4 sensors")
    assert remarks(rules, sensors) == []
