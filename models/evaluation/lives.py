"""One sensor's recording from the first window to the last, as numbers that all methods share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Final

import numpy as np
import scipy.fft

from models.budget import SECONDS_PER_YEAR
from models.evaluation import FIRST_WINDOWS, EvaluationError
from pipelines.envelope import demodulation_band_hz
from pipelines.features import extract
from pipelines.quality import SensorFault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from models.evaluation.labels import Label, Labels
    from pipelines.features import FeatureSettings, Machine, Observation
    from pipelines.recordings import Recording
    from pipelines.window import SensorKey, Window

    Floats = NDArray[np.float64]

BATCH: Final = 128

FEWEST: Final = 10
"""Sound windows from which a mean and a deviation can be learnt."""


@dataclass(frozen=True, slots=True)
class Simple:
    """What simple methods look at in one window, (axes,) each."""

    mean_absolute: Floats
    envelope_rms: Floats


@dataclass(frozen=True, slots=True)
class Life:
    """The windows of one sensor in order; `start` is the recording's index of the first of them.

    `mean_absolute` and `envelope_rms` are (windows, axes); `rig_mean_absolute` is (windows,
    channels of all sensors of the asset).
    """

    key: SensorKey
    label: Label
    start: int
    observations: tuple[Observation, ...]
    mean_absolute: Floats
    envelope_rms: Floats
    rig_mean_absolute: Floats

    def __len__(self) -> int:
        return len(self.observations)

    def part(self, first: int, last: int | None = None) -> Life:
        """Return windows `first` to `last` (excluded), counted within this life."""
        chosen = slice(first, last)
        return replace(
            self,
            start=self.start + first,
            observations=self.observations[chosen],
            mean_absolute=self.mean_absolute[chosen],
            envelope_rms=self.envelope_rms[chosen],
            rig_mean_absolute=self.rig_mean_absolute[chosen],
        )

    def rms(self) -> Floats:
        """Return RMS, (windows, axes)."""
        return np.stack([one.rms for one in self.observations]).astype(np.float64)

    def kurtosis(self) -> Floats:
        """Return Pearson kurtosis, (windows, axes)."""
        return np.stack([one.kurtosis for one in self.observations]).astype(np.float64)

    def hours(self, first: int, last: int) -> float:
        """Return the time between two windows of this life."""
        elapsed = self.observations[last].start_ns - self.observations[first].start_ns
        return elapsed / 3.6e12

    def fit_to_learn(self, values: Floats) -> Floats:
        """Return the rows of (windows, columns) of which something can be learnt.

        Left out are those that are not finite, in columns that ever are, and windows of a faulty
        sensor, unless too few are left. Raises `EvaluationError` where nothing is finite.
        """
        finite = np.isfinite(values)
        if not finite.any():
            raise EvaluationError(
                f"{self.key}: windows {self.start} to {self.start + len(self) - 1} hold no finite "
                "values, so simple limits cannot learn from them; leave the sensor out"
            )
        usable = finite[:, finite.any(axis=0)].all(axis=1)
        sound = np.array([one.quality.fault is SensorFault.NONE for one in self.observations])
        for chosen in (usable & sound, usable):
            if np.count_nonzero(chosen) >= FEWEST:
                return values[chosen]
        return values

    def healthy(self) -> list[int]:
        """Return the windows behind the first ones in which an alert is false."""
        until = min(self.label.healthy_until, len(self))
        return [k for k in range(FIRST_WINDOWS, until) if not self.label.is_disputed(k)]

    def healthy_years(self, judged: NDArray[np.bool_]) -> float:
        """Return for how long alerts would have been false: healthy, undisputed, and `judged`.

        `judged` is (windows,), of the whole life.
        """
        starts = [one.start_ns for one in self.observations]
        # A pause of the rig is no time in which anything was judged.
        usual = float(np.median(np.diff(starts))) if len(starts) > 1 else 0.0
        passed = [
            min(float(starts[k] - starts[k - 1]), 2 * usual) for k in self.healthy() if judged[k]
        ]
        return sum(passed) / 1e9 / SECONDS_PER_YEAR


def read_lives(
    recordings: Iterable[Recording],
    labels: Labels,
    settings: FeatureSettings,
    lookup: Callable[[SensorKey], Machine | None],
    progress: Callable[[int], None] = lambda _: None,
) -> list[Life]:
    """Return every sensor of the recordings that has a label, whole, last live window included.

    Raises `EvaluationError` where none has, or one is too short.
    """
    lives: list[Life] = []
    for recording in recordings:
        lives += _lives(recording, labels, settings, lookup, progress)
    if not lives:
        raise EvaluationError(
            f"no sensor of these recordings has a label; labelled are {', '.join(labels.names())}"
        )
    return lives


def _lives(
    recording: Recording,
    labels: Labels,
    settings: FeatureSettings,
    lookup: Callable[[SensorKey], Machine | None],
    progress: Callable[[int], None],
) -> Iterator[Life]:
    seen: dict[SensorKey, list[tuple[Observation, Simple]]] = {key: [] for key in recording.sensors}
    windows = iter(recording)
    while batch := list(islice(windows, BATCH)):
        observations = extract(batch, settings, lookup)
        for window, observation in zip(batch, observations, strict=True):
            seen[window.key].append((observation, simple(window, settings)))
        progress(len(batch))
    shortest = min(map(len, seen.values()))
    rig = np.concatenate(
        [np.stack([one.mean_absolute for _, one in found[:shortest]]) for found in seen.values()],
        axis=1,
    )
    for key, found in seen.items():
        if (label := labels.of(key)) is not None:
            yield _life(key, label, found, rig)


def _life(
    key: SensorKey, label: Label, found: Sequence[tuple[Observation, Simple]], rig: Floats
) -> Life:
    if not FIRST_WINDOWS <= label.last_live < len(found):
        raise EvaluationError(
            f"{key}: {len(found)} windows, last live is {label.last_live}; methods learn from the "
            f"first {FIRST_WINDOWS}, so it must lie behind them and within the recording"
        )
    live = found[: label.last_live + 1]
    return Life(
        key=key,
        label=label,
        start=0,
        observations=tuple(observation for observation, _ in live),
        mean_absolute=np.stack([one.mean_absolute for _, one in live]),
        envelope_rms=np.stack([one.envelope_rms for _, one in live]),
        rig_mean_absolute=rig[: label.last_live + 1],
    )


def simple(window: Window, settings: FeatureSettings) -> Simple:
    """Return mean absolute value, and RMS of the envelope of the demodulated band."""
    signal = window.signal()
    rate_hz, samples = window.sample_rate_hz, signal.shape[1]
    low, high = (
        round(edge * samples / rate_hz) for edge in demodulation_band_hz(settings, rate_hz)
    )
    band = scipy.fft.rfft(signal, axis=-1)[:, low:high]
    analytic = scipy.fft.ifft(band, axis=-1) * (2.0 * (high - low) / samples)
    return Simple(
        mean_absolute=np.abs(signal).mean(axis=1).astype(np.float64),
        envelope_rms=np.abs(analytic).std(axis=1).astype(np.float64),
    )
