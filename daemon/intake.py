"""From records to windows: what may be judged, and what becomes a dead letter and why."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipelines.dead_letters import DeadLetter, dead_letter
from pipelines.features import TooSlow, Unfit
from pipelines.window import Window
from pipelines.wire import (
    CONTENT_TYPE_HEADER,
    InvalidRecord,
    Limits,
    Reason,
    check_clock,
    check_key,
    decode,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from daemon.sources import Record
    from pipelines.window import SensorKey


@dataclass(frozen=True, slots=True)
class Refusal:
    """A record that became a dead letter, why, and whose it is as far as it says so."""

    record: Record
    reason: Reason
    detail: str
    asset: str | None
    sensor: str | None


@dataclass(slots=True)
class Sorted:
    """The records of one batch: windows with the partition they came in, and dead letters."""

    windows: list[Window] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    """The record of each window, in the same order."""
    dead_letters: list[tuple[int, DeadLetter]] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    """Why each dead letter became one, in the same order."""


def sort_records(
    records: Iterable[Record],
    *,
    limits: Limits,
    check: Callable[[Window], None],
    home_of: Callable[[SensorKey], int | None],
) -> Sorted:
    """Decode `records` into windows that features can be had from.

    `check` raises `Unfit` for others; `home_of` says in which partition a sensor's state lives.
    A function of its arguments, so that what was not committed is sorted the same again.
    """
    result = Sorted()
    homes: dict[SensorKey, int] = {}
    for record in records:
        try:
            window = _window(record, limits)
            with _named(window):
                _check_envelope(window, record, limits)
                _check_fit(window, check)
                _check_home(window, record, home_of(window.key), homes)
        except InvalidRecord as error:
            result.dead_letters.append((record.partition, _letter(record, error)))
            result.refusals.append(
                Refusal(record, error.reason, error.detail, error.asset, error.sensor)
            )
        else:
            result.windows.append(window)
            result.records.append(record)
    return result


def _window(record: Record, limits: Limits) -> Window:
    if isinstance(record.value, Window):
        return record.value
    content_type = record.header(CONTENT_TYPE_HEADER)
    return decode(record.value, content_type=content_type, key=record.key, limits=limits)


@contextmanager
def _named(window: Window) -> Iterator[None]:
    """Let what is refused say whose window it is."""
    try:
        yield
    except InvalidRecord as error:
        error.of(*window.key)
        raise


def _check_envelope(window: Window, record: Record, limits: Limits) -> None:
    if not isinstance(record.value, Window):
        check_key(record.key, window.asset)  # `decode` lets a record without a key pass
    check_clock(window, record.timestamp_ms, limits)


def _check_fit(window: Window, check: Callable[[Window], None]) -> None:
    try:
        check(window)
    except TooSlow as error:
        raise InvalidRecord(Reason.BAD_RATE, str(error)) from error
    except Unfit as error:
        raise InvalidRecord(Reason.BAD_COUNT, str(error)) from error


def _check_home(
    window: Window, record: Record, known: int | None, homes: dict[SensorKey, int]
) -> None:
    """Refuse a sensor's window in a second partition: there must never be a second state."""
    home = homes.setdefault(window.key, record.partition if known is None else known)
    if home != record.partition:
        raise InvalidRecord(
            Reason.SECOND_PARTITION,
            f"{window.key} came in partition {record.partition}, its state lives in {home}; "
            "let the producer use the asset as key and the murmur2 partitioner",
        )


def _letter(record: Record, error: InvalidRecord) -> DeadLetter:
    value = record.value
    return dead_letter(
        b"" if isinstance(value, Window) else value,
        record.key,
        reason=error.reason,
        detail=error.detail,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        timestamp_ms=record.timestamp_ms,
    )
