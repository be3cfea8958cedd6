"""What the loop tells of sensors and records, as log lines and metrics."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import structlog

from daemon.settings import LogSettings
from daemon.telemetry.logs import configure_logs
from models.policy import Limits
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
