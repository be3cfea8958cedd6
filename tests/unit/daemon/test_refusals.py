"""Points that the series refuses for good become dead letters, each exactly once."""

from __future__ import annotations

from dataclasses import replace

from daemon.journal.memory import MemoryJournal, MemoryStore
from daemon.loop import Loop, Parts, Policy
from daemon.patience import Backoff
from daemon.refusals import Owed
from daemon.series.memory import MemorySeries
from daemon.sources.memory import MemorySource
from daemon.telemetry.metrics import Metrics
from daemon.telemetry.progress import Progress
from daemon.telemetry.report import Report
from pipelines.dead_letters import DeadLetter
from tests.unit.daemon.loop_bench import CountingJudge, StubClock, window

REFUSED = "pump"
ALERT = 9
"""The level at which `CountingJudge` raises an alert."""


class Bench:
    """The loop on the fakes that are shipped, whose journal keeps its marks as real ones do."""

    def __init__(
        self, store: MemoryStore | None = None, source: MemorySource | None = None
    ) -> None:
        self.store = store or MemoryStore()
        self.source = source or MemorySource()
        self.series = MemorySeries()
        self.series.refused = {REFUSED}
        self.journal = MemoryJournal(self.store)
        self.metrics = Metrics()
        clock = StubClock()
        parts = Parts(self.source, self.series, self.journal, CountingJudge())
        policy = Policy(vibration_every=2, backoff=Backoff(1.0, 8.0))
        report = Report(self.metrics, Progress(clock.monotonic))
        self.loop = Loop(parts, policy, clock.bundle(), report)
        self.clock = clock
        self.journal.start()

    def feed(self, index: int, asset: str = REFUSED, level: int = 1, partition: int = 0) -> None:
        of = window(index, asset, level=level)
        stamp = of.start_ns // 1_000_000
        self.source.append(of, partition=partition, key=asset.encode(), timestamp_ms=stamp)

    def steps(self, count: int) -> None:
        for _ in range(count):
            self.loop.step()

    def finish(self) -> None:
        self.source.finish()
        self.loop.run(lambda: False)

    def letters(self) -> list[DeadLetter]:
        return [letter for _, letter in self.store.dead_letters]

    def alert_letters(self) -> list[str]:
        """Return which alert each dead letter of an alert's point is of."""
        headers = [dict(letter.headers) for letter in self.letters()]
        return [one["source-alert"].decode() for one in headers if "source-alert" in one]

    def counted(self) -> float | None:
        labels = {"reason": "series_refused"}
        return self.metrics.registry.get_sample_value("bearingwatch_dead_letters_total", labels)


def test_a_refused_loss_is_kept_with_the_servers_words_and_its_record() -> None:
    bench = Bench()
    bench.feed(0, "fan")
    bench.feed(1)
    bench.finish()
    loss, descriptors = bench.letters()
    assert loss.value == b"('pump', 'de') 1000000000"
    assert loss.key == b"pump"
    told = {name: loss.header(name) for name in ("reason", "detail", "source-offset")}
    assert told == {
        "reason": "series_refused",
        "detail": "asset pump is refused",
        "source-offset": "1",
    }
    assert descriptors.value == b"('pump', 'de', 'x') 1000000000"
    assert bench.counted() == 2


def test_the_other_points_are_written_and_the_batch_is_committed() -> None:
    bench = Bench()
    bench.feed(0, "fan")
    bench.feed(1)
    bench.finish()
    assert [key for key, _ in bench.series.losses] == [("fan", "de")]
    assert bench.store.next_offsets == {0: 2}


def test_points_are_told_apart_also_where_two_records_make_the_same() -> None:
    bench = Bench()
    bench.feed(1)
    bench.feed(1)
    bench.finish()
    losses = [one for one in bench.letters() if one.value == b"('pump', 'de') 1000000000"]
    assert [one.header("source-offset") for one in losses] == ["0", "1"]


def test_refused_points_are_no_letters_before_the_commit_and_one_each_after_it() -> None:
    bench = Bench()
    bench.feed(0)
    bench.steps(1)
    bench.journal.outage = True
    bench.steps(4)
    assert bench.letters() == []
    bench.journal.outage = False
    bench.finish()
    assert len(bench.letters()) == 2


def test_a_refused_alert_point_is_kept_though_no_window_follows() -> None:
    bench = Bench()
    bench.feed(0, level=ALERT)
    bench.steps(3)
    (letter,) = [one for one in bench.letters() if one.value.endswith(b"'warning') 0")]
    assert dict(letter.headers) == {
        "reason": b"series_refused",
        "detail": b"asset pump is refused",
        "source-alert": b"pump/de-0",
        "source-transition": b"raised",
        "source-time-ns": b"0",
        "length": str(len(letter.value)).encode(),
        "sha256": letter.header("sha256").encode(),
    }
    assert letter.key == b"pump"
    assert bench.store.delivered == {0: 1}
    assert bench.store.next_offsets == {0: 1}
    assert bench.counted() == 3


def test_the_next_batch_takes_a_refused_alert_point_along() -> None:
    bench = Bench()
    bench.loop = Loop(
        bench.loop._parts, Policy(batch_windows=1), bench.clock.bundle(), bench.loop._report
    )
    for index in range(3):
        bench.feed(index, level=ALERT if index == 0 else 1)
    bench.steps(3)
    assert bench.store.next_offsets == {0: 2}
    assert bench.alert_letters() == ["pump/de-0"]
    bench.finish()
    assert bench.alert_letters() == ["pump/de-0"]


def test_a_refused_alert_point_waits_for_the_journal_and_is_kept_once() -> None:
    bench = Bench()
    bench.feed(0, level=ALERT)
    bench.steps(2)
    bench.journal.outage = True
    bench.steps(4)
    assert bench.alert_letters() == []
    bench.journal.outage = False
    bench.finish()
    assert bench.alert_letters() == ["pump/de-0"]


def test_a_process_that_dies_before_the_dead_letter_leaves_it_to_the_next() -> None:
    first = Bench()
    first.feed(0, level=ALERT)
    first.steps(2)
    assert first.store.events()
    assert first.alert_letters() == []
    second = Bench(first.store, MemorySource(log=first.source.log))
    second.finish()
    assert second.alert_letters() == ["pump/de-0"]


def test_a_process_that_leaves_before_the_dead_letter_leaves_it_to_the_next() -> None:
    first = Bench()
    first.feed(0, level=ALERT)
    first.steps(2)
    first.journal.outage = True
    assert not first.loop.drain(first.clock.now + 5.0)
    first.journal.outage = False
    first.loop.leave()
    first.journal.close()
    assert first.store.delivered == {}
    second = Bench(first.store, MemorySource(log=first.source.log))
    second.finish()
    assert second.alert_letters() == ["pump/de-0"]


def test_a_drain_waits_for_the_dead_letter() -> None:
    bench = Bench()
    bench.feed(0, level=ALERT)
    bench.steps(2)
    assert bench.loop.drain(bench.clock.now + 5.0)
    assert bench.alert_letters() == ["pump/de-0"]


def test_a_partition_that_is_taken_away_takes_its_dead_letters_along() -> None:
    bench = Bench(source=MemorySource([0, 1]))
    bench.feed(0, level=ALERT, partition=1)
    bench.steps(2)
    bench.source.revoke([1])
    bench.journal.outage = True
    bench.steps(4)
    bench.journal.outage = False
    bench.finish()
    assert bench.alert_letters() == []
    other = Bench(bench.store, MemorySource([0, 1], log=bench.source.log))
    other.finish()
    assert other.alert_letters() == ["pump/de-0"]


def test_a_partition_that_is_taken_away_and_comes_back_owes_its_letters_once() -> None:
    bench = Bench(source=MemorySource([0, 1]))
    bench.feed(0, level=ALERT, partition=1)
    bench.steps(2)
    bench.source.revoke([1])
    bench.steps(2)
    bench.source.assign([1])
    bench.finish()
    assert bench.alert_letters() == ["pump/de-0"]


def test_what_is_owed_to_a_partition_without_an_offset_waits_for_its_first() -> None:
    owed = Owed()
    letter = DeadLetter(b"point", None, [])
    owed.add([(1, letter)])
    assert owed.due({0: 7, 1: None}) == []
    assert owed.due({0: 7, 1: 3}) == [(1, letter)]
    assert owed.partitions == {1}


def test_the_commit_that_takes_the_mark_along_takes_other_partitions_letters_along() -> None:
    bench = Bench(source=MemorySource([0, 1]))
    bench.loop._policy = replace(bench.loop._policy, batch_windows=1)
    bench.feed(1, "fan", partition=1)
    bench.feed(0, level=ALERT)
    bench.feed(2, "fan", partition=1)
    bench.steps(3)
    assert bench.store.next_offsets[1] == 1
    assert bench.store.delivered.get(0) == 1
    assert bench.alert_letters() == ["pump/de-0"]
