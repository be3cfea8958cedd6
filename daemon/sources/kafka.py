"""Windows from Kafka: one member of a consumer group, which commits nothing itself.

The client runs its rebalance callbacks in the middle of its own `poll`, on its own thread. Here
they only note facts; `KafkaSource.poll` hands them out afterwards. Newly assigned partitions are
paused in the callback already and stay so until the caller has sought them, or polls again.

There is no reset policy: where an offset is out of range the client raises instead of jumping, so
that a gap in the log is counted and told.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, Final

import structlog
from kafka import TopicPartition
from kafka import errors as kafka_errors
from kafka.consumer.subscription_state import ConsumerRebalanceListener
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor

from daemon import kafka_clients
from daemon.errors import SettingsError, Unavailable
from daemon.sources import Polled, Record
from daemon.sources.kafka_answers import Answers
from daemon.sources.kafka_heartbeats import pace_polls
from daemon.sources.kafka_joins import repair_joins
from daemon.timeouts import refused_by

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from daemon.settings import KafkaSettings

LONGEST_POLL_S: Final = 0.5
"""The client holds its lock while it polls; longer polls make closing slow."""

SHORTEST_POLL_S: Final = 0.01
"""The client gets nowhere with joining a group when it is given no time at all."""

STALLED_AFTER_S: Final = 60.0
"""Records wait and none came for so long: older clients had silent stalls."""

ASKING_ENDS_S: Final = 1.0
"""Longest time to ask where the partitions end, while nothing is fetched that would tell."""

_log = structlog.stdlib.get_logger("bearingwatch.source")


class _Facts(ConsumerRebalanceListener):  # type: ignore[misc]
    """What the callbacks said since it was last asked."""

    def __init__(self, pause: Callable[[Iterable[Any]], None]) -> None:
        self._pause = pause
        self._lock = threading.Lock()
        self._facts: list[tuple[str, frozenset[int]]] = []

    def on_partitions_assigned(self, assigned: Iterable[Any]) -> None:
        self._pause(assigned)
        self._note("assigned", assigned)

    def on_partitions_revoked(self, revoked: Iterable[Any]) -> None:
        self._note("revoked", revoked)

    def on_partitions_lost(self, lost: Iterable[Any]) -> None:
        self._note("lost", lost)

    def _note(self, kind: str, partitions: Iterable[Any]) -> None:
        with self._lock:
            self._facts.append((kind, frozenset(partition.partition for partition in partitions)))

    def take(self) -> list[tuple[str, frozenset[int]]]:
        with self._lock:
            facts, self._facts = self._facts, []
        return facts


class KafkaSource:
    """Reads `<prefix>.windows` as the static member `<group>-<instance>` of the group."""

    def __init__(
        self,
        settings: KafkaSettings,
        instance: str,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._instance = instance
        self._monotonic = monotonic
        self._consumer: Any = None
        self._facts = _Facts(self._hold)
        self._membership: Any = None
        self._held: set[int] = set()
        self._unaccepted: set[int] = set()
        self._next_offsets: dict[int, int] = {}
        self._ends: dict[int, int] = {}
        self._paused = False
        self._answers: Answers | None = None
        self._away: str | None = None
        self._progress_at = 0.0
        self._silenced_at: float | None = None
        self.records_lost = 0
        self._cut: set[int] = set()
        """Records that retention removed before they were read."""
        self.stalls = 0
        """How often records waited and none came for a minute."""

    def start(self) -> None:
        """Connect and join; raises `StartError`, and `Unavailable` where no broker answers."""
        if self._consumer is not None:
            return
        consumer = kafka_clients.consumer(self._settings, **self._membership_options())
        try:
            kafka_clients.topic_partitions(consumer, self._settings.windows_topic, self._settings)
        except Exception:
            kafka_clients.close(consumer)
            raise
        repair_joins(consumer)
        pace_polls(consumer)
        consumer.subscribe([self._settings.windows_topic], listener=self._facts)
        self._consumer = consumer
        self._progress_at = self._monotonic()
        self._answers = Answers(
            consumer, self._progress_at, fetch_wait_s=self._settings.fetch_max_wait_ms / 1000
        )

    def _membership_options(self) -> dict[str, Any]:
        return {
            "group_id": self._settings.group,
            "group_instance_id": f"{self._settings.group}-{self._instance}",
            "auto_offset_reset": "none",
            "partition_assignment_strategy": [CooperativeStickyAssignor],
            "max_poll_records": self._settings.max_poll_records,
            "max_poll_interval_ms": self._settings.max_poll_interval_ms,
            "session_timeout_ms": self._settings.session_timeout_ms,
            "heartbeat_interval_ms": self._settings.heartbeat_interval_ms,
        }

    def poll(self, timeout_s: float) -> Polled:
        """Return what came within `timeout_s`; nothing while no broker answers."""
        self._accept()
        fetched = self._fetch(min(timeout_s, LONGEST_POLL_S))
        # Before the facts: a membership that is newer than what the caller knows of its
        # partitions would let it commit for partitions it no longer has. So would none at all:
        # a group without members takes anybody's offsets.
        membership = self._consumer.group_metadata()
        self._membership = membership if membership.generation_id >= 0 else None
        assigned, revoked, lost = self._apply(self._facts.take())
        records = self._records(fetched)
        self._watch(bool(records))
        cut = frozenset(self._cut)
        self._cut.clear()
        return Polled(records, assigned, revoked, lost, cut)

    def _accept(self) -> None:
        """Let records of announced partitions come: the caller polls again, so it is ready."""
        if not self._paused and self._unaccepted:
            self._consumer.resume(*self._topic_partitions(self._unaccepted))
            self._unaccepted.clear()

    def _fetch(self, timeout_s: float) -> Mapping[Any, list[Any]]:
        try:
            fetched: Mapping[Any, list[Any]] = self._consumer.poll(
                timeout_ms=int(max(timeout_s, SHORTEST_POLL_S) * 1000)
            )
        except kafka_errors.NoOffsetForPartitionError as error:
            self._begin(error.args[0])
        except kafka_errors.OffsetOutOfRangeError as error:
            self._leap(error.args[0])
        except kafka_errors.FencedInstanceIdError as error:
            raise self._displaced() from error
        except (kafka_errors.RetriableError, kafka_errors.AuthorizationError) as error:
            # Rights can come back as they went; the client itself does not wait for them.
            _log.error("poll_failed", error=repr(error))
            time.sleep(timeout_s)
        except kafka_errors.KafkaError as error:
            timeout = refused_by(error, self._settings)
            raise timeout or kafka_clients.impossible(error, "polling") from error
        else:
            return fetched
        return {}

    def _begin(self, partitions: Iterable[Any]) -> None:
        """Read partitions from their beginning that nothing was committed for."""
        held = self._consumer.assignment()
        partitions = [partition for partition in partitions if partition in held]
        if partitions:
            self._consumer.seek_to_beginning(*partitions)

    def _leap(self, offsets: Mapping[Any, int]) -> None:
        """Go on behind a gap in the log, and tell of it."""
        for partition, wanted in offsets.items():
            try:
                first = self._consumer.beginning_offsets([partition], timeout_ms=5_000)[partition]
                self._consumer.seek(partition, first)
            except (kafka_errors.KafkaError, ValueError) as error:
                _log.warning("gap_not_measured", partition=partition.partition, error=repr(error))
                continue
            lost = max(0, first - wanted)
            if first < wanted:
                self._cut.add(partition.partition)
            self.records_lost += lost
            self._next_offsets[partition.partition] = first
            _log.error(
                "records_lost_to_retention" if lost else "log_was_cut_behind_our_offset",
                partition=partition.partition,
                wanted=wanted,
                first=first,
                lost=lost,
            )

    def _apply(
        self, facts: Iterable[tuple[str, frozenset[int]]]
    ) -> tuple[frozenset[int], frozenset[int], frozenset[int]]:
        """Return assigned, revoked and lost; what came and went unseen is in none of them."""
        assigned, gone = set[int](), {"revoked": set[int](), "lost": set[int]()}
        for kind, partitions in facts:
            if kind == "assigned":
                assigned |= partitions
            else:
                assigned -= partitions
                gone[kind] |= partitions & self._held
        lost = frozenset(gone["lost"])
        revoked = frozenset(gone["revoked"]) - lost
        self._held = (self._held - revoked - lost) | assigned
        self._unaccepted = (self._unaccepted & self._held) | assigned
        for partition in revoked | lost | assigned:
            self._next_offsets.pop(partition, None)
            self._ends.pop(partition, None)
        return frozenset(assigned), revoked, lost

    def _records(self, fetched: Mapping[Any, list[Any]]) -> tuple[Record, ...]:
        records = []
        for topic_partition, messages in fetched.items():
            partition = topic_partition.partition
            if partition not in self._held or partition in self._unaccepted or not messages:
                continue
            self._next_offsets[partition] = messages[-1].offset + 1
            records += [_record(message) for message in messages]
        return tuple(records)

    def seek(self, partition: int, offset: int) -> None:
        """Let the next record be the one at `offset`; nothing happens without the partition."""
        try:
            self._consumer.seek(TopicPartition(self._settings.windows_topic, partition), offset)
        except ValueError:
            return  # revoked since; the next poll says so
        self._next_offsets[partition] = offset

    def pause(self) -> None:
        """Hold back records until `resume`."""
        self._paused = True
        self._consumer.pause(*self._consumer.assignment())

    def resume(self) -> None:
        """Let records come again, but for partitions that were not accepted yet."""
        self._paused = False
        self._ends.clear()
        self._progress_at = self._monotonic()
        self._consumer.resume(*self._topic_partitions(self._held - self._unaccepted))

    def lag(self) -> dict[int, int]:
        """Return how many records wait, for the partitions that something was read from."""
        if self._paused and self._away is None:
            self._ask_ends()
        return self._waiting()

    def _ask_ends(self) -> None:
        """Ask where the partitions end: nothing is fetched while paused, and tells it."""
        where = self._topic_partitions(self._next_offsets)
        try:
            ends = self._consumer.end_offsets(where, timeout_ms=int(ASKING_ENDS_S * 1000))
        except (kafka_errors.KafkaError, ValueError):
            return  # an outage shows elsewhere; the ends known so far stand
        self._ends = {partition.partition: end for partition, end in ends.items()}

    def _waiting(self) -> dict[int, int]:
        waiting = {}
        for partition, position in self._next_offsets.items():
            try:
                end = self._consumer.highwater(
                    TopicPartition(self._settings.windows_topic, partition)
                )
            except kafka_errors.IllegalStateError:
                continue  # revoked since
            ends = [each for each in (end, self._ends.get(partition)) if each is not None]
            if ends:
                waiting[partition] = max(0, max(ends) - position)
        return waiting

    @property
    def rewinds(self) -> bool:
        """Always: the log is kept."""
        return True

    @property
    def away(self) -> str | None:
        """What did not answer when it was last polled, or None."""
        return self._away

    @property
    def exhausted(self) -> bool:
        """Never: a topic goes on."""
        return False

    def group_metadata(self) -> Any:
        """Return the membership as of the last `poll`, for offsets in a transaction."""
        if self._membership is None:
            raise Unavailable("not a member of the consumer group yet")
        return self._membership

    def close(self) -> None:
        """Close without leaving: a static member that comes back soon keeps its partitions."""
        if self._consumer is not None:
            kafka_clients.close(self._consumer)

    def _hold(self, partitions: Iterable[Any]) -> None:
        self._consumer.pause(*partitions)

    def _topic_partitions(self, partitions: Iterable[int]) -> list[Any]:
        wanted = {TopicPartition(self._settings.windows_topic, number) for number in partitions}
        return list(wanted & self._consumer.assignment())

    def _watch(self, progressed: bool) -> None:
        """Notice what the client keeps to itself: an outage, a stall, and being displaced."""
        now = self._monotonic()
        self._away = self._outage(now)
        if progressed or self._paused or self._away or not any(self._waiting().values()):
            self._progress_at = now
        elif now - self._progress_at > STALLED_AFTER_S:
            self.stalls += 1
            self._progress_at = now
            _log.error("source_stalled", lag=self._waiting(), after_s=STALLED_AFTER_S)
        self._watch_membership(now)

    def _outage(self, now: float) -> str | None:
        assert self._answers is not None  # noqa: S101 (made at the start)
        what = self._answers.outage(now)
        servers = ",".join(self._settings.bootstrap_servers)
        return what and f"Kafka at {servers} is away, reading windows: {what}"

    def _watch_membership(self, now: float) -> None:
        # A member whose instance name was taken over only stops its heartbeats and goes on
        # fetching (kafka-python 3.0.12, coordinator/base.py, _do_heartbeat). One that begins to
        # join stops them too, and may have to wait for the broker.
        coordinator = self._consumer._coordinator
        if not coordinator.stable() or coordinator.rejoining or coordinator._heartbeat_enabled:
            self._silenced_at = None
        elif self._silenced_at is None:
            self._silenced_at = now
        elif now - self._silenced_at > self._settings.heartbeat_interval_ms / 1000:
            raise self._displaced()

    def _displaced(self) -> SettingsError:
        return SettingsError(
            f"another process runs as instance {self._instance!r} of group"
            f" {self._settings.group!r}: give each process an instance name of its own"
        )


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
