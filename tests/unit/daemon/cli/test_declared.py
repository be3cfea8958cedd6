"""`check` and `score` on what is declared of machines and what recordings are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.io import wavfile

from daemon.errors import ExitStatus
from tests.unit.daemon.cli.calling import bearingwatch

if TYPE_CHECKING:
    from pathlib import Path

ASSETS = """
[[rule]]
match = "fan-*"
rated_rpm = 1480

[[rule]]
match = "pump"
limits = { unit = "mm/s", rms_warning = 4.5 }
"""


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    samples = np.random.default_rng(1).integers(-9000, 9000, 5120).astype("<i2")
    (tmp_path / "in").mkdir()
    wavfile.write(tmp_path / "in" / "pump.wav", 2560, samples)
    wavfile.write(tmp_path / "in" / "vent.wav", 2560, samples)
    return tmp_path / "in"


def settings(folder: Path, bundle: Path, recording: Path, more: str = "") -> Path:
    path = folder / "plant.toml"
    path.write_text(
        '[source]\nkind = "recordings"\n[series]\nkind = "sqlite"\n[journal]\nkind = "sqlite"\n'
        '[sqlite]\npath = "plant.db"\n[http]\nenabled = false\n'
        f'[recordings]\npaths = ["{recording}"]\nunit = "g"\nfull_scale = 50\n'
        f'[model]\nbundle = "{bundle}"\n{more}'
    )
    return path


def test_check_warns_of_rules_and_limits_that_do_nothing(
    bundle: Path, recording: Path, tmp_path: Path
) -> None:
    (tmp_path / "assets.toml").write_text(ASSETS)
    done = bearingwatch("check", "-c", settings(tmp_path, bundle, recording))
    assert done.exit_code == 0, done.output
    warnings = [line for line in done.stderr.splitlines() if line.startswith("warning: ")]
    *short, idle, limits = warnings
    assert len(short) == 2
    assert all("and a sensor is judged behind the 100 that it is" in line for line in short)
    assert idle == "warning: rule 1 (fan-*) matched no sensor"
    assert "rms limits in mm/s protect nothing where windows are in g" in limits
    assert "no rule: vent/signal" in done.stdout


def test_score_warns_of_rules_and_limits_that_do_nothing(
    bundle: Path, recording: Path, tmp_path: Path
) -> None:
    assets = tmp_path / "assets.toml"
    assets.write_text(ASSETS)
    done = bearingwatch(
        "score", recording, "--unit", "g", "--full-scale", 50, "--out", tmp_path / "out.csv",
        "--model", bundle, "--assets", assets,
    )  # fmt: skip
    assert done.exit_code == ExitStatus.STOPPED, done.output
    warnings = [line for line in done.stderr.splitlines() if line.startswith("warning: ")]
    assert warnings[:2] == [
        "warning: no rule matches vent/signal",
        "warning: rule 1 (fan-*) matched no sensor",
    ]
    assert "in mm/s protect nothing where windows are in g" in warnings[2]


def test_check_warns_of_a_previous_bundle_that_stands_in_for_nothing(
    bundle: Path, recording: Path, tmp_path: Path
) -> None:
    path = settings(tmp_path, bundle, recording, f'previous = ["{bundle}"]\n')
    done = bearingwatch("check", "-c", path)
    assert done.exit_code == 0, done.output
    warning = next(line for line in done.stderr.splitlines() if line.startswith("warning: "))
    assert warning.startswith("warning: previous bundle plain is plain ")
    assert warning.endswith("stands in for nothing; take it out of model.previous")
