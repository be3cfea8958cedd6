"""Each part of the loop alone, on windows of the same topic: microseconds a window."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from daemon.app import build_judging, build_series, policy_of
from daemon.batch import Judged, judged
from daemon.course import Course
from daemon.holdings import Holdings
from daemon.intake import sort_records
from daemon.journal.kafka import KafkaJournal
from daemon.judging import open_model
from daemon.sources.kafka import KafkaSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from daemon.settings import Settings
    from daemon.sources import Record

SAMPLE: Final = 48
"""Batches that the parts behind `consume` are measured on: seconds, as long as a run nearly."""


@dataclass(slots=True)
class Stopwatch:
    """Seconds, of the wall and of the processor, and windows per part."""

    seconds: dict[str, float] = field(default_factory=dict)
    cpu: dict[str, float] = field(default_factory=dict)
    windows: dict[str, int] = field(default_factory=dict)

    def run(self, part: str, windows: int, action: Callable[[], Any]) -> Any:
        """Time one call."""
        began, began_cpu = time.perf_counter(), time.process_time()
        result = action()
        self.add(part, windows, time.perf_counter() - began, time.process_time() - began_cpu)
        return result

    def add(self, part: str, windows: int, seconds: float, cpu: float) -> None:
        """Add what was measured otherwise."""
        self.seconds[part] = self.seconds.get(part, 0.0) + seconds
        self.cpu[part] = self.cpu.get(part, 0.0) + cpu
        self.windows[part] = self.windows.get(part, 0) + windows

    def microseconds(self) -> dict[str, float]:
        """Return what each part costs a window; `cpu` is the processor's time of all parts."""
        costs = {part: 1e6 * spent / self.windows[part] for part, spent in self.seconds.items()}
        cpu = sum(1e6 * spent / self.windows[part] for part, spent in self.cpu.items())
        return {**costs, "cpu": cpu}


def measure_parts(settings: Settings, windows: int) -> dict[str, float]:
    """Measure all parts one after the other; `settings` name a group of their own."""
    watch = Stopwatch()
    source = KafkaSource(settings.kafka, settings.instance)
    journal = KafkaJournal(settings.kafka, settings.instance, source.group_metadata)
    series = build_series(settings)
    for part in (journal, series, source):
        part.start()
    try:
        held = _join(source, journal)
        size = settings.loop.batch_windows
        kept = _consume(watch, source, windows, SAMPLE * size)
        batches = [kept[first : first + size] for first in range(0, len(kept), size)]
        done = [*_judge(watch, settings, batches, held)]
        for one in done:
            count = len(one.judgements)
            watch.run("write", count, partial(series.write, one.points))
        for one in done:
            count = len(one.judgements)
            source.poll(0.0)
            watch.run("commit", count, partial(journal.commit, one.entry))
    finally:
        for part in (source, series, journal):
            part.close()
    return watch.microseconds()


def _join(source: KafkaSource, journal: KafkaJournal) -> Holdings:
    held = Holdings()
    assigned: frozenset[int] = frozenset()
    while not assigned:
        assigned = source.poll(0.5).assigned
    for partition, restored in journal.restore(assigned).items():
        held.take(partition, restored)
    return held


def _consume(watch: Stopwatch, source: KafkaSource, windows: int, keep: int) -> list[Record]:
    """Read everything; the clock starts with the first records, as it does for the process."""
    kept: list[Record] = []
    while not kept:
        kept += source.poll(0.5).records
    seen = first = len(kept)
    began, began_cpu = time.perf_counter(), time.process_time()
    while seen < windows:
        records = source.poll(0.5).records
        seen += len(records)
        kept += records[: max(0, keep - len(kept))]
    spent, cpu = time.perf_counter() - began, time.process_time() - began_cpu
    watch.add("consume", windows - first, spent, cpu)
    return kept


def _judge(
    watch: Stopwatch,
    settings: Settings,
    batches: Sequence[Sequence[Record]],
    held: Holdings,
) -> Iterator[Judged]:
    model, policy = settings.model, policy_of(settings)
    judging = build_judging(settings, open_model(model.bundle, model.engine, model.threads))
    for records in batches:
        count = len(records)
        sort = partial(
            sort_records,
            records,
            limits=policy.limits,
            check=judging.check,
            homes_of=held.homes_of,
        )
        sorted_ = watch.run("decode", count, sort)
        seen = watch.run("extract", count, partial(judging.extract, sorted_.windows))
        course = Course(held)
        outcome = watch.run("judge", count, partial(judging.judge, held.states, seen))
        course.take(sorted_.records, outcome)
        put = partial(judged, sorted_, held.states, course, records, policy.vibration_every)
        one = watch.run("entry", count, put)
        held.adopt(one.states, one.homes, one.entry.next_offsets)
        yield one
