"""Holdings: which state a sensor is judged by, also where two partitions have one."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from msgspec.structs import replace as replace_in
from structlog.testing import capture_logs

from daemon.holdings import Holdings
from daemon.journal import Basis, Restored, StateRecord
from daemon.sources import Record
from models.state import COMMISSIONED, HOT, NEW_HOT, Cold, SensorState, encode_cold, encode_hot
from pipelines.window import SensorKey

KEY = SensorKey("pump", "de")
OTHER = SensorKey("fan", "de")


def state(start_ns: int) -> SensorState:
    row = np.frombuffer(NEW_HOT, HOT).copy()
    row["last_ns"] = start_ns
    return SensorState(row.tobytes(), Cold())


def restored(*keys: SensorKey, at: int) -> Restored:
    return Restored({key: record(state(at)) for key in keys}, at)


def record(value: SensorState) -> StateRecord:
    return StateRecord(encode_hot(value), encode_cold(value))


def judged_by(holdings: Holdings) -> int:
    return int(holdings.states[KEY].row["last_ns"])


@pytest.mark.parametrize("order", list(permutations((0, 1, 2))))
def test_the_lowest_partition_is_the_home_in_whatever_order_they_come(
    order: tuple[int, ...],
) -> None:
    holdings = Holdings()
    for partition in order:
        holdings.take(partition, restored(KEY, at=10 + partition))
    assert holdings.home_of(KEY) == 0
    assert judged_by(holdings) == 10


def test_two_states_of_a_sensor_are_told_and_counted() -> None:
    holdings = Holdings()
    with capture_logs() as lines:
        holdings.take(0, restored(KEY, OTHER, at=10))
        holdings.take(1, restored(KEY, at=11))
    (line,) = lines
    assert line["event"] == "state_in_two_partitions"
    assert (line["sensors"], line["partition"], line["judged_by"]) == (1, 1, 0)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_dropping_the_other_partition_leaves_the_sensor(order: tuple[int, int]) -> None:
    holdings = Holdings()
    for partition in order:
        holdings.take(partition, restored(KEY, at=10 + partition))
    holdings.drop([1])
    assert judged_by(holdings) == 10
    holdings.drop([0])
    assert holdings == Holdings()


def test_dropping_the_home_goes_on_from_what_the_other_partition_has() -> None:
    holdings = Holdings()
    for partition in (2, 0, 1):
        holdings.take(partition, restored(KEY, at=10 + partition))
    holdings.drop([0])
    assert (holdings.home_of(KEY), judged_by(holdings)) == (1, 11)
    holdings.drop([1])
    assert (holdings.home_of(KEY), judged_by(holdings)) == (2, 12)


def test_a_batch_that_was_judged_before_a_lower_partition_came_does_not_replace_its_state() -> None:
    holdings = Holdings()
    holdings.take(1, restored(KEY, at=11))
    holdings.take(0, restored(KEY, at=10))
    holdings.adopt({KEY: state(21)}, {KEY: 1}, {1: 22})
    assert (holdings.home_of(KEY), judged_by(holdings)) == (0, 10)
    holdings.drop([0])
    assert judged_by(holdings) == 21


def test_states_that_wait_are_held_too() -> None:
    holdings = Holdings()
    for partition in (0, 1):
        holdings.take(partition, restored(KEY, at=10 + partition))
    assert [int(one.row["last_ns"]) for one in holdings.all_states()] == [10, 11]


BASIS = Basis("bundle", "features", "settings")


@pytest.mark.parametrize(
    ("last", "changed"),
    [
        (None, True),
        (BASIS, False),
        (replace_in(BASIS, since=77), False),
        (replace_in(BASIS, bundle="other"), True),
        (replace_in(BASIS, features="other"), True),
        (replace_in(BASIS, settings="other"), True),
    ],
)
def test_another_basis_holds_from_the_first_offset_that_is_judged_by_it(
    last: Basis | None, *, changed: bool
) -> None:
    holdings = Holdings()
    holdings.take(0, Restored({}, 5, last))
    holdings.take(1, Restored({}, None, BASIS))
    records = [Record("windows", n, 5 + k, 0, None, b"") for k, n in enumerate([0, 1, 0])]
    expected = {0: replace_in(BASIS, since=5)} if changed else {}
    assert holdings.judged_otherwise(records, BASIS) == expected


def test_a_basis_is_forgotten_with_its_partition() -> None:
    holdings = Holdings()
    holdings.take(0, Restored({}, 5, BASIS))
    holdings.drop([0])
    assert holdings == Holdings()


def test_taking_a_partition_again_replaces_its_states() -> None:
    holdings = Holdings()
    holdings.take(0, restored(KEY, OTHER, at=10))
    with capture_logs() as lines:
        holdings.take(0, restored(KEY, at=12))
    assert judged_by(holdings) == 12
    assert OTHER not in holdings.states
    assert lines == []


def test_only_a_partition_that_is_held_begins_anew_and_only_until_it_goes() -> None:
    holdings = Holdings()
    holdings.take(0, restored(KEY, at=10))
    holdings.begin_anew({0, 1})
    holdings.take(1, restored(OTHER, at=10))
    assert holdings.is_ahead(0, 3)
    assert not holdings.is_ahead(1, 3)
    holdings.take(0, restored(KEY, at=10))
    assert not holdings.is_ahead(0, 3)
    assert holdings.is_ahead(0, 10)


def test_a_sensor_whose_baseline_is_gone_is_commissioned_anew_and_told() -> None:
    row = np.frombuffer(NEW_HOT, HOT).copy()
    row["flags"], row["last_ns"], row["zone"], row["first_ns"] = COMMISSIONED, 10, 1, 5
    holdings = Holdings()
    with capture_logs() as lines:
        holdings.take(0, Restored({KEY: StateRecord(row.tobytes(), None)}, 7))
    assert [(one["event"], one["first"]) for one in lines] == [("baselines_missing", str(KEY))]
    assert not holdings.states[KEY].commissioned
    found = holdings.states[KEY].row
    assert (found["last_ns"], found["zone"], found["first_ns"]) == (10, 0, 0)


def test_a_sensor_that_never_had_a_baseline_misses_none() -> None:
    holdings = Holdings()
    with capture_logs() as lines:
        holdings.take(0, Restored({KEY: StateRecord(NEW_HOT, None)}, 7))
    assert lines == []


@pytest.mark.parametrize(
    ("offset", "basis", "lost"),
    [(7, None, True), (None, None, False), (0, None, False), (7, BASIS, False)],
    ids=["state topic made anew", "first start", "nothing read", "only junk was read"],
)
def test_offsets_without_state_and_basis_say_that_the_state_was_lost(
    offset: int | None, basis: Basis | None, lost: bool
) -> None:
    holdings = Holdings()
    holdings.take(0, Restored({}, offset, basis))
    assert holdings.lost is lost
