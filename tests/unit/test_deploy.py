"""What `deploy/` holds agrees with the product that it runs."""

from __future__ import annotations

from configparser import ConfigParser
from pathlib import Path

import pytest
from click.testing import CliRunner

from daemon.cli import cli
from daemon.errors import ExitStatus
from daemon.settings import HttpSettings, LoopSettings

DEPLOY = Path(__file__).parents[2] / "deploy"


@pytest.fixture
def service() -> dict[str, str]:
    unit = ConfigParser(strict=False, interpolation=None)
    unit.read(DEPLOY / "bearingwatch.service", encoding="utf-8")
    return dict(unit["Service"])


def test_the_settings_to_begin_with_are_right_with_a_token() -> None:
    arguments = ["check", "-c", str(DEPLOY / "bearingwatch.toml")]
    without = CliRunner().invoke(cli, arguments)
    assert without.exit_code == ExitStatus.BAD_SETTINGS
    assert "influxdb.token: is required" in without.output
    found = CliRunner(env={"BEARINGWATCH_INFLUXDB__TOKEN": "secret"}).invoke(cli, arguments)
    assert found.exit_code == 0, found.output


def test_the_unit_gives_a_stop_and_a_round_the_time_they_may_take(service: dict[str, str]) -> None:
    assert float(service["timeoutstopsec"]) >= LoopSettings().drain_s + 5
    assert float(service["watchdogsec"]) > HttpSettings().stalled_after_s
    assert service["timeoutstartsec"] == "infinity"


def test_the_unit_does_not_try_wrong_settings_again(service: dict[str, str]) -> None:
    assert service["restart"] == "on-failure"
    assert service["restartpreventexitstatus"] == str(int(ExitStatus.BAD_SETTINGS))
