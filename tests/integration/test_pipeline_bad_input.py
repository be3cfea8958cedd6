"""Whatever a gateway sends, the real loop goes on: refused, counted or taken, as documented."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np
import pytest
from kafka import errors as kafka_errors
from kafka.record.default_records import DefaultRecordBatchBuilder

from pipelines import wire
from pipelines.wire import Reason
from tests.plant.bundles import write_bundle
from tests.plant.process import running
from tests.plant.readings import committed, series_points, states
from tests.plant.site import Site, new_site
from tests.plant.windows import (
    CADENCE_NS,
    COMMISSIONING,
    SAMPLES,
    Message,
    message,
    window,
)
from tests.servers.influxdb import InfluxdbServer
from tests.servers.kafka import KafkaServer

pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")

HOME, ELSEWHERE = 0, 1
BEFORE = COMMISSIONING + 5
"""Good windows ahead of each bad one, so that its sensor is monitored."""


def good(index: int = BEFORE) -> Message:
    return message(window(index), HOME)


def packed(**changes: Any) -> Message:
    """A good message with some of its fields replaced."""
    fields = msgspec.msgpack.decode(good().value)
    return replace(good(), value=msgspec.msgpack.encode({**fields, **changes}))


def not_a_number() -> Message:
    samples = np.zeros(SAMPLES, "<f4")
    samples[7] = np.nan
    return packed(dtype="f4", samples=samples.tobytes())


def two_gibibytes() -> Message:
    fields = msgspec.msgpack.decode(good().value)
    fields.pop("samples")
    head = msgspec.msgpack.encode(fields)
    bigger = bytes([head[0] + 1]) + head[1:]
    announced = msgspec.msgpack.encode("samples") + b"\xc6" + (2**31 - 1).to_bytes(4, "big")
    return replace(good(), value=bigger + announced + b"\0" * 100)


NO_VALUE = b"stands for none"


@dataclass(frozen=True, slots=True)
class Bad:
    reason: Reason
    make: Callable[[], Message]


REFUSED = {
    "not MessagePack": Bad(Reason.NOT_MSGPACK, lambda: replace(good(), value=b"\xc1\xc1\xc1")),
    "wrong version": Bad(Reason.WRONG_VERSION, lambda: packed(version=2)),
    "truncated": Bad(Reason.TRUNCATED, lambda: replace(good(), value=good().value[:-10])),
    "2 GiB announced": Bad(Reason.TRUNCATED, two_gibibytes),
    "NaN": Bad(Reason.NON_FINITE, not_a_number),
    "zero rate": Bad(Reason.BAD_RATE, lambda: packed(sample_rate_hz=0.0)),
    "wrong dtype": Bad(Reason.BAD_DTYPE, lambda: packed(dtype="f8")),
    "axis with a blank": Bad(Reason.BAD_AXES, lambda: packed(axes=["radial axis"])),
    "key and body disagree": Bad(Reason.KEY_MISMATCH, lambda: replace(good(), key=b"fan")),
    "clock ahead": Bad(
        Reason.CLOCK_AHEAD,
        lambda: replace(good(), timestamp_ms=good().timestamp_ms - 3_600_000),
    ),
    "sensor in a second partition": Bad(
        Reason.SECOND_PARTITION, lambda: replace(good(), partition=ELSEWHERE)
    ),
    "identifier with control characters": Bad(
        Reason.BAD_IDENTIFIER, lambda: packed(sensor="drive\x1b[2J")
    ),
    "too short for features": Bad(Reason.BAD_COUNT, lambda: packed(samples=b"\0\0" * 10)),
    "no value": Bad(Reason.EMPTY, lambda: replace(good(), value=b"")),
}


@pytest.fixture(scope="module")
def site(
    kafka_server: KafkaServer,
    influxdb_server: InfluxdbServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Site:
    """A plant whose process has met every bad record, between good windows, and has stopped."""
    site = new_site(kafka_server, influxdb_server, tmp_path_factory.mktemp("bad"))
    before = [good(index) for index in range(BEFORE)]
    bad = [case.make() for case in REFUSED.values()]
    late = window(BEFORE - 1)
    sloppy = [
        good(BEFORE - 1),
        message(replace(late, start_ns=late.start_ns - CADENCE_NS // 2), HOME),
    ]
    after = [good(index) for index in range(BEFORE, 2 * BEFORE)]
    other_axis = message(replace(window(2 * BEFORE), axes=("axial",)), HOME)
    settings = site.settings(write_bundle(site.folder))
    with running(settings) as process:
        process.wait_for_commit(site.send(before), site)  # now the sensor has a home
        site.send(bad)
        send_largest(site)
        site.send([*sloppy, *after, other_axis])
        send_with_odd_headers(site)
        process.wait_for_commit(site.ends(), site)
        assert process.stop() == 0
    return site


def send_largest(site: Site) -> None:
    """Send the largest record that the topic takes: `max.message.bytes` with its frame."""
    for length in range(2**20 - 40, 2**20 - 200, -1):
        try:
            site.send([replace(good(), value=b"\x80" * length)])
        except kafka_errors.MessageSizeTooLargeError:
            continue
        return


class RawName(str):
    """The name of a header that is no text."""

    __slots__ = ()

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        del encoding, errors
        return b"\xff\xfe\x80"


def send_with_odd_headers(site: Site) -> None:
    """Send what brokers take and the client's producer does not: no value, no UTF-8 as a name."""
    odd = [("content-type", NO_VALUE), (RawName("x"), b"1")]
    append = DefaultRecordBatchBuilder.append

    def without(self: Any, offset: int, time: int, key: Any, value: Any, headers: Any) -> Any:
        found = [(name, None if told is NO_VALUE else told) for name, told in headers]
        return append(self, offset, time, key, value, found)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DefaultRecordBatchBuilder, "append", without)
        first = 2 * BEFORE + 1
        site.send([replace(good(first + k), headers=[one]) for k, one in enumerate(odd)])


def letters(site: Site) -> list[tuple[dict[str, str], bytes]]:
    topic = site.topic_settings().dead_letters_topic
    return [
        ({name: value.decode() for name, value in one.headers}, one.value)
        for one in committed(site, topic)
    ]


@pytest.mark.parametrize("name", REFUSED)
def test_a_bad_record_becomes_a_dead_letter_with_its_bytes_and_its_reason(
    site: Site, name: str
) -> None:
    case, sent = REFUSED[name], REFUSED[name].make()
    digest = hashlib.sha256(sent.value).hexdigest()
    found = {
        (headers["reason"], headers["source-partition"], value)
        for headers, value in letters(site)
        if headers["sha256"] == digest
    }
    assert (str(case.reason), str(sent.partition), sent.value) in found


def test_a_record_at_the_topics_limit_is_kept_as_an_excerpt(site: Site) -> None:
    ((headers, value),) = [
        letter for letter in letters(site) if letter[0]["reason"] == Reason.TOO_LARGE
    ]
    assert int(headers["length"]) > 1_040_000
    assert value == b"\x80" * 4096


def test_nothing_else_is_refused(site: Site) -> None:
    assert len(letters(site)) == len(REFUSED) + 1


def test_the_windows_behind_bad_records_are_scored(site: Site) -> None:
    times = {point["_time"] for point in series_points(site, "reconstruction_loss")}
    expected = {window(index).start_ns for index in range(BEFORE, 2 * BEFORE)}
    assert expected <= times


def test_windows_with_odd_headers_are_scored(site: Site) -> None:
    times = [point["_time"] for point in series_points(site, "reconstruction_loss")]
    assert times.count(window(2 * BEFORE + 1).start_ns) == 1
    assert times.count(window(2 * BEFORE + 2).start_ns) == 1


def test_a_duplicate_makes_no_second_point_and_is_not_late(site: Site) -> None:
    points = series_points(site, "reconstruction_loss")
    of_duplicate = [one for one in points if one["_time"] == window(BEFORE - 1).start_ns]
    assert [one["late"] for one in of_duplicate] == [False]


def test_a_late_window_is_scored_and_marked(site: Site) -> None:
    late_ns = window(BEFORE - 1).start_ns - CADENCE_NS // 2
    points = series_points(site, "reconstruction_loss")
    assert [one["_time"] for one in points if one["late"]] == [late_ns]


def test_a_sensor_has_one_state_whatever_partition_its_windows_came_in(site: Site) -> None:
    assert {number: set(map(str, found)) for number, found in states(site).items() if found} == {
        HOME: {"pump/drive-end"}
    }


def test_an_unknown_axis_is_noted_and_held_back(site: Site) -> None:
    logs = [path.read_text("utf-8") for path in site.folder.glob("run-*.log")]
    assert any("other_signal_held_back" in log for log in logs)


def test_every_reason_but_those_of_no_record_is_tried() -> None:
    tried = {case.reason for case in REFUSED.values()} | {Reason.TOO_LARGE}
    elsewhere = {
        Reason.NOT_JSON,
        Reason.UNKNOWN_CONTENT_TYPE,
        Reason.BAD_FIELD,
        Reason.BAD_UNIT,
        Reason.AXES_CHANGED,
        Reason.UNKNOWN_COMMAND,
    }
    assert tried | elsewhere == set(wire.Reason)
