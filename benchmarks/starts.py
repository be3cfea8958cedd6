"""The learning bearings from several first windows on, with both axes and with one.

One start a bearing is one throw of the dice; begun later and heard less of, the same recording
asks the same question again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from benchmarks.detection import FEMTO_LABELS, machine
from benchmarks.elsewhere import as_is, one_axis
from models.evaluation import FIRST_WINDOWS, Track
from models.evaluation.charted import ZONES
from models.evaluation.labels import read_labels, shipped_labels
from models.evaluation.lives import read_lives
from models.evaluation.outcomes import judge_outcome
from pipelines.recordings import open_recording
from pipelines.window import SensorKey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from benchmarks.elsewhere import Change
    from models.detector import Detector
    from models.evaluation import Method
    from models.evaluation.lives import Life
    from models.evaluation.outcomes import Outcome
    from models.state import SensorState
    from pipelines.features import FeatureSettings
    from pipelines.recordings import Recording
    from pipelines.window import Window

BEARINGS: Final = tuple(FEMTO_LABELS)
AXES: Final[dict[str, Change]] = {"both": as_is, "horizontal": one_axis(0), "vertical": one_axis(1)}
APART: Final = 200
"""Windows from one start to the next, and at least so many before the onset."""

BATCH: Final = 32

SEED: Final = 0


@dataclass(frozen=True)
class Changed:
    """A recording with its windows changed."""

    recording: Recording
    change: Change

    @property
    def sensors(self) -> tuple[SensorKey, ...]:
        return tuple(self.recording.sensors)

    def __iter__(self) -> Iterator[Window]:
        return self.change(iter(self.recording))


@dataclass(frozen=True)
class Start:
    """A bearing judged from one of its windows on; the life's label counts from there."""

    bearing: str
    axes: str
    first: int
    life: Life

    @property
    def native(self) -> bool:
        return not self.first and self.axes == "both"


def read_starts(features: FeatureSettings) -> list[Start]:
    """Return every start of the learning bearings, each a sensor of its own."""
    starts: list[Start] = []
    for bearing in BEARINGS:
        for axes in AXES:
            (life,) = read(f"femto/{bearing}.npz", features, AXES[axes])
            first = 0
            while (life.label.earliest or 0) - first >= APART:
                starts.append(_start(life, bearing, axes, first))
                first += APART
    return starts


def read(name: str, features: FeatureSettings, change: Change = as_is) -> list[Life]:
    """Return the labelled sensors of a recording, geometry given."""
    path = Path(os.environ["BEARINGWATCH_DATA"]) / name
    changed: Recording = Changed(open_recording(path), change)  # type: ignore[assignment]
    labels = read_labels(shipped_labels())
    return read_lives([changed], labels, features, lambda key: machine(key, geometry=True))


def _start(life: Life, bearing: str, axes: str, first: int) -> Start:
    label = life.label
    learnt = label.learn_until - first
    later = msgspec.structs.replace(
        label,
        earliest=(label.earliest or 0) - first,
        latest=(label.latest or 0) - first,
        last_live=label.last_live - first,
        disputed=tuple((max(a - first, 0), b - first) for a, b in label.disputed if b >= first),
        learn_until=learnt if learnt >= FIRST_WINDOWS else 0,
    )
    part = replace(life.part(first), label=later, start=0)
    key = SensorKey(f"{bearing}-{axes}-{first}", life.key.sensor)
    own = tuple(replace(one, key=key) for one in part.observations)
    return Start(bearing, axes, first, replace(part, key=key, observations=own))


def judge(lives: Sequence[Life], detector: Detector) -> list[Outcome]:
    """Judge sensors beside each other, and compare with their labels."""
    said: dict[SensorKey, list[tuple[float, float, float]]] = {life.key: [] for life in lives}
    states: dict[SensorKey, SensorState] = {}
    for first in range(0, max(map(len, lives)), BATCH):
        batch = [one for life in lives for one in life.observations[first : first + BATCH]]
        new, judged = detector.judge(states, batch)
        states.update(new)
        for one in judged:
            zone = float(ZONES.index(one.zone))
            said[one.observation.key].append((zone, one.loss, one.threshold))
    return [_outcome(life, np.array(said[life.key])) for life in lives]


def judge_by(method: Method, life: Life) -> Outcome:
    """Let a method learn a sensor's first windows and judge the others."""
    fitted = method.fit(life.part(0, FIRST_WINDOWS), SEED)
    return judge_outcome(life, fitted.judge(life.part(FIRST_WINDOWS)))


def _outcome(life: Life, said: NDArray[np.float64]) -> Outcome:
    zones, loss, threshold = said[FIRST_WINDOWS:].T
    return judge_outcome(life, Track(zones.astype(np.int8), loss, threshold))
