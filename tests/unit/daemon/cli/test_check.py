"""`check`: would it run, and what are these recordings?"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from daemon.errors import ExitStatus
from tests.unit.daemon.cli.calling import bearingwatch, noise, settings


def test_check_names_what_would_not_start(bundle: Path, tmp_path: Path) -> None:
    done = bearingwatch("check", "-c", settings(tmp_path, tmp_path / "none"))
    assert done.exit_code == ExitStatus.COULD_NOT_START
    assert "ok: settings" in done.output
    assert "failed: " in done.output


def test_check_lists_sensors_without_a_rule(fleet: Path, bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "assets.toml").write_text('[[rule]]\nmatch = "nothing-*"\nrated_rpm = 1500\n')
    done = bearingwatch("check", "-c", settings(tmp_path, bundle), "--connect", fleet)
    assert done.exit_code == 0, done.output
    assert "no rule: machine-001" in done.output
    assert "0 of 2 sensors have a rule" in done.output
    assert "ok: series sqlite" in done.output


def test_check_says_when_a_sensor_is_judged(fleet: Path, bundle: Path, tmp_path: Path) -> None:
    done = bearingwatch("check", fleet)
    assert done.exit_code == 0, done.output
    assert "2 sensors, each judged behind its first 100 windows, 900 s at least" in done.stdout
    assert "no rule" not in done.stdout
    warned = [line for line in done.stderr.splitlines() if line.startswith("warning: ")]
    assert len(warned) == 2
    assert "has 30 windows, and a sensor is judged behind the 100 that it is" in warned[0]
    path = settings(tmp_path, bundle)
    path.write_text(path.read_text() + "[detector]\ncommissioning_windows = 25\n")
    assert "each judged behind its first 25" in bearingwatch("check", "-c", path, fleet).stdout


def recorded(folder: Path, bundle: Path, *paths: Path, **told: str | float) -> Path:
    path = settings(folder, bundle)
    text = path.read_text().replace('"simulator"', '"recordings"')
    lines = [f"{name} = {json.dumps(value)}" for name, value in told.items()]
    named = json.dumps([str(one) for one in paths])
    path.write_text("\n".join([text, "[recordings]", f"paths = {named}", *lines]) + "\n")
    return path


def test_check_reads_a_window_of_each_recording_that_is_the_source(
    fleet: Path, bundle: Path, tmp_path: Path
) -> None:
    done = bearingwatch("check", "-c", recorded(tmp_path, bundle, fleet))
    assert done.exit_code == 0, done.output
    lines = [line for line in done.output.splitlines() if line.startswith("read: ")]
    assert len(lines) == 2
    assert all(
        line.endswith(": 30 windows of 0.1 s, 2048 samples of radial at 20480 Hz, g")
        for line in lines
    )
    assert f"{fleet}/machine-001." in lines[0]
    assert ": machine-001/" in lines[0]


def test_check_tells_every_recording_that_cannot_be_read(bundle: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.csv").write_text("0.1\nabc\n" * 3000)
    noise(folder / "b.wav", 5120, 1)
    noise(folder / "c.wav", 200, 1)
    path = recorded(
        tmp_path, bundle, folder, unit="g", scale=0.001, sample_rate_hz=2560.0, window_s=0.02
    )
    done = bearingwatch("check", "-c", path)
    assert done.exit_code == ExitStatus.BAD_SETTINGS
    failed = [line for line in done.stderr.splitlines() if line.startswith("failed: ")]
    assert len(failed) == 3
    assert "a.csv, line 2: 'abc' is no finite number" in failed[0]
    assert "b.wav: nothing of it can be judged: b/signal: 51 samples, expected 64" in failed[1]
    assert "c.wav: nothing of it can be judged: " in failed[2]


def test_check_names_twenty_recordings_and_counts_the_rest(bundle: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(23):
        noise(folder / f"pump{number:02}.wav", 1280, 1)
    path = recorded(tmp_path, bundle, folder, unit="g", scale=0.001)
    done = bearingwatch("check", "-c", path)
    assert done.exit_code == 0, done.output
    assert done.output.count("read: ") == 20
    assert "\n3 more" in done.output


def test_check_names_a_wrong_rule(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "assets.toml").write_text('[[rule]]\nmatch = "*"\nrated_rmp = 1500\n')
    done = bearingwatch("check", "-c", settings(tmp_path, bundle))
    assert done.exit_code == ExitStatus.BAD_SETTINGS
    assert "rated_rmp" in done.output


def test_recordings_are_looked_into_without_settings_of_services(
    fleet: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)  # an assets.toml beside would be heeded
    done = bearingwatch("check", fleet)
    assert done.exit_code == ExitStatus.STOPPED, done.output
    assert "ok: settings" not in done.output
    assert done.stdout.count("30 windows of 0.1 s, 2048 samples of") == 2


def test_brokers_that_are_away_are_told_once(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BEARINGWATCH_KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setenv("BEARINGWATCH_KAFKA__REQUEST_TIMEOUT_S", "0.5")
    path = settings(tmp_path, bundle)
    path.write_text(path.read_text().replace('kind = "simulator"', 'kind = "kafka"'))
    done = bearingwatch("check", "-c", path, "--connect")
    assert done.exit_code == ExitStatus.COULD_NOT_START
    assert done.stderr.count("Kafka at 127.0.0.1:1 is away") == 1
    assert "ok: series sqlite" in done.stdout


def test_recordings_may_be_described_where_no_settings_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BEARINGWATCH_SERIES__KIND", "influxdb")  # of a plant, and of no concern
    path = noise(tmp_path / "pump 1__de.wav", 5120, 2)
    done = bearingwatch("check", path, "--unit", "g", "--full-scale", 50)
    assert done.exit_code == ExitStatus.STOPPED, done.output
    assert "pump 1/de: 2 windows of 1 s, 5120 samples" in done.stdout


def test_what_is_described_goes_before_settings(bundle: Path, tmp_path: Path) -> None:
    path = noise(tmp_path / "pump.wav", 5120, 2)
    told = recorded(tmp_path, bundle, path, unit="g", full_scale=50)
    done = bearingwatch("check", "-c", told, path, "--unit", "m/s2")
    assert done.exit_code == ExitStatus.STOPPED, done.output
    units = [line.rpartition(" ")[2] for line in done.stdout.splitlines() if "read: " in line]
    assert units == ["g", "m/s2"]


def test_a_description_of_nothing_is_refused() -> None:
    done = bearingwatch("check", "--unit", "g", "--rpm", 1500)
    assert done.exit_code == ExitStatus.BAD_SETTINGS
    assert "--unit, --rpm: tell of RECORDINGS, and there are none" in done.stderr
