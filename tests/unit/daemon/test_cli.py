"""The command line: help that teaches, mistakes that are named, small runs of each command."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner, Result
from scipy.io import wavfile

from daemon.cli import COMMANDS, LazyGroup, cli
from daemon.cli.commanding import command_for
from daemon.cli.interrupting import interruptible
from daemon.cli.options import Described
from daemon.cli.score import Summary, rows_in
from daemon.cli.sending import value_of
from daemon.cli.simulate import CADENCES, MOST_WINDOWS, RATES, whole
from daemon.cli.topics import was_there
from daemon.cli.train import Telling
from daemon.errors import ExitStatus, SettingsError, StartError
from daemon.recorded import recorded_windows
from daemon.settings import KafkaSettings
from models.fleet_training import Read
from models.judgement import Status
from models.recipe import Recipe
from pipelines.commands import LONGEST_WHY, Kind
from pipelines.features import FeatureSettings, TooSlow, check
from pipelines.simulator import check_run
from pipelines.wire import DEFAULT_LIMITS
from tests.plant.bundles import write_bundle
from tests.unit.daemon.loop_bench import judgement, observation, window


def bearingwatch(*arguments: str | float | Path) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def leaves() -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    context = click.Context(cli)
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        inner = list(command.commands) if isinstance(command, click.Group) else []
        found += [(name, sub) for sub in inner] or [(name,)]
    return found


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("bundles"))


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("simulated") / "fleet"
    done = bearingwatch(
        "simulate", out, "--machines", 1, "--sensors", 2, "--degrading", 1,
        "--windows", 30, "--window-s", 0.1,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    return out


@pytest.mark.parametrize("path", leaves(), ids=" ".join)
def test_help_shows_an_example(path: tuple[str, ...]) -> None:
    done = bearingwatch(*path, "--help")
    assert done.exit_code == 0
    assert f"bearingwatch {' '.join(path)}" in done.output.split("Options:")[0]


def test_help_lists_every_command() -> None:
    done = bearingwatch("--help")
    assert all(f"  {name} " in done.output for name in COMMANDS)
    assert isinstance(cli, LazyGroup)


def test_an_unknown_command_gets_a_suggestion() -> None:
    done = bearingwatch("scroe")
    assert done.exit_code == ExitStatus.BAD_SETTINGS
    assert "Did you mean 'score'?" in done.output


def test_the_version_is_told() -> None:
    assert bearingwatch("--version").output.startswith("bearingwatch ")


# ---- simulate, score --------------------------------------------------------------------------


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_simulate_writes_recordings_and_the_truth(fleet: Path) -> None:
    truth = rows(fleet / "truth.csv")
    assert len(truth) == 2
    assert sum(bool(row["fault"]) for row in truth) == 1
    for row in truth:
        with np.load(fleet / f"{row['asset']}.{row['sensor']}.npz") as archive:
            assert archive["x"].shape == (30, 2048, 1)


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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_either_signal_interrupts_and_none_is_kept_afterwards(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), interruptible():
        signal.raise_signal(number)
    assert signal.getsignal(number) is before


def half_made(out: Path) -> None:
    with whole(out):
        (out / "half.npz").touch()
        raise KeyboardInterrupt


@pytest.mark.parametrize("there", [False, True])
def test_what_is_not_whole_is_not_left_behind(tmp_path: Path, there: bool) -> None:
    out = tmp_path / "fleet"
    if_there = [out] if there else []
    for folder in if_there:
        folder.mkdir()
    with pytest.raises(KeyboardInterrupt):
        half_made(out)
    assert list(tmp_path.rglob("*")) == if_there


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
        "pump/de: nothing judged: 100 windows are needed, got 1",
    ]
    summary.add(learning[1:])
    assert next(summary._unjudged()).endswith("900 s of windows are needed, got 119 s")
    summary.add(windows)
    assert list(summary._unjudged()) == []


def noise(path: Path, rate_hz: int, seconds: int) -> Path:
    samples = np.random.default_rng(1).integers(-9000, 9000, rate_hz * seconds).astype("<i2")
    wavfile.write(path, rate_hz, samples)
    return path


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
    assert done.exit_code == 0, done.output
    told = [line.split(",")[0] for line in done.stderr.splitlines() if "left out" in line]
    assert sorted(told) == [
        "warning: 50 windows were left out as bad_count",
        "warning: 50 windows were left out as bad_rate",
    ]
    assert rows(tmp_path / "s.csv") == []
    assert "0 rows are in" in done.stdout


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


def float_options() -> Iterator[click.Parameter]:
    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        for param in command.params:
            if isinstance(param.type, click.types.FloatParamType):
                yield param


@pytest.mark.parametrize("param", list(float_options()), ids=lambda param: param.opts[0])
@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_no_option_takes_what_is_no_finite_number(param: click.Parameter, value: str) -> None:
    with pytest.raises(click.BadParameter):
        param.type.convert(value, param, click.Context(cli))


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
    assert "is a folder" in bearingwatch("score", fleet, "--out", tmp_path).output


def test_a_file_without_a_unit_is_named(tmp_path: Path) -> None:
    (tmp_path / "pump.csv").write_text("0.1\n0.2\n")
    done = bearingwatch("score", tmp_path / "pump.csv", "--out", tmp_path / "s.csv")
    assert done.exit_code == ExitStatus.BAD_SETTINGS
    assert "pump.csv" in done.output
    assert "declare" in done.output


def test_a_missing_bundle_is_named(fleet: Path, tmp_path: Path) -> None:
    done = bearingwatch("score", fleet, "--out", tmp_path / "s.csv", "--model", tmp_path / "none")
    assert done.exit_code == ExitStatus.COULD_NOT_START
    assert "not a bundle" in done.output


# ---- models, check, topics, train -------------------------------------------------------------


def test_models_shows_and_verifies_a_bundle(bundle: Path) -> None:
    assert "plain" in bearingwatch("models", "list", bundle.parent).output
    assert "hash" in bearingwatch("models", "show", bundle).output
    assert "A bundle for tests" in bearingwatch("models", "show", bundle, "--card").output
    assert "as they should be" in bearingwatch("models", "verify", bundle).output


def test_a_damaged_bundle_is_refused(tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path)
    (bundle / "CARD.md").write_text("changed")
    done = bearingwatch("models", "verify", bundle)
    assert done.exit_code == ExitStatus.COULD_NOT_START
    assert "CARD.md" in done.output


@pytest.mark.parametrize("name", ["", "a" * 300])
@pytest.mark.parametrize(
    "call", [("simulate",), ("models", "verify"), ("models", "show")], ids=" ".join
)
def test_a_name_that_nothing_can_have_is_refused(call: tuple[str, ...], name: str) -> None:
    done = bearingwatch(*call, name)
    assert done.exit_code == ExitStatus.BAD_SETTINGS
    assert ("File name too long" if name else "the name is empty") in done.stderr


def test_verify_checks_the_bundles_behind_a_bad_one(bundle: Path, tmp_path: Path) -> None:
    done = bearingwatch("models", "verify", tmp_path / "a", bundle, tmp_path / "b")
    assert done.exit_code == ExitStatus.COULD_NOT_START
    assert "as they should be" in done.stdout
    assert [line.partition(": not a bundle")[0] for line in done.stderr.splitlines()] == [
        f"bad: {tmp_path / name}" for name in "ab"
    ]


def test_a_bad_bundle_hides_no_other_from_the_list(tmp_path: Path) -> None:
    for name in ("a-good", "b-damaged", "c-empty", "d-good"):
        write_bundle(tmp_path, name=name)
    (tmp_path / "b-damaged" / "network.onnx").write_bytes(b"changed")
    (tmp_path / "c-empty" / "manifest.json").write_text("{}")
    done = bearingwatch("models", "list", tmp_path)
    assert done.exit_code == ExitStatus.FATAL
    shown = {line.split()[0]: line for line in done.stdout.splitlines()[1:]}
    assert list(shown) == ["a-good", "b-damaged", "c-empty", "d-good"]
    assert {name for name, line in shown.items() if line.endswith("cannot be used")} == {
        "b-damaged", "c-empty"
    }  # fmt: skip
    damaged, empty = done.stderr.splitlines()
    assert "network.onnx: SHA-256 is" in damaged
    assert "manifest.json: format is None" in empty


def settings(folder: Path, bundle: Path) -> Path:
    path = folder / "plant.toml"
    path.write_text(
        '[source]\nkind = "simulator"\n[series]\nkind = "sqlite"\n[journal]\nkind = "sqlite"\n'
        f'[sqlite]\npath = "plant.db"\n[model]\nbundle = "{bundle}"\n[http]\nenabled = false\n'
    )
    return path


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


def test_topics_are_planned_without_a_broker(tmp_path: Path) -> None:
    path = tmp_path / "plant.toml"
    path.write_text('[kafka]\nprefix = "plant7"\n')
    done = bearingwatch("topics", "plan", "-c", path, "--partitions", 3)
    assert done.exit_code == 0, done.output
    assert done.output.count("3 partitions") == 5
    assert "plant7.state" in done.output


@pytest.mark.parametrize("option", ["--partitions", "--replication-factor"])
def test_a_number_that_no_request_to_kafka_can_hold_is_refused(option: str) -> None:
    done = bearingwatch("topics", "create", option, 10**20)
    assert done.exit_code == ExitStatus.BAD_SETTINGS
    assert f"'{option}': {10**20} is not in the range" in done.stderr


def test_a_topic_with_another_number_of_partitions_is_told() -> None:
    assert was_there("p.windows", 12, 12) == "was there  p.windows"
    fewer, more = was_there("p.state", 1, 24), was_there("p.state", 48, 24)
    assert "with 1 partitions and not 24" in fewer
    assert fewer.endswith("--alter --partitions 24 --topic p.state")
    assert "cannot be taken away" in more
    assert more.endswith("--delete --topic p.state")


def test_the_topic_of_evidence_is_not_planned_where_evidence_is_off(tmp_path: Path) -> None:
    path = tmp_path / "plant.toml"
    path.write_text("[journal]\nevidence = false\n")
    done = bearingwatch("topics", "plan", "-c", path)
    assert done.output.count("12 partitions") == 4
    assert "evidence" not in done.output


UNNAMED: list[tuple[str | int, ...]] = [
    ("topics", "create"), ("rebaseline", "pump"), ("forget", "pump"), ("produce", "--simulate", 1)
]  # fmt: skip


@pytest.mark.parametrize("call", UNNAMED, ids=str)
def test_what_changes_something_wants_to_be_told_where(call: tuple[str | int, ...]) -> None:
    done = bearingwatch(*call)
    assert done.exit_code == ExitStatus.BAD_SETTINGS
    assert "no settings file was named: give -c FILE, or name the brokers in" in done.stderr


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


def test_run_without_settings_says_how_to_give_some() -> None:
    done = bearingwatch("run")
    assert done.exit_code == ExitStatus.BAD_SETTINGS
    assert "give -c FILE" in done.output


def test_produce_wants_one_thing_to_send(fleet: Path) -> None:
    assert bearingwatch("produce").exit_code == ExitStatus.BAD_SETTINGS
    assert bearingwatch("produce", fleet, "--simulate", 1).exit_code == ExitStatus.BAD_SETTINGS


@pytest.mark.parametrize("told", [[], ["--healthy-windows", 5, "--recipe", __file__]])
def test_train_wants_to_know_once_what_is_healthy(
    fleet: Path, tmp_path: Path, told: list[str | int]
) -> None:
    done = bearingwatch("train", fleet, "--out", tmp_path / "b", *told)
    assert done.exit_code == ExitStatus.BAD_SETTINGS
    assert "say what is healthy" in done.output


def test_train_says_how_to_install_what_it_needs(
    fleet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    done = bearingwatch("train", fleet, "--out", tmp_path / "b", "--healthy-windows", 500)
    assert done.exit_code == ExitStatus.COULD_NOT_START
    assert "pip install --require-hashes -r requirements/training.txt" in done.output
    assert (Path(__file__).parents[3] / "requirements" / "training.txt").is_file()


def test_train_refuses_to_exclude_what_is_not_there(fleet: Path, tmp_path: Path) -> None:
    done = bearingwatch(
        "train", fleet, "--out", tmp_path / "b", "--healthy-windows", 500,
        "--exclude", "machine-001/bearing-1", "--exclude", "machine-01",
    )  # fmt: skip
    assert done.exit_code == ExitStatus.BAD_SETTINGS
    assert "--exclude 'machine-01': no machine or sensor of these" in done.stderr
    assert "did you mean 'machine-001'?" in done.stderr


@pytest.mark.parametrize("call", ["train", "evaluate", "score"])
def test_nothing_is_to_be_written_into_a_file(fleet: Path, tmp_path: Path, call: str) -> None:
    (tmp_path / "file").touch()
    done = bearingwatch(call, fleet, "--out", tmp_path / "file" / "b")
    assert done.exit_code == ExitStatus.BAD_SETTINGS
    assert "file is a file, so nothing can lie in it" in done.stderr


def test_evaluate_writes_no_folder_over_a_file(fleet: Path) -> None:
    done = bearingwatch("evaluate", fleet, "--out", fleet / "truth.csv")
    assert done.exit_code == ExitStatus.BAD_SETTINGS
    assert "is a file" in done.stderr


def test_train_names_a_recipe_it_cannot_read(fleet: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text("healthy_until = 3\n")
    done = bearingwatch("train", fleet, "--out", tmp_path / "b", "--recipe", recipe)
    assert done.exit_code == ExitStatus.BAD_SETTINGS
    assert "recipe.toml" in done.output


def test_train_refuses_a_declaration_that_cannot_be(fleet: Path, tmp_path: Path) -> None:
    done = bearingwatch(
        "train", fleet, "--out", tmp_path / "b", "--healthy-windows", 500, "--scale", 1,
        "--full-scale", 1,
    )  # fmt: skip
    assert done.exit_code == ExitStatus.BAD_SETTINGS
    assert "not both" in done.output


@pytest.mark.parametrize("count", [3, 100])
def test_train_refuses_fewer_windows_than_there_is_something_to_learn_from(
    fleet: Path, tmp_path: Path, count: int
) -> None:
    done = bearingwatch("train", fleet, "--out", tmp_path / "b", "--healthy-windows", count)
    assert done.exit_code == ExitStatus.BAD_SETTINGS
    assert f"--healthy-windows {count}: the first 100 make a sensor's baseline" in done.stderr
    assert "give more" in done.stderr


@pytest.mark.parametrize(
    ("recipe", "warned"),
    [
        (Recipe(rest=100_000), True),
        (Recipe(healthy_until={"pump": 261}), True),
        (Recipe(healthy_until={"pump/de": 260}, rest=100_000), False),
        (Recipe(rest=200), False),
    ],
)
def test_train_warns_where_all_of_a_recording_is_taken_for_healthy(
    recipe: Recipe, warned: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    telling = Telling(lambda _: None, recipe)
    telling.tell(Read("pump/de", 260))
    telling.tell(Read("simulated/0", 250))
    said = capsys.readouterr().err
    assert ("there are 260: all of it is learnt as healthy, its end included" in said) is warned
    assert said.count("warning: ") == int(warned)


@pytest.mark.training
@pytest.mark.parametrize(
    ("recipe", "problem"),
    [
        ('[healthy_until]\n"machine-001/bearing-1" = 20\n', "20 healthy windows, its baseline"),
        ("[healthy_until]\nnothing = 200\n", "no healthy window was found"),
    ],
)
def test_a_recipe_that_leaves_too_little_is_bad_input(
    fleet: Path, tmp_path: Path, recipe: str, problem: str
) -> None:
    (tmp_path / "recipe.toml").write_text(recipe)
    done = bearingwatch(
        "train", fleet, "--out", tmp_path / "b", "--recipe", tmp_path / "recipe.toml"
    )
    assert done.exit_code == ExitStatus.BAD_SETTINGS, done.output
    assert problem in done.stderr


@pytest.mark.training
def test_train_says_that_a_recording_lacks_a_unit(tmp_path: Path) -> None:
    noise(tmp_path / "pump.wav", 2560, 1)
    done = bearingwatch("train", tmp_path, "--out", tmp_path / "b", "--healthy-windows", 500)
    assert done.exit_code == ExitStatus.BAD_SETTINGS
    assert "pump.wav: the file does not say its unit and what its integers are worth" in done.output


# ---- run --------------------------------------------------------------------------------------


def test_run_with_bad_settings_says_so_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "plant.toml"
    path.write_text("[lop]\n")
    done = bearingwatch("run", "-c", path)
    assert done.exit_code == ExitStatus.BAD_SETTINGS
    assert "did you mean 'loop'" in done.output
    assert "Traceback" not in done.output


@pytest.mark.parametrize("command", ["demo", "simulate"])
def test_a_negative_seed_is_refused(command: str, tmp_path: Path) -> None:
    out = [str(tmp_path / "fleet")] if command == "simulate" else []
    done = CliRunner().invoke(cli, [command, *out, "--seed", "-1"])
    assert done.exit_code == ExitStatus.BAD_SETTINGS
    assert "Traceback" not in done.output


# ---- rebaseline, forget -----------------------------------------------------------------------


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


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("verb", ["rebaseline", "forget"])
def test_a_command_that_is_interrupted_is_to_be_given_again(
    verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BEARINGWATCH_KAFKA__BOOTSTRAP_SERVERS", "a:1")
    monkeypatch.setattr("daemon.kafka_clients.consumer", interrupt)
    done = bearingwatch(verb, "pump")
    assert done.exit_code == ExitStatus.FATAL
    assert done.stderr == f"interrupted: some partitions may have the {verb}; give it again\n"


def test_ctrl_c_is_told_in_one_line_by_what_has_no_more_to_say(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("daemon.kafka_clients.admin", interrupt)
    done = bearingwatch("topics", "check")
    assert (done.exit_code, done.stderr) == (ExitStatus.FATAL, "interrupted\n")


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
