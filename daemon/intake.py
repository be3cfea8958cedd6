"""From records to windows and commands: what may be judged, and what is a dead letter and why."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipelines.commands import Command, Kind, decode_command, is_command
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
    from collections.abc import Callable, Iterable, Iterator, Mapping

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


@dataclass(frozen=True, slots=True)
class Order:
    """A command with its record; the first `after` windows of the batch came before it."""

    command: Command
    record: Record
    after: int


@dataclass(slots=True)
class Sorted:
    """The records of one batch: windows and commands with their records, and dead letters."""

    windows: list[Window] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    """The record of each window, in the same order."""
    orders: list[Order] = field(default_factory=list)
    dead_letters: list[tuple[int, DeadLetter]] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    """Why each dead letter became one, in the same order."""

    def stretches(self) -> Iterator[tuple[slice, Order | None]]:
        """Yield the windows up to each command with that command, then the rest with None."""
        begin = 0
        for order in self.orders:
            yield slice(begin, order.after), order
            begin = order.after
        yield slice(begin, len(self.records)), None


def sort_records(
    records: Iterable[Record],
    *,
    limits: Limits,
    check: Callable[[Window], None],
    homes_of: Callable[[SensorKey], Mapping[int, int]],
) -> Sorted:
    """Decode `records` into windows that features can be had from, and commands between them.

    `check` raises `Unfit` for others; `homes_of` says in which partitions a sensor has a state, the
    one that judges it first, and behind which offset each of them is.
    A function of its arguments, so that what was not committed is sorted the same again.
    """
    result = Sorted()
    homes = _Homes(homes_of)
    for record in records:
        try:
            if is_command(record.header(CONTENT_TYPE_HEADER)):
                _take_command(record, result, homes)
            else:
                _take_window(record, result, homes, limits, check)
        except InvalidRecord as error:
            result.dead_letters.append((record.partition, _letter(record, error)))
            result.refusals.append(
                Refusal(record, error.reason, error.detail, error.asset, error.sensor)
            )
    return result


def _take_command(record: Record, result: Sorted, homes: _Homes) -> None:
    value = record.value
    command = decode_command(None if isinstance(value, Window) else value, record.key)
    homes.follow(command, record)
    result.orders.append(Order(command, record, len(result.windows)))


def _take_window(
    record: Record,
    result: Sorted,
    homes: _Homes,
    limits: Limits,
    check: Callable[[Window], None],
) -> None:
    window = _window(record, limits)
    with _named(window):
        _check_envelope(window, record, limits)
        _check_fit(window, check)
        homes.check(window, record)
    result.windows.append(window)
    result.records.append(record)


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


class _Homes:
    """In which partition each sensor's state lives, at one place of the batch after another."""

    def __init__(self, before: Callable[[SensorKey], Mapping[int, int]]) -> None:
        self._before = before
        self._met: dict[SensorKey, int] = {}
        self._forgot: list[tuple[Command, Record]] = []

    def follow(self, command: Command, record: Record) -> None:
        """Let sensors that a command makes forgotten be new again."""
        if command.command is Kind.FORGET:
            self._forgot.append((command, record))
            self._met = {
                key: home
                for key, home in self._met.items()
                if home != record.partition or not self._forgets(command, record, key)
            }

    def _forgets(self, command: Command, record: Record, key: SensorKey) -> bool:
        """Say whether a command is for a sensor, and not one that its state is from behind of."""
        moved = self._before(key).get(record.partition, 0)
        return command.covers(key) and moved <= record.offset

    def check(self, window: Window, record: Record) -> None:
        """Refuse a sensor's window in a second partition: there must never be a second state."""
        home = self._met.setdefault(window.key, self._home(window.key, record.partition))
        if home != record.partition:
            raise InvalidRecord(
                Reason.SECOND_PARTITION,
                f"{window.key} came in partition {record.partition}, its state lives in {home}; "
                "let the producer use the asset as key and the murmur2 partitioner",
            )

    def _home(self, key: SensorKey, otherwise: int) -> int:
        gone = {
            record.partition
            for command, record in self._forgot
            if self._forgets(command, record, key)
        }
        return next((home for home in self._before(key) if home not in gone), otherwise)


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
