"""Prometheus metrics: `bearingwatch_<what>_<unit>[_total]`, labels from closed sets only.

Asset and sensor are never labels; `docs/metrics.md` explains each metric, and a test compares.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    disable_created_metrics,
)

from models.alerts import Transition, Zone
from models.judgement import Note, Verdict
from pipelines.commands import Kind
from pipelines.dead_letters import SERIES_REFUSED
from pipelines.wire import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable

STAGES: Final = ("decode", "extract", "judge", "write", "commit", "deliver")
SERVICES: Final = ("source", "series", "journal")
LIMITS_IN_ANOTHER_UNIT: Final = "limits_in_another_unit"
HEALTH_EVENTS: Final = (*Note, LIMITS_IN_ANOTHER_UNIT, "fell_silent", "heard_again")
"""What can happen to a sensor: the detector's notes, limits that do not hold, and silence."""
DEAD_LETTER_REASONS: Final = (*Reason, SERIES_REFUSED)
"""Why a record, or a point made of one, became a dead letter."""
COMMAND_OUTCOMES: Final = ("applied", "passed_over")
"""A command is in every partition, and passed over where its sensors are not."""

_BATCH_BUCKETS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class Metrics:
    """All metrics of one process, on a registry of its own."""

    def __init__(self) -> None:
        # A second series per counter that says when the process began; `process_built` does too.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        self._count_work()
        self._count_trouble()
        self._measure()
        self.build = Info(
            "bearingwatch_build",
            "Version, bundle and engine of this process",
            registry=self.registry,
        )
        self._show_zeros()

    def _count_work(self) -> None:
        counter = partial(Counter, registry=self.registry)
        self.windows = counter(
            "bearingwatch_windows_total", "Windows committed, by what became of them", ["verdict"]
        )
        self.dead_letters = counter(
            "bearingwatch_dead_letters_total",
            "Dead letters committed, by reason",
            ["reason"],
        )
        self.alert_events = counter(
            "bearingwatch_alert_events_total", "Alert events committed", ["transition", "zone"]
        )
        self.health_events = counter(
            "bearingwatch_health_events_total", "Health events of sensors", ["event"]
        )
        self.commands = counter(
            "bearingwatch_commands_total",
            "Operators' commands committed, by what became of them in their partition",
            ["command", "outcome"],
        )
        self.stage_seconds = counter(
            "bearingwatch_stage_seconds_total", "Time spent in each stage of the loop", ["stage"]
        )
        self.batch_windows = Histogram(
            "bearingwatch_batch_records",
            "Records in a committed batch",
            buckets=_BATCH_BUCKETS,
            registry=self.registry,
        )

    def _count_trouble(self) -> None:
        counter = partial(Counter, registry=self.registry)
        self.service_failures = counter(
            "bearingwatch_service_failures_total",
            "Calls that found a service away; for the source, its outages",
            ["service"],
        )
        self.service_up = Gauge(
            "bearingwatch_service_up",
            "Whether a service answered when it was last asked, 0 or 1",
            ["service"],
            registry=self.registry,
        )
        self.points_refused = counter(
            "bearingwatch_refused_points_total", "Points that the series refused for good"
        )
        self.fenced = counter(
            "bearingwatch_fenced_batches_total",
            "Batches dropped because the partitions or the identity had another owner",
        )
        self.lost_records = counter(
            "bearingwatch_lost_records_total",
            "Records that retention removed before they were read",
        )
        self.source_stalls = counter(
            "bearingwatch_source_stalls_total",
            "Times that records waited and none came for a minute",
        )
        self.lines_suppressed = counter(
            "bearingwatch_suppressed_log_lines_total",
            "Log lines left out because they repeated an earlier one",
        )

    def _measure(self) -> None:
        gauge = partial(Gauge, registry=self.registry)
        self.paused = gauge(
            "bearingwatch_paused_sources", "Sources held back because a service is away, 0 or 1"
        )
        self.partitions_assigned = gauge(
            "bearingwatch_assigned_partitions", "Partitions that the source gave us"
        )
        self.partitions_restored = gauge(
            "bearingwatch_restored_partitions", "Assigned partitions whose state is restored"
        )
        self.sensors = gauge("bearingwatch_known_sensors", "Sensors with a state here")
        self.sensors_silent = gauge(
            "bearingwatch_silent_sensors",
            "Sensors that sent nothing new for several of their cadences",
        )
        self.sensors_doubled = gauge(
            "bearingwatch_doubled_sensors",
            "Sensors with a state in a second partition here; the lowest one's judges",
        )
        self.lag_records = gauge(
            "bearingwatch_lag_records", "Records of our partitions that are not committed yet"
        )
        self.window_age = gauge(
            "bearingwatch_window_age_seconds",
            "Age of the newest committed record when it was committed",
        )
        self.last_commit = gauge(
            "bearingwatch_last_commit_timestamp_seconds", "When the last batch was committed"
        )

    def _show_zeros(self) -> None:
        """Make every label value exist from the start, so that rates see the first increase."""
        _touch(self.windows, Verdict)
        _touch(self.dead_letters, DEAD_LETTER_REASONS)
        _touch(self.health_events, HEALTH_EVENTS)
        _touch(self.stage_seconds, STAGES)
        _touch(self.service_failures, SERVICES)
        _touch(self.service_up, SERVICES)
        for kind in Kind:
            for outcome in COMMAND_OUTCOMES:
                self.commands.labels(kind, outcome)
        for transition in Transition:
            for zone in Zone:
                self.alert_events.labels(transition, zone)


def _touch(metric: Counter | Gauge, values: Iterable[str]) -> None:
    for value in values:
        metric.labels(value)
