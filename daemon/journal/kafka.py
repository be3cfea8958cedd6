"""A journal on Kafka: one transaction per commit.

A transaction holds the states and what judged (`<prefix>.state`, compacted), the alert events
(`<prefix>.alerts`), what they rest on (`<prefix>.evidence`, compacted too), the dead letters
(`<prefix>.dead-letters`) and the group's offsets in `<prefix>.windows`; everything about one input
partition goes to the partition of the same number.
The mark up to which the series has the alert events travels as metadata of the committed offset:
an offset of its own, on a topic that the group does not subscribe to, would expire after a quiet
week.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import msgspec
import structlog
from kafka import TopicPartition
from kafka.structs import OffsetAndMetadata

from daemon import topics
from daemon.errors import Fatal, Fenced, StartError, Unavailable
from daemon.journal import Entry, Exhibit, Restored
from daemon.journal.delivery import Delivery, Published
from daemon.journal.kafka_reader import (
    BASIS_KEY,
    COLD,
    HOT,
    KafkaReader,
    evidence_key,
    mark_text,
    state_key,
)
from daemon.journal.kafka_transactions import (
    Message,
    OutcomeUnknown,
    TooLarge,
    Transactions,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence, Set

    from daemon.settings import KafkaSettings
    from models.alerts import AlertEvent
    from pipelines.dead_letters import DeadLetter

_EXCERPT_BYTES: Final = 4 << 10
_JSON: Final = [("content-type", b"application/json")]
_encode_event = msgspec.json.Encoder().encode
_log = structlog.stdlib.get_logger("bearingwatch.journal")


@dataclass(frozen=True, slots=True)
class _Doubt:
    """A commit whose outcome is not known yet: what it would have committed."""

    next_offsets: Mapping[int, int]
    marks: Mapping[int, int]
    dead_letters: Sequence[tuple[int, DeadLetter]]


class KafkaJournal:
    """Commits as `<group>-<instance>`; `membership` is the source's `group_metadata`.

    Without `evidence` there is no need of its topic.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        instance: str,
        membership: Callable[[], Any],
        *,
        evidence: bool = True,
    ) -> None:
        self._settings = settings
        self._evidence = evidence
        self._reader = KafkaReader(settings)
        self._transactions = Transactions(settings, f"{settings.group}-{instance}", membership)
        self._delivery = Delivery()
        self._next_offsets: dict[int, int | None] = {}
        self._doubt: _Doubt | None = None
        self._settled: _Doubt | None = None
        self._fenced = False

    def start(self) -> None:
        """Check the topics, then fence an older process; to be called before the source's."""
        self._reader.open()
        self._check_topics()
        self._transactions.open()

    def _check_topics(self) -> None:
        settings = self._settings
        windows = self._reader.partitions(settings.windows_topic)
        for topic in (settings.state_topic, settings.alerts_topic, settings.dead_letters_topic):
            self._check_partitions(topic, windows)
        if self._evidence:
            self._check_evidence(windows)
        topics.refuse_to_lose_states(settings)

    def _check_evidence(self, windows: Set[int]) -> None:
        """Check the topic that a plant made by an earlier version does not have."""
        try:
            self._check_partitions(self._settings.evidence_topic, windows)
        except StartError as error:
            raise StartError(f"{error}; or keep no evidence: journal.evidence = false") from error

    def _check_partitions(self, topic: str, windows: Set[int]) -> None:
        found = self._reader.partitions(topic)
        if found != windows:
            raise StartError(
                f"topic {topic} has {len(found)} partitions, {self._settings.windows_topic} has"
                f" {len(windows)}: they must be equal, since state and alerts go to the"
                " partition number of their window (see `bearingwatch topics check`)"
            )

    def restore(self, partitions: Set[int]) -> Mapping[int, Restored]:
        """Return what was last committed for `partitions`; ends being fenced."""
        self._reopen()
        self._fenced = False
        # The offsets first: that waits for the end of a transaction on them, and then its states
        # lie before the end of the state topic.
        committed = self._reader.committed(partitions)
        held = self._reader.states(partitions)
        self._restore_events({n: found.delivered or 0 for n, found in committed.items()})
        self._next_offsets |= {n: found.next_offset for n, found in committed.items()}
        return {
            n: Restored(held[n].states, found.next_offset, held[n].basis)
            for n, found in committed.items()
        }

    def _restore_events(self, since: Mapping[int, int]) -> None:
        for number, (first, events) in self._reader.events(since).items():
            self._delivery.restore(number, first, events)

    def commit(self, entry: Entry) -> None:
        """Commit in one transaction, after finding out about an earlier one that is in doubt."""
        self._check_ours(entry)
        self._settle()
        if self._settled is not None and self._covers(entry):
            # Asked again, an entry may owe more letters than it did when its outcome was lost.
            # It may have been judged anew since, so what was sent is known by what it says.
            more = [one for one in entry.dead_letters if one not in self._settled.dead_letters]
            if not more:
                return
            entry = Entry(dead_letters=more, next_offsets=entry.next_offsets)
        else:
            self._settled = None
        try:
            self._commit(entry)
        except TooLarge as error:
            self._commit_lighter(entry, error.refused)

    def _check_ours(self, entry: Entry) -> None:
        if self._fenced:
            raise Fenced("another process took our identity; restore before the next commit")
        strange = sorted(entry.next_offsets.keys() - self._next_offsets.keys())
        if strange:
            raise Fenced(f"partitions {strange} were not restored here, or were released")

    def _commit_lighter(self, entry: Entry, refused: Sequence[Message]) -> None:
        """Commit less of what is too large: a batch must not fail for ever."""
        lighter = entry
        while True:
            lighter = self._lighter(lighter, refused)
            try:
                self._commit(lighter, standing_for=entry.dead_letters)
            except TooLarge as error:
                refused = error.refused
            else:
                return

    def _lighter(self, entry: Entry, refused: Sequence[Message]) -> Entry:
        """Return `entry` without what is as large as a refused record of its topic, or `Fatal`.

        By size alone, so that what is kept of a window does not depend on the rest of its batch.
        Evidence goes, and what takes some away stays; dead letters are cut.
        """
        largest: dict[str, int] = {}
        for one in refused:
            largest[one.topic] = max(largest.get(one.topic, 1), len(one.value or b""))
        evidence = _below(entry.evidence, largest.get(self._settings.evidence_topic))
        letters = _cut_from(entry.dead_letters, largest.get(self._settings.dead_letters_topic))
        left_out = len(entry.evidence) - len(evidence)
        if left_out:
            topic = self._settings.evidence_topic
            _log.warning("evidence_refused", count=left_out, topic=topic)
        cut = sum(one is not other for one, other in zip(letters, entry.dead_letters, strict=True))
        if cut:
            _log.warning("dead_letters_cut", count=cut)
        if not (left_out or cut):
            raise Fatal(
                f"Kafka refuses a record of {max(largest.values())} bytes: raise"
                f" max.message.bytes of {', '.join(sorted(largest))}"
            )
        return replace(entry, evidence=evidence, dead_letters=letters)

    def _commit(self, entry: Entry, standing_for: Sequence[tuple[int, DeadLetter]] = ()) -> None:
        """Commit `entry`, whose dead letters may stand for longer ones that Kafka refused."""
        messages = list(self._messages(entry))
        marks = dict(self._delivery.unsaved())
        next_offsets = self._with_marked(entry.next_offsets, marks)
        if not next_offsets:
            return
        self._reopen()
        try:
            offsets = self._transactions.run(messages, self._offsets(next_offsets))
        except Fenced:
            self._fenced = True
            raise
        except OutcomeUnknown as error:
            self._doubt = _Doubt(next_offsets, marks, standing_for or entry.dead_letters)
            if not self._settle():
                why = repr(error.__cause__)
                raise Unavailable(f"the transaction was not committed: {why}") from error
            return
        self._done(next_offsets, marks)
        self._publish(entry, offsets[len(messages) - len(entry.alerts) :])

    def _with_marked(
        self, next_offsets: Mapping[int, int], marks: Mapping[int, int]
    ) -> dict[int, int]:
        """Add the partitions whose mark alone has moved, with the offset they have."""
        resting = {
            number: offset
            for number in marks
            if (offset := self._next_offsets.get(number)) is not None
        }
        return {**resting, **next_offsets}

    def _messages(self, entry: Entry) -> Iterator[Message]:
        settings = self._settings
        for partition, basis in entry.bases.items():
            yield Message(settings.state_topic, partition, BASIS_KEY, basis.encode())
        for partition, states in entry.states.items():
            for sensor, state in states.items():
                topic = settings.state_topic
                hot, cold = (None, None) if state is None else (state.hot, state.cold)
                yield Message(topic, partition, state_key(sensor, HOT), hot)
                if state is None or cold is not None:
                    yield Message(topic, partition, state_key(sensor, COLD), cold)
        for partition, letter in entry.dead_letters:
            yield Message(
                settings.dead_letters_topic, partition, letter.key, letter.value, letter.headers
            )
        for partition, exhibit in entry.evidence:
            yield Message(settings.evidence_topic, partition, evidence_key(exhibit), exhibit.value)
        for partition, event in entry.alerts:  # last: `_commit` takes their offsets from the end
            key = event.asset.encode()
            yield Message(settings.alerts_topic, partition, key, _encode_event(event), _JSON)

    def _offsets(self, next_offsets: Mapping[int, int]) -> dict[Any, Any]:
        return {
            TopicPartition(self._settings.windows_topic, number): OffsetAndMetadata(
                offset, mark_text(self._delivery.delivered(number)), -1
            )
            for number, offset in next_offsets.items()
        }

    def _done(self, next_offsets: Mapping[int, int], marks: Mapping[int, int]) -> None:
        self._next_offsets.update(next_offsets)
        self._delivery.saved(marks)

    def _publish(self, entry: Entry, offsets: Sequence[int]) -> None:
        for (partition, event), offset in zip(entry.alerts, offsets, strict=True):
            self._delivery.add(partition, Published(offset, event))

    def _settle(self) -> bool:
        """Find out about a commit in doubt; return whether there was one and it was done.

        Raises `Unavailable` while that cannot be found out.
        """
        self._reopen()
        if self._doubt is None:
            return False
        doubt = self._doubt
        ours = doubt.next_offsets.keys() & self._next_offsets.keys()
        committed = self._reader.committed(ours)
        done = all(
            found.next_offset == doubt.next_offsets[number] for number, found in committed.items()
        ) and self._moved(doubt, ours)
        if done:
            self._restore_events({n: found.delivered or 0 for n, found in committed.items()})
            self._done({number: doubt.next_offsets[number] for number in ours}, doubt.marks)
            self._settled = doubt
        self._doubt = None
        _log.warning("commit_in_doubt_settled", committed=done)
        return done

    def _reopen(self) -> None:
        """Be connected; a new producer ends what a lost one left open, one way or the other."""
        try:
            self._reader.open()
            self._transactions.open()
        except StartError as error:  # rights that were there at the start can come back
            _log.error("kafka_refused", error=str(error))
            raise Unavailable(str(error)) from error

    def _moved(self, doubt: _Doubt, ours: Set[int]) -> bool:
        return any(doubt.next_offsets[number] != self._next_offsets[number] for number in ours)

    def _covers(self, entry: Entry) -> bool:
        """Whether what was settled has all of a batch; a basis moves no offset."""
        return not entry.bases and all(
            self._next_offsets[number] == offset for number, offset in entry.next_offsets.items()
        )

    def undelivered(self) -> Sequence[AlertEvent]:
        """Return committed alert events that the series may not have yet, oldest first."""
        return self._delivery.undelivered()

    def mark_delivered(self) -> None:
        """Note that the series has everything that `undelivered` last returned."""
        self._delivery.mark()

    def release(self, partitions: Set[int]) -> None:
        """Forget partitions that are no longer ours."""
        self._delivery.release(partitions)
        for partition in partitions:
            self._next_offsets.pop(partition, None)

    def close(self) -> None:
        """Save the marks where that is possible, and close the connections."""
        if self._transactions.is_open and not self._fenced and self._doubt is None:
            # Without the marks the events are written once more, which changes nothing. With them
            # go offsets, and while an outcome is in doubt ours may be older than the committed.
            with suppress(Unavailable, Fenced, TooLarge):
                self._commit(Entry())
        self._transactions.close()
        self._reader.close()


def _below(
    evidence: Sequence[tuple[int, Exhibit]], size: int | None
) -> Sequence[tuple[int, Exhibit]]:
    """Return the evidence that is smaller than `size`, or all of it."""
    if size is None:
        return evidence
    return [(at, one) for at, one in evidence if one.value is None or len(one.value) < size]


def _cut_from(
    letters: Sequence[tuple[int, DeadLetter]], size: int | None
) -> Sequence[tuple[int, DeadLetter]]:
    """Return the letters, those of `size` and larger cut to what any topic takes."""
    if size is None:
        return letters
    least = max(size, _EXCERPT_BYTES + 1)
    return [(pair[0], _cut(pair[1])) if len(pair[1].value) >= least else pair for pair in letters]


def _cut(letter: DeadLetter) -> DeadLetter:
    return replace(letter, value=letter.value[:_EXCERPT_BYTES])


def read_evidence(settings: KafkaSettings) -> Iterator[Exhibit]:
    """Yield what was ever committed and is still in the topic, oldest first in each partition.

    The latest of a sensor, alert and part holds. Raises `StartError`, `Unavailable`.
    """
    reader = KafkaReader(settings)
    try:
        reader.open()
        yield from reader.evidence()
    finally:
        reader.close()
