"""Reading back from Kafka what was committed: offsets with marks, states, alert events."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec
import structlog
from kafka import TopicPartition
from kafka.admin import OffsetSpec

from daemon import kafka_clients
from daemon.errors import BearingwatchError, Fatal, StartError, Unavailable
from daemon.journal import Basis, Exhibit, StateRecord, decode_basis
from daemon.journal.delivery import Published
from models.alerts import AlertEvent
from pipelines.window import SensorKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Set

    from daemon.settings import KafkaSettings

HOT: Final = "hot"
COLD: Final = "cold"
BASIS_KEY: Final = b"#basis"
"""Key of a partition's record of what it is judged with; no sensor's key begins so."""

_MARK: Final = "alerts-delivered="
_MARGIN_S: Final = 15.0
"""Longer than the broker takes to end a dead process's transaction, whose end we wait for."""

_log: Any = structlog.get_logger("bearingwatch.journal")

_decode_event = msgspec.json.Decoder(AlertEvent).decode


@dataclass(frozen=True, slots=True)
class Committed:
    """The group's committed offset of one input partition, and the mark that travels with it."""

    next_offset: int | None
    delivered: int | None


@dataclass(frozen=True, slots=True)
class Held:
    """What the state topic holds of one partition."""

    states: Mapping[SensorKey, StateRecord]
    basis: Basis | None


def state_key(key: SensorKey, part: str) -> bytes:
    """Return the key of a state record: `asset/sensor#hot` or `asset/sensor#cold`."""
    return f"{key.asset}/{key.sensor}#{part}".encode()


def parse_state_key(raw: bytes) -> tuple[SensorKey, str]:
    """Undo `state_key`; raises `StartError` for what this version never writes."""
    names, _, part = raw.decode("utf-8", "replace").rpartition("#")
    asset, slash, sensor = names.partition("/")  # an asset's name has no slash, a sensor's may
    if not slash or part not in {HOT, COLD}:
        raise StartError(
            f"state record with key {raw!r}: expected <asset>/<sensor>#hot or #cold; a newer"
            " bearingwatch wrote it: upgrade, or use another prefix"
        )
    return SensorKey(asset, sensor), part


def evidence_key(exhibit: Exhibit) -> bytes:
    """Return the key of a piece of evidence: `asset/sensor#alert#part`."""
    return f"{exhibit.sensor}#{exhibit.alert}#{exhibit.part}".encode()


def parse_evidence(message: Any) -> Exhibit:
    """Undo `evidence_key`; raises `StartError` for what this version never writes.

    The time is the record's, since what takes evidence away has no other.
    """
    names, _, place = message.key.decode("utf-8", "replace").partition("#")
    asset, slash, sensor = names.partition("/")
    alert, mark, part = place.partition("#")
    if not slash or not mark:
        raise StartError(
            f"evidence with key {message.key!r}: expected <asset>/<sensor>#<alert>#<part>; a newer"
            " bearingwatch wrote it: upgrade"
        )
    time_ns = message.timestamp * 1_000_000
    return Exhibit(SensorKey(asset, sensor), alert, part, time_ns, message.value)


def mark_text(delivered: int) -> str:
    """Return a mark as the metadata of a committed offset."""
    return f"{_MARK}{delivered}"


def parse_mark(metadata: str | None) -> int | None:
    """Undo `mark_text`; None where another tool set the offset."""
    text = (metadata or "").removeprefix(_MARK)
    return int(text) if (metadata or "").startswith(_MARK) and text.isdigit() else None


class KafkaReader:
    """A consumer that belongs to nobody, for reading topics from somewhere to their end."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._patience_s = settings.transaction_timeout_ms / 1000 + _MARGIN_S
        self._consumer: Any = None

    def open(self) -> None:
        """Connect; raises `StartError`, `Unavailable`."""
        if self._consumer is None:
            self._consumer = kafka_clients.consumer(
                self._settings,
                group_id=self._settings.group,  # only to ask for its offsets: it never joins
                auto_offset_reset="earliest",
                max_poll_records=5_000,
            )

    def partitions(self, topic: str) -> frozenset[int]:
        """Return the partitions of a topic that must exist."""
        return kafka_clients.topic_partitions(self._consumer, topic, self._settings)

    def committed(self, partitions: Iterable[int]) -> Mapping[int, Committed]:
        """Return what the group committed for `partitions` of the windows.

        Waits for the end of a transaction that holds an offset of them. After an error there is no
        connection any more: the client takes an answer that came too late for that to its next
        question, hours later (3.0.12, coordinator/consumer.py, _offset_fetch_futures).
        """
        try:
            with kafka_clients.translated("asking for committed offsets", self._settings):
                return {number: self._committed(number) for number in partitions}
        except BearingwatchError:
            self.close(0.0)
            raise

    def _committed(self, partition: int) -> Committed:
        where = TopicPartition(self._settings.windows_topic, partition)
        limit_ms = int(self._patience_s * 1000)
        offset = self._consumer.committed(where, metadata=True, timeout_ms=limit_ms)
        if offset is None or offset.offset < 0:
            return Committed(None, None)
        return Committed(offset.offset, parse_mark(offset.metadata))

    def states(self, partitions: Set[int]) -> Mapping[int, Held]:
        """Return the committed state of every sensor in `partitions`, and what judged there."""
        parts: dict[int, dict[SensorKey, dict[str, bytes]]] = {number: {} for number in partitions}
        bases: dict[int, Basis] = {}
        for message in self._read(self._settings.state_topic, dict.fromkeys(partitions, 0)):
            if message.key == BASIS_KEY:
                bases.pop(message.partition, None)
                if message.value is not None:
                    bases[message.partition] = decode_basis(message.value)
                continue
            key, part = parse_state_key(message.key)
            sensor = parts[message.partition].setdefault(key, {})
            if message.value is None:
                sensor.pop(part, None)
            else:
                sensor[part] = message.value
        return {
            number: Held(_records(sensors), bases.get(number)) for number, sensors in parts.items()
        }

    def events(self, since: Mapping[int, int]) -> Mapping[int, tuple[int, list[Published]]]:
        """Return the committed alert events per partition from an offset on, and from which.

        That is 0 where the topic does not reach so far: it was made anew.
        """
        topic = self._settings.alerts_topic
        where = {TopicPartition(topic, number): offset for number, offset in since.items()}
        with kafka_clients.translated(f"reading {topic}", self._settings):
            ends = self._ends(where)
            for place, offset in where.items():
                if offset > ends[place]:
                    where[place] = 0
                    _log.warning(
                        "alerts_topic_is_shorter",
                        partition=place.partition,
                        delivered=offset,
                        end=ends[place],
                    )
            found: dict[int, list[Published]] = {number: [] for number in since}
            for message in self._read_to(ends, where):
                if message.value is not None:
                    event = Published(message.offset, _event(message))
                    found[message.partition].append(event)
        return {place.partition: (first, found[place.partition]) for place, first in where.items()}

    def evidence(self) -> Iterable[Exhibit]:
        """Yield all evidence, in the order of the log in each partition."""
        partitions = self.partitions(self._settings.evidence_topic)
        for message in self._read(self._settings.evidence_topic, dict.fromkeys(partitions, 0)):
            yield parse_evidence(message)

    def _read(self, topic: str, since: Mapping[int, int]) -> Iterable[Any]:
        """Read to the end that the log has now, waiting for transactions on the way to end."""
        where = {TopicPartition(topic, number): offset for number, offset in since.items()}
        with kafka_clients.translated(f"reading {topic}", self._settings):
            ends = self._ends(where)
            yield from self._read_to(ends, where)

    def _ends(self, where: Iterable[Any]) -> Mapping[Any, int]:
        # The log's end, not the last stable offset that the consumer would tell: the markers of a
        # transaction are written one partition after the other, and offsets may have theirs first.
        admin = kafka_clients.admin(self._settings)
        try:
            latest = dict.fromkeys(where, OffsetSpec.LATEST)
            found = kafka_clients.within(
                self._settings.request_timeout_s, lambda: admin.list_partition_offsets(latest)
            )
        finally:
            kafka_clients.close(admin)
        return {partition: end.offset for partition, end in found.items()}

    def _read_to(self, ends: Mapping[Any, int], since: Mapping[Any, int]) -> Iterable[Any]:
        consumer = self._consumer
        consumer.assign(list(ends))
        for partition, offset in since.items():
            consumer.seek(partition, offset)
        behind = {partition for partition, end in ends.items() if end > since[partition]}
        deadline = time.monotonic() + self._patience_s
        while behind:
            for messages in consumer.poll(timeout_ms=200).values():
                deadline = time.monotonic() + self._patience_s
                yield from messages
            behind = {p for p in behind if (consumer.position(p, timeout_ms=1_000) or 0) < ends[p]}
            if behind and time.monotonic() > deadline:
                raise Unavailable(f"cannot read to the end of {sorted(behind)}: no progress")
        consumer.unsubscribe()

    def close(self, timeout_s: float = kafka_clients.CLOSE_S) -> None:
        """Close the connection."""
        if self._consumer is not None:
            kafka_clients.close(self._consumer, timeout_s)
        self._consumer = None


def _records(sensors: Mapping[SensorKey, Mapping[str, bytes]]) -> dict[SensorKey, StateRecord]:
    records = {}
    for key, parts in sensors.items():
        if HOT not in parts and COLD in parts:
            raise Fatal(f"state of {key} has a cold record and no hot one: the topic was edited")
        if HOT in parts:
            records[key] = StateRecord(parts[HOT], parts.get(COLD))
    return records


def _event(message: Any) -> AlertEvent:
    try:
        event = _decode_event(message.value)
    except msgspec.MsgspecError as error:
        raise StartError(
            f"alert event at {message.topic}/{message.partition}/{message.offset} cannot be read:"
            f" {error}"
        ) from error
    if event.schema > 1:
        raise StartError(
            f"alert event at {message.topic}/{message.partition}/{message.offset} has schema"
            f" {event.schema}, this version knows 1: a newer bearingwatch wrote it, upgrade"
        )
    return event
