"""The real process in bad circumstances: one clear message and an exit status, or patience."""

import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from kafka import KafkaProducer

from daemon.errors import ExitStatus
from tests.plant.bundles import write_bundle
from tests.plant.process import Running, running
from tests.plant.readings import series_points
from tests.plant.site import Site, Tables, new_site
from tests.plant.windows import COMMISSIONING, Message, message, window
from tests.servers.influxdb import InfluxdbServer, running_influxdb
from tests.servers.kafka import KafkaServer, running_kafka
from tests.servers.process import free_ports

pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")

COUNT = 2 * COMMISSIONING
NOT_YET_SENT = {"kafka": COMMISSIONING + 5, "influxdb": COMMISSIONING + 10}
"""First window that is sent after the outage."""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("bundles"))


@pytest.fixture
def site(kafka_server: KafkaServer, influxdb_server: InfluxdbServer, tmp_path: Path) -> Site:
    return new_site(kafka_server, influxdb_server, tmp_path)


def messages(first: int, last: int) -> list[Message]:
    return [message(window(index), 0) for index in range(first, last)]


def is_complaint(line: str) -> bool:
    """Whether we complain in a line; Kafka's client may speak of what it tries again."""
    ours = not line.startswith("{") or json.loads(line).get("logger", "").startswith(
        "bearingwatch."
    )
    return ours and ("rror" in line or "failed" in line)


def complaint(settings: Path, status: ExitStatus) -> str:
    """Let the process fail and return the one message that it gives, of one line."""
    with running(settings) as process:
        assert process.ended() == status
        said = process.log()
    assert "Traceback" not in said
    (line,) = [line for line in said.splitlines() if is_complaint(line)]
    return line


def spoilt(bundle: Path, folder: Path) -> Path:
    copy = folder / "spoilt"
    shutil.copytree(bundle, copy)
    network = bytearray((copy / "network.onnx").read_bytes())
    network[len(network) // 2] ^= 1
    (copy / "network.onnx").write_bytes(network)
    return copy


def test_bad_settings_end_with_status_2_and_name_the_setting(site: Site, bundle: Path) -> None:
    settings = site.settings(bundle, {"loop": {"batch_window": 7}})
    with running(settings) as process:
        assert process.ended() == ExitStatus.BAD_SETTINGS
        said = process.log()
    assert "batch_window" in said
    assert "batch_windows" in said  # the suggestion
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"kafka": {"prefix": "nowhere"}}, "bearingwatch topics create"),
        ({"influxdb": {"token": "wrong"}}, "check influxdb.token"),
        ({"influxdb": {"bucket": "nowhere"}}, "bucket 'nowhere'"),
    ],
    ids=["missing topic", "wrong token", "missing bucket"],
)
def test_what_is_missing_or_refused_ends_with_status_3_and_says_what_to_do(
    site: Site, bundle: Path, changes: Tables, expected: str
) -> None:
    said = complaint(site.settings(bundle, changes), ExitStatus.COULD_NOT_START)
    assert expected in said


@pytest.mark.parametrize(
    "timeout", [{"session_timeout_ms": 5_000}, {"transaction_timeout_ms": 1_000_000}], ids=str
)
def test_a_timeout_that_the_broker_refuses_ends_with_status_2_and_is_named(
    site: Site, bundle: Path, timeout: dict[str, int]
) -> None:
    said = complaint(site.settings(bundle, {"kafka": timeout}), ExitStatus.BAD_SETTINGS)
    ((name, value),) = timeout.items()
    assert f"kafka.{name}: the brokers at {site.kafka.bootstrap} refuse {value}" in said


def test_a_corrupt_bundle_ends_with_status_3_and_names_the_file(
    site: Site, bundle: Path, tmp_path: Path
) -> None:
    settings = site.settings(spoilt(bundle, tmp_path))
    said = complaint(settings, ExitStatus.COULD_NOT_START)
    assert "network.onnx" in said
    assert "damaged or was changed" in said


def test_a_newer_state_is_refused_with_a_hint(site: Site, bundle: Path) -> None:
    producer = KafkaProducer(bootstrap_servers=site.kafka.bootstrap)
    newer = (99).to_bytes(4, "little") + bytes(100)
    topic = site.topic_settings().state_topic
    producer.send(topic, newer, key=b"pump/drive-end#hot", partition=0).get(timeout=10)
    producer.close()
    said = complaint(site.settings(bundle), ExitStatus.COULD_NOT_START)
    assert "pump/drive-end" in said
    assert "a newer bearingwatch wrote it" in said


# ---- services that are away -------------------------------------------------------------------


@pytest.fixture
def own_site(tmp_path: Path) -> Iterator[Site]:
    """A plant on servers of its own, which may be stopped."""
    with (
        running_kafka(tmp_path / "kafka") as kafka,
        running_influxdb(tmp_path / "influxdb") as influxdb,
    ):
        (tmp_path / "site").mkdir()
        yield new_site(kafka, influxdb, tmp_path / "site", partitions=1)


def has_everything(site: Site, process: Running) -> None:
    """Everything that was sent is committed, and each monitored window has its one point."""
    process.wait_for_commit(site.ends(), site)
    assert process.stop() == 0
    times = [point["_time"] for point in series_points(site, "reconstruction_loss")]
    assert sorted(times) == [window(i).start_ns for i in range(COMMISSIONING, COUNT)]


@pytest.mark.kafka
@pytest.mark.influxdb
@pytest.mark.parametrize("away", ["kafka", "influxdb"])
def test_a_service_that_is_away_at_the_start_is_waited_for(
    own_site: Site, bundle: Path, away: str
) -> None:
    own_site.send(messages(0, COUNT))
    server: Any = getattr(own_site, away)
    server.stop()
    with running(own_site.settings(bundle)) as process:
        process.wait_for_event("service_went_away")
        server.start()
        has_everything(own_site, process)


@pytest.mark.kafka
@pytest.mark.influxdb
@pytest.mark.parametrize("away", ["kafka", "influxdb"])
def test_a_service_that_dies_and_comes_back_costs_nothing(
    own_site: Site, bundle: Path, away: str
) -> None:
    server: Any = getattr(own_site, away)
    first = own_site.send(messages(0, COMMISSIONING + 5))
    with running(own_site.settings(bundle)) as process:
        process.wait_for_commit(first, own_site)
        server.kill()
        wait_out(process, own_site, away)
        server.start()
        own_site.send(messages(NOT_YET_SENT[away], COUNT))
        has_everything(own_site, process)


def wait_out(process: Running, site: Site, away: str) -> None:
    """Let the outage be felt: with InfluxDB away windows come in, with Kafka away none can."""
    while_kafka_answers = {"influxdb": [messages(COMMISSIONING + 5, COMMISSIONING + 10)]}
    for batch in while_kafka_answers.get(away, []):
        site.send(batch)
    time.sleep(2.0)
    assert process.child.poll() is None


@pytest.mark.kafka
@pytest.mark.influxdb
def test_an_idle_process_tells_of_a_frozen_kafka_and_hardly_works_meanwhile(
    own_site: Site, bundle: Path
) -> None:
    ends = own_site.send(messages(0, COMMISSIONING))
    (port,) = free_ports(1)
    settings = own_site.settings(bundle, {"http": {"enabled": True, "port": port}})
    with running(settings) as process:
        process.wait_for_commit(ends, own_site)
        with own_site.kafka.frozen():
            spent_s = cpu_s(process)
            process.wait_for_event("service_went_away", timeout_s=15.0)
            time.sleep(15.0)
            assert cpu_s(process) - spent_s < 3.0
            assert process.events().count("service_went_away") == 1
            assert "source is away" in asked(port, "/readyz")
            said = asked(port, "/metrics")
            assert 'bearingwatch_service_up{service="source"} 0.0' in said
            assert 'bearingwatch_service_failures_total{service="source"} 1.0' in said
        process.wait_for_event("service_came_back")
        assert "away" not in asked(port, "/readyz")
        own_site.send(messages(COMMISSIONING, COUNT))
        has_everything(own_site, process)


@pytest.mark.kafka
@pytest.mark.influxdb
def test_lag_is_what_waits_while_influxdb_is_away(own_site: Site, bundle: Path) -> None:
    ends = own_site.send(messages(0, COMMISSIONING + 5))
    (port,) = free_ports(1)
    settings = own_site.settings(bundle, {"http": {"enabled": True, "port": port}})
    with running(settings) as process:
        process.wait_for_commit(ends, own_site)
        own_site.influxdb.kill()
        own_site.send(messages(COMMISSIONING + 5, COMMISSIONING + 10))
        process.wait_for_event("service_went_away")
        own_site.send(messages(COMMISSIONING + 10, COUNT))
        lag = f"bearingwatch_lag_records {COUNT - COMMISSIONING - 5:.1f}\n"
        process.wait_for("lag", lambda: lag in asked(port, "/metrics"), timeout_s=15.0)
        own_site.influxdb.start()
        has_everything(own_site, process)


def asked(port: int, path: str) -> str:
    with urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
        return str(answer.read().decode())


def cpu_s(process: Running) -> float:
    """Return the processor time of the process so far."""
    fields = Path(f"/proc/{process.child.pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_the_log_of_a_whole_run_is_json(site: Site, bundle: Path) -> None:
    ends = site.send(messages(0, COMMISSIONING))
    with running(site.settings(bundle)) as process:
        process.wait_for_commit(ends, site)
        assert process.stop() == 0
        events = [json.loads(line)["event"] for line in process.log().splitlines()]
    assert events[0] == "process_built"
    assert events[-1] == "process_stopped"
