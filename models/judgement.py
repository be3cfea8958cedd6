"""What is thought of one window."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from models.alerts import AlertEvent, Zone
    from pipelines.features import FeatureSettings, Observation
    from pipelines.normalise import Baseline


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
    STANDS_OUT = "stands_out_of_peers"
    BASELINE_REFINED = "baseline_refined"
    LIMIT_WIDENED = "limit_widened"
    BUNDLE_CHANGED = "bundle_changed"
    OTHER_FEATURES = "recommissioning_for_other_features"
    LEARNING_BESIDE = "learning_for_another_bundle"
    HANDED_OVER = "handed_over_to_another_bundle"
    REBASELINED_AFTER_STOP = "rebaselined_after_stop"
    LINES_LEARNT = "fault_lines_learnt"
    ODD_SIGNAL = "other_signal_held_back"
    OTHER_SIGNAL = "recommissioning_for_other_signal"
    RESUMED = "baseline_resumed"
    QUIETER = "quieter_than_baseline"
    STOPPED = "stopped"
    STARTED = "started"
    SENSOR_FAULT_BEGAN = "sensor_fault_began"
    SENSOR_FAULT_ENDED = "sensor_fault_ended"


@dataclass(frozen=True, slots=True)
class Run:
    """What a window did to its sensor's run of exceedances; either time is 0 where it did not.

    `began_ns` is the start of the run's first window: this one. `lapsed_ns` is that of a run which
    ended with this window and was never confirmed.
    """

    began_ns: int = 0
    lapsed_ns: int = 0


@dataclass(frozen=True, slots=True)
class Grounds:
    """What an alert was raised on: the features that were seen, by which baseline.

    `departures` are (axes, bands) in robust standard deviations. Both are None where absolute
    limits judged before there was a baseline.
    """

    features: FeatureSettings
    baseline: Baseline | None
    departures: NDArray[np.float64] | None


class Judgement(msgspec.Struct, frozen=True, gc=False):
    """What is thought of one window; one per observation, in the order they were given.

    `loss`, `threshold`, `anchored` and `adaptive` are NaN where the window was not scored
    (`verdict` says why). `loss` is rounded to 6 significant digits. `anchored` and `adaptive` are
    the charts' values over their limits (1 = at the limit). `axis_loss` has one value per axis;
    `departures` has 16 band departures per axis in robust standard deviations. `index` counts the
    sensor's windows from 0, late ones and duplicates not counted (-1). `bundles` are the hashes
    of the bundle before and after, where a note tells of another bundle. `baseline` is the one in
    force behind the window, `features` the hash of what it was learnt by. `run` is given where a
    run of exceedances began or lapsed, `grounds` where an alert was raised. Nothing that it holds
    leads back to it, so the garbage collector need not look at it.
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
    baseline: Baseline | None = None
    features: str = ""
    notes: tuple[Note, ...] = ()
    bundles: tuple[str, str] | None = None
    run: Run | None = None
    grounds: Grounds | None = None
