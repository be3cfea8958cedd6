"""Prometheus metrics: `bearingwatch_<what>_<unit>[_total]`, labels from closed sets only.

Asset and sensor are never labels; `docs/metrics.md` explains each metric, and a test compares.
"""

from __future__ import annotations

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
from models.judgement import Verdict
from pipelines.wire import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable

STAGES: Final = ("decode", "extract", "judge", "write", "commit", "deliver")
SERVICES: Final = ("series", "journal")
HEALTH_EVENTS: Final = (
    "commissioned",
    "commissioned_provisionally",
    "commissioned_with_suspicion",
    "baseline_refined",
    "recommissioning_for_other_axes",
    "recommissioning_for_other_features",
    "recommissioning_for_other_signal",
    "bundle_changed",
    "quieter_than_baseline",
    "sensor_fault_began",
    "sensor_fault_ended",
    "stopped",
    "started",
    "fell_silent",
    "heard_again",
)
"""What can happen to a sensor: the detector's notes, and silence."""

_BATCH_BUCKETS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class Metrics:
    """All metrics of one process, on a registry of its own."""

    def __init__(self) -> None:
        # A second series per counter that says when the process began; `process_built` does too.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        registry = self.registry = CollectorRegistry()
        self.windows = Counter(
            "bearingwatch_windows_total",
            "Windows committed, by what became of them",
            ["verdict"],
            registry=registry,
        )
        self.dead_letters = Counter(
            "bearingwatch_dead_letters_total",
            "Records that could not be judged, by reason",
            ["reason"],
            registry=registry,
        )
        self.alert_events = Counter(
            "bearingwatch_alert_events_total",
            "Alert events committed",
            ["transition", "zone"],
            registry=registry,
        )
        self.health_events = Counter(
            "bearingwatch_health_events_total",
            "Health events of sensors",
            ["event"],
            registry=registry,
        )
        self.stage_seconds = Counter(
            "bearingwatch_stage_seconds_total",
            "Time spent in each stage of the loop",
            ["stage"],
            registry=registry,
        )
        self.batch_windows = Histogram(
            "bearingwatch_batch_records",
            "Records in a committed batch",
            buckets=_BATCH_BUCKETS,
            registry=registry,
        )
        self.service_failures = Counter(
            "bearingwatch_service_failures_total",
            "Calls that found a service away",
            ["service"],
            registry=registry,
        )
        self.points_refused = Counter(
            "bearingwatch_refused_points_total",
            "Points that the series refused for good",
            registry=registry,
        )
        self.fenced = Counter(
            "bearingwatch_fenced_batches_total",
            "Batches dropped because the partitions or the identity had another owner",
            registry=registry,
        )
        self.paused = Gauge(
            "bearingwatch_paused_sources",
            "Sources held back because a service is away, 0 or 1",
            registry=registry,
        )
        self.partitions_assigned = Gauge(
            "bearingwatch_assigned_partitions",
            "Partitions that the source gave us",
            registry=registry,
        )
        self.partitions_restored = Gauge(
            "bearingwatch_restored_partitions",
            "Assigned partitions whose state is restored",
            registry=registry,
        )
        self.sensors = Gauge(
            "bearingwatch_known_sensors", "Sensors with a state here", registry=registry
        )
        self.sensors_silent = Gauge(
            "bearingwatch_silent_sensors",
            "Sensors that sent nothing for several of their cadences",
            registry=registry,
        )
        self.lag_records = Gauge(
            "bearingwatch_lag_records", "Records that wait in our partitions", registry=registry
        )
        self.window_age = Gauge(
            "bearingwatch_window_age_seconds",
            "Age of the newest committed record when it was committed",
            registry=registry,
        )
        self.last_commit = Gauge(
            "bearingwatch_last_commit_timestamp_seconds",
            "When the last batch was committed",
            registry=registry,
        )
        self.lost_records = Counter(
            "bearingwatch_lost_records_total",
            "Records that retention removed before they were read",
            registry=registry,
        )
        self.source_stalls = Counter(
            "bearingwatch_source_stalls_total",
            "Times that records waited and none came for a minute",
            registry=registry,
        )
        self.lines_suppressed = Counter(
            "bearingwatch_suppressed_log_lines_total",
            "Log lines left out because they repeated an earlier one",
            registry=registry,
        )
        self.build = Info(
            "bearingwatch_build", "Version, bundle and engine of this process", registry=registry
        )
        self._show_zeros()

    def _show_zeros(self) -> None:
        """Make every label value exist from the start, so that rates see the first increase."""
        _touch(self.windows, Verdict)
        _touch(self.dead_letters, Reason)
        _touch(self.health_events, HEALTH_EVENTS)
        _touch(self.stage_seconds, STAGES)
        _touch(self.service_failures, SERVICES)
        for transition in Transition:
            for zone in Zone:
                self.alert_events.labels(transition, zone)


def _touch(counter: Counter, values: Iterable[str]) -> None:
    for value in values:
        counter.labels(value)
