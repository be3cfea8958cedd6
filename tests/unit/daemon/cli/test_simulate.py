"""`simulate`: recordings, the truth, and what could not be judged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from daemon.cli.simulate import CADENCES, MOST_WINDOWS, RATES
from daemon.errors import ExitStatus
from pipelines.assets import parse
from pipelines.features import FeatureSettings, TooSlow, check
from pipelines.simulator import check_run
from pipelines.wire import DEFAULT_LIMITS
from tests.unit.daemon.cli.calling import bearingwatch, rows
from tests.unit.daemon.loop_bench import window


def test_simulate_writes_recordings_and_the_truth(fleet: Path) -> None:
    truth = rows(fleet / "truth.csv")
    assert len(truth) == 2
    assert sum(bool(row["fault"]) for row in truth) == 1
    for row in truth:
        with np.load(fleet / f"{row['asset']}.{row['sensor']}.npz") as archive:
            assert archive["x"].shape == (30, 2048, 1)


def test_simulate_writes_the_bearings_of_all_sensors(fleet: Path) -> None:
    assets = parse((fleet / "assets.toml").read_text("utf-8"))
    for row in rows(fleet / "truth.csv"):
        assert assets.lookup(row["asset"], row["sensor"]).bearing is not None


def test_simulate_does_not_write_over_anything(fleet: Path) -> None:
    done = bearingwatch("simulate", fleet)
    assert done.exit_code == ExitStatus.BAD_SETTINGS
    assert "is no empty folder" in done.output
    done = bearingwatch("simulate", fleet / "truth.csv")
    assert done.exit_code == ExitStatus.BAD_SETTINGS
    assert "is no empty folder" in done.output


@pytest.mark.parametrize(
    ("told", "problem"),
    [
        (("--window-s", 0), "'--window-s': 0.0 is not in the range x>0"),
        (("--window-s", 1e-9), "windows of two samples or more"),
        (("--window-s", 0.01), "205 samples, expected"),
        (("--window-s", 1e9), "are over 450000 samples, the most that a window may have"),
        (("--window-s", 21.972), "bytes, at most 900000"),
        (("--sample-rate-hz", "nan"), "'--sample-rate-hz': nan is no finite number"),
        (("--sample-rate-hz", 100), "640<=x<=1000000"),
        (("--cadence-s", 0), "'--cadence-s': 0.0 is not in the range 0.001<=x<=31536000"),
        (("--cadence-s", 1e300), "'--cadence-s': 1e+300 is not in the range 0.001<=x<=31536000"),
        (("--cadence-s", 31_536_000), "600 windows every 3.1536e+07 s go beyond 2262-04-11"),
        (("--windows", 10**9), "'--windows': 1000000000 is not in the range 1<=x<=1000000"),
        (("--window-s", 1e300), "--window-s: 1e+300 s at 20480 Hz"),
    ],
)
def test_simulate_writes_nothing_that_could_not_be_judged(
    tmp_path: Path, told: tuple[str | float, ...], problem: str
) -> None:
    out = tmp_path / "fleet"
    done = bearingwatch("simulate", out, "--machines", 1, "--degrading", 0, *told)
    assert done.exit_code == ExitStatus.BAD_SETTINGS, done.output
    assert problem in done.stderr
    assert not out.exists()


def test_the_slowest_simulated_rate_is_that_of_the_features() -> None:
    settings = FeatureSettings()
    slow = replace(window(0), samples=np.ones((1, 640), "<i2"))
    slowest = float(RATES.min or 0)
    check(replace(slow, sample_rate_hz=slowest), settings)
    with pytest.raises(TooSlow):
        check(replace(slow, sample_rate_hz=slowest - 40), settings)
    assert RATES.max == DEFAULT_LIMITS.max_rate_hz


def test_what_simulate_takes_is_what_a_fleet_takes() -> None:
    check_run(MOST_WINDOWS, CADENCES.min or 0.0)
    check_run(1, CADENCES.max or 0.0)
    for windows, cadence_s in ((MOST_WINDOWS + 1, 1.0), (1, 0.0009), (1, 31_536_001.0)):
        with pytest.raises(ValueError, match="got"):
            check_run(windows, cadence_s)


def test_a_folder_that_cannot_be_made_is_named() -> None:
    done = bearingwatch("simulate", "/proc/fleet")
    assert done.exit_code == ExitStatus.BAD_SETTINGS
    assert "/proc/fleet: cannot be made: No such file or directory" in done.stderr
