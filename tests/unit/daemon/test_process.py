"""Start and stop of the whole, on fakes."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import pytest

from daemon.errors import StartError, Unavailable
from daemon.journal.memory import MemoryJournal
from daemon.loop import Parts, Policy
from daemon.process import Process
from daemon.series.memory import MemorySeries
from daemon.sources.memory import MemorySource
from daemon.telemetry.metrics import Metrics
from daemon.telemetry.progress import Progress
from daemon.telemetry.report import Report
from tests.unit.daemon.loop_bench import CountingJudge, StubClock, window

if TYPE_CHECKING:
    from daemon.journal import Entry


class Journal(MemoryJournal):
    """Raises what is planned when it is started."""

    def __init__(self, *failures: Exception) -> None:
        super().__init__()
        self.failures = list(failures)
        self.closed = 0
        self.progress: Progress | None = None
        self.told: list[str] = []
        """What readiness said at each try to start."""

    def start(self) -> None:
        self.told.append(self.progress.told if self.progress else "")
        if self.failures:
            raise self.failures.pop(0)
        super().start()

    def close(self) -> None:
        self.closed += 1
        super().close()


def process(journal: Journal, source: MemorySource, clock: StubClock) -> Process:
    report = Report(Metrics(), Progress(clock.monotonic))
    parts = Parts(source, MemorySeries(), journal, CountingJudge())
    return Process(parts, Policy(), report, drain_s=10.0, clock=clock.bundle())


def finished_source(count: int) -> MemorySource:
    source = MemorySource()
    for index in range(count):
        source.append(window(index), timestamp_ms=index * 1000)
    source.finish()
    return source


def test_a_finite_source_runs_to_its_end() -> None:
    journal = Journal()
    assert process(journal, finished_source(3), StubClock()).run(lambda: False)
    assert journal.store.next_offsets == {0: 3}
    assert journal.closed == 1


def test_a_stop_is_not_the_sources_end() -> None:
    # The first round restores, the second polls everything: it is queued, and never judged.
    rounds = iter([False] * 4)
    journal = Journal()
    clock, ends = StubClock(), list[str]()
    parts = Parts(finished_source(3), MemorySeries(), journal, CountingJudge())
    report = Report(Metrics(), Progress(clock.monotonic))
    policy = Policy(batch_windows=1)
    run = Process(
        parts, policy, report, clock=clock.bundle(), at_the_end=lambda: ends.append("end")
    )
    assert not run.run(lambda: next(rounds, True))
    assert ends == []
    assert journal.store.next_offsets.get(0, 0) < 3


def test_a_service_that_is_away_at_the_start_is_waited_for() -> None:
    clock = StubClock()
    journal = Journal(*[Unavailable("no broker")] * 4)
    process(journal, finished_source(1), clock).run(lambda: False)
    assert journal.store.next_offsets == {0: 1}
    assert max(clock.slept) <= 0.5


def test_readiness_names_what_the_start_waits_for_and_what_is_away() -> None:
    clock, journal = StubClock(), Journal(Unavailable("no broker"))
    progress = journal.progress = Progress(clock.monotonic)
    asked = count()

    def stopping() -> bool:
        return progress.status.endswith("partitions") or next(asked) > 100

    parts = Parts(MemorySource(()), MemorySeries(), journal, CountingJudge())
    report = Report(Metrics(), progress)
    Process(parts, Policy(), report, clock=clock.bundle()).run(stopping)
    assert journal.told == [
        "starting, waiting for journal",
        "starting, waiting for journal; journal is away",
    ]
    assert progress.told == "starting, waiting for partitions"


def test_a_stop_while_waiting_at_the_start_ends_in_peace() -> None:
    clock = StubClock()
    journal = Journal(*[Unavailable("no broker")] * 100)
    process(journal, finished_source(1), clock).run(lambda: clock.now > 1005)
    assert journal.store.next_offsets == {}
    assert journal.closed == 1


def test_what_failed_to_start_is_closed_too() -> None:
    journal = Journal(StartError("the topic is missing"))
    with pytest.raises(StartError):
        process(journal, finished_source(1), StubClock()).run(lambda: False)
    assert journal.closed == 1


def test_a_stop_commits_the_batch_in_hand() -> None:
    source = MemorySource()
    for index in range(3):
        source.append(window(index), timestamp_ms=index * 1000)
    journal = Journal()
    process(journal, source, StubClock()).run(lambda: bool(journal.store.next_offsets))
    assert journal.store.next_offsets == {0: 3}


class CutOff(Journal):
    """Goes away after its first commit, and is back when it is closed."""

    def commit(self, entry: Entry) -> None:
        super().commit(entry)
        self.outage = True

    def close(self) -> None:
        self.outage = False
        super().close()


def test_a_stop_saves_no_mark_whose_dead_letter_was_not_committed() -> None:
    source, series, journal, clock = MemorySource(), MemorySeries(), CutOff(), StubClock()
    source.append(window(0, level=9))
    series.refused = {"pump"}
    parts = Parts(source, series, journal, CountingJudge())
    report = Report(Metrics(), Progress(clock.monotonic))
    run = Process(parts, Policy(), report, drain_s=10.0, clock=clock.bundle())
    run.run(lambda: bool(journal.store.next_offsets))
    assert journal.store.events()
    assert journal.store.delivered == {}
