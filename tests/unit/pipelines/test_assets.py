"""Rules on sensors: which one wins, and what is refused."""

import re
from pathlib import Path

import pytest

from pipelines.assets import AssetInfo, Assets, AssetsError, parse
from pipelines.bearings import CATALOGUE, find_bearing
from pipelines.window import SensorKey

DOCUMENT = Path(__file__).parents[3] / "docs" / "assets.md"


def documented() -> Assets:
    block = re.search(r"```toml\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)
    assert block is not None
    return parse(block.group(1))


def test_for_each_field_the_first_rule_that_sets_it_wins() -> None:
    info = documented().lookup("pump-7", "drive end")
    assert info.rules == (1, 2)
    assert info.bearing == CATALOGUE["SKF 6205-2RS"]
    assert (info.site, info.rated_rpm, info.cadence_s) == ("Works 2", 1480.0, 600.0)


def test_special_rules_stand_above_general_ones() -> None:
    assets = parse('[[rule]]\nmatch="a"\nrated_rpm=1\n[[rule]]\nmatch="*"\nrated_rpm=2')
    assert assets.lookup("a", "x").rated_rpm == 1.0
    assert assets.lookup("b", "x").rated_rpm == 2.0


def test_labels_are_merged_by_name() -> None:
    assets = parse(
        '[[rule]]\nmatch="a"\nlabels={x="1"}\n[[rule]]\nmatch="*"\nlabels={x="2", y="3"}'
    )
    assert assets.lookup("a", "s").labels == {"x": "1", "y": "3"}


def test_a_geometry_may_be_given() -> None:
    info = documented().lookup("fan-2", "bearing1")
    assert info.bearing is not None
    assert info.bearing.rolling_elements == 13
    assert info.limits is not None
    assert (info.limits.rms_warning, info.limits.rms_alarm) == (0.8, 2.0)
    assert info.peer_group == "fan bearings"


def test_a_machine_group_brings_the_limits_of_the_standard() -> None:
    limits = documented().lookup("pump-8", "x").limits
    assert limits is not None
    assert (limits.velocity_warning, limits.velocity_alarm) == (2.8, 4.5)


@pytest.mark.parametrize(
    ("match", "name", "matches"),
    [
        ("pump", "pump/de", True),
        ("pump", "pump-2/de", False),
        ("pump/*", "pump/gear/stage 2", True),
        ("*/de", "fan/de", True),
        ("Pump", "pump/de", False),
        ("p[12]/d?", "p2/de", True),
        ("p.mp", "pump/de", False),
    ],
)
def test_a_pattern_is_a_glob(match: str, name: str, matches: bool) -> None:
    asset, _, sensor = name.partition("/")
    info = parse(f'[[rule]]\nmatch = "{match}"').lookup(asset, sensor)
    assert bool(info.rules) is matches


def test_sensors_without_a_rule_are_listed() -> None:
    sensors = [SensorKey("pump-1", "a"), SensorKey("mill", "b"), SensorKey("fan-1", "motor")]
    assert documented().unmatched(sensors) == sensors[1:]


def test_without_rules_nothing_is_known() -> None:
    assert Assets().lookup("a", "b") == parse("").lookup("a", "b") == AssetInfo()


RULE = '[[rule]]\nmatch = "a"\n'


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[[rule]]\nmatch", "no TOML.*end of document"),
        ("[rule]\nmatch='a'", "two brackets"),
        ("[[rules]]\nmatch='a'", "did you mean 'rule'"),
        ("rule = [1]", "rule 1: expected a table"),
        ("[[rule]]\nsite = 'x'", r"rule 1 \(without match\).*match"),
        (RULE + RULE + "rated_rmp = 1", r"rule 2 \(a\): unknown key 'rated_rmp'.*'rated_rpm'"),
        (RULE + "rated_rpm = 0", r"rule 1 \(a\): rated_rpm: got 0, expected a number over 0$"),
        (RULE + "rated_rpm = 'fast'", r"rule 1 \(a\): rated_rpm: got 'fast', expected a number"),
        (
            RULE + "cadence_s = 0.0009",
            r"cadence_s: got 0\.0009, expected a number of at least 0\.001",
        ),
        (
            RULE + "machine_group = '3'",
            "machine_group: got '3', expected one of 1-rigid, 1-flexible",
        ),
        (
            RULE + "limits = {rms_alarm = -2}",
            r"limits\.rms_alarm: got -2, expected a number over 0$",
        ),
        (
            "[[rule]]\nmatch = 1\n[[rule]]\nmatch = 2",
            r"rule 1 .*match: got 1, expected text\n.*rule 2 .*got 2, ",
        ),
        (RULE + "bearing = '6205'", "not in the catalogue.*rolling_elements"),
        (RULE + "bearing = {balls = 3}", "rule 1.*bearing: unknown key 'balls'"),
        (
            RULE + "bearing = {rolling_elements=9, ball_diameter=9, pitch_diameter=3}",
            "rule 1.*bearing.*pitch diameter",
        ),
        (RULE + "limits = {rms_alarms = 1}", "limits: unknown key.*'rms_alarm'"),
        (RULE + "limits = {rms_warning = 2}", "rms_warning and rms_alarm need their unit.* m/s2"),
        (
            RULE + "limits = {unit = 'g', rms_warning = 2, rms_alarm = 1}",
            "rms_warning 2.0 must lie below",
        ),
        (RULE + "peer_group = ''", r"rule 1 \(a\): peer_group: got '', expected "),
        (RULE + "limits = {unit = 'ips'}", r"limits\.unit: got 'ips', expected one of g, m"),
    ],
)
def test_a_wrong_file_names_rule_and_key(text: str, problem: str) -> None:
    with pytest.raises(AssetsError, match=problem):
        parse(text)


@pytest.mark.parametrize("name", ["Rexnord ZA-2115", "za-2115", "ZA-2115"])
def test_bearings_are_found_without_their_maker(name: str) -> None:
    assert find_bearing(name) == CATALOGUE["Rexnord ZA-2115"]


@pytest.mark.parametrize(
    ("name", "shaft_hz", "bpfo_hz", "bpfi_hz"),
    [
        ("ZA-2115", 2000 / 60, 236.4, 296.9),
        ("6804RS", 1800 / 60, 168.3, 221.7),
        ("6205-2RS", 1.0, 3.5848, 5.4152),
        ("6203-2RS", 1.0, 3.053, 4.9469),
    ],
)
def test_the_catalogue_gives_the_published_fault_frequencies(
    name: str, shaft_hz: float, bpfo_hz: float, bpfi_hz: float
) -> None:
    bearing = find_bearing(name)
    assert bearing is not None
    orders = bearing.fault_orders()
    assert orders.bpfo * shaft_hz == pytest.approx(bpfo_hz, rel=1e-3)
    assert orders.bpfi * shaft_hz == pytest.approx(bpfi_hz, rel=1e-3)


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_bearing_is_documented(name: str) -> None:
    assert f"`{name}`" in DOCUMENT.read_text("utf-8")
