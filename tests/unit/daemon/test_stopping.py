"""Signals, and parts that stop in reverse."""

import os
import signal
from contextlib import suppress

import pytest

from daemon.errors import ExitStatus
from daemon.stopping import ECHO_S, Started, Stopping


class Part:
    def __init__(self, name: str, closed: list[str], broken: bool = False) -> None:
        self.name, self.closed, self.broken = name, closed, broken

    def start(self) -> None:
        pass

    def close(self) -> None:
        self.closed.append(self.name)
        if self.broken:
            raise OSError("already gone")


def test_a_first_signal_asks_and_a_second_forces(capfd: pytest.CaptureFixture[str]) -> None:
    forced: list[int] = []
    stopping = Stopping(60.0, forced.append)
    with stopping.listening():
        signal.raise_signal(signal.SIGTERM)
        assert stopping()
        assert forced == []
        signal.raise_signal(signal.SIGINT)
    assert forced == [ExitStatus.FATAL]
    assert "a second SIGINT, so it ended at once" in capfd.readouterr().err


def test_the_first_signal_sent_twice_at_once_is_one_request() -> None:
    forced: list[int] = []
    now = 0.0
    stopping = Stopping(60.0, forced.append, lambda: now)
    with stopping.listening():
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
        assert forced == []
        now = ECHO_S
        signal.raise_signal(signal.SIGTERM)
    assert forced == [ExitStatus.FATAL]


def test_a_forced_end_waits_for_no_reader_of_stderr(monkeypatch: pytest.MonkeyPatch) -> None:
    forced: list[int] = []
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writing, bytes(4096))
    os.set_blocking(writing, True)
    with open(reading, "rb"), open(writing, "w") as full:  # noqa: PTH123 (they are descriptors)
        monkeypatch.setattr("sys.stderr", full)
        stopping = Stopping(60.0, forced.append)
        with stopping.listening():
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGINT)
    assert forced == [ExitStatus.FATAL]


def test_a_stop_that_takes_too_long_is_forced(capfd: pytest.CaptureFixture[str]) -> None:
    forced: list[int] = []
    stopping = Stopping(0.01, forced.append)
    with stopping.listening():
        signal.raise_signal(signal.SIGTERM)
        signal.sigtimedwait([], 0.2)
    assert forced == [ExitStatus.FATAL]
    assert "stopping took over 0.01 s" in capfd.readouterr().err


def test_handlers_are_put_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with Stopping().listening():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before


def test_parts_close_last_in_first_out_and_once() -> None:
    closed: list[str] = []
    started = Started()
    for name in ("journal", "series", "source"):
        started.add(name, Part(name, closed))
    started.close()
    started.close()
    assert closed == ["source", "series", "journal"]


def test_a_part_that_fails_to_close_does_not_keep_the_others() -> None:
    closed: list[str] = []
    started = Started()
    started.add("journal", Part("journal", closed))
    started.add("source", Part("source", closed, broken=True))
    started.close()
    assert closed == ["source", "journal"]
