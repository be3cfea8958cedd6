"""A Kafka journal with its member of the group, what is committed to it, and lost answers."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
from kafka.future import Future

from daemon.errors import Unavailable
from daemon.journal import Entry, StateRecord
from daemon.journal.kafka import KafkaJournal
from daemon.settings import KafkaSettings
from daemon.sources.kafka import KafkaSource
from pipelines.window import SensorKey
from tests.contract.builders import assigned_in, event, poll_until
from tests.contract.kafka_bench import read_committed

PUMP = SensorKey("pump", "de")
BOTH = frozenset({0, 1})
SHORT: dict[str, Any] = {"transaction_timeout_ms": 2_500, "request_timeout_s": 5.0}


@contextmanager
def member(settings: KafkaSettings) -> Iterator[KafkaSource]:
    source = KafkaSource(settings, "one")
    try:
        source.start()
        poll_until(source, lambda seen: assigned_in(seen) == BOTH)
        yield source
    finally:
        source.close()


@contextmanager
def opened(
    settings: KafkaSettings, membership: Callable[[], Any], instance: str = "one"
) -> Iterator[KafkaJournal]:
    journal = KafkaJournal(settings, instance, membership)
    try:
        journal.start()
        journal.restore(BOTH)
        yield journal
    finally:
        journal.close()


def entry(offset: int, *names: str) -> Entry:
    return Entry(
        states={0: {PUMP: StateRecord(b"hot %d" % offset, None)}},
        alerts=[(0, event(name, time_ns=offset)) for name in names],
        next_offsets={0: offset},
    )


def subscribed(settings: KafkaSettings) -> list[str]:
    """Return the identities of the events that a subscriber sees."""
    records = read_committed(settings, settings.alerts_topic)
    return [msgspec.json.decode(record.value)["id"] for record in records]  # type: ignore[arg-type]


def lose_the_end(journal: KafkaJournal, *, after_sending: bool) -> None:
    """Lose the request that ends a transaction, or the answer to it."""
    client = journal._transactions._producer._sender._client
    send = client.send

    def lossy(node: object, request: object, **options: object) -> object:
        if type(request).__name__ != "EndTxnRequest":
            return send(node, request, **options)
        if after_sending:
            send(node, request, **options)
        return Future()

    client.send = lossy


def unreachable(*_args: object) -> None:
    raise Unavailable("for this moment")
