"""`score`: a row per window and sensor, and what is said of those left out."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from daemon.cli.score import ALERTS_SHOWN, Summary, rows_in
from daemon.errors import ExitStatus
from models.alerts import Transition
from models.judgement import Note, Status
from tests.contract.builders import event as raised
from tests.unit.daemon.cli.calling import bearingwatch, noise, rows
from tests.unit.daemon.loop_bench import judgement, observation, window


def test_score_writes_one_row_per_window_and_sensor(
    fleet: Path, bundle: Path, tmp_path: Path
) -> None:
    done = bearingwatch("score", fleet, "--out", tmp_path / "scores.csv", "--model", bundle)
    assert done.exit_code == 0, done.output
    found = rows(tmp_path / "scores.csv")
    assert list(found[0]) == [
        "asset", "sensor", "index", "time", "loss", "threshold", "zone", "state", "louder",
    ]  # fmt: skip
    assert len(found) == 60
    sensors = {(row["asset"], row["sensor"]) for row in found}
    for sensor in sensors:
        indices = [int(r["index"]) for r in found if (r["asset"], r["sensor"]) == sensor]
        assert indices == list(range(30))
    assert "60 rows are in" in done.output
    assert "normal, commissioning" in done.output
    assert done.output.count(": nothing judged: 100 windows are needed, got 30") == 2
    assert "times are invented, from 2000-01-01 on" in done.output
    assert sensors == {(row["asset"], row["sensor"]) for row in rows(fleet / "truth.csv")}


@pytest.mark.parametrize("start", ["1900-01-01", "1969-12-31T23:59:59Z", "2300-01-01"])
def test_score_refuses_times_that_no_window_can_have(
    bundle: Path, tmp_path: Path, start: str
) -> None:
    path = noise(tmp_path / "pump.wav", 5120, 2)
    done = bearingwatch(
        "score", path, "--unit", "g", "--full-scale", 50, "--start", start,
        "--out", tmp_path / "s.csv", "--model", bundle,
    )  # fmt: skip
    assert done.exit_code == ExitStatus.BAD_SETTINGS
    assert "start must be from 1970-01-01 to 2262-04-11" in done.stderr
    assert not (tmp_path / "s.csv").exists()


def test_the_rows_that_are_told_are_those_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("asset,time\npump,1\npump,2\n")
    assert rows_in(tmp_path / "s.csv") == 2


def test_a_summary_tells_why_nothing_was_judged() -> None:
    windows = [judgement(observation(window(index)), index) for index in range(120)]
    learning = [replace(each, status=Status.COMMISSIONING) for each in windows]
    summary = Summary()
    summary.add(learning[:1])
    assert list(summary._unjudged()) == [
        "pump/de: nothing judged: 100 windows are needed, got 1; "
        "--commissioning-windows takes fewer",
    ]
    summary.add(learning[1:])
    assert next(summary._unjudged()).endswith(
        "900 s of windows are needed, got 119 s; --commissioning-span-s takes less"
    )
    summary.add(windows)
    assert list(summary._unjudged()) == []


def test_a_summary_names_what_was_commissioned_with_suspicion(
    capsys: pytest.CaptureFixture[str],
) -> None:
    summary = Summary()
    one = judgement(observation(window(0)), 0)
    summary.add([replace(one, suspicious=True), judgement(observation(window(1, "fan")), 0)])
    summary.print()
    told = capsys.readouterr().out
    assert "pump/de: commissioned with suspicion: " in told
    assert "fan/de: " not in told
    assert "look like those of a damaged bearing" in told
    summary.add([replace(one, suspicious=True, notes=(Note.STANDS_OUT,))])
    summary.print()
    assert "louder than those of its peer_group" in capsys.readouterr().out


def test_a_summary_tells_the_alerts_in_their_own_words(capsys: pytest.CaptureFixture[str]) -> None:
    one, event = judgement(observation(window(3)), 3), raised(text="pump/de departs.")
    follows = replace(event, id="later", link="follows first")
    escalated = replace(event, transition=Transition.ESCALATED)
    summary = Summary()
    summary.add(
        [
            replace(one, events=(event,)),
            replace(one, events=(follows, escalated)),
        ]
    )
    summary.add([replace(one, events=(event,)) for _ in range(ALERTS_SHOWN)])
    summary.print()
    told = capsys.readouterr().out.splitlines()
    lines = [line for line in told if event.text in line]
    assert len(lines) == ALERTS_SHOWN
    assert lines[0].endswith(f"{event.id} {event.text}")
    assert lines[1].endswith(f"later {event.text} It follows first.")
    assert "2 further alerts were raised" in told


def test_score_says_which_windows_it_left_out_and_why(bundle: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    noise(folder / "good.wav", 5120, 2)
    slow = noise(folder / "slow.wav", 200, 3)
    done = bearingwatch(
        "score", folder, "--unit", "g", "--full-scale", 50, "--out", tmp_path / "s.csv",
        "--model", bundle,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert len(rows(tmp_path / "s.csv")) == 2
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("warning: ")]
    assert "windows read: 5 of 5" in done.stderr
    assert line.startswith(
        f"warning: 3 windows were left out as bad_rate, the first of slow/signal in {slow}: "
    )
    assert "640" in line
    assert "2 rows are in" in done.stdout


def test_score_counts_what_it_left_out_by_reason(bundle: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    noise(folder / "good.wav", 5120, 1)
    noise(folder / "slow.wav", 200, 1)
    done = bearingwatch(
        "score", folder, "--unit", "g", "--full-scale", 50, "--window-s", 0.02,
        "--out", tmp_path / "s.csv", "--model", bundle,
    )  # fmt: skip
    told = [line.split(",")[0] for line in done.stderr.splitlines() if "left out" in line]
    assert sorted(told) == [
        "warning: 50 windows were left out as bad_count",
        "warning: 50 windows were left out as bad_rate",
    ]
    assert "record_dead_lettered" not in done.stderr


def test_what_cannot_be_judged_at_all_leaves_an_older_result_alone(
    bundle: Path, tmp_path: Path
) -> None:
    out = tmp_path / "s.csv"
    out.write_text("kept")
    noise(tmp_path / "slow.wav", 200, 1)
    done = bearingwatch(
        "score", tmp_path / "slow.wav", "--unit", "g", "--full-scale", 50, "--out", out,
        "--model", bundle,
    )  # fmt: skip
    assert done.exit_code == ExitStatus.BAD_SETTINGS
    assert f"no window could be judged: {out} was not written" in done.stderr
    assert [path.name for path in tmp_path.glob("*.csv*")] == ["s.csv"]
    assert out.read_text() == "kept"


def test_a_short_recording_is_judged_where_that_is_asked_for(bundle: Path, tmp_path: Path) -> None:
    noise(tmp_path / "pump.wav", 5120, 40)
    call: list[str | int | Path] = [
        "score", tmp_path / "pump.wav", "--unit", "g", "--full-scale", 50,
        "--out", tmp_path / "s.csv", "--model", bundle,
    ]  # fmt: skip
    usual = bearingwatch(*call).stdout
    assert "100 windows are needed, got 40; --commissioning-windows takes fewer" in usual
    call += ["--commissioning-windows", 20]
    fewer = bearingwatch(*call).stdout
    assert "900 s of windows are needed, got 39 s; --commissioning-span-s takes less" in fewer
    call += ["--commissioning-span-s", 10]
    assert "nothing judged" not in bearingwatch(*call).stdout
    assert sum(bool(row["loss"]) for row in rows(tmp_path / "s.csv")) == 20


def test_a_window_that_is_not_after_the_last_has_a_row_and_no_index(
    fleet: Path, bundle: Path, tmp_path: Path
) -> None:
    path = tmp_path / "pump.npz"
    with np.load(next(fleet.glob("*.npz"))) as archive:
        arrays = {name: archive[name] for name in archive.files}
    # Later by so little that in whole microseconds it is the same time.
    arrays["t_s"][11] = arrays["t_s"][10] + 1e-8
    np.savez(path, **arrays)
    done = bearingwatch("score", path, "--out", tmp_path / "s.csv", "--model", bundle)
    assert done.exit_code == 0, done.output
    found = rows(tmp_path / "s.csv")
    assert [int(row["index"]) for row in found] == [*range(11), -1, *range(11, 29)]
    assert found[10]["time"] == found[11]["time"]
    assert found[11]["loss"] == ""
    assert "1 window was not after the sensor's last: late or there already" in done.output
    assert "30 rows are in" in done.output


@pytest.mark.parametrize("batch", [1, 7])
def test_score_says_the_same_at_any_batch_size(
    fleet: Path, bundle: Path, tmp_path: Path, batch: int
) -> None:
    for name, size in (("a.csv", 256), ("b.csv", batch)):
        done = bearingwatch(
            "score", fleet, "--out", tmp_path / name, "--model", bundle, "--batch-windows", size
        )
        assert done.exit_code == 0, done.output
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_score_does_not_obey_a_daemons_environment(
    fleet: Path, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BEARINGWATCH_SERIES__KIND", "influxdb")
    done = bearingwatch("score", fleet, "--out", tmp_path / "s.csv", "--model", bundle)
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize(
    ("read", "name"),
    [
        ("read/machine.npz", "machine.npz"),
        ("read/machine.npz", "linked.npz"),
        ("read", "scores.csv"),
        ("read", "deeper/scores.csv"),
    ],
)
def test_score_writes_nothing_over_or_beside_what_it_reads(
    fleet: Path, tmp_path: Path, read: str, name: str
) -> None:
    folder = tmp_path / "read"
    (folder / "deeper").mkdir(parents=True)
    recording = folder / "machine.npz"
    recording.write_bytes(next(fleet.glob("*.npz")).read_bytes())
    (folder / "linked.npz").symlink_to(recording)
    before = recording.read_bytes()
    done = bearingwatch("score", tmp_path / read, "--out", folder / name)
    assert done.exit_code == ExitStatus.BAD_SETTINGS
    assert "choose " in done.output
    assert recording.read_bytes() == before
    assert not (folder / "scores.csv").exists()


def test_score_makes_no_folders(fleet: Path, tmp_path: Path) -> None:
    done = bearingwatch("score", fleet, "--out", tmp_path / "none" / "scores.csv")
    assert done.exit_code == ExitStatus.BAD_SETTINGS
    assert "there is no folder" in done.output
    assert not (tmp_path / "none").exists()


def test_a_missing_bundle_is_named(fleet: Path, tmp_path: Path) -> None:
    done = bearingwatch("score", fleet, "--out", tmp_path / "s.csv", "--model", tmp_path / "none")
    assert done.exit_code == ExitStatus.COULD_NOT_START
    assert "not a bundle" in done.output


def test_score_gives_up_on_a_file_that_cannot_be_written_on(
    fleet: Path, bundle: Path, tmp_path: Path
) -> None:
    script = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (2048, 2048))\n"
        f"sys.argv = ['bearingwatch', 'score', {str(fleet)!r}, '--model', {str(bundle)!r}, "
        "'--out', 'scores.csv']\n"
        "from daemon.entry import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-B", "-c", script], cwd=tmp_path, capture_output=True, text=True,
        check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == ExitStatus.COULD_NOT_START, done.stderr
    assert "scores.csv: cannot be written: File too large" in done.stderr
    assert not (tmp_path / "scores.csv").exists()


@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir], ids=["pipe", "folder"])
def test_score_replaces_nothing_that_is_no_file(
    fleet: Path, tmp_path: Path, make: Callable[[Path], object]
) -> None:
    out = tmp_path / "out.csv"
    make(out)
    done = bearingwatch("score", fleet, "--out", out)
    assert done.exit_code == ExitStatus.BAD_SETTINGS
    assert "is no file, but is to be one" in done.stderr
    assert list(tmp_path.iterdir()) == [out]
    assert not out.is_file()


def test_score_writes_no_file_named_like_standard_output(fleet: Path) -> None:
    done = bearingwatch("score", fleet, "--out", "-")
    assert done.exit_code == ExitStatus.BAD_SETTINGS
    assert "--out -: is no file" in done.stderr


def test_score_writes_what_a_link_points_to(fleet: Path, bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "link.csv").symlink_to(tmp_path / "real.csv")
    (tmp_path / "real.csv").write_text("old")
    done = bearingwatch("score", fleet, "--out", tmp_path / "link.csv", "--model", bundle)
    assert done.exit_code == ExitStatus.STOPPED, done.output
    assert (tmp_path / "link.csv").is_symlink()
    assert len(rows(tmp_path / "real.csv")) == 60
