"""What InfluxDB's answers mean: a real server, and one that says what it is told to say."""

import http.server
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

import pytest
from influxdb_client import BucketRetentionRules, InfluxDBClient
from pydantic import SecretStr

from daemon.errors import StartError, Unavailable
from daemon.series import Points, Rejected
from daemon.series.influxdb import HALVINGS, InfluxdbSeries
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
    told = points(assets)
    with answering(answer) as (url, bodies), series(settings(url)) as opened:
        with pytest.raises(Rejected) as caught:
            opened.write(told)
        written = b"\n".join(body for body in bodies if b"asset=bad" not in body)
    (refused,) = caught.value.refused
    assert "asset=bad" in refused.point
    assert "field type conflict" in refused.message
    assert refused.of is told.losses[20]
    assert written.count(b"reconstruction_loss") == 40


def refusing_every_other(body: bytes) -> Answer:
    return (400, {}, b"cannot parse it") if b"asset=bad" in body else NO_CONTENT


def test_finding_many_bad_lines_takes_a_bounded_number_of_requests() -> None:
    assets = [name for n in range(500) for name in (f"bad{n}", f"good{n}")]
    with answering(refusing_every_other) as (url, bodies), series(settings(url)) as opened:
        bodies.clear()
        with pytest.raises(Rejected) as caught:
            opened.write(points(assets))
        written = b"\n".join(body for body in bodies if b"asset=bad" not in body)
    assert len(caught.value.refused) == 500
    assert written.count(b"asset=good") == 500
    assert len(bodies) <= len(assets) + 2 * HALVINGS + 1


def test_refused_points_come_in_the_order_in_which_they_were_given() -> None:
    assets = [f"bad{n}" for n in range(200)]
    with (
        answering(refusing_every_other) as (url, _),
        series(settings(url)) as opened,
        pytest.raises(Rejected) as caught,
    ):
        opened.write(points(assets))
    assert [one.point.split(",")[1] for one in caught.value.refused] == [
        f"asset={asset}" for asset in assets
    ]


@pytest.mark.parametrize(
    ("said", "requests"),
    [
        (b"partition table: dropped 8 of everything", 15),
        (b"partial write: field type conflict: ... dropped=8", 1),
        (b"partial write: dropped 8 points outside retention policy of duration 1h0m0s", 1),
        (b"partial write: field type conflict: ... dropped=3", 15),
    ],
)
def test_a_write_that_dropped_as_many_points_as_it_had_is_refused_whole(
    said: bytes, requests: int
) -> None:
    def answer(body: bytes) -> Answer:
        return (422, {}, said) if b"asset=bad" in body else NO_CONTENT

    with answering(answer) as (url, bodies), series(settings(url)) as opened:
        bodies.clear()
        with pytest.raises(Rejected) as caught:
            opened.write(points([f"bad{n}" for n in range(8)]))
    assert len(caught.value.refused) == 8
    assert len(bodies) == requests


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


def test_a_server_that_says_yes_to_everything_is_no_influxdb() -> None:
    answers = [(204, {}, b""), (200, {"Content-Type": "text/html"}, b"<html>welcome</html>")]
    with answering(lambda _: answers[1]) as (url, _), pytest.raises(StartError) as caught:
        InfluxdbSeries(settings(url)).start()
    assert "is no InfluxDB: HTTP status 200 to a write, expected 204" in str(caught.value)
    with (
        answering(lambda _: answers.pop(0)) as (url, _),
        series(settings(url)) as opened,
        pytest.raises(Unavailable, match="HTTP status 200"),
    ):
        opened.write(Points(losses=[judgement()]))


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


@contextmanager
def bucket(server: InfluxdbServer, *, kept_s: int = 0) -> Iterator[tuple[str, InfluxDBClient]]:
    """Make a bucket that keeps points for so long, for ever unless told."""
    name = fresh_name("bucket")
    rules = BucketRetentionRules(type="expire", every_seconds=kept_s)
    with InfluxDBClient(server.url, token=server.token, org=server.org) as client:
        client.buckets_api().create_bucket(bucket_name=name, org=server.org, retention_rules=rules)
        yield name, client


def count_in(name: str, client: InfluxDBClient, measurement: str) -> int:
    query = f'from(bucket: "{name}") |> range(start: 1970-01-01T00:00:00Z)'
    records = [record for table in client.query_api().query(query) for record in table.records]
    times = {
        (r.get_time(), r.values["asset"]) for r in records if r.get_measurement() == measurement
    }
    return len(times)


@pytest.mark.influxdb
def test_points_that_the_real_server_refuses_do_not_hold_up_the_others(
    influxdb_server: InfluxdbServer,
) -> None:
    server = influxdb_server
    told = Points(losses=[judgement()], vibrations=[judgement()])
    with bucket(server) as (name, client):
        with series(settings(server.url, server.token, name, server.org)) as opened:
            opened._post(['vibration,asset=pump,sensor=de,axis=x rms="text" 1'])
            with pytest.raises(Rejected) as caught:
                opened.write(told)
        assert count_in(name, client, "reconstruction_loss") == 1
    (refused,) = caught.value.refused
    assert refused.point.startswith("vibration,")
    assert "conflict" in refused.message
    assert refused.of is told.vibrations[0]


@pytest.mark.influxdb
def test_of_points_outside_the_real_buckets_retention_the_others_are_kept(
    influxdb_server: InfluxdbServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, now_ns = influxdb_server, time.time_ns()
    old = [judgement(f"old{n}", start_ns=n + 1) for n in range(40)]
    new = [judgement(f"new{n}", start_ns=now_ns) for n in range(3)]
    requests: list[int] = []

    def post(opened: InfluxdbSeries, lines: Sequence[str]) -> None:
        requests.append(len(lines))
        posted(opened, lines)

    posted = InfluxdbSeries._post
    monkeypatch.setattr(InfluxdbSeries, "_post", post)
    with bucket(server, kept_s=3600) as (name, client):
        with (
            series(settings(server.url, server.token, name, server.org)) as opened,
            pytest.raises(Rejected) as caught,
        ):
            opened.write(Points(losses=[*old[:20], *new, *old[20:]]))
        assert count_in(name, client, "reconstruction_loss") == 3
    assert [one.of for one in caught.value.refused] == old
    assert all("outside retention policy" in one.message for one in caught.value.refused)
    assert len(requests) < len(old)
