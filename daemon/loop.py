"""The loop: poll, judge, write, commit. One thread owns everything in it.

Errors get one of three answers. A bad record becomes a dead letter. A service that is away is
waited for: the batch is kept, the source is paused, polling goes on so that the group keeps us. A
defect of ours ends the process, with the record named.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from daemon.batch import Batch, Judged, judged
from daemon.course import Course
from daemon.errors import (
    BearingwatchError,
    Fatal,
    Fenced,
    SettingsError,
    StartError,
    Unavailable,
)
from daemon.evidence.gather import with_evidence
from daemon.holdings import Holdings
from daemon.intake import sort_records
from daemon.journal import Entry
from daemon.patience import Backoff, Patience
from daemon.refusals import Owed, alert_letters, with_refused
from daemon.series import Points, Rejected
from daemon.silence import Silence
from pipelines.wire import DEFAULT_LIMITS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from daemon.batch import Judge
    from daemon.intake import Sorted
    from daemon.journal import Basis, Journal
    from daemon.series import Refused, Series
    from daemon.sources import Polled, Record, Source
    from daemon.telemetry.report import Report
    from pipelines.window import SensorKey
    from pipelines.wire import Limits

FENCES_IN_A_ROW: Final = 5
"""So many without a commit between them are no rebalance: another process has our name."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What is wanted of the loop."""

    limits: Limits = DEFAULT_LIMITS
    batch_windows: int = 256
    poll_timeout_s: float = 0.5
    vibration_every: int = 10
    evidence: bool = True
    """Whether to commit what alerts rest on."""
    backoff: Backoff = field(default=Backoff(0.5, 30.0))
    patient: bool = True
    """Whether a service that is away is waited for; a command that ends by itself says so."""
    silent_after_cadences: float = 5.0
    survey_every_s: float = 5.0
    """How often lag and silent sensors are looked at."""


@dataclass(frozen=True, slots=True)
class Clock:
    """Time and chance, passed in so that tests need neither."""

    monotonic: Callable[[], float]
    sleep: Callable[[float], None]
    random: Callable[[], float]


@dataclass(frozen=True, slots=True)
class Parts:
    """What the loop works with; built and started by the composition root."""

    source: Source
    series: Series
    journal: Journal
    judge: Judge
    declared_cadence_s: Callable[[SensorKey], float | None] = lambda _: None
    """Time between a sensor's windows as its owner declared it, else what was seen counts."""
    basis: Basis | None = None
    """What `judge` judges by; committed to the journal where it is another than before."""


class Loop:
    """Takes windows from the source to the series and the journal, batch by batch."""

    def __init__(self, parts: Parts, policy: Policy, clock: Clock, report: Report) -> None:
        self._parts = parts
        self._policy = policy
        self._clock = clock
        self._report = report
        self._holdings = Holdings()
        self._patience = Patience(policy.backoff, clock.random)
        self._silence = Silence(policy.silent_after_cadences, self._cadence_s)
        self._queue: deque[Record] = deque()
        self._batch: Batch | None = None
        self._unrestored: set[int] = set()
        self._first_seen: dict[int, int] = {}
        self._alerts_due = False
        self._owed = Owed()
        self._fences = 0
        self._surveyed_at = clock.monotonic()
        self._away_since: float | None = None

    # ---- running ------------------------------------------------------------------------------

    def run(self, stopping: Callable[[], bool]) -> None:
        """Go round until `stopping` or a source's end; raises what ends the process."""
        while not stopping() and not self.finished:
            self.step()

    def drain(self, deadline: float) -> bool:
        """Finish the batch in hand until the monotonic `deadline`; return whether it was done.

        What is only queued was never committed and is read again.
        """
        self._queue.clear()
        self._parts.source.pause()
        while self._busy and self._clock.monotonic() < deadline:
            self.step()
        return not self._busy

    def leave(self) -> None:
        """Let go of marks whose dead letters no commit has: closing the journal would save them."""
        self._parts.journal.release(self._owed.partitions)

    @property
    def finished(self) -> bool:
        """True once a finite source is exhausted and all of it is done."""
        undone = self._queue or self._unrestored or self._busy
        return self._parts.source.exhausted and not undone

    @property
    def _busy(self) -> bool:
        due = self._owed.due(self._holdings.next_offsets)
        return self._batch is not None or self._alerts_due or bool(due)

    def step(self) -> None:
        """Go round once: ask the source, restore what is new, work on one batch."""
        self._report.round(self._patience.waiting)
        try:
            self._ask()
            if self._patience.left_s(self._clock.monotonic()) == 0:
                self._work()
        except BearingwatchError:
            raise
        except Exception as error:
            raise Fatal(f"{self._in_hand()}: {type(error).__name__}: {error}") from error

    def _ask(self) -> None:
        """Poll where there is nothing to do, or nothing that can be done yet."""
        if self._patience.waiting:
            self._poll_and_wait()
        elif not self._queue and not self._busy and not self._unrestored:
            self._take(self._parts.source.poll(self._policy.poll_timeout_s))
        self._heed_source()
        self._survey()

    def _poll_and_wait(self) -> None:
        """Poll for as long as there is to wait; a source that answers sooner is slept after."""
        now = self._clock.monotonic()
        wait_s = min(self._patience.left_s(now), self._policy.poll_timeout_s)
        self._take(self._parts.source.poll(wait_s))
        rest_s = now + wait_s - self._clock.monotonic()
        if rest_s > 0:
            self._clock.sleep(rest_s)

    def _work(self) -> None:
        try:
            self._restore()
            self._deliver()
            self._advance()
        except Unavailable as error:
            self._wait(error)
        except Fenced as error:
            self._begin_again(error)
        else:
            self._go_on()

    # ---- partitions ---------------------------------------------------------------------------

    def _take(self, polled: Polled) -> None:
        if polled.revoked or polled.lost:
            self._let_go(polled.revoked | polled.lost)
        if polled.assigned:
            self._unrestored |= polled.assigned
            self._report.assigned(polled.assigned, self._partitions())
        self._holdings.begin_anew(polled.cut)
        for record in polled.records:
            self._first_seen.setdefault(record.partition, record.offset)
            if self._is_ours(record):
                self._queue.append(record)

    def _is_ours(self, record: Record) -> bool:
        if record.partition in self._unrestored:
            raise Fatal(
                f"the source gave offset {record.offset} of partition {record.partition} "
                "before its state was restored"
            )
        held = record.partition in self._holdings.partitions
        return held and self._holdings.is_ahead(record.partition, record.offset)

    def _let_go(self, partitions: frozenset[int]) -> None:
        """Drop what belongs to partitions that are another's now; it was not committed."""
        self._unrestored -= partitions
        self._forget(partitions)
        for partition in partitions:
            self._first_seen.pop(partition, None)
        self._parts.journal.release(partitions)
        self._report.released(partitions, self._partitions())

    def _forget(self, partitions: Iterable[int]) -> None:
        gone = frozenset(partitions)
        self._holdings.drop(gone)
        self._silence.forget(gone)
        self._owed.drop(gone)
        self._queue = deque(record for record in self._queue if record.partition not in gone)
        if self._batch is not None and any(r.partition in gone for r in self._batch.records):
            rest = self._batch.without(gone)
            self._batch = rest if rest.records else None

    def _restore(self) -> None:
        """Restore what was assigned, then let its records come from where the journal says."""
        if not self._unrestored:
            return
        partitions = frozenset(self._unrestored)
        with self._report.calling("journal", "restore"):
            restored = dict(self._parts.journal.restore(partitions))
        for partition in sorted(partitions):
            held = restored.pop(partition)  # so that its records go as its states come
            self._holdings.take(partition, held)
            start = held.next_offset
            start = self._first_seen.get(partition) if start is None else start
            if start is not None:
                self._parts.source.seek(partition, start)
        self._parts.judge.check_states(self._holdings.all_states())
        self._unrestored -= partitions
        self._alerts_due = True
        self._silence.hear(self._holdings.homes_in(partitions))
        sensors, lost = len(self._holdings.states), self._holdings.lost
        self._report.restored(partitions, self._partitions(), sensors, lost=lost)

    def _partitions(self) -> tuple[int, int]:
        """Return how many partitions are assigned, and how many of them are restored."""
        restored = len(self._holdings.partitions)
        return restored + len(self._unrestored), restored

    # ---- one batch ----------------------------------------------------------------------------

    def _advance(self) -> None:
        """Take one batch from records to committed facts.

        0. where judgement has changed, commit that it has and from which offset
        1. judge: a function of the records and the states before; nothing is changed yet
        2. write the losses: repeating them overwrites the same points; those that are refused for
           good become dead letters
        3. commit states, alert events, dead letters and offsets, all or nothing: commit last
        4. adopt the new states: only now is the batch done
        5. write the alert points, from what was committed
        Whatever dies where: before 3 the batch is read again, after 3 the journal knows what
        alert points are due.
        """
        batch = self._batch = self._batch or self._next_batch()
        if batch is None:
            self._pay()
            return
        if batch.judged is None:
            self._declare(batch.records)
            batch.judged = self._judge(batch.records)
        if not batch.written:
            batch.judged = with_refused(batch.judged, self._write(batch.judged.points))
            batch.written = True
        self._commit(batch.judged.entry)
        self._adopt(batch.judged)
        self._batch = None
        self._report.committed(batch.records, batch.judged, len(self._holdings.states))
        self._deliver()

    def _next_batch(self) -> Batch | None:
        count = min(len(self._queue), self._policy.batch_windows)
        return Batch([self._queue.popleft() for _ in range(count)]) if count else None

    def _declare(self, records: Sequence[Record]) -> None:
        """Commit what judges from here on, before anything is judged with it."""
        if self._parts.basis is None:
            return
        changed = self._holdings.judged_otherwise(records, self._parts.basis)
        if not changed:
            return
        since = {partition: basis.since for partition, basis in changed.items()}
        self._commit(Entry(bases=changed, next_offsets=since))
        self._report.judged_otherwise(self._holdings.bases, changed)
        self._holdings.bases |= changed

    def _judge(self, records: Sequence[Record]) -> Judged:
        with self._report.timing("decode"):
            sorted_ = sort_records(
                records,
                limits=self._policy.limits,
                check=self._parts.judge.check,
                homes_of=self._holdings.homes_of,
            )
        course = Course(self._holdings)
        for stretch, order in sorted_.stretches():
            self._judge_stretch(sorted_, stretch, course)
            if order is not None:
                course.follow(order)
        before = self._holdings.states
        found = judged(sorted_, before, course, records, self._policy.vibration_every)
        return with_evidence(found) if self._policy.evidence else found

    def _judge_stretch(self, sorted_: Sorted, stretch: slice, course: Course) -> None:
        """Judge the windows between two commands."""
        windows, records = sorted_.windows[stretch], sorted_.records[stretch]
        if not windows:
            return
        with self._report.timing("extract"):
            observations = self._parts.judge.extract(windows, course.states)
        with self._report.timing("judge"):
            place_of = course.places(windows, records)
            outcome = self._parts.judge.judge(course.states, observations, place_of)
        course.take(records, outcome)

    def _write(self, points: Points, stage: str = "write") -> Sequence[Refused]:
        """Write `points`; return those that the series will never take."""
        if not points:
            return ()
        try:
            with self._report.calling("series", stage):
                self._parts.series.write(points)
        except Rejected as error:
            self._report.refused(error)
            return error.refused
        return ()

    def _commit(self, entry: Entry) -> None:
        """Commit `entry`, and with it the dead letters that are owed to its partitions."""
        owed = self._owed.due({**self._holdings.next_offsets, **entry.next_offsets})
        whole = replace(entry, dead_letters=[*entry.dead_letters, *owed])
        with self._report.calling("journal", "commit"):
            self._parts.journal.commit(whole)
        self._owed.pay(owed)
        self._report.dead_lettered(whole.dead_letters)

    def _pay(self) -> None:
        """Commit what is owed by itself: nobody knows when the next window comes."""
        offsets = self._holdings.next_offsets
        owed = {partition for partition, _ in self._owed.due(offsets)}
        if owed:
            known = {p: o for p, o in offsets.items() if p in owed and o is not None}
            self._commit(Entry(next_offsets=known))

    def _adopt(self, judged: Judged) -> None:
        self._fences = 0
        self._holdings.adopt(
            judged.states, judged.homes, judged.entry.next_offsets, judged.forgotten
        )
        self._silence.forget_sensors(key for _, key in judged.forgotten)
        self._report.heard_again(self._silence.hear(judged.heard))
        self._alerts_due = self._alerts_due or bool(judged.entry.alerts)

    def _deliver(self) -> None:
        """Bring the series' alerts up to the committed ones."""
        if not self._alerts_due:
            return
        refused = self._write(Points(alerts=self._parts.journal.undelivered()), "deliver")
        homes, otherwise = self._holdings.homes, min(self._holdings.partitions, default=0)
        self._owed.add(alert_letters(refused, homes, otherwise))
        self._parts.journal.mark_delivered()
        self._alerts_due = False

    # ---- trouble ------------------------------------------------------------------------------

    def _wait(self, error: Unavailable) -> None:
        """Keep the batch; hold back the source until the service is there again."""
        if not self._policy.patient:
            raise StartError(str(error)) from error
        wait_s = self._hold_back(error.retry_after_s)
        self._report.went_away(error, wait_s, self._patience.failures)

    def _hold_back(self, wish_s: float | None = None) -> float:
        self._parts.source.pause()
        return self._patience.failed(self._clock.monotonic(), wish_s)

    def _go_on(self) -> None:
        if self._patience.waiting:
            failures = self._patience.failures
            self._patience.succeeded()
            self._parts.source.resume()
            self._report.came_back(failures)

    def _begin_again(self, error: Fenced) -> None:
        """Nothing was committed: drop what is in hand and restore what we still hold.

        A source that cannot go back is one process's own: who fences that runs beside it.
        """
        self._fences += 1
        self._report.fenced(error)
        if self._fences >= FENCES_IN_A_ROW or not self._parts.source.rewinds:
            raise SettingsError(
                f"fenced: {error}; another process has the same instance name or transactional "
                "id, stop one of them or name them apart"
            ) from error
        held = self._holdings.partitions
        self._forget(held)
        self._parts.journal.release(held)
        self._unrestored |= held
        self._alerts_due = False
        self._hold_back()

    def _in_hand(self) -> str:
        """Name the records that were being worked on."""
        if self._batch is None:
            return "between two batches"
        return f"while working on {self._blamed(self._batch)}"

    def _blamed(self, batch: Batch) -> str:
        """Name the one record that cannot be judged, or all where it is not judgement."""
        if batch.judged is None:
            for record in batch.records:
                try:
                    self._judge([record])
                except Exception:  # the error itself is on its way up already
                    return _named([record])
        return _named(batch.records)

    # ---- looking around -----------------------------------------------------------------------

    def _heed_source(self) -> None:
        """Tell of a source that is away; nothing has to be done about it."""
        away, now = self._parts.source.away, self._clock.monotonic()
        if away is not None and self._away_since is None:
            self._away_since = now
            self._report.source_went_away(away)
        elif away is None and self._away_since is not None:
            self._report.source_came_back(now - self._away_since)
            self._away_since = None

    def _survey(self) -> None:
        now = self._clock.monotonic()
        if now - self._surveyed_at < self._policy.survey_every_s:
            return
        self._surveyed_at = now
        unread = self._parts.source.lag()
        caught_up = {p for p in self._holdings.partitions if unread.get(p) == 0}
        # What is not read, or cannot be, cannot be missed.
        busy = self._patience.waiting or self._queue or self._away_since is not None
        attentive = set() if busy else caught_up
        self._report.fell_silent(self._silence.pass_time(now, attentive))
        self._report.surveyed(
            lag=sum(unread.values()) + self._in_hand_count,
            silent=self._silence.silent,
            doubled=len(self._holdings.shadowed),
        )

    @property
    def _in_hand_count(self) -> int:
        """How many records were read and not committed."""
        return len(self._queue) + (len(self._batch.records) if self._batch else 0)

    def _cadence_s(self, key: SensorKey) -> float:
        declared = self._parts.declared_cadence_s(key)
        return declared or float(self._holdings.states[key].row["cadence_s"])


def _named(records: Sequence[Record]) -> str:
    first, last = records[0], records[-1]
    if first is last:
        return f"{first.topic} partition {first.partition} offset {first.offset}"
    return (
        f"{len(records)} records from {first.topic} partition {first.partition} offset "
        f"{first.offset} to partition {last.partition} offset {last.offset}"
    )
