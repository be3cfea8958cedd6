"""From healthy observations to what a network learns from: normalised sequences, by sensor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipelines.normalise import BaselineSummary, normalise

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from pipelines.features import Observation


class TrainingError(Exception):
    """Training cannot start or go on; the message says what to do."""


@dataclass(frozen=True, slots=True)
class SensorSequences:
    """The normalised windows of one sensor, in order of time.

    `sequences` is (windows, axes, frames, bands) float32, `mask` (windows, axes, bands).
    """

    name: str
    sequences: NDArray[np.float32]
    mask: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.sequences)

    def split(self, share: float) -> tuple[SensorSequences, SensorSequences]:
        """Return the earlier windows, and the last `share` of them."""
        at = len(self) - round(len(self) * share)
        return self._part(slice(0, at)), self._part(slice(at, None))

    def flat(self) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Return each axis as a sequence of its own: (n, frames, bands) and (n, bands)."""
        frames, bands = self.sequences.shape[2:]
        return self.sequences.reshape(-1, frames, bands), self.mask.reshape(-1, bands)

    def _part(self, windows: slice) -> SensorSequences:
        return SensorSequences(self.name, self.sequences[windows], self.mask[windows])


def normalised(
    name: str, observations: Sequence[Observation], baseline_windows: int
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
    return SensorSequences(name, sequences, mask)


def together(
    sensors: Sequence[SensorSequences],
) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.float64]]:
    """Return all sequences (n, frames, bands), masks (n, bands) and chances of being drawn (n,).

    A sensor is drawn in proportion to the square root of its windows: a long record has more to
    show, but a fleet model must not become the model of its longest record.
    """
    flats = [sensor.flat() for sensor in sensors]
    chances = [np.full(len(sequences), 1.0 / np.sqrt(len(sequences))) for sequences, _ in flats]
    chance = np.concatenate(chances)
    sequences = np.concatenate([sequences for sequences, _ in flats])
    return sequences, np.concatenate([mask for _, mask in flats]), chance / chance.sum()


def folds(
    sensors: Sequence[SensorSequences], count: int
) -> Iterator[tuple[list[SensorSequences], list[SensorSequences]]]:
    """Yield `count` times (sensors to learn from, sensors held out); each is held out once."""
    for fold in range(count):
        held_out = list(sensors[fold::count])
        yield [sensor for sensor in sensors if sensor not in held_out], held_out
