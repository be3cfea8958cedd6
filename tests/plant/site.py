"""One plant's place on the servers: topics, a bucket, a folder with its settings file."""

import json
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from influxdb_client import InfluxDBClient
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType

from daemon import topics
from daemon.settings import KafkaSettings
from tests.plant.windows import COMMISSIONING, Message
from tests.servers.influxdb import InfluxdbServer
from tests.servers.kafka import KafkaServer

Tables = Mapping[str, Mapping[str, Any]]

QUICK: Tables = {
    "kafka": {
        "session_timeout_ms": 6_000,
        "heartbeat_interval_ms": 500,
        "fetch_min_bytes": 1,
        "fetch_max_wait_ms": 50,
        "request_timeout_s": 10.0,
    },
    "loop": {
        "batch_windows": 16,
        "poll_timeout_s": 0.1,
        "vibration_every": 5,
        "backoff_first_s": 0.1,
        "backoff_longest_s": 1.0,
        "drain_s": 10.0,
    },
    "detector": {"commissioning_windows": COMMISSIONING, "commissioning_span_s": 0.0},
    "http": {"enabled": False},
    "log": {"format": "json", "repeat_after_s": 0.1},
}
"""Short waits and a short commissioning."""


@dataclass(frozen=True, slots=True)
class Site:
    """A prefix on the broker, a bucket of the same name, and a folder for files."""

    kafka: KafkaServer
    influxdb: InfluxdbServer
    folder: Path
    name: str
    partitions: int = 3

    def topic_settings(self) -> KafkaSettings:
        """Return what names this site's topics."""
        return KafkaSettings(
            bootstrap_servers=(self.kafka.bootstrap,), prefix=self.name, group=self.name
        )

    def make(self) -> None:
        """Make the topics and the bucket."""
        topics.create(self.topic_settings(), self.partitions)
        # The plant's records bear fixed times of long ago, which retention would remove.
        self.keep_windows(None)
        with self.influxdb_client() as client:
            client.buckets_api().create_bucket(bucket_name=self.name, org=self.influxdb.org)

    def keep_windows(self, seconds: int | None) -> None:
        """Let the windows be kept for so long; None is for ever."""
        topic = self.topic_settings().windows_topic
        retention_ms = "-1" if seconds is None else str(seconds * 1000)
        kept = ConfigResource(ConfigResourceType.TOPIC, topic, {"retention.ms": retention_ms})
        with self.admin() as admin:
            admin.alter_configs([kept])

    @contextmanager
    def admin(self) -> Iterator[Any]:
        """Yield a client that may change topics."""
        admin = KafkaAdminClient(bootstrap_servers=self.kafka.bootstrap)
        try:
            yield admin
        finally:
            admin.close()

    def influxdb_client(self) -> InfluxDBClient:
        """Return a client that may do anything."""
        return InfluxDBClient(
            self.influxdb.url, token=self.influxdb.token, org=self.influxdb.org, timeout=60_000
        )

    def send(self, messages: Iterable[Message]) -> dict[int, int]:
        """Append messages to the windows; return the offset after the last one per partition."""
        producer = KafkaProducer(
            bootstrap_servers=self.kafka.bootstrap, max_request_size=2_000_000, linger_ms=5
        )
        futures = [
            producer.send(
                self.topic_settings().windows_topic,
                one.value,
                key=one.key,
                partition=one.partition,
                timestamp_ms=one.timestamp_ms,
                headers=list(one.headers),
            )
            for one in messages
        ]
        ends: dict[int, int] = {}
        try:
            for future in futures:
                sent = future.get(timeout=30)
                ends[sent.partition] = max(ends.get(sent.partition, 0), sent.offset + 1)
        finally:
            producer.close()
        return ends

    def ends(self) -> dict[int, int]:
        """Return the offset after the last window per partition that has any."""
        consumer = KafkaConsumer(bootstrap_servers=self.kafka.bootstrap, group_id=None)
        topic = self.topic_settings().windows_topic
        found = consumer.end_offsets([TopicPartition(topic, n) for n in range(self.partitions)])
        consumer.close()
        return {where.partition: end for where, end in found.items() if end}

    @contextmanager
    def group_offsets(self) -> Iterator[Callable[[], dict[int, int]]]:
        """Yield a question: which offset did the group commit, per partition that has any?"""
        consumer = KafkaConsumer(bootstrap_servers=self.kafka.bootstrap, group_id=self.name)
        topic = self.topic_settings().windows_topic
        where = [TopicPartition(topic, number) for number in range(self.partitions)]

        def committed() -> dict[int, int]:
            found = {one.partition: consumer.committed(one) for one in where}
            return {number: offset for number, offset in found.items() if offset}

        try:
            yield committed
        finally:
            consumer.close(autocommit=False)

    def settings(
        self,
        bundle: Path | None,
        changes: Tables | None = None,
        *,
        without: Iterable[str] = (),
        instance: str = "one",
    ) -> Path:
        """Write a settings file and return its path; `changes` win over what is quick.

        `without` are tables that are left to the product's defaults.
        """
        kept = {name: table for name, table in QUICK.items() if name not in set(without)}
        tables: dict[str, dict[str, Any]] = {name: dict(table) for name, table in kept.items()}
        own: Tables = {
            "kafka": {
                "bootstrap_servers": [self.kafka.bootstrap],
                "prefix": self.name,
                "group": self.name,
            },
            "influxdb": {
                "url": self.influxdb.url,
                "org": self.influxdb.org,
                "bucket": self.name,
                "token": self.influxdb.token,
            },
            "model": {} if bundle is None else {"bundle": str(bundle)},
        }
        for layer in (own, changes or {}):
            for name, table in layer.items():
                tables.setdefault(name, {}).update(table)
        path = self.folder / f"settings-{uuid.uuid4().hex[:8]}.toml"
        path.write_text(f'instance = "{instance}"\n{_toml(tables)}', encoding="utf-8")
        return path


def new_site(
    kafka: KafkaServer, influxdb: InfluxdbServer, folder: Path, *, partitions: int = 3
) -> Site:
    """Make a site of its own, so that tests cannot see each other."""
    site = Site(kafka, influxdb, folder, f"plant-{uuid.uuid4().hex[:8]}", partitions)
    site.make()
    return site


def _toml(tables: Tables) -> str:
    # JSON's strings, numbers, booleans and lists of strings are TOML's too.
    lines = []
    for name, table in tables.items():
        lines.append(f"[{name}]")
        lines += [f"{key} = {json.dumps(value)}" for key, value in table.items()]
    return "\n".join(lines) + "\n"
