"""`bearingwatch evaluate` on the real recordings: what the product is worth, and simple limits."""

import csv
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from daemon.cli import cli

pytestmark = [pytest.mark.data, pytest.mark.timeout(900)]

ASSETS = """
[[rule]]
match = "ims-*"
bearing = "Rexnord ZA-2115"
rated_rpm = 2000

[[rule]]
match = "Bearing*"
bearing = "NSK 6804RS"
"""

OURS, RMS_3, RMS_6 = "bearingwatch", "rms-3-sigma", "rms-6-sigma"
FAILING = (
    "Bearing1_1/bearing", "Bearing1_2/bearing", "Bearing2_1/bearing", "Bearing2_2/bearing",
    "Bearing3_1/bearing", "Bearing3_2/bearing", "ims-test2/bearing1",
)  # fmt: skip
NEIGHBOURS = ("ims-test2/bearing2", "ims-test2/bearing3", "ims-test2/bearing4")

Rows = dict[tuple[str, str], dict[str, str]]


@pytest.fixture(scope="module")
def report(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("evaluate")
    (folder / "assets.toml").write_text(ASSETS, encoding="utf-8")
    paths = [data_dir / "femto", data_dir / "ims" / "test2.npz"]
    methods = ",".join([OURS, RMS_3, RMS_6])
    out = folder / "out"
    evaluate(*paths, "--assets", folder / "assets.toml", "--methods", methods, "--out", out)
    return out


def evaluate(*asked: object) -> None:
    done = CliRunner().invoke(cli, ["evaluate", *map(str, asked)], catch_exceptions=False)
    assert done.exit_code == 0, done.output


@pytest.fixture(scope="module")
def outcomes(report: Path) -> Rows:
    return outcomes_in(report)


def outcomes_in(folder: Path) -> Rows:
    with (folder / "outcomes.csv").open(encoding="utf-8", newline="") as stream:
        return {(row["method"], row["bearing"]): row for row in csv.DictReader(stream)}


def detected(outcomes: Rows, method: str) -> list[int | None]:
    found = [outcomes[method, bearing]["detected"] for bearing in FAILING]
    return [int(index) if index else None for index in found]


def test_every_failing_bearing_is_found_and_no_alert_is_false(outcomes: Rows) -> None:
    assert None not in detected(outcomes, OURS)
    ours = [outcomes[OURS, bearing] for bearing in (*FAILING, *NEIGHBOURS)]
    assert {row["false_episodes"] for row in ours} == {"0"}
    assert {row["early_alarm_windows"] for row in ours} == {"0"}


def test_at_least_six_of_seven_are_found_by_the_latest_onset_and_five_reach_alarm(
    outcomes: Rows,
) -> None:
    ours = [outcomes[OURS, bearing] for bearing in FAILING]
    assert sum(row["in_time"] == "yes" for row in ours) >= 6
    assert sum(bool(row["first_alarm"]) for row in ours) >= 5


def test_the_failing_bearing_of_the_foreign_rig_is_found_with_geometry_by_536(
    outcomes: Rows,
) -> None:
    assert 532 <= int(outcomes[OURS, "ims-test2/bearing1"]["detected"]) <= 536


def test_it_is_found_without_geometry_by_549_and_no_line_is_made_up(
    data_dir: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    evaluate(data_dir / "ims" / "test2.npz", "--methods", OURS, "--out", out)
    found = outcomes_in(out)[OURS, "ims-test2/bearing1"]
    assert 532 <= int(found["detected"]) <= 549
    (text,) = told("ims-test2/bearing1", (out / "report.html").read_text("utf-8"))
    assert "no fault line found" in text


def told(bearing: str, page: str) -> list[str]:
    """Return what subscribers would have been told with a bearing's detection."""
    return re.findall(rf"<p>Told at window \d+: {bearing} [^<]*", page)


def test_simple_limits_alert_where_they_are_known_to(outcomes: Rows) -> None:
    """Published anchors; a baseline of 100 windows moves some of them by a few windows."""
    assert detected(outcomes, RMS_3) == [1319, 828, None, None, 495, 1439, 534]
    assert detected(outcomes, RMS_6) == [1319, 830, None, None, 495, 1440, 549]


def test_the_report_shows_every_bearing_and_how_neighbours_are_linked(report: Path) -> None:
    text = (report / "report.html").read_text("utf-8")
    assert all(f"<h3>{bearing}, {OURS}</h3>" in text for bearing in (*FAILING, *NEIGHBOURS))
    assert text.count("<td>follows ") == len(NEIGHBOURS)


def test_the_alert_on_the_outer_race_names_it(report: Path) -> None:
    (text,) = told("ims-test2/bearing1", (report / "report.html").read_text("utf-8"))
    assert "the outer race (BPFO) line has risen at 23" in text


def test_no_gate_withholds_a_window_behind_an_onset(report: Path) -> None:
    text = (report / "report.html").read_text("utf-8")
    withheld = re.findall(r"<tr><td>([\w-]+/bearing\d?)</td><td>([^<]*)</td>", text)
    assert set(withheld) == {(bearing, "0") for bearing in (*FAILING, *NEIGHBOURS)}
