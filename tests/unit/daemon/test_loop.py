"""The loop on fakes: order of writes, outages, rebalances, defects."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest
import structlog

from daemon.errors import ExitStatus, Fatal, Fenced, SettingsError, Unavailable
from daemon.loop import FENCES_IN_A_ROW
from daemon.sources.memory import MemorySource
from models.judgement import Verdict
from pipelines.window import SensorKey
from tests.unit.daemon.loop_bench import SECOND_NS, Bench, window

if TYPE_CHECKING:
    from daemon.batch import Judged

AWAY = Unavailable("no answer")


def test_every_window_has_one_loss_and_the_offset_is_after_the_last() -> None:
    bench = Bench()
    bench.feed(*(window(i) for i in range(5)))
    bench.finish()
    key = SensorKey("pump", "de")
    assert bench.series.losses == {(key, i * SECOND_NS): float(i) for i in range(5)}
    assert bench.journal.kept.offsets == {0: 5}


def test_descriptors_are_written_every_second_window_by_the_sensors_own_index() -> None:
    bench = Bench(batch_windows=1)
    bench.feed(*(window(i) for i in range(5)))
    bench.finish()
    assert sorted(time // SECOND_NS for _, time in bench.series.vibrations) == [0, 2, 4]


@pytest.mark.parametrize("batch_windows", [1, 7, 256])
def test_the_outcome_does_not_depend_on_the_batch_size(batch_windows: int) -> None:
    bench = Bench(batch_windows=batch_windows)
    bench.feed(*(window(i, f"pump{i % 3}", level=9 if i == 20 else 1) for i in range(40)))
    bench.finish()
    whole = Bench(batch_windows=40)
    whole.feed(*(window(i, f"pump{i % 3}", level=9 if i == 20 else 1) for i in range(40)))
    whole.finish()
    assert bench.series.losses == whole.series.losses
    assert bench.series.alerts == whole.series.alerts
    assert bench.journal.kept.states == whole.journal.kept.states
    assert max(bench.judge.batches) <= batch_windows


def test_offsets_are_not_committed_when_the_write_fails() -> None:
    bench = Bench()
    bench.feed(window(0))
    bench.series.failures.plan(AWAY, AWAY)
    bench.steps(3)
    assert bench.journal.kept.commits == 0
    bench.finish()
    assert bench.journal.kept.offsets == {0: 1}


def test_a_batch_is_judged_once_however_often_it_is_tried() -> None:
    bench = Bench()
    bench.feed(window(0))
    bench.series.failures.plan(AWAY, AWAY)
    bench.journal.failures.plan(AWAY, AWAY)
    bench.finish()
    assert bench.judge.batches == [1]
    assert bench.series.calls == 3
    assert bench.journal.kept.commits == 1


def test_the_source_is_paused_while_a_service_is_away_and_goes_on_after() -> None:
    bench = Bench()
    bench.feed(window(0))
    bench.series.failures.plan(AWAY)
    bench.steps(2)
    bench.feed(window(1))
    bench.steps(1)
    assert bench.metric("bearingwatch_service_failures_total", service="series") == 1
    bench.finish()
    assert bench.journal.kept.offsets == {0: 2}


def test_waits_double_up_to_the_longest_and_never_exceed_a_poll() -> None:
    bench = Bench()
    bench.feed(window(0))
    bench.series.failures.plan(*[AWAY] * 6)
    bench.finish()
    assert max(bench.clock.slept) <= 0.5
    assert sum(bench.clock.slept) == pytest.approx(0.5 * (1 + 2 + 4 + 8 + 8 + 8))


def test_a_service_that_says_how_long_is_believed_within_bounds() -> None:
    bench = Bench()
    bench.feed(window(0))
    bench.series.failures.plan(Unavailable("busy", retry_after_s=5.0))
    bench.finish()
    assert sum(bench.clock.slept) == pytest.approx(5.0)


def test_an_outage_of_the_journal_at_the_start_is_waited_for() -> None:
    bench = Bench()
    bench.feed(window(0))
    bench.journal.restore_failures.plan(AWAY, AWAY)
    bench.steps(2)
    assert bench.metric("bearingwatch_restored_partitions") == 0
    bench.finish()
    assert bench.progress.ready
    assert bench.journal.kept.offsets == {0: 1}


def test_a_restart_goes_on_where_the_journal_says() -> None:
    first = Bench()
    first.feed(*(window(i) for i in range(3)))
    first.finish()
    second = Bench(source=MemorySource(log=first.source.log), kept=first.journal.kept)
    second.feed(window(3))
    second.finish()
    assert second.series.losses == {(SensorKey("pump", "de"), 3 * SECOND_NS): 3.0}


def test_a_log_that_was_cut_is_judged_from_its_beginning() -> None:
    """A topic made anew: its offsets are old ones, its windows are not."""
    first = Bench()
    first.feed(*(window(i) for i in range(5)))
    first.finish()
    second = Bench(source=MemorySource(log=first.source.log), kept=first.journal.kept)
    second.steps(2)
    second.source.cut()
    second.feed(*(window(i) for i in range(5, 8)))
    second.finish()
    assert {time // SECOND_NS for _, time in second.series.losses} == {5, 6, 7}
    assert second.journal.kept.offsets == {0: 3}


def test_a_batch_in_hand_when_the_log_is_cut_is_finished() -> None:
    bench = Bench()
    bench.feed(*(window(i) for i in range(5)))
    bench.series.failures.plan(AWAY)
    bench.steps(2)
    bench.source.cut()
    bench.feed(*(window(i) for i in range(5, 8)))
    bench.finish()
    assert {time // SECOND_NS for _, time in bench.series.losses} == set(range(8))
    assert bench.journal.kept.offsets == {0: 3}


def test_alert_points_come_from_what_was_committed() -> None:
    bench = Bench()
    bench.feed(window(0, level=9))
    bench.journal.failures.plan(AWAY)
    bench.steps(2)
    assert bench.series.alerts == {}
    bench.finish()
    assert list(bench.series.alerts) == ["pump/de-0"]
    assert bench.journal.kept.delivered == 1


def test_alerts_that_the_series_missed_are_written_after_a_restart() -> None:
    first = Bench()
    first.feed(window(0, level=9))
    first.series.failures.plan(None, AWAY)
    first.steps(2)
    assert first.journal.kept.commits == 1
    assert first.series.alerts == {}
    second = Bench(source=MemorySource(log=first.source.log), kept=first.journal.kept)
    second.finish()
    assert list(second.series.alerts) == ["pump/de-0"]


def test_a_lost_partition_takes_its_part_of_the_batch_along() -> None:
    bench = Bench(source=MemorySource([0, 1]))
    bench.feed(window(0, "pump"), partition=0)
    bench.feed(window(0, "fan"), partition=1)
    bench.series.failures.plan(AWAY)
    bench.steps(2)
    bench.source.lose([1])
    bench.finish()
    assert bench.journal.kept.offsets == {0: 1}
    assert set(bench.journal.kept.states[0]) == {SensorKey("pump", "de")}
    assert bench.journal.released == [frozenset({1})]
    assert bench.judge.batches == [2, 1]


def test_a_partition_that_comes_back_is_restored_again() -> None:
    bench = Bench()
    bench.feed(window(0))
    bench.steps(3)
    bench.source.revoke([0])
    bench.steps(1)
    assert not bench.progress.ready
    bench.source.assign([0])
    bench.feed(window(1))
    bench.finish()
    assert bench.series.losses[SensorKey("pump", "de"), SECOND_NS] == 1.0


def test_a_fenced_batch_is_dropped_and_read_again() -> None:
    bench = Bench()
    bench.feed(window(0), window(1))
    bench.journal.failures.plan(Fenced("generation 7 is over"))
    bench.finish()
    assert bench.journal.kept.offsets == {0: 2}
    assert bench.judge.batches == [2, 2]
    assert bench.metric("bearingwatch_fenced_batches_total") == 1


def test_another_process_of_our_name_ends_this_one() -> None:
    bench = Bench()
    bench.feed(window(0))
    bench.journal.failures.plan(*[Fenced("a newer producer")] * FENCES_IN_A_ROW)
    with pytest.raises(SettingsError, match="same instance name") as caught:
        bench.finish()
    assert caught.value.exit_status is ExitStatus.BAD_SETTINGS


def test_a_source_that_only_goes_forward_is_not_read_again_after_a_fence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = Bench()
    monkeypatch.setattr(type(bench.source), "rewinds", property(lambda _: False))
    bench.feed(window(0))
    bench.journal.failures.plan(Fenced("a newer process runs on plant.db"))
    with pytest.raises(SettingsError, match=r"runs on plant\.db"):
        bench.finish()


def test_fences_with_a_commit_between_them_are_rebalances() -> None:
    bench = Bench()
    for index in range(3):
        bench.journal.failures.plan(*[Fenced("a rebalance")] * (FENCES_IN_A_ROW - 1))
        bench.feed(window(index))
        bench.finish()
    assert bench.journal.kept.offsets == {0: 3}


def test_a_defect_ends_the_process_and_names_the_record() -> None:
    bench = Bench()
    bench.feed(*(window(i, level=13 if i == 3 else 1) for i in range(6)))
    with pytest.raises(Fatal, match="partition 0 offset 3: ZeroDivisionError"):
        bench.finish()
    assert bench.journal.kept.commits == 0


def test_a_record_before_its_restore_is_a_broken_contract() -> None:
    bench = Bench()
    bench.feed(window(0))
    bench.journal.restore_failures.plan(AWAY)
    bench.steps(1)
    bench.source.resume()
    with pytest.raises(Fatal, match="before its state was restored"):
        bench.steps(2)


def test_bad_records_are_dead_lettered_and_counted() -> None:
    bench = Bench()
    bench.source.append(b"\xc1", key=b"pump")
    bench.feed(window(0))
    bench.source.append(None, key=b"pump")
    bench.finish()
    assert bench.journal.kept.dead_letters == ["not_msgpack", "empty"]
    assert bench.journal.kept.offsets == {0: 3}
    assert bench.metric("bearingwatch_dead_letters_total", reason="empty") == 1


def test_a_window_without_features_is_dead_lettered() -> None:
    bench = Bench()
    bench.feed(replace(window(0), samples=np.ones((1, 63), "<i2")), window(1))
    bench.finish()
    assert bench.journal.kept.dead_letters == ["bad_count"]
    assert len(bench.series.losses) == 1


def test_a_batch_of_bad_records_alone_moves_the_offset() -> None:
    bench = Bench(batch_windows=1)
    bench.source.append(None)
    bench.finish()
    assert bench.journal.kept.offsets == {0: 1}


def test_a_sensor_in_a_second_partition_never_gets_a_second_state() -> None:
    bench = Bench(source=MemorySource([0, 1]))
    bench.feed(window(0), window(1), partition=0)
    bench.feed(window(2), partition=1)
    bench.finish()
    assert bench.journal.kept.dead_letters == ["second_partition"]
    assert set(bench.journal.kept.states[1]) == set()


def test_sensors_with_two_states_are_counted_while_both_are_held() -> None:
    apart = [Bench(source=MemorySource([number])) for number in (0, 1)]
    for number, bench in enumerate(apart):
        bench.feed(window(0), window(1, "fan" if number else "mill"), partition=number)
        bench.finish()
    kept = apart[0].journal.kept
    kept.states[1] = apart[1].journal.kept.states[1]
    both = Bench(source=MemorySource([0, 1]), kept=kept)
    both.steps(2)
    both.clock.now += 2.0
    both.steps(1)
    assert both.metric("bearingwatch_known_sensors") == 3
    assert both.metric("bearingwatch_doubled_sensors") == 1
    both.source.revoke([1])
    both.steps(1)
    both.clock.now += 2.0
    both.steps(1)
    assert both.metric("bearingwatch_doubled_sensors") == 0


def test_a_clock_ahead_of_the_record_is_refused() -> None:
    bench = Bench()
    bench.source.append(window(601), timestamp_ms=0)
    bench.source.append(window(600), timestamp_ms=0)
    bench.finish()
    assert bench.journal.kept.dead_letters == ["clock_ahead"]
    assert list(bench.series.losses) == [(SensorKey("pump", "de"), 600 * SECOND_NS)]


def test_draining_finishes_the_batch_in_hand_and_leaves_the_queue() -> None:
    bench = Bench(batch_windows=2)
    bench.feed(*(window(i) for i in range(6)))
    bench.series.failures.plan(AWAY)
    bench.steps(2)
    assert bench.loop.drain(bench.clock.now + 10)
    assert bench.journal.kept.offsets == {0: 2}


def test_draining_ends_at_the_deadline_when_a_service_stays_away() -> None:
    bench = Bench()
    bench.feed(window(0))
    bench.series.failures.plan(*[AWAY] * 1000)
    bench.steps(2)
    before = bench.clock.now
    assert not bench.loop.drain(before + 10)
    assert bench.clock.now <= before + 11
    assert bench.journal.kept.commits == 0


def test_a_watcher_sees_what_was_committed() -> None:
    seen: list[Judged] = []
    bench = Bench(watch=seen.append)
    bench.feed(window(0), window(1))
    bench.finish()
    assert [len(judged.judgements) for judged in seen] == [2]


def test_a_silent_sensor_is_told_once_and_heard_again() -> None:
    bench = Bench()
    bench.feed(window(0), window(1))
    for _ in range(8):
        bench.steps(1)
        bench.clock.now += 1.0
    assert bench.metric("bearingwatch_health_events_total", event="fell_silent") == 1
    bench.feed(window(9))
    bench.steps(2)
    assert bench.metric("bearingwatch_health_events_total", event="heard_again") == 1


def test_a_sensor_that_sends_old_windows_alone_falls_silent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bench = Bench()
    bench.feed(window(0), window(1))
    bench.steps(2)
    judge = bench.judge.judge

    def late(states: Any, observations: Any, place_of: Any) -> Any:
        new, judgements = judge(states, observations, place_of)
        return new, [msgspec.structs.replace(one, verdict=Verdict.LATE) for one in judgements]

    monkeypatch.setattr(bench.judge, "judge", late)
    for _ in range(8):
        bench.feed(window(0))
        bench.steps(2)
        bench.clock.now += 1.0
        bench.steps(1)
    assert bench.metric("bearingwatch_health_events_total", event="fell_silent") == 1
    assert bench.metric("bearingwatch_health_events_total", event="heard_again") == 0


def test_a_declared_cadence_goes_before_what_was_seen() -> None:
    bench = Bench(cadence_s=3.0)
    bench.feed(window(0), window(1))
    for _ in range(14):
        bench.steps(1)
        bench.clock.now += 1.0
    assert bench.metric("bearingwatch_health_events_total", event="fell_silent") == 0
    for _ in range(4):
        bench.steps(1)
        bench.clock.now += 1.0
    assert bench.metric("bearingwatch_health_events_total", event="fell_silent") == 1


def test_silence_does_not_count_while_a_service_is_away() -> None:
    bench = Bench()
    bench.feed(window(0))
    bench.steps(3)
    bench.feed(window(1))
    bench.series.failures.plan(*[AWAY] * 40)
    bench.steps(200)
    assert bench.clock.now > 1020
    assert bench.metric("bearingwatch_health_events_total", event="fell_silent") == 0


def test_a_source_that_is_away_is_told_once_and_makes_nobody_less_ready() -> None:
    bench = Bench()
    bench.feed(window(0))
    bench.steps(2)
    assert bench.metric("bearingwatch_service_up", service="series") == 1
    bench.source.away = "no broker answers"
    bench.steps(3)
    assert bench.metric("bearingwatch_service_failures_total", service="source") == 1
    assert bench.metric("bearingwatch_service_up", service="source") == 0
    assert bench.progress.ready
    assert bench.progress.told == "1 of 1 partitions restored; source is away"
    bench.source.away = None
    bench.steps(1)
    assert bench.metric("bearingwatch_service_up", service="source") == 1
    assert bench.progress.told == "1 of 1 partitions restored"


def test_sensors_do_not_fall_silent_while_the_source_is_away() -> None:
    bench = Bench()
    bench.feed(window(0), window(1))
    bench.steps(2)
    bench.source.away = "no broker answers"
    for _ in range(20):
        bench.steps(1)
        bench.clock.now += 1.0
    assert bench.metric("bearingwatch_health_events_total", event="fell_silent") == 0


def test_lag_counts_from_what_was_committed_also_during_an_outage() -> None:
    bench = Bench(batch_windows=2)
    bench.feed(*(window(i) for i in range(5)))
    bench.series.failures.plan(*[AWAY] * 100)
    bench.steps(20)
    bench.feed(window(5), window(6))
    bench.steps(20)
    assert bench.metric("bearingwatch_lag_records") == 7
    assert bench.metric("bearingwatch_service_up", service="series") == 0
    bench.series.failures.planned.clear()
    bench.steps(60)
    bench.clock.now += 2.0
    bench.steps(1)
    assert bench.metric("bearingwatch_lag_records") == 0


def test_sensors_that_change_together_are_named_in_one_line() -> None:
    bench = Bench()
    bench.feed(*(window(0, f"pump{number:02}", level=8) for number in range(24)))
    with structlog.testing.capture_logs() as lines:
        bench.finish()
    (line,) = [line for line in lines if line["event"] == "sensors_noted"]
    assert line["reason"] == "commissioned"
    assert line["sensors"] == [f"pump{number:02}/de" for number in range(20)]
    assert line["more"] == 4
    assert bench.metric("bearingwatch_health_events_total", event="commissioned") == 24


def test_sensors_that_fall_silent_together_are_named_in_one_line() -> None:
    bench = Bench()
    bench.feed(*(window(0, f"pump{number}") for number in range(3)))
    with structlog.testing.capture_logs() as lines:
        for _ in range(8):
            bench.steps(1)
            bench.clock.now += 1.0
        bench.feed(*(window(9, f"pump{number}") for number in range(2)))
        bench.steps(2)
    told = {line["event"]: line["sensors"] for line in lines if "sensors_" in line["event"]}
    assert told["sensors_fell_silent"] == ["pump0/de", "pump1/de", "pump2/de"]
    assert told["sensors_heard_again"] == ["pump0/de", "pump1/de"]
