"""`produce`: what it refuses before it sends."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from daemon.cli.sending import value_of
from daemon.errors import ExitStatus, SettingsError, StartError
from daemon.settings import KafkaSettings
from tests.unit.daemon.cli.calling import bearingwatch, noise
from tests.unit.daemon.loop_bench import window


@pytest.mark.parametrize(
    ("told", "problem"),
    [
        (("--rpm", "inf"), "'--rpm': inf is no finite number"),
        (("--load", "inf"), "'--load': inf is no finite number"),
        (("--rpm", 1e300), "'--rpm': rpm must be from -1e+09 to 1e+09, got 1e+300"),
        (("--scale", 1e300), "'--scale': scale must be from 1e-12 to 1000, got 1e+300"),
        (("--asset", "ü/x"), "'--asset': asset 'ü/x' has '/': expected 1-64 letters, digits"),
        (("--axes", "a b"), "'--axes': axis 'a b': expected letters, digits and ._:-"),
        (("--axes", ""), "'--axes': axis '': expected letters"),
        (("--window-s", 1e-9), "1e-09 s hold no sample at 5120 Hz; declare a longer window_s"),
        (("--window-s", 1e-3), "pump/signal: 5 samples, expected 128 or more"),
        (("--window-s", 0.02), "less cannot be judged; declare a longer window_s (--window-s)"),
        (("--sample-rate-hz", 600), "pump/signal: sample rate 600 Hz, expected 640 or more"),
        (("--window-s", 100), "450000; declare another window_s (--window-s)"),
        (("--sample-rate-hz", 1e300), "'--sample-rate-hz': sample_rate_hz must be from 1 to 1e+06"),
        (("--full-scale", 1e12), "allowed are 1e-12-1000; declare another scale (--scale), or ful"),
        (("--start", "1900-01-01T00:00:00Z"), "start must be from 1970-01-01 to 2262-04-11, got"),
        (("--start", "2300-01-01"), "start must be from 1970-01-01 to 2262-04-11, got"),
    ],
)
def test_produce_refuses_what_no_daemon_would_take_before_it_sends(
    tmp_path: Path, told: tuple[str | float, ...], problem: str
) -> None:
    path = noise(tmp_path / "pump.wav", 5120, 101)
    full_scale = () if "--full-scale" in told else ("--full-scale", 50)
    done = bearingwatch(
        "produce", path, "--unit", "g", *full_scale, *told, "--bootstrap-servers", "127.0.0.1:1"
    )
    assert done.exit_code == ExitStatus.BAD_SETTINGS, done.output
    assert problem in done.stderr
    assert "Traceback" not in done.stderr


def test_produce_takes_any_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none_there(settings: KafkaSettings) -> None:
        raise StartError(f"no topic {settings.windows_topic}")

    monkeypatch.setattr("daemon.cli.sending._check_topic", none_there)
    path = noise(tmp_path / "pump.wav", 5120, 2)
    done = bearingwatch(
        "produce",
        path,
        "--unit",
        "g",
        "--scale",
        1,
        "--limit",
        10**30,
        "--bootstrap-servers",
        "a:1",
    )
    assert done.exit_code == ExitStatus.COULD_NOT_START, done.output
    assert "no topic bearingwatch.windows" in done.stderr


def test_a_window_that_cannot_be_sent_is_told_with_its_file() -> None:
    with pytest.raises(SettingsError, match=r"^pump\.wav: .* at most 900000; declare a shorter"):
        value_of(
            replace(window(0), samples=np.zeros((1, 250_000), "<f4")), "pump.wav", as_json=True
        )


def test_produce_wants_one_thing_to_send(fleet: Path) -> None:
    assert bearingwatch("produce").exit_code == ExitStatus.BAD_SETTINGS
    assert bearingwatch("produce", fleet, "--simulate", 1).exit_code == ExitStatus.BAD_SETTINGS


def test_a_simulated_fleet_is_not_described_like_recordings() -> None:
    done = bearingwatch("produce", "--simulate", 1, "--rpm", 3, "--start", "2026-01-31")
    assert done.exit_code == ExitStatus.BAD_SETTINGS
    assert "--start, --rpm: tell of recordings, not of --simulate" in done.stderr
