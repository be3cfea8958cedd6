"""`rebaseline` and `forget`, and whatever else changes something at the brokers."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.cli.commanding import command_for
from daemon.errors import ExitStatus
from pipelines.commands import LONGEST_WHY, Kind
from tests.unit.daemon.cli.calling import bearingwatch

UNNAMED: list[tuple[str | int, ...]] = [
    ("topics", "create"), ("rebaseline", "pump"), ("forget", "pump"), ("produce", "--simulate", 1)
]  # fmt: skip


@pytest.mark.parametrize("call", UNNAMED, ids=str)
def test_what_changes_something_wants_to_be_told_where(call: tuple[str | int, ...]) -> None:
    done = bearingwatch(*call)
    assert done.exit_code == ExitStatus.BAD_SETTINGS
    assert "no settings file was named: give -c FILE, or name the brokers in" in done.stderr


def test_a_file_that_names_no_brokers_changes_none(tmp_path: Path) -> None:
    path = tmp_path / "one.toml"
    path.write_text('[journal]\nkind = "sqlite"\n')
    done = bearingwatch("topics", "create", "-c", path)
    assert done.exit_code == ExitStatus.BAD_SETTINGS
    assert f"{path}: names no brokers; add kafka.bootstrap_servers" in done.stderr


@pytest.mark.parametrize("call", UNNAMED, ids=str)
def test_that_no_broker_answers_is_told_in_one_line(
    call: tuple[str | int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BEARINGWATCH_KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setenv("BEARINGWATCH_KAFKA__REQUEST_TIMEOUT_S", "0.5")
    done = bearingwatch(*call)
    assert done.exit_code == ExitStatus.COULD_NOT_START
    (line,) = [line for line in done.stderr.splitlines() if not line.startswith("windows conf")]
    assert line.startswith("bearingwatch: Kafka at 127.0.0.1:1 is away")


@pytest.mark.parametrize("verb", ["rebaseline", "forget"])
def test_a_command_for_what_is_no_name_is_refused_before_anything_is_asked(verb: str) -> None:
    done = bearingwatch(verb, "pump/")
    assert done.exit_code == ExitStatus.BAD_SETTINGS
    assert "sensor ''" in done.output
    assert "expected ASSET or ASSET/SENSOR" in done.output


@pytest.mark.parametrize("verb", ["rebaseline", "forget"])
@pytest.mark.parametrize(
    ("reason", "got"),
    [("x" * 301, "got 301 characters"), ("new\tbearing", "got '\\t' at character 4")],
)
def test_a_reason_that_cannot_be_told_is_named(verb: str, reason: str, got: str) -> None:
    done = bearingwatch(verb, "pump", "--reason", reason)
    assert done.exit_code == ExitStatus.BAD_SETTINGS
    told = " ".join(done.stderr.replace("\u2502", " ").split())
    assert f"'--reason': {got}, expected one line of at most {LONGEST_WHY} characters" in told


@pytest.mark.parametrize("verb", ["rebaseline", "forget"])
def test_help_says_how_long_a_reason_may_be(verb: str) -> None:
    assert f"at most {LONGEST_WHY} characters" in " ".join(bearingwatch(verb, "-h").output.split())


@pytest.mark.parametrize("verb", ["rebaseline", "forget"])
def test_a_source_that_is_not_kafka_takes_no_command(verb: str, tmp_path: Path) -> None:
    path = tmp_path / "plant.toml"
    path.write_text('[source]\nkind = "recordings"\n')
    done = bearingwatch(verb, "pump", "-c", path)
    assert done.exit_code == ExitStatus.BAD_SETTINGS
    assert "source.kind is 'recordings', which takes no commands" in done.output


def test_a_sensors_name_may_have_slashes() -> None:
    command = command_for(Kind.FORGET, "Pump 7/shaft/de", "moved")
    assert (command.asset, command.sensor, command.why) == ("Pump 7", "shaft/de", "moved")
    assert command_for(Kind.FORGET, "Pump 7", "").sensor is None
