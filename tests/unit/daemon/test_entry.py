"""The console entry: quick, and sure that `daemon` is ours."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from subprocess import CompletedProcess

import pytest

import daemon
from daemon import entry

ROOT = Path(__file__).parents[3]
CALL = [sys.executable, "-c", "from daemon.entry import main; main()"]


def test_a_foreign_daemon_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(daemon, "MARKER")
    monkeypatch.setattr(entry, "owners_of", lambda _: ["bearingwatch", "python-daemon"])
    problem = entry.foreign_daemon()
    assert problem is not None
    assert "belongs to python-daemon" in problem
    assert "pip uninstall python-daemon" in problem


def test_our_own_daemon_is_no_problem() -> None:
    assert entry.foreign_daemon() is None


def test_it_stops_with_a_status_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entry, "foreign_daemon", lambda: "not ours")
    with pytest.raises(SystemExit) as caught:
        entry.main()
    assert caught.value.code == 3


def test_ctrl_c_while_it_loads_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(entry, "foreign_daemon", interrupted)
    with pytest.raises(SystemExit) as caught:
        entry.main()
    assert (caught.value.code, capsys.readouterr().err) == (1, "interrupted\n")


def imports(arguments: Sequence[str], heavy: Sequence[str]) -> CompletedProcess[str]:
    """Run a command; what it wrote to stderr ends with those of `heavy` that it imported."""
    code = (
        f"import sys; sys.argv = {['bearingwatch', *arguments]}\n"
        "from daemon.entry import main\n"
        "try: main()\n"
        f"finally: print([m for m in {heavy} if m in sys.modules], file=sys.stderr)"
    )
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True,
        env=os.environ | {"BEARINGWATCH_INFLUXDB__TOKEN": "secret"},
    )  # fmt: skip


def test_a_daemon_on_kafka_carries_no_simulator_and_no_tensorflow() -> None:
    heavy = "tensorflow", "keras", "pandas", "scipy.signal", "pipelines.simulator", "onnxruntime"
    done = imports(["check", "-c", "deploy/bearingwatch.toml"], heavy)
    assert done.stderr.splitlines()[-1] == "['onnxruntime']"


def test_help_imports_next_to_nothing_and_answers_at_once() -> None:
    heavy = "numpy", "pydantic", "kafka", "rich", "onnxruntime", "structlog"
    began = time.monotonic()
    done = imports(["--help"], heavy)
    # 0.5 s is what people get; a busy machine that runs tests beside it is given more.
    assert time.monotonic() - began < 5.0
    assert "Usage: bearingwatch" in done.stdout
    assert done.stderr.strip() == "[]"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_output_that_finds_no_room_is_told_in_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*CALL, "models", "list"], cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True,
            check=False,
        )  # fmt: skip
    assert done.returncode == 3
    assert done.stderr == (
        "bearingwatch: what it prints cannot be written: No space left on device\n"
    )


def test_a_name_of_other_bytes_is_shown_escaped(tmp_path: Path) -> None:
    call = ["--machines", "1", "--degrading", "0", "--sensors", "1", "--windows", "1"]
    done = subprocess.run(
        [*CALL, "simulate", tmp_path / os.fsdecode(b"fleet-\xff"), *call],
        cwd=ROOT, capture_output=True, env={**os.environ, "PYTHONIOENCODING": "utf-8:strict"},
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert b"fleet-\\udcff" in done.stdout
