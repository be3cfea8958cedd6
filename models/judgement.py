"""What is thought of one window."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models.alerts import AlertEvent, Zone
    from pipelines.features import Observation


class Status(StrEnum):
    """What the detector is doing with a sensor."""

    COMMISSIONING = "commissioning"
    MONITORING = "monitoring"
    REBASELINING = "rebaselining"
    STOPPED = "stopped"
    SENSOR_FAULT = "sensor_fault"


class Verdict(StrEnum):
    """What became of one window."""

    SCORED = "scored"
    LATE = "late"
    DUPLICATE = "duplicate"
    LEARNT = "learnt"
    STOPPED = "stopped"
    SENSOR_FAULT = "sensor_fault"
    HELD = "held"


class Note(StrEnum):
    """Health events, in the past tense or the course they set."""

    COMMISSIONED = "commissioned"
    COMMISSIONED_PROVISIONALLY = "commissioned_provisionally"
    COMMISSIONED_WITH_SUSPICION = "commissioned_with_suspicion"
    BASELINE_REFINED = "baseline_refined"
    BUNDLE_CHANGED = "bundle_changed"
    OTHER_FEATURES = "recommissioning_for_other_features"
    LEARNING_BESIDE = "learning_for_another_bundle"
    HANDED_OVER = "handed_over_to_another_bundle"
    ODD_SIGNAL = "other_signal_held_back"
    OTHER_SIGNAL = "recommissioning_for_other_signal"
    QUIETER = "quieter_than_baseline"
    STOPPED = "stopped"
    STARTED = "started"
    SENSOR_FAULT_BEGAN = "sensor_fault_began"
    SENSOR_FAULT_ENDED = "sensor_fault_ended"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is thought of one window; one per observation, in the order they were given.

    `loss`, `threshold`, `anchored` and `adaptive` are NaN where the window was not scored
    (`verdict` says why). `loss` is rounded to 6 significant digits. `anchored` and `adaptive` are
    the charts' values over their limits (1 = at the limit). `axis_loss` has one value per axis;
    `departures` has 16 band departures per axis in robust standard deviations. `index` counts the
    sensor's windows from 0, late ones and duplicates not counted (-1). `bundles` are the hashes
    of the bundle before and after, where a note tells of another bundle.
    """

    observation: Observation
    index: int
    verdict: Verdict
    status: Status
    zone: Zone
    loss: float
    threshold: float
    anchored: float
    adaptive: float
    louder: bool
    axis_loss: tuple[float, ...]
    departures: tuple[tuple[float, ...], ...]
    provisional: bool
    suspicious: bool
    events: tuple[AlertEvent, ...]
    notes: tuple[Note, ...] = ()
    bundles: tuple[str, str] | None = None
