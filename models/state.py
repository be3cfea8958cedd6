"""What the detector remembers of one sensor: a small hot record and a cold one.

The hot record is one row of `HOT`: charts, zone, open alert, last event time. It changes with
every window and has a fixed layout, so that a round of sensors is gathered into one array. The
cold record holds the baselines (and, while commissioning, the summary they are made from); it is
replaced only when it changes, so `new.cold is not old.cold` says that it must be written.

Both begin with their schema version. An older one is migrated when it is read; a newer one is
refused with `StateError`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from pipelines.examples import Examples
from pipelines.normalise import Baseline, BaselineSummary

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Migration = Callable[[bytes], bytes]

SCHEMA: Final = 8

RECENT: Final = 8
"""Starts before the last one that are remembered, so that a window sent again is known."""

HOT: Final = np.dtype(
    [
        ("schema", "<u4"),
        ("level_count", "<u4"),
        ("features", "S16"),
        ("bundle", "S16"),
        ("last_ns", "<i8"),
        ("index", "<i8"),
        ("cadence_s", "<f8"),
        ("flags", "<u4"),
        ("zone", "<u4"),
        # anchored chart: count, mean and squared deviations of what is charted, then frozen
        ("anchor_count", "<f8"),
        ("anchor_mean", "<f8"),
        ("anchor_squares", "<f8"),
        # adaptive chart: exponential mean and variance; and the mean level
        ("adaptive_count", "<f8"),
        ("adaptive_mean", "<f8"),
        ("adaptive_variance", "<f8"),
        ("level_mean", "<f8"),
        # the last 64 windows of each chart, newest in bit 0: 1 = over the limit
        ("anchored_bits", "<u8"),
        ("adaptive_bits", "<u8"),
        ("line_bits", "<u8"),
        ("limit_bits", "<u8"),
        ("severe_bits", "<u8"),
        ("quiet_bits", "<u8"),
        ("first_ns", "<i8"),
        ("calm", "<u4"),
        ("mild", "<u4"),
        # open alert
        ("alert", "S16"),
        ("alert_first_ns", "<i8"),
        ("alert_confirmed_ns", "<i8"),
        ("alert_size", "<f8"),
        # gates
        ("rpm", "<f8"),
        ("held", "<u4"),
        ("odd", "<u4"),
        # chart of the high bands: like the adaptive chart's, and its last 64 windows
        ("high_count", "<f8"),
        ("high_mean", "<f8"),
        ("high_variance", "<f8"),
        ("high_bits", "<u8"),
        # start of the last window in which the machine was seen to run
        ("ran_ns", "<i8"),
        # how alike neighbouring windows are: the last deviation, the correlation at lag 1
        ("last_deviation", "<f8"),
        ("correlation", "<f8"),
        ("correlation_count", "<f8"),
        # behind the record of the last window that moved this state: see `moved_up_to`
        ("next_offset", "<i8"),
        # windows in a row without a baseline in which the tachometer alone says that it stands
        ("stood", "<u4"),
        # recent mean of the deviations that the correlation is learnt from
        ("mean_deviation", "<f8"),
        # starts of the windows before the last one, newest first; 0 where there was none
        ("recent_ns", "<i8", (RECENT,)),
        # what the loss does over a day: seconds, windows, mean, squared deviations, and their trend
        ("day_s", "<f8"),
        ("day_count", "<f8"),
        ("day_mean", "<f8"),
        ("day_squares", "<f8"),
        ("day_trend", "<f8"),
        # the last 64 windows: 1 = far over the limit of a chart, whichever
        ("far_bits", "<u8"),
    ]
)
"""Layout of the hot record, little-endian."""

NEW_HOT: Final = SCHEMA.to_bytes(4, "little") + bytes(HOT.itemsize - 4)
"""The hot record of a sensor never seen."""

# bits of `flags`
COMMISSIONED: Final = 1
REBASELINING: Final = 2
PROVISIONAL: Final = 4
SUSPICIOUS: Final = 8
FAULTY: Final = 16
STOPPED: Final = 32
QUIETER: Final = 64
RELEARNING: Final = 128
"""A baseline is learnt beside the one in force: after a long stop, or for its fault lines."""
RELEARNT: Final = 256
"""The baseline in force was learnt so; the old one is that of the commissioning or a command."""
ASIDE: Final = 512
"""The old baseline was laid aside for another signal, and holds again should its own return."""
STARTING: Final = 1024
"""The last window was held: behind a stop the machine was not back at its level."""
COMPARED: Final = 2048
"""The baseline in force was compared with those of the sensor's peers; see `models.peers`."""
STANDS_OUT: Final = 4096
"""It stood out of them."""
STARTED_LOW: Final = 8192
"""It was held for long enough and is charted, though it is not back at its level yet."""
SETTLED: Final = 16384
"""The anchored chart's spread knows a day, and stays as it is."""
DOUBTED: Final = 32768
"""The baseline that was laid aside (`ASIDE`) was learnt with suspicion."""
LINES_ASKED: Final = 65536
"""The baseline in force knows every fault line, or they are looked for, or were in vain."""
FOR_LINES: Final = 131072
"""What is learnt beside the baseline in force (`RELEARNING`) is for the fault lines alone."""


def _hot_of_2(record: bytes) -> bytes:
    """Lift a hot record of schema 1, which ended before the chart of the high bands."""
    return (2).to_bytes(4, "little") + record[4:] + bytes(4 * 8)


def _hot_of_3(record: bytes) -> bytes:
    """Lift a hot record of schema 2, which knew neither when the machine last ran nor correlations.

    It is taken to have run in the last window; the correlation is learnt anew.
    """
    last_ns = HOT.fields["last_ns"][1]  # type: ignore[index]
    return (3).to_bytes(4, "little") + record[4:] + record[last_ns : last_ns + 8] + bytes(3 * 8)


def _hot_of_4(record: bytes) -> bytes:
    """Lift a hot record of schema 3, which ended with the count of the correlation."""
    return (4).to_bytes(4, "little") + record[4:] + bytes(8 + 4 + 8)


def _hot_of_5(record: bytes) -> bytes:
    """Lift a hot record of schema 4, which knew the last start alone."""
    return (5).to_bytes(4, "little") + record[4:] + bytes(8 * RECENT)


def _hot_of_6(record: bytes) -> bytes:
    """Lift a hot record of schema 5, which did not follow the loss over a day; it does from now."""
    return (6).to_bytes(4, "little") + record[4:] + bytes(5 * 8)


def _hot_of_7(record: bytes) -> bytes:
    """Lift a hot record of schema 6, whose correlation and last deviation were about no mean.

    The square of the mean was taken off where the correlation was used.
    """
    lifted = bytearray((7).to_bytes(4, "little") + record[4:])
    places = [HOT.fields[name][1] for name in ("last_deviation", "correlation", "mean_deviation")]  # type: ignore[index]
    try:
        last, correlation, mean = (struct.unpack_from("<d", lifted, at)[0] for at in places)
    except struct.error as error:
        raise StateError(f"hot state has {len(record)} bytes: it is damaged") from error
    struct.pack_into("<d", lifted, places[0], last - mean if last else 0.0)
    struct.pack_into("<d", lifted, places[1], correlation - mean * mean)
    return bytes(lifted)


def _hot_of_8(record: bytes) -> bytes:
    """Lift a hot record of schema 7, which did not tell far exceedances from others."""
    return (8).to_bytes(4, "little") + record[4:] + bytes(8)


def _cold_as_it_was(schema: int) -> Migration:
    """Return what lifts a cold record to a schema that changed hot records alone."""
    return lambda record: schema.to_bytes(4, "little") + record[4:]


def _cold_of_2(record: bytes) -> bytes:
    """Lift a cold record of schema 1, which had the first five fields."""
    parts = _unpacked(record)
    return (2).to_bytes(4, "little") + msgspec.msgpack.encode([*parts, None, None, [], None])


def _unpacked(record: bytes) -> list[Any]:
    try:
        return msgspec.msgpack.decode(record[4:], type=list[Any])
    except (msgspec.MsgspecError, ValueError) as error:
        raise StateError(f"cold state is damaged: {error}") from error


HOT_MIGRATIONS: Final[Mapping[int, Migration]] = {
    1: _hot_of_2,
    2: _hot_of_3,
    3: _hot_of_4,
    4: _hot_of_5,
    5: _hot_of_6,
    6: _hot_of_7,
    7: _hot_of_8,
}
COLD_MIGRATIONS: Final[Mapping[int, Migration]] = {
    1: _cold_of_2,
    **{schema: _cold_as_it_was(schema + 1) for schema in (2, 3, 4, 5, 6, 7)},
}
"""From schema version to the function that lifts a record's bytes to the next one.

The two records have versions of their own: after an upgrade a cold record stays as it was written
until it changes.
"""


class StateError(ValueError):
    """A stored state cannot be read; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Cold:
    """Baselines of one sensor; replaced as a whole.

    `summary` and `gathered` grow while commissioning, `baseline` and `examples` are their outcome;
    `charted` is what each example charts under the bundle in force. `old_*` are what was in force
    before the last re-baselining.
    """

    summary: BaselineSummary | None = None
    baseline: Baseline | None = None
    baseline_id: str = ""
    old_baseline: Baseline | None = None
    old_baseline_id: str = ""
    gathered: Examples | None = None
    examples: Examples | None = None
    charted: tuple[float, ...] = ()
    successor: Successor | None = None


@dataclass(frozen=True, slots=True)
class Successor:
    """What is learnt for the next baseline while the one in force goes on judging.

    `features` is the hash of what it sees: those of the next bundle, or, after a long stop, those
    of this one. `learning` is what was learnt so far.
    """

    features: str
    learning: Cold


class SensorState(msgspec.Struct, frozen=True, gc=False):
    """The state of one sensor, a value: `hot` is one row of `HOT` as bytes.

    Nothing that it holds leads back to it, so the garbage collector need not look at thousands.
    """

    hot: bytes
    cold: Cold

    @property
    def row(self) -> Any:
        """The hot record as a read-only NumPy record, for reading single fields."""
        return np.frombuffer(self.hot, HOT)[0]

    @property
    def flags(self) -> int:
        """The bits of the hot record's flags; cut out, since groups ask it of many sensors."""
        return int.from_bytes(self.hot[_FLAGS_AT : _FLAGS_AT + 4], "little")

    @property
    def commissioned(self) -> bool:
        """Whether a baseline is in force."""
        return bool(self.flags & COMMISSIONED)

    @property
    def next_offset(self) -> int:
        """Offset after the record of the last window that moved the state; 0 where none told it."""
        return int(self.row["next_offset"])

    @property
    def features(self) -> str:
        """Hash of the features that the sensor is judged by."""
        return self.hot[_FEATURES_AT : _FEATURES_AT + 16].rstrip(b"\0").decode()

    @property
    def bundle(self) -> str:
        """Hash of the bundle that judged last."""
        return str(self.row["bundle"].decode())


class _ColdRecord(msgspec.Struct, frozen=True, array_like=True):
    """How `Cold` lies on disk, behind four bytes of schema version."""

    summary: bytes | None
    baseline: bytes | None
    baseline_id: str
    old_baseline: bytes | None
    old_baseline_id: str
    gathered: bytes | None
    examples: bytes | None
    charted: tuple[float, ...]
    successor: _SuccessorRecord | None


class _SuccessorRecord(msgspec.Struct, frozen=True, array_like=True):
    """How a `Successor` lies on disk."""

    features: str
    learning: _ColdRecord


def encode_hot(state: SensorState) -> bytes:
    """Return the hot record's bytes, the same length for every sensor."""
    return state.hot


def encode_cold(state: SensorState) -> bytes:
    """Return the cold record's bytes."""
    return SCHEMA.to_bytes(4, "little") + msgspec.msgpack.encode(_record(state.cold))


def decode_state(hot: bytes, cold: bytes | None) -> SensorState:
    """Return the state that `encode_hot` and `encode_cold` wrote.

    Raises `StateError` for a record of a newer schema, or one that is damaged.
    """
    hot = _lifted(hot, "hot", HOT_MIGRATIONS)
    if len(hot) != HOT.itemsize:
        raise StateError(f"hot state has {len(hot)} bytes, expected {HOT.itemsize}: it is damaged")
    if cold is None:
        return SensorState(hot, Cold())
    return SensorState(hot, _decode_cold(_lifted(cold, "cold", COLD_MIGRATIONS)[4:]))


def with_row(state: SensorState, **fields: Any) -> SensorState:
    """Return `state` with fields of its hot record replaced."""
    row = np.frombuffer(state.hot, HOT).copy()
    for name, value in fields.items():
        row[name] = value
    return SensorState(row.tobytes(), state.cold)


def moved_up_to(state: SensorState, next_offset: int) -> SensorState:
    """Return `state` with the offset behind the record that moved it last.

    So a command that is read a second time is known for one that the sensor has gone on from.
    Spliced, since this is done for every sensor of a batch.
    """
    hot = state.hot
    found = next_offset.to_bytes(8, "little")
    return SensorState(hot[:_OFFSET_AT] + found + hot[_OFFSET_AT + 8 :], state.cold)


_OFFSET_AT: Final = int(HOT.fields["next_offset"][1])  # type: ignore[index]
_FLAGS_AT: Final = int(HOT.fields["flags"][1])  # type: ignore[index]
_FEATURES_AT: Final = int(HOT.fields["features"][1])  # type: ignore[index]


def _lifted(record: bytes, which: str, migrations: Mapping[int, Migration]) -> bytes:
    """Return a record lifted to the present schema."""
    while (schema := _schema_of(record, which)) < SCHEMA:
        if schema not in migrations:
            raise StateError(f"{which} state has schema {schema}, no migration leads on from it")
        record = migrations[schema](record)
    return record


def _schema_of(record: bytes, which: str) -> int:
    if len(record) < 4:
        raise StateError(f"{which} state is damaged: {len(record)} bytes")
    schema = int.from_bytes(record[:4], "little")
    if schema > SCHEMA:
        raise StateError(
            f"{which} state has schema {schema}, this version reads up to {SCHEMA}: "
            "a newer bearingwatch wrote it; run that version, or start with an empty state topic"
        )
    return schema


def _record(cold: Cold) -> _ColdRecord:
    successor = cold.successor
    return _ColdRecord(
        summary=_bytes(cold.summary),
        baseline=_bytes(cold.baseline),
        baseline_id=cold.baseline_id,
        old_baseline=_bytes(cold.old_baseline),
        old_baseline_id=cold.old_baseline_id,
        gathered=_bytes(cold.gathered),
        examples=_bytes(cold.examples),
        charted=cold.charted,
        successor=None
        if successor is None
        else _SuccessorRecord(successor.features, _record(successor.learning)),
    )


def _bytes(part: Baseline | BaselineSummary | Examples | None) -> bytes | None:
    return None if part is None else part.encode()


def _decode_cold(data: bytes) -> Cold:
    try:
        return _cold(msgspec.msgpack.decode(data, type=_ColdRecord))
    except (msgspec.MsgspecError, ValueError) as error:
        raise StateError(f"cold state is damaged: {error}") from error


def _cold(record: _ColdRecord) -> Cold:
    return Cold(
        summary=None if record.summary is None else BaselineSummary.decode(record.summary),
        baseline=_baseline(record.baseline),
        baseline_id=record.baseline_id,
        old_baseline=_baseline(record.old_baseline),
        old_baseline_id=record.old_baseline_id,
        gathered=_examples(record.gathered),
        examples=_examples(record.examples),
        charted=record.charted,
        successor=_successor(record.successor),
    )


def _baseline(data: bytes | None) -> Baseline | None:
    return None if data is None else Baseline.decode(data)


def _examples(data: bytes | None) -> Examples | None:
    return None if data is None else Examples.decode(data)


def _successor(record: _SuccessorRecord | None) -> Successor | None:
    return None if record is None else Successor(record.features, _cold(record.learning))
