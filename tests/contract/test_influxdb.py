"""What InfluxDB's answers mean: a real server, and one that says what it is told to say."""

import http.server
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

import pytest
from influxdb_client import InfluxDBClient
from pydantic import SecretStr

from daemon.errors import StartError, Unavailable
from daemon.series import Points, Rejected
from daemon.series.influxdb import InfluxdbSeries
from daemon.settings import InfluxdbSettings
from tests.contract.builders import fresh_name, judgement
from tests.servers.influxdb import InfluxdbServer

Answer = tuple[int, dict[str, str], bytes]
NO_CONTENT: Answer = (204, {}, b"")


@contextmanager
def answering(answer: Callable[[bytes], Answer]) -> Iterator[tuple[str, list[bytes]]]:
    """Run an HTTP server whose answer depends on the body; yield its URL and the bodies."""
    bodies: list[bytes] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            bodies.append(body)
            status, headers, said = answer(body)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(said))}.items():
                self.send_header(name, value)
            with suppress(BrokenPipeError):  # whoever asked gave up
                self.end_headers()
                self.wfile.write(said)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", bodies
        server.shutdown()
        thread.join()


def settings(url: str, *credentials: str) -> InfluxdbSettings:
    """Return settings; `credentials` are token, bucket and organisation where they matter."""
    token, bucket, org = credentials or ("t", "b", "o")
    return InfluxdbSettings(url=url, org=org, bucket=bucket, token=SecretStr(token), timeout_s=2.0)


@contextmanager
def series(wanted: InfluxdbSettings) -> Iterator[InfluxdbSeries]:
    opened = InfluxdbSeries(wanted)
    try:
        opened.start()
        yield opened
    finally:
        opened.close()


def points(assets: Sequence[str]) -> Points:
    return Points(losses=[judgement(asset) for asset in assets])


def lines_of(bodies: Sequence[bytes]) -> list[int]:
    return [body.count(b"\n") + 1 for body in bodies]


def test_a_batch_that_is_too_large_is_halved_until_it_fits() -> None:
    def answer(body: bytes) -> Answer:
        return (413, {}, b"") if body.count(b"\n") >= 2 else NO_CONTENT

    with answering(answer) as (url, bodies), series(settings(url)) as opened:
        bodies.clear()
        opened.write(points([f"a{n}" for n in range(8)]))
        written = [body for body in bodies if body.count(b"\n") < 2]
    assert sum(lines_of(written)) == 8


@pytest.mark.parametrize("status", [400, 422])
def test_lines_refused_for_good_are_isolated_with_the_servers_words(status: int) -> None:
    def answer(body: bytes) -> Answer:
        bad = b"asset=bad" in body
        return (status, {}, b'{"message": "field type conflict"}') if bad else NO_CONTENT

    assets = [f"a{n}" for n in range(20)] + ["bad"] + [f"b{n}" for n in range(20)]
    with answering(answer) as (url, bodies), series(settings(url)) as opened:
        with pytest.raises(Rejected) as caught:
            opened.write(points(assets))
        written = b"\n".join(body for body in bodies if b"asset=bad" not in body)
    ((line, message),) = caught.value.refused
    assert "asset=bad" in line
    assert "field type conflict" in message
    assert written.count(b"reconstruction_loss") == 40


@pytest.mark.parametrize("status", [429, 503])
def test_the_servers_own_wish_to_wait_is_passed_on(status: int) -> None:
    answers = iter([NO_CONTENT, (status, {"Retry-After": "7"}, b"")])
    with (
        answering(lambda _: next(answers)) as (url, _),
        series(settings(url)) as opened,
        pytest.raises(Unavailable) as caught,
    ):
        opened.write(points(["pump"]))
    assert caught.value.retry_after_s == 7.0


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refusal_after_the_start_is_waited_for(status: int) -> None:
    answers = iter([NO_CONTENT, (status, {}, b'{"message": "no"}')])
    with (
        answering(lambda _: next(answers)) as (url, _),
        series(settings(url)) as opened,
        pytest.raises(Unavailable, match=str(status)),
    ):
        opened.write(points(["pump"]))


def test_an_unreachable_server_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="away"), series(settings("http://127.0.0.1:1")):
        pass


def test_a_server_that_does_not_answer_in_time_is_unavailable() -> None:
    hold = threading.Event()

    def answer(_: bytes) -> Answer:
        hold.wait(10.0)
        return NO_CONTENT

    with (
        answering(answer) as (url, _),
        pytest.raises(Unavailable),
        series(settings(url).model_copy(update={"timeout_s": 0.2})),
    ):
        pass
    hold.set()


@pytest.mark.influxdb
def test_a_wrong_token_is_a_start_error_that_says_so(influxdb_server: InfluxdbServer) -> None:
    wanted = settings(influxdb_server.url, "wrong", "tests", influxdb_server.org)
    with pytest.raises(StartError, match="token"), series(wanted):
        pass


@pytest.mark.influxdb
def test_a_missing_bucket_is_a_start_error_that_says_so(influxdb_server: InfluxdbServer) -> None:
    server = influxdb_server
    wanted = settings(server.url, server.token, "no-such-bucket", server.org)
    with pytest.raises(StartError, match="bucket"), series(wanted):
        pass


@pytest.mark.influxdb
def test_points_that_the_real_server_refuses_do_not_hold_up_the_others(
    influxdb_server: InfluxdbServer,
) -> None:
    server = influxdb_server
    bucket = fresh_name("bucket")
    with InfluxDBClient(server.url, token=server.token, org=server.org) as client:
        client.buckets_api().create_bucket(bucket_name=bucket, org=server.org)
        with series(settings(server.url, server.token, bucket, server.org)) as opened:
            opened._post(['vibration,asset=pump,sensor=de,axis=x rms="text" 1'])
            with pytest.raises(Rejected) as caught:
                opened.write(Points(losses=[judgement()], vibrations=[judgement()]))
        query = f'from(bucket: "{bucket}") |> range(start: 1970-01-01T00:00:00Z)'
        tables = client.query_api().query(query)
    ((line, message),) = caught.value.refused
    assert line.startswith("vibration,")
    assert "conflict" in message
    assert "reconstruction_loss" in {r.get_measurement() for t in tables for r in t.records}
