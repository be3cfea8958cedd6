"""Prometheus metrics: `bearingwatch_<what>_<unit>[_total]`, labels from closed sets only.

Asset and sensor are never labels; `docs/metrics.md` explains each metric, and a test compares.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info

from models.alerts import Transition, Zone
from models.judgement import Verdict
from pipelines.wire import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable

STAGES: Final = ("decode", "extract", "judge", "write", "commit", "deliver")
SERVICES: Final = ("series", "journal")
_BATCH_BUCKETS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class Metrics:
    """All metrics of one process, on a registry of its own."""

    def __init__(self) -> None:
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
            "bearingwatch_batch_windows",
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
            "bearingwatch_points_refused_total",
            "Points that the series refused for good",
            registry=registry,
        )
        self.fenced = Counter(
            "bearingwatch_fenced_total",
            "Batches dropped because the partitions or the identity had another owner",
            registry=registry,
        )
        self.paused = Gauge(
            "bearingwatch_source_paused_info",
            "1 while the source is paused because a service is away",
            registry=registry,
        )
        self.partitions_assigned = Gauge(
            "bearingwatch_partitions_assigned_count",
            "Partitions that the source gave us",
            registry=registry,
        )
        self.partitions_restored = Gauge(
            "bearingwatch_partitions_restored_count",
            "Assigned partitions whose state is restored",
            registry=registry,
        )
        self.sensors = Gauge(
            "bearingwatch_sensors_known_count", "Sensors with a state here", registry=registry
        )
        self.sensors_silent = Gauge(
            "bearingwatch_sensors_silent_count",
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
        self.lines_suppressed = Counter(
            "bearingwatch_log_lines_suppressed_total",
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
        _touch(self.stage_seconds, STAGES)
        _touch(self.service_failures, SERVICES)
        for transition in Transition:
            for zone in Zone:
                self.alert_events.labels(transition, zone)


def _touch(counter: Counter, values: Iterable[str]) -> None:
    for value in values:
        counter.labels(value)
