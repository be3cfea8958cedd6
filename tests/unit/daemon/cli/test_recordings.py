"""Recordings given to commands: what is declared of them, and broken ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile

from daemon.cli.options import Described
from daemon.errors import ExitStatus, SettingsError
from daemon.recorded import recorded_windows
from tests.unit.daemon.cli.calling import bearingwatch, rows, settings


def test_a_16_bit_wav_needs_no_more_than_its_unit_and_full_scale(
    bundle: Path, tmp_path: Path
) -> None:
    noise = np.random.default_rng(1).integers(-9000, 9000, 40_960).astype("<i2")
    wavfile.write(tmp_path / "pump.wav", 20_480, noise)
    done = bearingwatch(
        "score", tmp_path / "pump.wav", "--unit", "g", "--full-scale", 50, "--axes", "radial",
        "--start", "2026-01-31T12:00:00Z", "--load", 3, "--out", tmp_path / "s.csv",
        "--model", bundle,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "radial" in done.output
    assert "invented" not in done.output
    assert rows(tmp_path / "s.csv")[0]["time"] == "1769860800000000000"


@pytest.mark.parametrize(
    ("told", "problem"),
    [
        (("--start", "yesterday"), "'--start': 'yesterday' is no time like"),
        (("--start", "1600-01-01"), "'--start': start must be from 1970-01-01 to 2262-04-11, got"),
        (("--asset", ""), "'--asset': asset '': expected 1-64 letters"),
        (("--sensor", "a\\b"), "'--sensor': sensor 'a\\\\b' has '\\\\': expected 1-64 letters"),
        (("--axes", "x,y,z"), "3 axes"),
        (("--scale", 1, "--full-scale", 1), "not both"),
        (("--columns", "x,y"), "no column 'y'"),
    ],
)
def test_a_declaration_that_does_not_fit_is_named(
    tmp_path: Path, told: tuple[str | int, ...], problem: str
) -> None:
    (tmp_path / "pump.csv").write_text("x\n0.1\n0.2\n")
    done = bearingwatch(
        "score", tmp_path / "pump.csv", "--unit", "g", "--sample-rate-hz", 100, *told,
        "--out", tmp_path / "s.csv",
    )  # fmt: skip
    assert done.exit_code == ExitStatus.BAD_SETTINGS
    assert problem in done.output


@pytest.fixture
def spoilt(tmp_path: Path) -> Path:
    path = tmp_path / "pump.csv"
    levels = [f"{level:.4f}" for level in np.random.default_rng(1).normal(size=9000)]
    levels[7999] = "abc"
    path.write_text("\n".join(levels) + "\n")
    return path


def test_a_broken_line_is_told_by_score_and_is_no_defect_of_ours(
    spoilt: Path, bundle: Path, tmp_path: Path
) -> None:
    done = bearingwatch(
        "score", spoilt, "--unit", "g", "--sample-rate-hz", 2560, "--out", tmp_path / "s.csv",
        "--model", bundle,
    )  # fmt: skip
    assert done.exit_code == ExitStatus.BAD_SETTINGS
    assert "pump.csv, line 8000: 'abc' is no finite number" in done.output
    assert "Traceback" not in done.output


def test_a_broken_line_ends_the_daemon_with_status_2(
    spoilt: Path, bundle: Path, tmp_path: Path
) -> None:
    path = settings(tmp_path, bundle)
    told = path.read_text().replace('"simulator"', '"recordings"')
    path.write_text(
        f'{told}[recordings]\npaths = ["{spoilt}"]\nunit = "g"\nsample_rate_hz = 2560\n'
    )
    done = bearingwatch("run", "-c", path)
    assert done.exit_code == ExitStatus.BAD_SETTINGS


def test_a_broken_line_stops_produce(spoilt: Path) -> None:
    told = Described({"unit": "g", "sample_rate_hz": 2560.0})
    with pytest.raises(SettingsError, match=r"pump\.csv, line 8000"):
        list(recorded_windows(told.open((spoilt,))))


def test_a_file_without_a_unit_is_named(tmp_path: Path) -> None:
    (tmp_path / "pump.csv").write_text("0.1\n0.2\n")
    done = bearingwatch("score", tmp_path / "pump.csv", "--out", tmp_path / "s.csv")
    assert done.exit_code == ExitStatus.BAD_SETTINGS
    assert "pump.csv" in done.output
    assert "declare" in done.output
