"""Signals, and what is left behind."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from daemon.cli.interrupting import interruptible
from daemon.cli.simulate import whole
from daemon.errors import ExitStatus
from tests.unit.daemon.cli.calling import bearingwatch


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
