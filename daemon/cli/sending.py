"""How a gateway sends windows to Kafka: the example for edge developers.

What matters, in any language:
* the key is the asset's name in UTF-8, and the partitioner is murmur2 (the default of Java and of
  kafka-python; `partitioner=murmur2_random` with librdkafka), so that a machine's sensors share a
  partition, in order;
* the header `content-type` says what the value is;
* the record's timestamp is when it is sent, never before the end of the window: retention goes by
  it, and would remove a recording of long ago within minutes;
* `acks=all`, and every send is confirmed or sent again: at-least-once is enough, since a window
  that comes twice is recognised;
* the client bounds no memory, so we bound what is in flight.
"""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from kafka import errors as kafka_errors

from daemon import kafka_clients
from daemon.errors import StartError, Unavailable
from pipelines.wire import CONTENT_TYPE_HEADER, JSON, MSGPACK, encode, partition_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from daemon.settings import KafkaSettings
    from pipelines.window import Window

IN_FLIGHT: Final = 64
"""Windows that may be unconfirmed at a time: a few MiB."""

CONFIRM_S: Final = 60.0
"""Longest wait for one confirmation; the client itself sends again until then."""


def send(
    windows: Iterable[Window],
    settings: KafkaSettings,
    *,
    confirmed: Callable[[int], object] = lambda _: None,
    as_json: bool = False,
) -> int:
    """Send `windows` in order and return how many the brokers confirmed.

    Raises `StartError` where the topic is missing, `Unavailable` where no broker confirms.
    """
    _check_topic(settings)
    producer = kafka_clients.producer(settings, acks="all", linger_ms=5)
    try:
        return _send_all(producer, windows, settings, confirmed, JSON if as_json else MSGPACK)
    finally:
        kafka_clients.close(producer)


def _check_topic(settings: KafkaSettings) -> None:
    """Say at once that the topic is missing; a producer would wait for it."""
    client = kafka_clients.consumer(settings)
    try:
        kafka_clients.topic_partitions(client, settings.windows_topic, settings)
    finally:
        kafka_clients.close(client)


def _send_all(
    producer: Any,
    windows: Iterable[Window],
    settings: KafkaSettings,
    confirmed: Callable[[int], object],
    content_type: str,
) -> int:
    in_flight: deque[Any] = deque()
    count = 0
    for window in windows:
        if len(in_flight) == IN_FLIGHT:
            count += _confirm(in_flight.popleft(), settings, confirmed)
        in_flight.append(_send_one(producer, window, settings.windows_topic, content_type))
    while in_flight:
        count += _confirm(in_flight.popleft(), settings, confirmed)
    return count


def _send_one(producer: Any, window: Window, topic: str, content_type: str) -> Any:
    end_ms = round(window.start_ns / 1e6 + window.duration_s * 1e3)
    return producer.send(
        topic,
        value=encode(window, content_type),
        key=partition_key(window),
        headers=[(CONTENT_TYPE_HEADER, content_type.encode())],
        timestamp_ms=max(end_ms, round(time.time() * 1e3)),
    )


def _confirm(future: Any, settings: KafkaSettings, confirmed: Callable[[int], object]) -> int:
    try:
        future.get(timeout=CONFIRM_S)
    except kafka_errors.MessageSizeTooLargeError as error:
        raise StartError(
            f"a window is larger than {settings.windows_topic} takes ({error}): "
            "`bearingwatch topics check -c FILE` says what its max.message.bytes should be"
        ) from error
    except kafka_errors.KafkaError as error:
        servers = ",".join(settings.bootstrap_servers)
        raise Unavailable(f"Kafka at {servers} did not confirm a window: {error!r}") from error
    confirmed(1)
    return 1
