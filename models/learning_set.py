"""From healthy observations to what a network learns from: normalised sequences, by sensor."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pipelines.normalise import BaselineSummary, normalise

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from pipelines.features import FeatureSettings, Observation
    from pipelines.normalise import Baseline


class TrainingError(Exception):
    """Training cannot start or go on; the message says what to do."""


@dataclass(frozen=True, slots=True)
class SensorSequences:
    """The normalised windows of one sensor, in order of time.

    `sequences` is (windows, axes, frames, bands) float32, `mask` (windows, axes, bands). `slopes`
    (axes, 2, bands) are what the baseline rises by in an octave, in its standard deviations: where
    bands follow the speed, and where they follow the structure's resonances; 0 elsewhere.
    """

    name: str
    sequences: NDArray[np.float32]
    mask: NDArray[np.bool_]
    slopes: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.sequences)

    def split(self, share: float) -> tuple[SensorSequences, SensorSequences]:
        """Return the earlier windows, and the last `share` of them."""
        at = len(self) - round(len(self) * share)
        return self._part(slice(0, at)), self._part(slice(at, None))

    def flat(self) -> Flat:
        """Return each axis as a sequence of its own."""
        frames, bands = self.sequences.shape[2:]
        slopes = np.broadcast_to(self.slopes, (len(self), *self.slopes.shape))
        return Flat(
            self.sequences.reshape(-1, frames, bands),
            self.mask.reshape(-1, bands),
            slopes.reshape(-1, 2, bands),
        )

    def _part(self, windows: slice) -> SensorSequences:
        return replace(self, sequences=self.sequences[windows], mask=self.mask[windows])


class Flat(NamedTuple):
    """Sequences of any axes (n, frames, bands), with masks (n, bands) and slopes (n, 2, bands)."""

    sequences: NDArray[np.float32]
    mask: NDArray[np.bool_]
    slopes: NDArray[np.float32]

    def drawn(self, which: NDArray[np.int64]) -> Flat:
        """Return some of them."""
        return Flat(self.sequences[which], self.mask[which], self.slopes[which])


def normalised(
    name: str,
    observations: Sequence[Observation],
    baseline_windows: int,
    features: FeatureSettings,
) -> SensorSequences:
    """Return `observations` of one sensor against the baseline that its first windows make.

    That is what commissioning does. Raises `TrainingError` when there are too few.
    """
    if len(observations) < baseline_windows:
        raise TrainingError(
            f"{name}: {len(observations)} healthy windows, its baseline alone needs "
            f"{baseline_windows}: leave it out (--exclude) or tell of more healthy windows"
        )
    summary = BaselineSummary.empty()
    for observation in observations[:baseline_windows]:
        summary = summary.add(observation)
    log_bands = np.stack([observation.log_bands for observation in observations])
    baseline = summary.baseline()
    sequences, mask = normalise(log_bands, baseline.location, baseline.scale)
    return SensorSequences(name, sequences, mask, _slopes(baseline, features))


def _slopes(baseline: Baseline, features: FeatureSettings) -> NDArray[np.float32]:
    """Return the slopes of a baseline, between bands that are known, spectrum and envelope apart.

    A spectrum that moves keeps its power, so what moves is the power in an octave: the lowest bands
    are narrower or wider than their share. Tones lie below the demodulated bands and follow the
    speed, as the envelope's lines do; resonances stay in Hz.
    """
    edges_hz, spectral = features.edges_hz(), slice(features.bands)
    octaves = np.log2(edges_hz).mean(axis=1)
    level = baseline.location.astype(np.float64)
    level[:, spectral] -= np.log10(np.diff(np.log2(edges_hz[spectral]))[:, 0])
    slope = np.zeros(level.shape)
    for axis, known in enumerate(np.isfinite(level)):
        for part in np.split(np.arange(features.width), [features.bands]):
            at = part[known[part]]
            if len(at) > 1:
                slope[axis, at] = np.gradient(level[axis, at], octaves[at])
    slope = np.where(slope, slope / baseline.scale, 0.0)
    slopes = np.stack([slope, slope], axis=1)
    slopes[:, 0, features.high_bands().start : features.bands] = 0.0
    slopes[:, 1, features.bands :] = 0.0
    return slopes.astype(np.float32)


def together(sensors: Sequence[SensorSequences]) -> tuple[Flat, NDArray[np.float64]]:
    """Return all sequences, and their chances of being drawn (n,).

    A sensor is drawn in proportion to the square root of its windows: a long record has more to
    show, but a fleet model must not become the model of its longest record.
    """
    flats = [sensor.flat() for sensor in sensors]
    counts = [len(each.sequences) for each in flats]
    chance = np.repeat(1.0 / np.sqrt(counts), counts)
    every = Flat(*map(np.concatenate, zip(*flats, strict=True)))
    return every, chance / chance.sum()


def folds(
    sensors: Sequence[SensorSequences], count: int
) -> Iterator[tuple[list[SensorSequences], list[SensorSequences]]]:
    """Yield `count` times (sensors to learn from, sensors held out); each is held out once."""
    for fold in range(count):
        held_out = list(sensors[fold::count])
        yield [sensor for sensor in sensors if sensor not in held_out], held_out
