"""`bearingwatch evaluate` on a small simulated fleet: what it writes and what it refuses."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from daemon.cli import cli
from daemon.errors import ExitStatus


def bearingwatch(*arguments: str | float | Path) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("simulated") / "fleet"
    done = bearingwatch(
        "simulate", out, "--machines", 1, "--sensors", 1, "--degrading", 0,
        "--windows", 130, "--window-s", 0.1,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    return out


@pytest.fixture(scope="module")
def labels(fleet: Path) -> Path:
    path = fleet.parent / "labels.toml"
    path.write_text(
        '[[bearing]]\nsensor = "machine-001/bearing-1"\nfails = false\nlast_live = 129\n',
        encoding="utf-8",
    )
    return path


def test_a_healthy_fleet_is_reported_with_its_exposure(
    fleet: Path, labels: Path, tmp_path: Path
) -> None:
    done = bearingwatch(
        "evaluate", fleet, "--labels", labels, "--out", tmp_path,
        "--methods", "bearingwatch,rms-6-sigma",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert (tmp_path / "report.html").stat().st_size > 10_000
    assert len((tmp_path / "outcomes.csv").read_text("utf-8").splitlines()) == 3
    assert len((tmp_path / "sums.csv").read_text("utf-8").splitlines()) == 3


def test_an_unknown_method_is_refused_before_anything_is_written(
    fleet: Path, labels: Path, tmp_path: Path
) -> None:
    done = bearingwatch(
        "evaluate", fleet, "--labels", labels, "--out", tmp_path / "out", "--methods", "rms"
    )
    assert done.exit_code == ExitStatus.BAD_SETTINGS
    assert "no method 'rms'; there are bearingwatch, " in done.output
    assert not (tmp_path / "out").exists()


def test_recordings_without_a_label_are_refused(fleet: Path, tmp_path: Path) -> None:
    done = bearingwatch("evaluate", fleet, "--out", tmp_path)
    assert done.exit_code == ExitStatus.BAD_SETTINGS
    assert "no sensor of these recordings has a label" in done.output


def test_a_recording_broken_half_way_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "pump.csv").write_text("0.1\n-0.2\n" * 640 + "abc\n")
    labels = tmp_path / "labels.toml"
    labels.write_text('[[bearing]]\nsensor = "pump/signal"\nfails = false\nlast_live = 9\n')
    done = bearingwatch(
        "evaluate", tmp_path / "pump.csv", "--labels", labels, "--out", tmp_path / "out",
        "--methods", "rms-6-sigma", "--unit", "g", "--sample-rate-hz", 640,
    )  # fmt: skip
    assert done.exit_code == ExitStatus.BAD_SETTINGS, done.output
    assert "pump.csv, line 1281: 'abc' is no finite number" in done.stderr


def test_a_label_and_a_sensor_that_do_not_meet_are_told(
    fleet: Path, labels: Path, tmp_path: Path
) -> None:
    more = tmp_path / "labels.toml"
    text = labels.read_text("utf-8")
    more.write_text(text + text.replace("bearing-1", "bearing-22"), "utf-8")
    (tmp_path / "motor.csv").write_text("0.1\n-0.2\n" * 640)
    done = bearingwatch(
        "evaluate", *fleet.glob("*.npz"), tmp_path / "motor.csv",
        "--labels", more, "--out", tmp_path / "out",
        "--methods", "rms-6-sigma,rms-6-sigma", "--unit", "g", "--sample-rate-hz", 640,
    )  # fmt: skip
    assert "labels without a recording: machine-001/bearing-22" in done.stderr
    assert "not judged, since they have no label: motor/signal" in done.stderr


def test_an_output_that_cannot_be_is_refused_before_the_work(
    fleet: Path, labels: Path, tmp_path: Path
) -> None:
    (tmp_path / "report.html").mkdir()
    done = bearingwatch("evaluate", fleet, "--labels", labels, "--out", tmp_path)
    assert done.exit_code == ExitStatus.BAD_SETTINGS
    assert "report.html: is a folder" in done.output
    assert not (tmp_path / "sums.csv").exists()


def test_a_list_of_no_methods_is_refused(fleet: Path, labels: Path, tmp_path: Path) -> None:
    done = bearingwatch(
        "evaluate", fleet, "--labels", labels, "--out", tmp_path / "out", "--methods", ","
    )
    assert done.exit_code == ExitStatus.BAD_SETTINGS
    assert "--methods ,: names no method; leave it out for all" in done.output


def test_too_few_bearings_to_leave_one_out_are_told_before_the_work(
    fleet: Path, labels: Path, tmp_path: Path
) -> None:
    done = bearingwatch(
        "evaluate", fleet, "--labels", labels, "--out", tmp_path / "out", "--leave-one-out"
    )
    assert done.exit_code == ExitStatus.BAD_SETTINGS
    assert "needs three labelled with learn_until" in done.output
    assert "windows read" not in done.output


def test_rules_that_do_nothing_are_told_and_whether_geometry_was_given(
    fleet: Path, labels: Path, tmp_path: Path
) -> None:
    assets = tmp_path / "assets.toml"
    assets.write_text(
        '[[rule]]\nmatch = "machin-*"\nrated_rpm = 1500\n'
        '[[rule]]\nmatch = "machine-001*"\nlimits = {unit = "mm/s", rms_warning = 2.8}\n'
    )
    done = bearingwatch(
        "evaluate", fleet, "--labels", labels, "--out", tmp_path / "out", "--assets", assets,
        "--methods", "bearingwatch",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "warning: rule 1 (machin-*) matched no sensor" in done.stderr
    assert "warning: rms limits in mm/s protect nothing" in done.stderr
    report = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert "<td>geometry given</td><td>of 0 of 1 sensors</td>" in report
