"""What a producer that sends windows again changes, and what not, with the real detector."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from daemon.journal.memory import MemoryJournal
from daemon.judging import Judging, open_model
from daemon.loop import Loop, Parts, Policy
from daemon.series.memory import MemorySeries
from daemon.sources.memory import MemorySource
from daemon.telemetry.metrics import Metrics
from daemon.telemetry.progress import Progress
from daemon.telemetry.report import Report
from models.policy import DetectorSettings
from models.state import RECENT
from tests.plant.bundles import write_bundle
from tests.plant.windows import COMMISSIONING, window
from tests.unit.daemon.loop_bench import StubClock

if TYPE_CHECKING:
    from collections.abc import Iterable

    from daemon.judging import Model
    from daemon.series.memory import Fields

LAST = COMMISSIONING + 12
LOUD_FROM = COMMISSIONING + 8
KNOWN = RECENT + 1
"""Windows that are remembered, the last included."""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return open_model(write_bundle(tmp_path_factory.mktemp("bundle")))


class Run:
    """What was left behind by windows of one sensor, given by their numbers."""

    def __init__(self, model: Model, numbers: Iterable[int]) -> None:
        settings = DetectorSettings()
        short = replace(settings.commissioning, windows=COMMISSIONING, span_s=0.0)
        judge = Judging(model, replace(settings, commissioning=short))
        source, self.series, journal = MemorySource(), MemorySeries(), MemoryJournal()
        for number in numbers:
            of = window(number, level=8.0 if number >= LOUD_FROM else 1.0)
            source.append(of, key=of.asset.encode(), timestamp_ms=of.start_ns // 10**6 + 1000)
        source.finish()
        journal.start()
        clock = StubClock()
        report = Report(Metrics(), Progress(clock.monotonic))
        parts = Parts(source, self.series, journal, judge)
        Loop(parts, Policy(), clock.bundle(), report).run(lambda: False)
        self.store = journal.store

    def point(self, number: int) -> Fields:
        return self.series.losses[("pump", "drive-end"), window(number).start_ns]


@pytest.fixture(scope="module")
def once(model: Model) -> Run:
    return Run(model, range(LAST + 1))


@pytest.fixture(scope="module")
def again(model: Model) -> Run:
    """The last nine windows were sent twice, as by a gateway that lost the confirmations."""
    return Run(model, [*range(LAST + 1), *range(LAST - KNOWN + 1, LAST + 1)])


@pytest.fixture(scope="module")
def long_after(model: Model) -> Run:
    """A window was sent again behind more newer ones than are remembered."""
    return Run(model, [*range(LAST + 1), LAST - KNOWN])


def test_windows_sent_again_change_nothing(once: Run, again: Run) -> None:
    assert once.store.events()
    assert again.store.events() == once.store.events()
    assert again.store.states == once.store.states
    assert again.series.losses == once.series.losses
    assert again.series.vibrations == once.series.vibrations


def test_long_after_they_are_marked_late_and_change_no_alert_and_no_state(
    once: Run, long_after: Run
) -> None:
    assert once.point(LAST - KNOWN)["late"] is False
    assert long_after.point(LAST - KNOWN)["late"] is True
    assert long_after.series.losses.keys() == once.series.losses.keys()
    assert long_after.store.events() == once.store.events()
    assert long_after.store.states == once.store.states
    assert long_after.series.vibrations == once.series.vibrations


def test_the_loss_is_that_of_the_first_time_and_the_zone_that_of_now(
    once: Run, long_after: Run
) -> None:
    before, after = once.point(LAST - KNOWN), long_after.point(LAST - KNOWN)
    assert after["loss"] == before["loss"]
    assert (before["zone"], after["zone"]) == ("normal", once.point(LAST)["zone"])
    assert after["zone"] == "alarm"
