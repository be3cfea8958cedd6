"""Points that the series refuses for good, as dead letters.

A point of a batch is refused before the batch is committed, so its dead letter is part of that
commit. A point of an alert is refused after its event was committed: its dead letter is owed, and
goes with the next commit, which makes durable too that the series was given the event.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from models.alerts import AlertEvent
from pipelines.dead_letters import SERIES_REFUSED, dead_letter, refused_alert
from pipelines.window import SensorKey

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from daemon.batch import Judged
    from daemon.series import Refused
    from daemon.sources import Record
    from pipelines.dead_letters import DeadLetter

    Addressed = tuple[int, DeadLetter]
    """A dead letter and the partition it goes to."""


def with_refused(judged: Judged, refused: Sequence[Refused]) -> Judged:
    """Return `judged` with the dead letters of its refused points in what is committed."""
    if not refused:
        return judged
    pairs = zip(judged.judgements, judged.sorted.records, strict=True)
    # By identity: a late window that came twice makes two points that are equal in all.
    record_of = {id(judgement): record for judgement, record in pairs}
    letters = [_of_record(record_of[id(one.of)], one) for one in refused]
    entry = replace(judged.entry, dead_letters=[*judged.entry.dead_letters, *letters])
    return replace(judged, entry=entry)


def _of_record(record: Record, refused: Refused) -> Addressed:
    letter = dead_letter(
        refused.point.encode(),
        record.key,
        reason=SERIES_REFUSED,
        detail=refused.message,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        timestamp_ms=record.timestamp_ms,
    )
    return record.partition, letter


def alert_letters(
    refused: Iterable[Refused], homes: Mapping[SensorKey, int], otherwise: int
) -> Iterator[Addressed]:
    """Yield the dead letters of refused alert points, for the partitions of their sensors.

    The events do not say which partition they were read from; `otherwise` is for a sensor whose
    state somebody deleted.
    """
    for one in refused:
        event = one.of
        assert isinstance(event, AlertEvent)  # noqa: S101 (nothing else was to be written)
        letter = refused_alert(
            one.point.encode(),
            event.asset.encode(),
            detail=one.message,
            alert=event.id,
            transition=event.transition,
            time_ns=event.time_ns,
        )
        yield homes.get(SensorKey(event.asset, event.sensor), otherwise), letter


class Owed:
    """Dead letters of alert points, until a commit has them."""

    def __init__(self) -> None:
        self._letters: list[Addressed] = []

    def add(self, letters: Iterable[Addressed]) -> None:
        """Take in what the next commit owes."""
        self._letters += letters

    def drop(self, partitions: Collection[int]) -> None:
        """Forget partitions: who restores them is given their events anew."""
        self._letters = [letter for letter in self._letters if letter[0] not in partitions]

    @property
    def partitions(self) -> frozenset[int]:
        """Partitions that something is owed to."""
        return frozenset(partition for partition, _ in self._letters)

    def due(self, offsets: Mapping[int, int | None]) -> list[Addressed]:
        """Return what a commit of `offsets` can take.

        A mark travels with an offset, so a partition that never had one waits for its first.
        """
        return [letter for letter in self._letters if offsets.get(letter[0]) is not None]

    def pay(self, letters: Iterable[Addressed]) -> None:
        """Note that `letters` are committed."""
        paid = {id(letter) for letter in letters}
        self._letters = [letter for letter in self._letters if id(letter) not in paid]
