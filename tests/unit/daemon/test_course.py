"""Commands among the windows: what becomes of them in the loop, and that batches do not matter."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from daemon.journal.memory import MemoryJournal, MemoryStore
from daemon.judging import Judging, open_model
from daemon.loop import Loop, Parts, Policy
from daemon.series.memory import MemorySeries
from daemon.sources import Record
from daemon.sources.memory import MemorySource
from daemon.telemetry.metrics import Metrics
from daemon.telemetry.progress import Progress
from daemon.telemetry.report import Report
from models.alerts import Transition
from models.peers import no_group
from models.policy import DetectorSettings
from models.state import STANDS_OUT, decode_state, encode_cold, encode_hot, moved_up_to
from pipelines.commands import Kind
from pipelines.window import SensorKey
from tests.plant.bundles import write_bundle
from tests.plant.commands import HEADERS, command, messages
from tests.plant.windows import COMMISSIONING, message, window
from tests.unit.daemon.loop_bench import Bench, StubClock
from tests.unit.daemon.loop_bench import window as plain_window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from daemon.journal import StateRecord
    from daemon.judging import Model
    from models.alerts import AlertEvent
    from models.peers import GroupLookup
    from tests.plant.windows import Message

KEY = SensorKey("pump", "drive-end")
FREE_END = SensorKey("pump", "free-end")
FAN = SensorKey("fan", "drive-end")
BEFORE = Record("windows", 0, 0, 0, None, None)
"""What lies before the committed offset, where nobody reads."""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return open_model(write_bundle(tmp_path_factory.mktemp("bundle")))


@dataclass(frozen=True, slots=True)
class Left:
    """What a run leaves behind, and what it counted."""

    store: MemoryStore
    series: MemorySeries
    metrics: Metrics

    def metric(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0.0

    def hot(self, key: SensorKey, partition: int = 0) -> bytes:
        return self.store.states[partition][key].hot


def run(
    model: Model,
    log: Iterable[Message],
    sizes: Sequence[int] = (),
    store: MemoryStore | None = None,
    group_of: GroupLookup = no_group,
) -> Left:
    """Run over `log` with batches of the given sizes, then all the rest in one.

    With a `store`, `log` lies behind what was committed there.
    """
    policy = DetectorSettings()
    short = replace(policy.commissioning, windows=COMMISSIONING, span_s=0.0)
    judge = Judging(model, replace(policy, commissioning=short), group_of=group_of)
    series, journal = MemorySeries(), MemoryJournal(store)
    before = {number: [BEFORE] * end for number, end in journal.store.next_offsets.items()}
    source = MemorySource({0, 1, 2}, log=before)
    journal.start()
    clock, metrics = StubClock(), Metrics()
    report = Report(metrics, Progress(clock.monotonic))
    loop = Loop(Parts(source, series, journal, judge), Policy(), clock.bundle(), report)
    loop.step()
    waiting = list(log)
    for size in (*sizes, len(waiting)):
        batch, waiting = waiting[:size], waiting[size:]
        for one in batch:
            source.append(
                one.value,
                partition=one.partition,
                key=one.key,
                timestamp_ms=one.timestamp_ms,
                headers=tuple(one.headers),
            )
        loop.step()
    source.finish()
    loop.run(lambda: False)
    return Left(journal.store, series, metrics)


def plant(
    until: int, *, louder_from: int = 10**6, homes: tuple[int, int] = (0, 0)
) -> list[Message]:
    """Return windows of three sensors; the pump is in the first of the homes, the fan last."""
    found = []
    for index in range(until):
        for key, home in ((KEY, homes[0]), (FREE_END, homes[0]), (FAN, homes[1])):
            level = 8.0 if key == KEY and index >= louder_from else 1.0
            found.append(message(window(index, *key, level=level), home))
    return found


def given_at(place: int, log: list[Message], *commands: Message) -> list[Message]:
    return [*log[:place], *commands, *log[place:]]


def rebaseline(partitions: Iterable[int] = (0,), sensor: str | None = None) -> list[Message]:
    return messages(command(Kind.REBASELINE, sensor=sensor), partitions, 0)


def forget(partitions: Iterable[int] = (0,), sensor: str | None = None) -> list[Message]:
    return messages(command(Kind.FORGET, sensor=sensor), partitions, 0)


@settings(max_examples=12, deadline=None)
@given(
    places=st.lists(st.integers(0, 240), min_size=1, max_size=4),
    kinds=st.lists(st.sampled_from(Kind), min_size=4, max_size=4),
    sensors=st.lists(st.sampled_from([None, "drive-end"]), min_size=4, max_size=4),
    sizes=st.lists(st.integers(1, 60), max_size=12),
)
def test_any_split_with_commands_between_gives_the_same_bytes(
    model: Model,
    places: list[int],
    kinds: list[Kind],
    sensors: list[str | None],
    sizes: list[int],
) -> None:
    log = plant(80, louder_from=40)
    for place, kind, sensor in zip(places, kinds, sensors, strict=False):
        log = given_at(place, log, *messages(command(kind, sensor=sensor), (0,), 0))
    whole, split = run(model, log), run(model, log, sizes)
    assert split.store.states == whole.store.states
    assert split.store.alerts == whole.store.alerts
    assert split.store.evidence == whole.store.evidence
    assert split.series.losses == whole.series.losses
    assert split.series.alerts == whole.series.alerts


@pytest.mark.parametrize("sizes", [(), (1,) * 400])
def test_rebaselining_holds_from_the_window_behind_it_on(model: Model, sizes: tuple[int]) -> None:
    log = given_at(3 * 50, plant(80, louder_from=40), *rebaseline(sensor="drive-end"))
    left = run(model, log, sizes)
    raised, closed = (e for e in left.store.events() if e.transition is not Transition.ESCALATED)
    assert (raised.transition, closed.transition) == (Transition.RAISED, Transition.CLEARED)
    assert closed.time_ns == window(49).start_ns + 1
    assert "ann@desk" in closed.text
    state = decode_state(*_parts(left, KEY))
    assert state.commissioned
    assert state.cold.old_baseline_id == closed.baseline
    learnt = [at for at in range(80) if (KEY, window(at).start_ns) not in left.series.losses]
    assert learnt == [*range(20), *range(50, 70)]


def placeless(left: Left, key: SensorKey) -> tuple[bytes, bytes]:
    """Return a sensor's state as it is wherever its windows lie in the log."""
    state = moved_up_to(decode_state(*_parts(left, key)), 0)
    return encode_hot(state), encode_cold(state)


def _parts(left: Left, key: SensorKey) -> tuple[bytes, bytes | None]:
    record = left.store.states[0][key]
    return record.hot, record.cold


def test_other_sensors_are_left_as_they_are(model: Model) -> None:
    log = plant(60)
    plain = run(model, log)
    asked = run(model, given_at(3 * 50, log, *rebaseline()))
    assert placeless(asked, FAN) == placeless(plain, FAN)
    assert asked.hot(FREE_END) != plain.hot(FREE_END)
    assert asked.hot(KEY) != plain.hot(KEY)


@pytest.mark.parametrize("sizes", [(), (1,) * 400])
def test_a_forgotten_sensor_has_no_state_and_no_open_alert(model: Model, sizes: tuple[int]) -> None:
    left = run(model, [*plant(50, louder_from=40), *forget()], sizes)
    assert set(left.store.states[0]) == {FAN}
    assert left.store.events()[-1].transition is Transition.CLEARED
    assert ((*KEY, "normal"), window(49).start_ns + 1) in left.series.alerts
    assert left.metric("bearingwatch_known_sensors") == 1


@pytest.mark.parametrize("sizes", [(), (1,) * 400])
def test_a_forgotten_sensor_that_comes_again_is_new_wherever_it_comes(
    model: Model, sizes: tuple[int]
) -> None:
    log = [*plant(30), *forget(partitions=(0, 1)), *plant(40, homes=(1, 0))[30 * 3 :]]
    left = run(model, log, sizes)
    assert set(left.store.states[0]) == {FAN}
    assert set(left.store.states[1]) == {KEY, FREE_END}
    assert decode_state(left.hot(KEY, 1), None).row["index"] == 10
    assert not left.store.dead_letters


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("sizes", [(), (1,) * 400])
def test_no_window_is_kept_of_a_run_of_exceedances_that_a_command_ended(
    model: Model, kind: Kind, sizes: tuple[int]
) -> None:
    log = plant(42, louder_from=40)
    before = run(model, log, sizes)
    assert [exhibit.part for exhibit in before.store.evidence.values()] == ["first"]
    assert not run(model, [*log, *messages(command(kind), (0,), 0)], sizes).store.evidence


def test_without_the_command_it_would_be_refused_there(model: Model) -> None:
    left = run(model, [*plant(30), *plant(31, homes=(1, 0))[30 * 3 :]])
    assert [letter.header("reason") for _, letter in left.store.dead_letters] == (
        ["second_partition"] * 2
    )


def test_a_command_is_followed_where_the_state_is_and_passed_over_elsewhere(model: Model) -> None:
    with capture_logs() as logs:
        left = run(model, [*plant(30), *rebaseline(partitions=(0, 1))])
    told = [one for one in logs if one["event"].startswith("command_")]
    assert [one["event"] for one in told] == ["command_applied", "command_passed_over"]
    assert told[0]["sensors"] == ["pump/drive-end", "pump/free-end"]
    assert (told[0]["id"], told[0]["who"], told[0]["why"]) == (
        "rebaseline-1",
        "ann@desk",
        "new bearing",
    )
    assert told[1]["log_level"] == "debug"
    for outcome in ("applied", "passed_over"):
        labels = {"command": "rebaseline", "outcome": outcome}
        assert left.metric("bearingwatch_commands_total", **labels) == 1
    assert left.store.next_offsets == {0: 91, 1: 1}


@pytest.mark.parametrize(
    ("changes", "key", "reason"),
    [
        ({"command": "paint"}, b"pump", "unknown_command"),
        ({"version": 2}, b"pump", "wrong_version"),
        ({}, b"fan", "key_mismatch"),
        ({"id": 5}, b"pump", "bad_field"),
    ],
)
def test_a_bad_command_is_a_dead_letter_and_changes_nothing(
    model: Model, changes: dict[str, object], key: bytes, reason: str
) -> None:
    (good,) = forget()
    value = msgspec.json.encode(msgspec.json.decode(good.value) | changes)
    log = plant(30)
    left = run(model, given_at(60, log, replace(good, value=value, key=key)))
    assert [letter.header("reason") for _, letter in left.store.dead_letters] == [reason]
    good_only = run(model, log)
    for each in (KEY, FREE_END, FAN):
        assert placeless(left, each) == placeless(good_only, each)


def test_a_state_that_waits_in_another_partition_is_forgotten_by_itself(model: Model) -> None:
    low = run(model, plant(30)).store
    high = run(model, plant(30, homes=(1, 1))).store
    both = MemoryStore(states={**low.states, **high.states}, next_offsets={0: 90, 1: 90})
    with capture_logs() as logs:
        left = run(model, forget(partitions=(1,)), store=both)
    assert set(left.store.states[1]) == {FAN}
    assert set(left.store.states[0]) == {KEY, FREE_END, FAN}
    assert [one["sensors"] for one in logs if one["event"] == "command_applied"] == [
        ["pump/drive-end", "pump/free-end"]
    ]


@pytest.mark.parametrize("sizes", [(), (1,) * 10])
def test_where_the_state_that_judged_is_forgotten_the_one_that_waits_judges(
    model: Model, sizes: tuple[int]
) -> None:
    low = run(model, plant(30)).store
    high = run(model, plant(20, homes=(1, 1))).store
    both = MemoryStore(states={**low.states, **high.states}, next_offsets={0: 90, 1: 90})
    log = [*forget(partitions=(0,)), *plant(31, homes=(1, 0))[30 * 3 :]]
    left = run(model, log, sizes, store=both)
    assert KEY not in left.store.states[0]
    assert decode_state(left.hot(KEY, 1), None).row["index"] == 21
    assert not left.store.dead_letters


def test_a_state_that_waits_is_forgotten_once(model: Model) -> None:
    low = run(model, plant(30)).store
    high = run(model, plant(30, homes=(1, 1))).store
    both = MemoryStore(states={**low.states, **high.states}, next_offsets={0: 90, 1: 90})
    with capture_logs() as logs:
        run(model, forget(partitions=(1, 1)), store=both)
    told = [one["event"] for one in logs if one["event"].startswith("command_")]
    assert told == ["command_applied", "command_passed_over"]


def test_of_states_that_wait_one_that_was_forgotten_does_not_judge(model: Model) -> None:
    lives = [run(model, plant(40 - 10 * at, homes=(at, at))).store for at in range(3)]
    states = {at: life.states[at] for at, life in enumerate(lives)}
    both = MemoryStore(states=states, next_offsets=dict.fromkeys(range(3), 120))
    log = [*forget(partitions=(0, 1)), *plant(41, homes=(2, 2))[40 * 3 :]]
    left = run(model, log, store=both)
    assert decode_state(left.hot(KEY, 2), None).row["index"] == 21


@dataclass(frozen=True, slots=True)
class Reread:
    """What one run left, and another over the same log from its beginning."""

    first: dict[int, dict[SensorKey, StateRecord]]
    events: list[AlertEvent]
    second: Left


def reread(model: Model, log: list[Message], sizes: Sequence[int] = ()) -> Reread:
    """Run twice: between, the group lost its offsets."""
    store = run(model, log).store
    first, events = deepcopy(store.states), store.events()
    store.next_offsets.clear()
    return Reread(first, events, run(model, log, sizes, store=store))


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("sizes", [(), (1,) * 400])
def test_commands_that_are_read_again_are_passed_over_by_sensors_that_went_on(
    model: Model, kind: Kind, sizes: tuple[int]
) -> None:
    old = messages(command(kind), (0,), 0)
    found = reread(model, given_at(3 * 30, plant(90, louder_from=70), *old), sizes)
    assert found.second.store.states == found.first
    assert found.second.store.events() == found.events
    assert found.events[-1].transition is not Transition.CLEARED


def test_a_forget_that_is_read_again_lets_no_other_partition_in(model: Model) -> None:
    log = [*forget(), *plant(30), message(window(30, *KEY), 1)]
    store = run(model, log).store
    first = deepcopy(store.states)
    store.next_offsets.clear()
    # The partition is behind: the forget, read again, lies in the batch of the stray window.
    again = run(model, [*forget(), message(window(30, *KEY), 1)], store=store)
    assert again.store.states == first
    assert KEY not in first.get(1, {})


def test_a_waiting_state_that_went_on_behind_a_forget_stays(model: Model) -> None:
    low = run(model, plant(30)).store
    high = run(model, [*forget(partitions=(1,)), *plant(30, homes=(1, 1))]).store
    both = MemoryStore(states={**low.states, **high.states})
    left = run(model, forget(partitions=(1,)), store=both)
    assert set(left.store.states[1]) == {KEY, FREE_END, FAN}


def test_a_forget_lets_a_sensor_in_elsewhere_that_lived_in_its_own_partition_only(
    model: Model,
) -> None:
    log = [*plant(30), *forget(partitions=(1,)), message(window(30, *KEY), 1)]
    left = run(model, log)
    assert [letter.header("reason") for _, letter in left.store.dead_letters] == [
        "second_partition"
    ]


@pytest.mark.parametrize("sizes", [(), (1,) * 400])
def test_a_sensor_that_was_forgotten_and_is_read_again_is_forgotten_again(
    model: Model, sizes: tuple[int]
) -> None:
    found = reread(model, [*plant(50, louder_from=40), *forget()], sizes)
    assert set(found.second.store.states[0]) == {FAN}
    assert found.second.store.events() == found.events * 2
    assert not found.second.store.dead_letters


def test_a_command_that_nothing_came_behind_may_be_followed_twice(model: Model) -> None:
    found = reread(model, [*plant(50, louder_from=40), *rebaseline()])
    assert found.second.store.states == found.first
    assert found.second.store.events() == found.events


def test_a_state_of_another_log_follows_commands_again_as_soon_as_a_window_moved_it(
    model: Model,
) -> None:
    store = run(model, plant(60)).store
    store.next_offsets.clear()  # the topic was made anew, its offsets begin at 0
    left = run(model, [*plant(62)[60 * 3 :], *rebaseline()], store=store)
    assert not decode_state(*_parts(left, KEY)).commissioned


@pytest.mark.parametrize(("kind", "goes_on"), [(forget, True), (rebaseline, False)])
def test_after_a_window_far_ahead_to_forget_helps_and_to_rebaseline_does_not(
    model: Model, kind: Callable[[], list[Message]], goes_on: bool
) -> None:
    ahead = message(window(100_000, *KEY), 0)
    back = [message(window(index, *KEY), 0) for index in range(30, 33)]
    before = [message(window(index, *KEY), 0) for index in range(30)]
    left = run(model, [*before, ahead, *kind(), *back])
    late = left.metric("bearingwatch_windows_total", verdict="late")
    assert late == (0 if goes_on else 3)


def test_a_command_alone_lets_no_sensor_be_heard() -> None:
    bench = Bench(cadence_s=1.0)
    bench.feed(plain_window(0), plain_window(1))
    bench.steps(2)
    bench.clock.now += 3
    bench.steps(1)
    for _ in range(4):
        bench.clock.now += 3
        bench.steps(1)
    assert bench.metric("bearingwatch_silent_sensors") == 1
    _order(bench, Kind.REBASELINE)
    bench.steps(2)
    assert bench.metric("bearingwatch_health_events_total", event="heard_again") == 0


def test_nobody_misses_a_forgotten_sensor() -> None:
    bench = Bench(cadence_s=1.0)
    bench.feed(plain_window(0), plain_window(1))
    bench.steps(2)
    _order(bench, Kind.FORGET)
    bench.steps(2)
    for _ in range(4):
        bench.clock.now += 3
        bench.steps(1)
    assert bench.metric("bearingwatch_silent_sensors") == 0
    assert bench.metric("bearingwatch_health_events_total", event="fell_silent") == 0


def _order(bench: Bench, kind: Kind) -> None:
    (one,) = messages(command(kind), (0,), 0)
    bench.source.append(one.value, key=one.key, headers=HEADERS)


IDLERS = [SensorKey(f"conveyor-{number}", "idler") for number in range(5)]


def conveyors(home: int) -> list[Message]:
    """Return windows of five sensors, one of which is loud from the start; it has its own home."""
    return [
        message(
            window(index, *key, level=1.0 + 3.0 * (key == IDLERS[2])), home * (key == IDLERS[2])
        )
        for index in range(COMMISSIONING + 5)
        for key in IDLERS
    ]


@pytest.mark.parametrize("sizes", [(), (1,) * 200, (7, 60, 33)])
def test_peers_of_one_partition_are_compared_in_any_split(model: Model, sizes: tuple[int]) -> None:
    left = run(model, conveyors(0), sizes, group_of=lambda _: "idlers")
    told = {key: int(decode_state(*_parts(left, key)).row["flags"]) & STANDS_OUT for key in IDLERS}
    assert [key for key in IDLERS if told[key]] == [IDLERS[2]]
    assert left.metric("bearingwatch_health_events_total", event="stands_out_of_peers") == 1
    assert left.store.states == run(model, conveyors(0), group_of=lambda _: "idlers").store.states


def test_peers_in_another_partition_are_none(model: Model) -> None:
    left = run(model, conveyors(1), group_of=lambda _: "idlers")
    assert left.metric("bearingwatch_health_events_total", event="stands_out_of_peers") == 0
