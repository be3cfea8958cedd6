"""Topics of its own for each test, and what a test wants to know of them."""

import time
from collections.abc import Iterable
from typing import Any

from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from daemon import topics
from daemon.settings import KafkaSettings
from daemon.sources import Record
from tests.contract.builders import fresh_name


def kafka_settings(bootstrap: str, **changes: Any) -> KafkaSettings:
    name = fresh_name("t")
    quick = {"session_timeout_ms": 6_000, "heartbeat_interval_ms": 500}
    values = {"bootstrap_servers": (bootstrap,), "prefix": name, "group": name, **quick, **changes}
    return KafkaSettings.model_validate(values)


def with_topics(bootstrap: str, partitions: int = 2, **changes: Any) -> KafkaSettings:
    settings = kafka_settings(bootstrap, **changes)
    topics.create(settings, partitions)
    return settings


def delete_topic(admin: Any, topic: str) -> None:
    admin.delete_topics([topic])
    deadline = time.monotonic() + 10.0
    while time.monotonic() < deadline and topic in admin.list_topics():
        time.sleep(0.1)


def produce(
    settings: KafkaSettings, partition: int, values: Iterable[bytes], codec: str | None = None
) -> None:
    producer = KafkaProducer(
        bootstrap_servers=list(settings.bootstrap_servers), compression_type=codec
    )
    for value in values:
        producer.send(settings.windows_topic, value, key=b"pump", partition=partition)
    producer.flush()
    producer.close()


def read_committed(settings: KafkaSettings, topic: str) -> list[Record]:
    """Return what a subscriber that reads committed records sees of a topic."""
    consumer = KafkaConsumer(
        bootstrap_servers=list(settings.bootstrap_servers), isolation_level="read_committed"
    )
    where = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic)]
    consumer.assign(where)
    consumer.seek_to_beginning(*where)
    ends = consumer.end_offsets(where)
    found: list[Record] = []
    while any(consumer.position(partition) < ends[partition] for partition in where):
        for messages in consumer.poll(timeout_ms=100).values():
            found += [_record(message) for message in messages]
    consumer.close()
    return found


def _record(message: Any) -> Record:
    return Record(
        message.topic,
        message.partition,
        message.offset,
        message.timestamp,
        message.key,
        message.value,
        tuple(message.headers),
    )
