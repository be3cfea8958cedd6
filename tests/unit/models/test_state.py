"""States are values that survive being stored, in the room they were promised."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from models import state as module
from models.commanding import rebaseline
from models.detector import DetectorSettings
from models.policy import CommissioningPolicy
from models.state import (
    HOT,
    NEW_HOT,
    SCHEMA,
    Cold,
    SensorState,
    StateError,
    decode_state,
    encode_cold,
    encode_hot,
    moved_up_to,
    with_row,
)
from pipelines.features import FeatureSettings
from pipelines.window import SensorKey
from tests.unit.models.fleet import KEY, bundle, detector, healthy, judge_all, observation

REAL = FeatureSettings()
"""8 frames x 32 bands: what the shipped bundle sees."""


def grown(windows: int, axes: tuple[str, ...] = ("x",)) -> SensorState:
    stream = [observation(k, axes=axes) for k in range(windows)]
    states, _ = judge_all(detector(), stream)
    return states[KEY]


@pytest.mark.parametrize("windows", [1, 50, 100, 150])
def test_what_was_stored_comes_back_byte_for_byte(windows: int) -> None:
    state = grown(windows)
    loaded = decode_state(encode_hot(state), encode_cold(state))
    assert encode_hot(loaded) == encode_hot(state)
    assert encode_cold(loaded) == encode_cold(state)


@pytest.mark.parametrize("axes", [("x",), ("x", "y", "z")])
def test_a_sensor_that_is_judged_keeps_to_its_room(axes: tuple[str, ...]) -> None:
    assert len(encode_hot(grown(150, axes))) <= 1024


@pytest.mark.parametrize(("axes", "learning", "learnt"), [(1, 8, 5), (3, 17, 10), (8, 27, 21)])
def test_a_sensor_of_the_real_features_keeps_to_its_room(
    axes: int, learning: int, learnt: int
) -> None:
    """At most `learning` KiB while it is commissioned, or again, and `learnt` KiB afterwards."""
    policy = DetectorSettings(commissioning=CommissioningPolicy(windows=210, span_s=0.0))
    judging = detector(policy, of=bundle(features=REAL))
    names = tuple(f"axis-{k}" for k in range(axes))
    states: dict[SensorKey, SensorState] = {}
    sizes = {False: 0, True: 0}
    for k in range(430):
        new, _ = judging.judge(states, [observation(k, axes=names, features=REAL)])
        states = {KEY: rebaseline(new[KEY])} if k == 215 else new
        state = states[KEY]
        sizes[state.commissioned] = max(sizes[state.commissioned], len(encode_cold(state)))
    assert 0 < sizes[False] <= learning * 1024
    assert 0 < sizes[True] <= learnt * 1024


def test_learning_beside_takes_no_more_room_than_commissioning_on_top_of_what_was_learnt() -> None:
    new = bundle("fedcba9876543210", REAL)
    judging = detector(of=new, previous=[bundle()])
    states = {KEY: grown(120)}
    learnt = len(encode_cold(states[KEY]))
    for k in range(120, 219):
        one = replace(observation(k, features=REAL), former=observation(k))
        states, _ = judging.judge(states, [one])
        assert len(encode_cold(states[KEY])) <= 8192 + learnt
    assert states[KEY].cold.successor is not None
    loaded = decode_state(encode_hot(states[KEY]), encode_cold(states[KEY]))
    assert encode_cold(loaded) == encode_cold(states[KEY])


def test_the_hot_record_has_one_length() -> None:
    assert len(encode_hot(grown(1))) == len(encode_hot(grown(150))) == HOT.itemsize


def test_cold_is_replaced_only_when_it_changes() -> None:
    judging = detector()
    states, _ = judge_all(judging, healthy(120))
    after, _ = judge_all(judging, healthy(20, start=120), states=states)
    assert after[KEY].cold is states[KEY].cold


def test_a_newer_schema_is_refused_with_what_to_do() -> None:
    hot = (SCHEMA + 1).to_bytes(4, "little") + NEW_HOT[4:]
    with pytest.raises(StateError, match="newer bearingwatch wrote it"):
        decode_state(hot, None)


def test_an_older_schema_is_migrated(monkeypatch: pytest.MonkeyPatch) -> None:
    old = (SCHEMA - 1).to_bytes(4, "little") + b"something shorter"
    empty = encode_cold(SensorState(NEW_HOT, Cold()))
    monkeypatch.setattr(module, "HOT_MIGRATIONS", {SCHEMA - 1: lambda _: NEW_HOT})
    monkeypatch.setattr(module, "COLD_MIGRATIONS", {SCHEMA - 1: lambda _: empty})
    assert decode_state(old, old) == SensorState(NEW_HOT, Cold())


STATES = Path(__file__).parent / "states"
STORED = {
    schema: json.loads((STATES / f"schema-{schema}.json").read_text("utf-8"))
    for schema in range(1, SCHEMA)
}
"""Records as the last version of each schema wrote them, in base64."""

HIGH, OFFSET, RECENT, DAY, FAR = 32, 8 + 4 + 8, 8 * 8, 5 * 8, 8
"""Bytes of the high bands' chart, which came with schema 2, of what came with 4, 5, 6 and 8."""


def added(schema: int, state: SensorState) -> bytes:
    """Return what the hot record of a lifted state has behind that of its own schema."""
    last_ns = int(state.row["last_ns"]).to_bytes(8, "little")
    ran = {1: bytes(HIGH) + last_ns + bytes(24), 2: last_ns + bytes(24)}
    since_4 = bytes(OFFSET if schema < 4 else 0) + bytes(RECENT if schema < 5 else 0)
    return ran.get(schema, b"") + since_4 + bytes(DAY if schema < 6 else 0) + bytes(FAR)


def about_their_mean(hot: bytes) -> bytes:
    """Return a hot record with correlation and last deviation about the mean, as since schema 7."""
    row = np.frombuffer(hot, HOT).copy()
    mean, last = row["mean_deviation"], row["last_deviation"]
    row["correlation"] -= mean**2
    row["last_deviation"] = np.where(last == 0, 0.0, last - mean)
    return row.tobytes()


def stored(name: str, schema: int = 1) -> tuple[bytes, bytes]:
    hot, cold = (base64.b64decode(STORED[schema][name][part]) for part in ("hot", "cold"))
    assert hot[:4] == cold[:4] == schema.to_bytes(4, "little")
    return hot, cold


@pytest.mark.parametrize("schema", STORED)
@pytest.mark.parametrize("name", STORED[1])
def test_states_of_older_schemas_are_lifted_and_stored_as_the_present_one(
    schema: int, name: str
) -> None:
    hot, cold = stored(name, schema)
    state = decode_state(hot, cold)
    expected = SCHEMA.to_bytes(4, "little") + hot[4:] + added(schema, state)
    assert encode_hot(state) == (about_their_mean(expected) if schema < 7 else expected)
    assert encode_cold(state)[:4] == SCHEMA.to_bytes(4, "little")
    again = decode_state(encode_hot(state), encode_cold(state))
    assert encode_cold(again) == encode_cold(state)
    if schema == 1:
        assert (state.cold.examples, state.cold.charted, state.cold.successor) == (None, (), None)


CORRELATION = ("correlation", "correlation_count", "last_deviation", "mean_deviation")
UNKNOWN = {
    1: dict.fromkeys(("high_count", "high_mean", "high_variance", "high_bits", *CORRELATION), 0),
    2: dict.fromkeys(CORRELATION, 0),
    3: {"mean_deviation": 0},
    4: {},
    5: {},
    6: {},
    7: {},
}
"""What a sensor of a schema has not learnt."""

ANOTHER_PROCESSOR = 1e-3
"""The stored states were learnt on one whose logarithms end in other bits, perhaps."""


@pytest.mark.parametrize("schema", STORED)
def test_a_sensor_of_an_older_schema_goes_on_but_for_what_it_did_not_have(schema: int) -> None:
    before = decode_state(*stored("monitoring", schema))
    known = with_row(grown(120), **UNKNOWN[schema])
    stream = [observation(120 + k, louder=1.0 if k > 20 else 0.0) for k in range(40)]
    _, by_lifted = judge_all(detector(), stream, (), {KEY: before})
    _, by_own = judge_all(detector(), stream, (), {KEY: known})
    told = [[(one.verdict, one.zone, one.notes) for one in by] for by in (by_lifted, by_own)]
    assert told[0] == told[1]
    losses = [[one.loss for one in by] for by in (by_lifted, by_own)]
    np.testing.assert_allclose(losses[0], losses[1], rtol=ANOTHER_PROCESSOR)


def test_a_sensor_of_schema_1_is_commissioned_to_the_end_and_keeps_examples_of_the_rest() -> None:
    stream = [observation(k) for k in range(50, 101)]
    states, judged = judge_all(
        detector(), stream, (), {KEY: decode_state(*stored("commissioning"))}
    )
    assert judged[-1].verdict == "scored"
    learnt, known = states[KEY].cold.baseline, grown(120).cold.baseline
    assert learnt is not None
    assert known is not None
    np.testing.assert_allclose(learnt.centre, known.centre, atol=ANOTHER_PROCESSOR)
    assert len(states[KEY].cold.examples or ()) == len(states[KEY].cold.charted) == 13


def test_a_damaged_cold_record_of_schema_1_is_refused() -> None:
    with pytest.raises(StateError, match="cold state is damaged"):
        decode_state(NEW_HOT, (1).to_bytes(4, "little") + b"\xff")


def test_an_older_schema_that_no_migration_knows_is_refused() -> None:
    with pytest.raises(StateError, match="no migration"):
        decode_state((0).to_bytes(4, "little"), None)


OLDER_HOT = stored("monitoring", 7)[0]


@pytest.mark.parametrize(
    "hot",
    [b"", b"ab", NEW_HOT[:-1], NEW_HOT + b"x", OLDER_HOT[:100], OLDER_HOT[:-1], OLDER_HOT + b"x"],
)
def test_a_damaged_hot_record_is_refused(hot: bytes) -> None:
    with pytest.raises(StateError):
        decode_state(hot, None)


@pytest.mark.parametrize("damage", [b"", b"\xff", NEW_HOT[:4], NEW_HOT[:4] + b"\x91\x01"])
def test_a_damaged_cold_record_is_refused(damage: bytes) -> None:
    with pytest.raises(StateError, match="cold state is damaged"):
        decode_state(NEW_HOT, damage)


def test_a_damaged_baseline_is_refused() -> None:
    record = msgspec.msgpack.decode(encode_cold(grown(120))[4:])
    record[1] = b"\x01\xff"
    with pytest.raises(StateError, match="cold state is damaged"):
        decode_state(NEW_HOT, NEW_HOT[:4] + msgspec.msgpack.encode(record))


def test_a_newer_cold_record_is_refused() -> None:
    cold = (SCHEMA + 1).to_bytes(4, "little") + b"another layout"
    with pytest.raises(StateError, match="newer bearingwatch wrote it"):
        decode_state(NEW_HOT, cold)


def test_a_state_knows_up_to_where_it_was_moved_and_is_else_as_it_was() -> None:
    before = grown(120)
    after = moved_up_to(before, 2**40)
    assert after.next_offset == 2**40
    assert after == with_row(before, next_offset=2**40)


def test_fields_can_be_replaced_in_a_copy() -> None:
    state = SensorState(NEW_HOT, Cold())
    assert with_row(state, index=5).row["index"] == 5
    assert state.row["index"] == 0


def test_rebaselining_is_stored_too() -> None:
    state = rebaseline(grown(120))
    loaded = decode_state(encode_hot(state), encode_cold(state))
    assert loaded.cold.old_baseline is not None
    assert loaded.cold.old_baseline_id == loaded.cold.old_baseline.id
    assert not loaded.commissioned
