"""What the loop tells of sensors and records, as log lines and metrics."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest
import structlog

from daemon.settings import LogSettings
from daemon.telemetry.logs import configure_logs
from models.policy import Limits
from pipelines.commands import Kind, encode_command
from pipelines.wire import encode
from tests.plant.commands import HEADERS, command
from tests.unit.daemon.loop_bench import Bench, window

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    out = io.StringIO()
    configure_logs(LogSettings(format="json"), stream=out)
    yield out
    configure_logs(LogSettings(level="error"), stream=io.StringIO())
    structlog.reset_defaults()


def lines(stream: io.StringIO, event: str) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in stream.getvalue().splitlines()]
    return [line for line in found if line["event"] == event]


def test_limits_in_another_unit_are_told_once_per_sensor(stream: io.StringIO) -> None:
    bench = Bench(limits=lambda _key: Limits(unit="mm/s", rms_warning=4.5), batch_windows=2)
    bench.feed(*(window(index, sensor) for index in range(4) for sensor in ("fan", "pump")))
    bench.finish()
    (told,) = lines(stream, "limits_in_another_unit")
    assert (told["limits_unit"], told["unit"]) == ("mm/s", "g")
    assert told["sensors"] == ["fan/de", "pump/de"]
    assert told["level"] == "warning"
    assert bench.metric("bearingwatch_health_events_total", event="limits_in_another_unit") == 2


def test_limits_in_the_unit_of_the_windows_are_not_news(stream: io.StringIO) -> None:
    bench = Bench(limits=lambda _key: Limits(unit="g", rms_warning=4.5))
    bench.feed(window(0), replace(window(1), unit="mm/s"))
    bench.finish()
    (told,) = lines(stream, "limits_in_another_unit")
    assert (told["limits_unit"], told["unit"]) == ("g", "mm/s")


def test_a_dead_lettered_record_is_told_with_whose_it_is_and_what_is_wrong(
    stream: io.StringIO,
) -> None:
    bench = Bench()
    bench.source.append(encode(window(0)), key=b"fan")
    bench.source.append(b"\xc1", key=b"fan")
    bench.feed(replace(window(1), samples=np.ones((1, 63), "<i2")))
    bench.finish()
    key, broken, short = lines(stream, "record_dead_lettered")
    assert (key["asset"], key["sensor"]) == ("pump", "de")
    assert key["detail"].startswith("key 'fan', expected 'pump'; key each record by its asset")
    assert "asset" not in broken
    assert (short["asset"], short["sensor"], short["reason"]) == ("pump", "de", "bad_count")
    assert short["detail"] == "63 samples, expected 64 or more"


def test_repeated_dead_letters_of_one_reason_are_one_line_whatever_their_details(
    stream: io.StringIO,
) -> None:
    bench = Bench()
    for index in range(3):
        bench.source.append(encode(window(index)), key=b"fan %d" % index)
    bench.finish()
    assert len(lines(stream, "record_dead_lettered")) == 1


def test_a_record_without_a_key_is_a_dead_letter_and_a_window_at_hand_needs_none() -> None:
    bench = Bench()
    bench.source.append(encode(window(0)))
    bench.source.append(encode(window(1)), key=b"pump", timestamp_ms=1000)
    bench.source.append(window(2), timestamp_ms=2000)
    bench.finish()
    assert bench.journal.kept.dead_letters == ["key_mismatch"]
    assert len(bench.series.losses) == 2


def test_a_sensor_quieter_than_its_baseline_is_told_with_the_command_that_helps(
    stream: io.StringIO,
) -> None:
    bench = Bench()
    bench.feed(window(0, level=7), window(1, level=8))
    bench.finish()
    quieter, commissioned = lines(stream, "sensors_noted")
    assert quieter["reason"] == "quieter_than_baseline"
    assert "bearingwatch rebaseline ASSET/SENSOR -c FILE" in quieter["advice"]
    assert "advice" not in commissioned


def test_what_happened_to_a_sensor_is_told_before_its_alert(stream: io.StringIO) -> None:
    bench = Bench(batch_windows=2)
    bench.feed(window(0, level=8), window(1, level=9))
    bench.finish()
    told = [json.loads(line)["event"] for line in stream.getvalue().splitlines()]
    assert told.index("sensors_noted") < told.index("alert_changed")


def test_each_command_is_told_whatever_was_told_before(stream: io.StringIO) -> None:
    bench = Bench()
    bench.feed(window(0))
    for number in ("1", "2"):
        one = msgspec.structs.replace(command(Kind.REBASELINE), id=number)
        bench.source.append(encode_command(one), key=b"pump", headers=HEADERS)
    bench.finish()
    assert [line["id"] for line in lines(stream, "command_applied")] == ["1", "2"]
