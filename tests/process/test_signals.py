"""The real process without servers: signals, exit statuses, kill -9 and start again."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from daemon.errors import ExitStatus
from tests.plant.bundles import write_bundle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
CALL = [sys.executable, "-c", "from daemon.entry import main; main()", "run", "-c"]
PATIENCE_S = 60.0


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("bundles"))


def settings(folder: Path, bundle: Path, more: str = "") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "plant.toml"
    path.write_text(
        f"""
        instance = "line-1"
        [source]
        kind = "simulator"
        [series]
        kind = "sqlite"
        [journal]
        kind = "sqlite"
        [sqlite]
        path = "plant.db"
        [model]
        bundle = "{bundle}"
        [simulator]
        machines = 2
        sensors_per_machine = 2
        degrading = 2
        days = 1
        [loop]
        batch_windows = 16
        [http]
        enabled = false
        {more}
        """
    )
    return path


@contextmanager
def running(path: Path) -> Iterator[subprocess.Popen[bytes]]:
    log = path.parent / "run.log"
    with log.open("ab") as out:
        child = subprocess.Popen([*CALL, str(path)], cwd=ROOT, stdout=out, stderr=out)
    try:
        yield child
    finally:
        child.kill()
        child.wait()


def events(path: Path) -> list[dict[str, Any]]:
    lines = (path.parent / "run.log").read_text().splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def logged(path: Path, event: str) -> Callable[[], bool]:
    return lambda: any(line["event"] == event for line in events(path))


def wait_until(what: Callable[[], bool], child: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not what():
        assert child.poll() is None, "it ended by itself"
        assert time.monotonic() < deadline
        time.sleep(0.02)


def committed(path: Path) -> int:
    database = path.parent / "plant.db"
    if not database.exists():
        return 0
    with closing(sqlite3.connect(database, timeout=10)) as connection:
        try:
            found = connection.execute("SELECT max(next_offset) FROM offsets").fetchone()
        except sqlite3.OperationalError:
            return 0
    return int(found[0] or 0)


def content(path: Path) -> dict[str, list[Any]]:
    """Return everything that a run leaves, but for who ran it and how often."""
    with closing(sqlite3.connect(path.parent / "plant.db")) as connection:
        names = [
            name
            for (name,) in connection.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
            )
            if name != "owners"
        ]
        return {
            name: sorted(map(repr, connection.execute(f"SELECT * FROM {name}")))  # noqa: S608
            for name in names
        }


def test_an_interrupted_score_says_so_and_replaces_nothing(bundle: Path, tmp_path: Path) -> None:
    columns = np.random.default_rng(1).normal(size=(256_000, 1))
    np.savetxt(tmp_path / "pump.csv", columns, fmt="%.3f")
    out = tmp_path / "s.csv"
    out.write_text("good\n")
    child = subprocess.Popen(
        [
            *CALL[:-2], "score", str(tmp_path / "pump.csv"), "--sample-rate-hz", "2560",
            "--unit", "g", "--window-s", "0.1", "--out", str(out), "--model", str(bundle),
            "--batch-windows", "1",
        ],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        kept = tmp_path / ".s.csv.unfinished"
        wait_until(lambda: kept.exists() and kept.read_text().count("\n") > 1, child)
        child.terminate()
        said, _ = child.communicate(timeout=PATIENCE_S)
    finally:
        child.kill()
        child.wait()
    assert child.returncode == ExitStatus.FATAL
    assert f"{out} was not written" in said.decode()
    assert out.read_text() == "good\n"


def interrupted(*arguments: str | Path, when: Callable[[], bool]) -> tuple[int, str]:
    """Return status and words of a command that Ctrl-C ends once `when` is so."""
    child = subprocess.Popen(
        [*CALL[:-2], *map(str, arguments)],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        wait_until(when, child)
        child.send_signal(signal.SIGINT)
        said, _ = child.communicate(timeout=PATIENCE_S)
    finally:
        child.kill()
        child.wait()
    return child.returncode, said.decode()


def test_an_interrupted_simulate_leaves_nothing_that_refuses_the_next_one(tmp_path: Path) -> None:
    out = tmp_path / "fleet"
    status, said = interrupted(
        "simulate", out, "--windows", "2000", when=lambda: any(out.glob("*.npz"))
    )
    assert status == ExitStatus.FATAL
    assert f"interrupted: nothing is left in {out}; run it again" in said
    assert not out.exists()


def finished(path: Path) -> int:
    with running(path) as child:
        return child.wait(PATIENCE_S)


@pytest.fixture(scope="module")
def undisturbed(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """What a run leaves that nothing happened to."""
    path = settings(tmp_path_factory.mktemp("undisturbed"), bundle)
    assert finished(path) == ExitStatus.STOPPED
    assert events(path)[-1]["event"] == "process_stopped"
    return content(path)


def test_a_finite_source_ends_in_peace(undisturbed: dict[str, list[Any]]) -> None:
    assert len(undisturbed["states"]) == 4
    assert any(len(rows) > 50 for rows in undisturbed.values())


def catches(child: subprocess.Popen[bytes], number: signal.Signals) -> Callable[[], bool]:
    """Return whether the process has a handler for a signal, as the kernel knows it."""
    status = Path(f"/proc/{child.pid}/status")

    def caught() -> bool:
        (mask,) = [line for line in status.read_text().splitlines() if line.startswith("SigCgt")]
        return bool(int(mask.split()[1], 16) >> (number - 1) & 1)

    return caught


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
def test_a_signal_while_it_still_loads_is_a_stop_too(bundle: Path, tmp_path: Path) -> None:
    path = settings(tmp_path, bundle)
    with running(path) as child:
        wait_until(catches(child, signal.SIGTERM), child)
        assert not events(path), "too late: it has read its settings already"
        child.terminate()
        assert child.wait(PATIENCE_S) == ExitStatus.STOPPED
    assert committed(path) == 0
    assert [line["event"] for line in events(path)][-2:] == ["stop_requested", "process_stopped"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains_and_the_next_run_goes_on(
    bundle: Path, tmp_path: Path, undisturbed: dict[str, list[Any]], number: signal.Signals
) -> None:
    path = settings(tmp_path / "stopped", bundle)
    with running(path) as child:
        wait_until(lambda: committed(path) > 0, child)
        child.send_signal(number)
        assert child.wait(PATIENCE_S) == ExitStatus.STOPPED
    assert logged(path, "drained")()
    assert finished(path) == ExitStatus.STOPPED
    assert content(path) == undisturbed


def test_kill_9_at_any_time_leaves_no_trace(
    bundle: Path, tmp_path: Path, undisturbed: dict[str, list[Any]]
) -> None:
    path = settings(tmp_path / "killed", bundle)
    for deaths in range(1, 6):
        with running(path) as child:
            target = 96 * deaths
            wait_until(lambda: committed(path) >= target, child)  # noqa: B023
            child.kill()
            assert child.wait(PATIENCE_S) == -signal.SIGKILL
    assert finished(path) == ExitStatus.STOPPED
    assert content(path) == undisturbed


AWAY = """
[kafka]
bootstrap_servers = ["127.0.0.1:1"]
"""


def away(folder: Path, bundle: Path) -> Path:
    path = settings(folder, bundle, AWAY)
    path.write_text(path.read_text().replace('kind = "simulator"', 'kind = "kafka"'))
    return path


def test_an_unreachable_broker_is_waited_for_until_told_to_stop(
    bundle: Path, tmp_path: Path
) -> None:
    path = away(tmp_path, bundle)
    with running(path) as child:
        wait_until(logged(path, "service_went_away"), child)
        child.terminate()
        assert child.wait(PATIENCE_S) == ExitStatus.STOPPED
    assert logged(path, "stop_requested")()


def test_a_second_signal_forces(bundle: Path, tmp_path: Path) -> None:
    path = away(tmp_path, bundle)
    with running(path) as child:
        wait_until(logged(path, "process_built"), child)
        time.sleep(1.0)  # it is now in a call of ten seconds that waits for the broker
        child.terminate()
        time.sleep(0.1)
        child.send_signal(signal.SIGINT)
        assert child.wait(5.0) in (ExitStatus.FATAL, ExitStatus.STOPPED)


def test_bad_settings_have_a_status_of_their_own(bundle: Path, tmp_path: Path) -> None:
    assert finished(settings(tmp_path, bundle, "[lop]\n")) == ExitStatus.BAD_SETTINGS
    assert "did you mean 'loop'" in (tmp_path / "run.log").read_text()


def test_a_missing_bundle_has_a_status_of_its_own(tmp_path: Path) -> None:
    path = settings(tmp_path, tmp_path / "none")
    assert finished(path) == ExitStatus.COULD_NOT_START
    (last,) = [line for line in events(path) if line["event"] == "process_failed"]
    assert "not a bundle" in last["reason"]


def test_a_newer_state_is_refused_with_a_hint(bundle: Path, tmp_path: Path) -> None:
    path = settings(tmp_path, bundle)
    with running(path) as child:
        wait_until(lambda: committed(path) > 0, child)
        child.terminate()
        child.wait(PATIENCE_S)
    with closing(sqlite3.connect(tmp_path / "plant.db")) as connection, connection:
        connection.create_function("newer", 1, lambda hot: (99).to_bytes(4, "little") + hot[4:])
        connection.execute("UPDATE states SET hot = newer(hot)")
    assert finished(path) == ExitStatus.COULD_NOT_START
    assert "a newer bearingwatch wrote it" in events(path)[-1]["reason"]
