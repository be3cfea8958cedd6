"""The servers that the other tests rely on: they answer, keep their data, and go away."""

import urllib.request
from pathlib import Path

import pytest
from kafka import KafkaConsumer, KafkaProducer
from kafka.admin import KafkaAdminClient

from tests.servers.influxdb import InfluxdbServer, running_influxdb
from tests.servers.kafka import KafkaServer, running_kafka
from tests.servers.process import port_answers

TOPIC = "kept"


def create_topic(bootstrap: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    admin.create_topics({TOPIC: {"num_partitions": 1, "replication_factor": 1}})
    admin.close()


def produce(bootstrap: str, value: bytes) -> None:
    producer = KafkaProducer(bootstrap_servers=bootstrap)
    producer.send(TOPIC, value).get(timeout=10)
    producer.close()


def first_value(bootstrap: str) -> bytes:
    consumer = KafkaConsumer(
        TOPIC,
        bootstrap_servers=bootstrap,
        auto_offset_reset="earliest",
        group_id=None,
        consumer_timeout_ms=10_000,
    )
    value: bytes = next(consumer).value
    consumer.close()
    return value


def write_line(server: InfluxdbServer, line: str) -> None:
    request = urllib.request.Request(
        f"{server.url}/api/v2/write?org={server.org}&bucket=tests&precision=ns",
        data=line.encode(),
        headers={"Authorization": f"Token {server.token}"},
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        assert response.status == 204


def query(server: InfluxdbServer, flux: str) -> str:
    request = urllib.request.Request(
        f"{server.url}/api/v2/query?org={server.org}",
        data=flux.encode(),
        headers={
            "Authorization": f"Token {server.token}",
            "Content-Type": "application/vnd.flux",
        },
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        answer: bytes = response.read()
    return answer.decode()


def port_of(address: str) -> int:
    return int(address.rsplit(":", 1)[1])


def test_the_kafka_of_the_session_answers(kafka_server: KafkaServer) -> None:
    admin = KafkaAdminClient(bootstrap_servers=kafka_server.bootstrap)
    assert admin.describe_cluster()["brokers"]
    admin.close()


def test_the_influxdb_of_the_session_takes_points_and_answers_queries(
    influxdb_server: InfluxdbServer,
) -> None:
    write_line(influxdb_server, "servers value=1.5 1700000000000000000")
    answer = query(influxdb_server, 'from(bucket: "tests") |> range(start: 2023-01-01T00:00:00Z)')
    assert ",1.5,value,servers" in answer


@pytest.mark.kafka
@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_kafka_keeps_its_messages_over_a_restart(tmp_path: Path, end: str) -> None:
    with running_kafka(tmp_path) as server:
        create_topic(server.bootstrap)
        produce(server.bootstrap, b"before")
        getattr(server, end)()
        assert not port_answers(port_of(server.bootstrap))
        server.start()
        assert first_value(server.bootstrap) == b"before"
    assert not port_answers(port_of(server.bootstrap))


@pytest.mark.influxdb
@pytest.mark.parametrize("end", ["stop", "kill"])
def test_an_influxdb_keeps_its_points_over_a_restart(tmp_path: Path, end: str) -> None:
    with running_influxdb(tmp_path) as server:
        write_line(server, "kept value=2.5 1700000000000000000")
        getattr(server, end)()
        assert not port_answers(port_of(server.url))
        server.start()
        answer = query(server, 'from(bucket: "tests") |> range(start: 2023-01-01T00:00:00Z)')
        assert ",2.5,value,kept" in answer
    assert not port_answers(port_of(server.url))
