"""Logs, health, metrics and the supervisor's datagrams."""

from __future__ import annotations

import io
import json
import logging
import socket
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
import structlog

from daemon.errors import StartError
from daemon.settings import LogSettings
from daemon.telemetry.http import HttpServer
from daemon.telemetry.logs import configure_logs
from daemon.telemetry.metrics import Metrics
from daemon.telemetry.progress import Progress
from daemon.telemetry.repeats import KNOWN_AT_MOST, Repeats
from daemon.telemetry.supervisor import Supervisor
from pipelines.wire import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    out = io.StringIO()
    configure_logs(LogSettings(format="json"), instance="plant7-0", stream=out)
    yield out
    configure_logs(LogSettings(level="error"), stream=io.StringIO())
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_json_with_event_level_logger_and_instance(stream: io.StringIO) -> None:
    structlog.get_logger("bearingwatch.x").info("partitions_assigned", partitions=[1])
    (line,) = lines(stream)
    assert line["event"] == "partitions_assigned"
    assert line["level"] == "info"
    assert line["logger"] == "bearingwatch.x"
    assert line["instance"] == "plant7-0"
    assert line["partitions"] == [1]


def test_names_stay_as_they_are_written(stream: io.StringIO) -> None:
    structlog.get_logger("bearingwatch.x").info("sensors_noted", sensors=["Lüfter/Süd\n"])
    assert '"Lüfter/Süd\\n"' in stream.getvalue()


def test_repeats_of_one_reason_are_left_out(stream: io.StringIO) -> None:
    log = structlog.get_logger("bearingwatch.x")
    for _ in range(5):
        log.warning("service_went_away", reason="series")
    log.warning("service_went_away", reason="journal")
    assert [line["reason"] for line in lines(stream)] == ["series", "journal"]


def test_alert_events_are_told_apart(stream: io.StringIO) -> None:
    log = structlog.get_logger("bearingwatch.x")
    for number in range(3):
        log.info("alert_changed", alert=f"a{number}", transition="raised")
    assert len(lines(stream)) == 3


def test_events_of_other_sensors_are_told_apart(stream: io.StringIO) -> None:
    log = structlog.get_logger("bearingwatch.x")
    for name in ("pump-1/de", "pump-1/de", "pump-2/de"):
        log.info("sensors_noted", reason="commissioned", sensors=[name])
    assert [line["sensors"] for line in lines(stream)] == [["pump-1/de"], ["pump-2/de"]]


def test_events_of_other_partitions_are_told_apart(stream: io.StringIO) -> None:
    log = structlog.get_logger("bearingwatch.x")
    for number in (1, 0, 0):
        log.error("records_lost_to_retention", partition=number, lost=149)
        log.info("partitions_released", partitions=[number, 7])
    assert [line.get("partition") for line in lines(stream)] == [1, None, 0, None]


def test_lines_of_libraries_are_limited_too(stream: io.StringIO) -> None:
    for attempt in range(11):
        logging.getLogger("kafka.conn").error("connect attempt %d failed", attempt)
    (line,) = lines(stream)
    assert line["event"] == "connect attempt 0 failed"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (LogSettings(format="json"), ["error"]),
        (LogSettings(format="json", level="debug"), ["warning", "error"]),
    ],
)
def test_of_the_kafka_client_errors_are_written_and_warnings_to_who_debugs(
    stream: io.StringIO, settings: LogSettings, expected: list[str]
) -> None:
    configure_logs(settings, stream=stream)
    logging.getLogger("kafka.net.manager").warning("not ready")
    logging.getLogger("kafka.net.manager").error("failed")
    assert [line["level"] for line in lines(stream)] == expected


def test_lines_that_libraries_filled_in_themselves_are_limited_too(stream: io.StringIO) -> None:
    for number in range(3):
        text = f"Task <Task object at {hex(0x7FAD0CF0 + number)}> ran for 0.{number}14s"
        logging.getLogger("kafka.net.selector").error(text)
    logging.getLogger("kafka.net.selector").error("another thing")
    assert [line["event"].split()[0] for line in lines(stream)] == ["Task", "another"]


def test_a_librarys_exception_is_text_of_one_line_and_of_kafkas_client_the_last_one(
    stream: io.StringIO,
) -> None:
    try:
        raise ConnectionResetError("by peer")
    except ConnectionResetError:
        logging.getLogger("urllib3.pool").exception("Error receiving network data")
        logging.getLogger("kafka.net.transport").exception("Error receiving network data")
    whole, short = lines(stream)
    assert whole["exception"].endswith("ConnectionResetError: by peer")
    assert short["error"] == "ConnectionResetError('by peer')"
    assert "exception" not in short


def test_what_a_reason_measures_tells_no_two_apart(stream: io.StringIO) -> None:
    log = structlog.get_logger("bearingwatch.x")
    for took in ("9.999784511000144", "9.999711276999733"):
        log.warning("service_went_away", reason=f"InfluxDB is away: (read timeout={took})")
    assert len(lines(stream)) == 1
    assert "traceback object" not in stream.getvalue()


def test_a_line_begins_with_when_how_bad_and_what(stream: io.StringIO) -> None:
    structlog.get_logger("bearingwatch.x").info("partitions_assigned", partitions=[1])
    logging.getLogger("kafka.conn").error("connect attempt failed")
    for line in lines(stream):
        assert list(line)[:3] == ["timestamp", "level", "event"]


def test_after_a_while_a_repeat_comes_with_the_number_left_out() -> None:
    clock = Clock()
    repeats = Repeats(30.0, clock)
    assert [repeats.admit("x") for _ in range(4)] == [0, None, None, None]
    clock.now = 30.0
    assert repeats.admit("x") == 3


def test_what_is_remembered_of_lines_is_bounded() -> None:
    repeats = Repeats(30.0, Clock())
    assert all(repeats.admit(n) == 0 for n in range(KNOWN_AT_MOST + 1))
    assert repeats.admit(0) == 0
    assert repeats.admit(KNOWN_AT_MOST) is None


def test_left_out_lines_are_counted() -> None:
    left_out: list[int] = []
    repeats = Repeats(30.0, Clock(), lambda: left_out.append(1))
    for _ in range(3):
        repeats.admit("x")
    assert len(left_out) == 2


# ---- health -----------------------------------------------------------------------------------


@pytest.fixture
def progress() -> Progress:
    return Progress(Clock(), stalled_after_s=60.0)


@pytest.fixture
def server(progress: Progress) -> Iterator[HttpServer]:
    server = HttpServer("127.0.0.1", 0, progress, Metrics())
    server.start()
    yield server
    server.close()
    server.close()


def ask(server: HttpServer, path: str) -> tuple[int, str]:
    try:
        with urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_a_loop_that_stands_still_is_not_healthy(server: HttpServer, progress: Progress) -> None:
    progress.beat()
    assert ask(server, "/healthz")[0] == HTTPStatus.OK
    progress.last_round = -61.0
    assert ask(server, "/healthz")[0] == HTTPStatus.SERVICE_UNAVAILABLE


def test_readiness_is_that_of_the_partitions(server: HttpServer, progress: Progress) -> None:
    assert ask(server, "/readyz")[0] == HTTPStatus.SERVICE_UNAVAILABLE
    progress.ready, progress.status = True, "4 of 4 partitions restored"
    assert ask(server, "/readyz") == (HTTPStatus.OK, "4 of 4 partitions restored\n")
    progress.away = frozenset({"series", "source"})
    said = "4 of 4 partitions restored; series is away; source is away\n"
    assert ask(server, "/readyz") == (HTTPStatus.OK, said)


def test_metrics_are_served(server: HttpServer) -> None:
    status, text = ask(server, "/metrics")
    assert status == HTTPStatus.OK
    assert 'bearingwatch_dead_letters_total{reason="clock_ahead"} 0.0' in text


def test_another_path_is_not_found(server: HttpServer) -> None:
    assert ask(server, "/etc/passwd")[0] == HTTPStatus.NOT_FOUND


def test_the_port_listened_on_is_logged(progress: Progress) -> None:
    with structlog.testing.capture_logs() as logs:
        server = HttpServer("127.0.0.1", 0, progress, Metrics())
        server.start()
        server.close()
    (line,) = logs
    assert (line["event"], line["host"], line["port"]) == (
        "http_listening", "127.0.0.1", server.port
    )  # fmt: skip


def test_a_taken_port_is_a_clear_message(server: HttpServer, progress: Progress) -> None:
    with pytest.raises(StartError, match=r"http\.port to a free one"):
        HttpServer("127.0.0.1", server.port, progress, Metrics())


def test_a_host_that_is_no_address_of_ours_is_told() -> None:
    progress = Progress(lambda: 0.0, 60.0)
    with pytest.raises(StartError, match=r"set http\.host to an address of this machine"):
        HttpServer("192.0.2.1", 0, progress, Metrics())  # reserved for documents, RFC 5737


def test_label_values_exist_from_the_start() -> None:
    registry = Metrics().registry
    for reason in Reason:
        value = registry.get_sample_value("bearingwatch_dead_letters_total", {"reason": reason})
        assert value == 0.0


# ---- supervisor -------------------------------------------------------------------------------


def test_the_supervisor_hears_of_readiness_once_and_of_life_in_time(
    tmp_path: Path, progress: Progress
) -> None:
    clock = Clock()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.setblocking(False)
        told = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "20000000"}
        supervisor = Supervisor(clock, told)
        supervisor.follow(progress)
        progress.ready, progress.status = True, "1 of 1"
        for clock.now in (1.0, 9.0, 10.0, 11.0):
            supervisor.follow(progress)
        supervisor.stopping()
        heard = [listener.recv(4096).decode() for _ in range(5)]
    assert heard == [
        "WATCHDOG=1",
        "STATUS=starting",
        "READY=1\nSTATUS=1 of 1",
        "WATCHDOG=1",
        "STOPPING=1",
    ]


def test_without_a_supervisor_nothing_happens(progress: Progress) -> None:
    Supervisor(Clock(), {}).follow(progress)


def test_a_supervisor_that_is_gone_stops_nothing(tmp_path: Path, progress: Progress) -> None:
    Supervisor(Clock(), {"NOTIFY_SOCKET": str(tmp_path / "none")}).follow(progress)
