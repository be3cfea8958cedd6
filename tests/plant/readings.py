"""What a run left behind, as values that can be compared."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from kafka import KafkaConsumer, TopicPartition

from daemon.evidence import decode_evidence
from daemon.journal import StateRecord
from daemon.journal.kafka_reader import KafkaReader
from daemon.series import schema
from models.alerts import AlertEvent
from pipelines.window import SensorKey
from tests.plant.site import Site

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Row = tuple[tuple[str, Any], ...]
_WHERE_FROM = ("source-topic",)
"""Headers that name the site and not what was wrong."""


@dataclass(frozen=True, slots=True)
class Left:
    """Everything that outlives the process."""

    points: frozenset[Row]
    alerts: tuple[tuple[int, bytes | None, bytes], ...]
    dead_letters: tuple[tuple[Any, ...], ...]
    states: dict[int, dict[SensorKey, StateRecord]]
    evidence: tuple[tuple[int, bytes, bytes | None], ...]


def differences(found: Left, expected: Left) -> dict[str, Any]:
    """Return what two runs left behind differently, by kind; empty where all is the same."""
    pairs = {
        "points": (found.points, expected.points),
        "alerts": (set(enumerate(found.alerts)), set(enumerate(expected.alerts))),
        "dead_letters": (set(found.dead_letters), set(expected.dead_letters)),
        "states": (_flat(found), _flat(expected)),
        "evidence": (set(enumerate(found.evidence)), set(enumerate(expected.evidence))),
    }
    return {
        kind: {"unexpected": sorted(map(repr, a - b)), "missing": sorted(map(repr, b - a))}
        for kind, (a, b) in pairs.items()
        if a != b
    }


def _flat(left: Left) -> set[tuple[Any, ...]]:
    return {
        (number, key, state.hot, state.cold)
        for number, sensors in left.states.items()
        for key, state in sensors.items()
    }


def left_at(site: Site) -> Left:
    """Read it all."""
    return Left(
        points=frozenset(points(site)),
        alerts=tuple((m.partition, m.key, m.value) for m in alerts(site)),
        dead_letters=tuple(
            (m.partition, m.key, m.value, tuple(h for h in m.headers if h[0] not in _WHERE_FROM))
            for m in committed(site, site.topic_settings().dead_letters_topic)
        ),
        states=states(site),
        evidence=tuple(evidence(site)),
    )


def evidence(site: Site) -> Iterator[tuple[int, bytes, bytes | None]]:
    """Yield partition, key and value of the committed evidence, the site's name left out."""
    for one in committed(site, site.topic_settings().evidence_topic):
        kept = None if one.value is None else decode_evidence(one.value)
        nameless = None if kept is None else msgspec.structs.replace(kept, topic="").encode()
        yield one.partition, one.key, nameless


def points(site: Site, measurement: str | None = None) -> Iterator[Row]:
    """Yield one row per field value in the bucket: all its columns, in their order."""
    chosen = f'|> filter(fn: (r) => r._measurement == "{measurement}")' if measurement else ""
    flux = f'from(bucket: "{site.name}") |> range(start: 2000-01-01T00:00:00Z) {chosen}'
    skipped = {"result", "table", "_start", "_stop"}
    with site.influxdb_client() as client:
        for table in client.query_api().query(flux):
            for record in table.records:
                values = {n: v for n, v in record.values.items() if n not in skipped}
                yield tuple(sorted({**values, "_time": _nanoseconds(values["_time"])}.items()))


def _nanoseconds(time: datetime) -> int:
    # The client's times end at microseconds, and so do those of the tests' windows.
    return (time - _EPOCH) // timedelta(microseconds=1) * 1000


def series_points(site: Site, measurement: str) -> list[dict[str, Any]]:
    """Return one dict per point of a measurement: tags, time in ns, fields."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in points(site, measurement):
        columns = dict(row)
        field, value = columns.pop("_field"), columns.pop("_value")
        key = tuple(sorted(columns.items()))
        found.setdefault(key, columns)[field] = value
    return list(found.values())


def committed(site: Site, topic: str) -> list[Any]:
    """Return every message of a topic that a subscriber who reads committed would get."""
    consumer = KafkaConsumer(
        bootstrap_servers=site.kafka.bootstrap,
        isolation_level="read_committed",
        enable_auto_commit=False,
        group_id=None,
    )
    try:
        where = [TopicPartition(topic, number) for number in range(site.partitions)]
        consumer.assign(where)
        consumer.seek_to_beginning(*where)
        ends = consumer.end_offsets(where)
        messages: list[Any] = []
        while any(consumer.position(one) < end for one, end in ends.items()):
            for batch in consumer.poll(timeout_ms=200).values():
                messages += batch
    finally:
        consumer.close()
    return sorted(messages, key=lambda one: (one.partition, one.offset))


def alerts(site: Site) -> list[Any]:
    """Return the committed alert messages."""
    return committed(site, site.topic_settings().alerts_topic)


def alert_events(site: Site) -> list[AlertEvent]:
    """Return the committed alert events."""
    return [msgspec.json.decode(one.value, type=AlertEvent) for one in alerts(site)]


def states(site: Site) -> dict[int, dict[SensorKey, StateRecord]]:
    """Return the states that a process would restore."""
    reader = KafkaReader(site.topic_settings())
    reader.open()
    try:
        found = reader.states(set(range(site.partitions)))
        return {number: dict(held.states) for number, held in found.items()}
    finally:
        reader.close()


def alerts_in_influxdb(site: Site) -> set[tuple[Any, ...]]:
    """Return the alert points, by what is comparable with `alerts_as_points`."""
    return {
        (one["asset"], one["sensor"], one["zone"], one["id"], one["transition"], one["text"])
        for one in series_points(site, schema.ALERTS)
    }


def alerts_as_points(events: list[AlertEvent]) -> set[tuple[Any, ...]]:
    """Return what InfluxDB should hold of committed events."""
    return {(e.asset, e.sensor, str(e.zone), e.id, str(e.transition), e.text) for e in events}
