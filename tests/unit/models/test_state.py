"""States are values that survive being stored, in the room they were promised."""

from __future__ import annotations

import msgspec
import pytest

from models import state as module
from models.detector import rebaseline
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
    with_row,
)
from tests.unit.models.fleet import KEY, detector, healthy, judge_all, observation


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
def test_a_sensor_keeps_to_its_room(axes: tuple[str, ...]) -> None:
    assert len(encode_hot(grown(150, axes))) <= 1024
    assert len(encode_cold(grown(99, axes))) <= 8192


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


def test_an_older_schema_that_no_migration_knows_is_refused() -> None:
    with pytest.raises(StateError, match="no migration"):
        decode_state((0).to_bytes(4, "little"), None)


@pytest.mark.parametrize("hot", [b"", b"ab", NEW_HOT[:-1], NEW_HOT + b"x"])
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
