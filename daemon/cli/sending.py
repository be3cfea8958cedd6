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
from contextlib import suppress
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from kafka import errors as kafka_errors

from daemon import kafka_clients
from daemon.errors import SettingsError, StartError, Unavailable
from pipelines.recordings import remedied
from pipelines.wire import (
    CONTENT_TYPE_HEADER,
    JSON,
    MSGPACK,
    InvalidRecord,
    encode,
    partition_key,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from daemon.settings import KafkaSettings
    from pipelines.window import SensorKey, Window

IN_FLIGHT: Final = 64
"""Windows that may be unconfirmed at a time: a few MiB."""

CONFIRM_S: Final = 60.0
"""Longest wait for one confirmation; the client itself sends again until then."""

SETTLE_S: Final = 5.0
"""How long an interrupted sending waits for what is in flight."""


def send(
    windows: Iterable[Window],
    settings: KafkaSettings,
    *,
    confirmed: Callable[[int], object] = lambda _: None,
    as_json: bool = False,
    files: Mapping[SensorKey, Path] = MappingProxyType({}),
) -> int:
    """Send `windows` in order and return how many the brokers confirmed.

    `files` says where a sensor's windows come from. Raises `StartError` where the topic is missing,
    `Unavailable` where no broker confirms, `SettingsError` for a window that no daemon would take.
    """
    _check_topic(settings)
    producer = kafka_clients.producer(settings, acks="all", linger_ms=5)
    try:
        return _Sending(producer, settings, confirmed, as_json, files).all(windows)
    finally:
        kafka_clients.close(producer)


def _check_topic(settings: KafkaSettings) -> None:
    """Say at once that the topic is missing; a producer would wait for it."""
    client = kafka_clients.consumer(settings)
    try:
        kafka_clients.topic_partitions(client, settings.windows_topic, settings)
    finally:
        kafka_clients.close(client)


def value_of(window: Window, place: object, *, as_json: bool) -> bytes:
    """Return a record's value; raises `SettingsError` naming `place` where it would be invalid."""
    try:
        return encode(window, JSON if as_json else MSGPACK)
    except InvalidRecord as error:
        raise SettingsError(f"{place}: {remedied(error)}") from error


@dataclass(slots=True)
class _Sending:
    """One producer at work, and what it has not had confirmed yet, the first sent first."""

    producer: Any
    settings: KafkaSettings
    confirmed: Callable[[int], object]
    as_json: bool
    files: Mapping[SensorKey, Path]
    in_flight: deque[Any] = field(default_factory=deque)
    count: int = 0

    def all(self, windows: Iterable[Window]) -> int:
        try:
            for window in windows:
                if len(self.in_flight) == IN_FLIGHT:
                    self._confirm()
                self._send(window)
                while self.in_flight and self.in_flight[0].is_done:
                    self._confirm()
        except KeyboardInterrupt:
            self._settle()
            raise
        while self.in_flight:
            self._confirm()
        return self.count

    def _settle(self) -> None:
        """Give what is in flight a moment, so that what is told as confirmed is near the truth."""
        with suppress(kafka_errors.KafkaError):
            self.producer.flush(timeout=SETTLE_S)
        while self.in_flight and self.in_flight[0].succeeded():
            self._confirm()

    def _send(self, window: Window) -> None:
        end_ms = round(window.start_ns / 1e6 + window.duration_s * 1e3)
        content_type = JSON if self.as_json else MSGPACK
        place = self.files.get(window.key, window.key)
        future = self.producer.send(
            self.settings.windows_topic,
            value=value_of(window, place, as_json=self.as_json),
            key=partition_key(window),
            headers=[(CONTENT_TYPE_HEADER, content_type.encode())],
            timestamp_ms=max(end_ms, round(time.time() * 1e3)),
        )
        self.in_flight.append(future)

    def _confirm(self) -> None:
        try:
            self.in_flight.popleft().get(timeout=CONFIRM_S)
        except kafka_errors.MessageSizeTooLargeError as error:
            raise StartError(
                f"a window is larger than {self.settings.windows_topic} takes ({error}): "
                "`bearingwatch topics check -c FILE` says what its max.message.bytes should be"
            ) from error
        except kafka_errors.InvalidTimestampError as error:
            # Brokers take no record of more than an hour ahead (message.timestamp.after.max.ms).
            raise SettingsError(
                "a window lies in the future, and Kafka refuses its time: let the recording begin"
                " when it was made (--start), or mend the clock that dated it"
            ) from error
        except kafka_errors.KafkaError as error:
            servers = ",".join(self.settings.bootstrap_servers)
            raise Unavailable(f"Kafka at {servers} did not confirm a window: {error!r}") from error
        self.count += 1
        self.confirmed(1)
