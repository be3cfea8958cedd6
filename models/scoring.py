"""From observations and baselines to numbers that the charts take; many windows in one call.

A window's numbers depend on that window, its sensor's baseline and the network only, so windows
of any sensors and times are scored together; what comes out is bit-equal however they are grouped.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from models.loss import reconstruction_loss
from models.rounding import round_significant
from pipelines.normalise import EXTRAS, LINES, POWER, normalise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from models.engines import Engine
    from models.policy import ChartPolicy
    from pipelines.examples import Examples
    from pipelines.features import FeatureSettings, Observation
    from pipelines.normalise import Baseline

    Floats = NDArray[np.float64]

TINY: Final = float(np.finfo(np.float32).tiny)

DEPARTURES: Final = 16
"""Bands of the vibration measurement: neighbours are averaged to so many."""


class Bands(NamedTuple):
    """Which bands are which: the first `spectral` are the spectrum's, the rest the envelope's.

    `high` are those of the spectrum that the envelope demodulates.
    """

    spectral: int
    high: slice

    @classmethod
    def of(cls, features: FeatureSettings) -> Bands:
        """Return where these features have which bands."""
        return cls(features.bands, features.high_bands())


def sound(observation: Observation) -> Observation:
    """Return a window as the axes that say something show it: NaN on those that are lost."""
    lost = observation.quality.lost
    if not lost:
        return observation
    names = ("log_bands", "rms", "velocity_rms", "fault_lines")
    arrays = {name: getattr(observation, name) for name in names}
    blind = {name: values.copy() for name, values in arrays.items() if values is not None}
    for values in blind.values():
        values[list(lost)] = np.nan
    return replace(observation, **blind)


class Task(NamedTuple):
    """A window of a batch, and the baseline that it is scored against."""

    position: int
    observation: Observation
    baseline: Baseline


@dataclass(slots=True)
class Scores:
    """What a batch's windows score, one entry a window, NaN where not scored.

    `loss` is the largest over the axes of the error carried by bands that got louder; `quieter`
    the same for the others. `level` is log10 of RMS over baseline and `line` the largest rise of
    a fault line in standard deviations, `high` is log10 of the RMS of the high bands over the
    baseline's; all three on the worst axis.
    """

    loss: Floats
    quieter: Floats
    level: Floats
    line: Floats
    high: Floats
    details: list[Detail | None] = field(default_factory=list)

    @classmethod
    def empty(cls, count: int) -> Scores:
        """Return scores of `count` windows, none scored yet."""
        loss, quieter, level, line, high = np.full((5, count), np.nan)
        return cls(loss, quieter, level, line, high, [None] * count)

    def keep(self, position: int, baseline: Baseline | None) -> None:
        """Drop what a window scored against another baseline than the one that is in force now.

        Later windows of a batch are scored together with the first, before one of them changes it.
        """
        detail = self.details[position]
        if detail is None or detail.baseline is baseline:
            return
        self.details[position] = None
        for values in (self.loss, self.quieter, self.level, self.line, self.high):
            values[position] = np.nan


class Detail(NamedTuple):
    """What explains one window's loss.

    `merged` has 16 departures for each axis; `departures` and `band_loss` are (axes, bands).
    """

    baseline: Baseline
    axis_loss: tuple[float, ...]
    merged: tuple[tuple[float, ...], ...]
    departures: Floats
    band_loss: Floats


def score(
    engine: Engine,
    tasks: Sequence[Task],
    scores: Scores,
    policy: ChartPolicy,
    bands: Bands,
) -> None:
    """Score windows, each against the baseline beside it, into `scores`."""
    shapes: dict[int, list[Task]] = {}
    for task in tasks:
        shapes.setdefault(len(task.observation.axes), []).append(task)
    for alike in shapes.values():
        _score_alike(engine, alike, scores, policy, bands)


def _score_alike(
    engine: Engine,
    tasks: Sequence[Task],
    scores: Scores,
    policy: ChartPolicy,
    bands: Bands,
) -> None:
    """Score windows that have the same number of axes."""
    centre = together([task.baseline.centre for task in tasks])
    spread = together([task.baseline.spread for task in tasks])
    centres = centre.astype(np.float64)
    positions = np.array([task.position for task in tasks])
    log_bands = together([task.observation.log_bands for task in tasks])
    common = common_rise(log_bands, centres, bands.spectral)
    high = _high(log_bands[..., bands.high], centres[:, :, bands.high], common)
    scores.high[positions] = np.fmax.reduce(high, axis=1)
    log_bands -= gain(common, policy, bands.spectral, log_bands.shape[3])
    found = _reconstruct(engine, log_bands, centre[..., :-EXTRAS], spread[..., :-EXTRAS])
    seen = found.mask.any(axis=1)
    worst = found.louder.max(axis=1), found.quieter.max(axis=1)
    each = np.where(seen, found.loss, np.nan)
    rounded = round_significant(np.concatenate((*worst, each)))
    scores.loss[positions], scores.quieter[positions] = rounded[: 2 * len(tasks)].reshape(2, -1)
    scores.level[positions] = _level(tasks, centres)
    scores.line[positions] = _line(tasks, centres, spread, policy)
    axis_loss = rounded[2 * len(tasks) :].reshape(len(tasks), -1).tolist()
    merged = merge(found.departures, found.mask).reshape(len(tasks), -1, DEPARTURES).tolist()
    departures = found.departures.reshape(len(tasks), -1, found.departures.shape[1])
    band_loss = found.band_loss.reshape(departures.shape)
    details = zip(tasks, axis_loss, merged, departures, band_loss, strict=True)
    for task, losses, rows, departed, lost in details:
        scores.details[task.position] = Detail(
            task.baseline, tuple(losses), tuple(map(tuple, rows)), departed, lost
        )


def losses_of(
    engine: Engine,
    examples: Examples,
    baseline: Baseline,
    policy: ChartPolicy,
    bands: Bands,
) -> Floats:
    """Return the loss (windows,) of a sensor's examples, as `Scores.loss` has it."""
    log_bands = examples.log_bands()
    count = len(log_bands)
    centres = np.tile(baseline.centre.astype(np.float64), (count, 1, 1))
    common = common_rise(log_bands, centres, bands.spectral)
    log_bands -= gain(common, policy, bands.spectral, log_bands.shape[3])
    louder = _reconstruct(engine, log_bands, baseline.location, baseline.scale).louder
    return round_significant(louder.max(axis=1))


def highs_of(examples: Examples, baseline: Baseline, bands: Bands) -> Floats:
    """Return by how much the high bands of a sensor's examples rose, as `Scores.high` has it."""
    highest: Floats = np.fmax.reduce(_highs(examples.log_bands(), baseline, bands), axis=1)
    return highest


def high_axis(observation: Observation, baseline: Baseline, bands: Bands) -> int:
    """Return the axis on which the high bands of a window rose most; 0 where none has any."""
    each = _highs(observation.log_bands[np.newaxis], baseline, bands)[0]
    return int(np.where(np.isnan(each), -np.inf, each).argmax())


def _highs(log_bands: NDArray[np.float32], baseline: Baseline, bands: Bands) -> Floats:
    """Return by how much the high bands of windows of one sensor rose, (windows, axes)."""
    centres = np.tile(baseline.centre.astype(np.float64), (len(log_bands), 1, 1))
    common = common_rise(log_bands, centres, bands.spectral)
    return _high(log_bands[..., bands.high], centres[:, :, bands.high], common)


class _Reconstructed(NamedTuple):
    """What reconstruction says of n windows: `louder` and `quieter` are (n, axes).

    The others have one row an axis of each window: `loss` (n * axes,), `band_loss`, `departures`
    and `mask` (n * axes, bands).
    """

    louder: Floats
    quieter: Floats
    loss: Floats
    band_loss: Floats
    departures: Floats
    mask: NDArray[np.bool_]


def _reconstruct(
    engine: Engine,
    log_bands: NDArray[np.float32],
    location: NDArray[np.float32],
    scale: NDArray[np.float32],
) -> _Reconstructed:
    """Measure windows (n, axes, frames, bands) by baselines, as `normalise`, and reconstruct."""
    sequences, mask = normalise(log_bands, location, scale)
    count, axes, frames, bands = sequences.shape
    flat, flat_mask = sequences.reshape(-1, frames, bands), mask.reshape(-1, bands)
    loss, band_loss = reconstruction_loss(flat, engine.reconstruct(flat), flat_mask)
    departures = _mean_over_frames(flat)
    return _Reconstructed(
        louder=_part(band_loss, flat_mask, departures >= 0).reshape(count, axes),
        quieter=_part(band_loss, flat_mask, departures < 0).reshape(count, axes),
        loss=loss,
        band_loss=band_loss,
        departures=departures,
        mask=flat_mask,
    )


def together(arrays: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return arrays of one shape as one, (n, ...); `np.stack` costs three times as much."""
    return np.concatenate(arrays).reshape(len(arrays), *arrays[0].shape)


def common_rise(log_bands: NDArray[np.float32], centres: Floats, spectral: int) -> Floats:
    """Return the median rise of the spectral bands over the baseline, (n, axes), in decades.

    0 where no band is known.
    """
    count, axes, frames, bands = log_bands.shape
    mean = _mean_over_frames(log_bands.reshape(-1, frames, bands)).reshape(count, axes, bands)
    rise = (mean - centres[:, :, :bands])[:, :, :spectral]
    known = np.isfinite(rise)
    return np.where(known.any(axis=2), _median(np.where(known, rise, np.nan)), 0.0)


def gain(common: Floats, policy: ChartPolicy, spectral: int, width: int) -> NDArray[np.float32]:
    """Return what of a common rise (n, axes) the process explains, (n, axes, 1, width).

    Load, temperature, restarts and rough spells of the process lift all bands alike; a defect
    lifts some more than others. So the common rise, within 0 and the allowance, is no departure
    of the `spectral` bands. A fall is left as it is: what falls less would look like a rise.
    """
    allowed = np.zeros((*common.shape, 1, width), np.float32)
    allowed[..., :spectral] = np.clip(common, 0.0, policy.gain_allowance)[:, :, None, None]
    return allowed


def _median(values: Floats) -> Floats:
    """Return the median over the last axis, NaN left out (NaN sorts last)."""
    ordered = np.sort(values, axis=-1)
    known = np.count_nonzero(~np.isnan(values), axis=-1)[..., None]
    low = np.take_along_axis(ordered, np.maximum(known - 1, 0) // 2, axis=-1)
    high = np.take_along_axis(ordered, known // 2, axis=-1)
    return ((low + high) / 2)[..., 0]


def _mean_over_frames(sequences: NDArray[np.float32]) -> Floats:
    """Average (n, frames, bands) over frames, one after the other: a fixed order in any batch."""
    total = np.zeros((sequences.shape[0], sequences.shape[2]))
    for frame in range(sequences.shape[1]):
        total += sequences[:, frame]
    mean: Floats = total / sequences.shape[1]
    return mean


def _part(band_loss: Floats, mask: NDArray[np.bool_], chosen: NDArray[np.bool_]) -> Floats:
    """Return what the chosen bands add to the loss (n,); a running sum keeps the order fixed."""
    kept = np.where(chosen, band_loss, 0.0)
    part: Floats = np.cumsum(kept, axis=1)[:, -1] / np.maximum(mask.sum(axis=1), 1)
    return part


def merge(departures: Floats, mask: NDArray[np.bool_]) -> Floats:
    """Average neighbouring bands of (n, bands) to (n, 16), masked ones left out."""
    bands = departures.shape[1]
    starts = np.arange(DEPARTURES) * bands // DEPARTURES
    known = np.maximum(np.add.reduceat(mask.astype(np.float64), starts, axis=1), 1.0)
    return np.round(np.add.reduceat(np.where(mask, departures, 0.0), starts, axis=1) / known, 3)


def _level(tasks: Sequence[Task], centres: Floats) -> Floats:
    """Return log10 of RMS over the baseline's, on the axis where it is largest."""
    rms = together([task.observation.rms for task in tasks]).astype(np.float64)
    each = np.log10(np.maximum(rms, TINY)) - centres[:, :, POWER] / 2
    level: Floats = np.fmax.reduce(each, axis=1)  # an axis that is lost is NaN
    return level


def _high(log_bands: NDArray[np.float32], centres: Floats, common: Floats) -> Floats:
    """Return how much more the RMS of some bands rose than the spectrum, (n, axes).

    In decades over the baseline's, less half the `common` rise (n, axes) of power: what lifts all
    bands alike says nothing here. `log_bands` is (n, axes, frames, bands), `centres` (n, axes,
    bands); NaN where an axis has no band.
    """
    count, axes, frames, bands = log_bands.shape
    power = np.power(10.0, log_bands.astype(np.float64)).reshape(-1, frames, bands)
    known = _sum_known(_mean_over_frames(power).reshape(count, axes, bands))
    usual = _sum_known(np.power(10.0, centres))
    rise = (np.log10(np.maximum(known, TINY) / np.maximum(usual, TINY)) - common) / 2
    # Rounded, so that no last bit of a power depends on a window's company.
    return np.where((known > 0) & (usual > 0), np.round(rise, 6), np.nan)


def _sum_known(values: Floats) -> Floats:
    """Sum over the last axis in a fixed order, NaN left out; 0 where all are."""
    summed: Floats = np.where(np.isnan(values), 0.0, values).cumsum(axis=-1)[..., -1]
    return summed


def _line(
    tasks: Sequence[Task], centres: Floats, spread: NDArray[np.float32], policy: ChartPolicy
) -> Floats:
    """Return the largest rise of a fault line in standard deviations, 0 where none is known."""
    if all(task.observation.fault_lines is None for task in tasks):
        return np.zeros(len(tasks))
    axes = centres.shape[1]
    lines = together([_lines(task.observation, axes) for task in tasks])
    highest: Floats = rises(lines, centres[:, :, -LINES:], spread[:, :, -LINES:], policy).max(
        axis=(1, 2)
    )
    return highest


def _lines(observation: Observation, axes: int) -> NDArray[np.float32]:
    lines = observation.fault_lines
    return np.full((axes, LINES), np.nan, np.float32) if lines is None else lines


def rises(
    lines: NDArray[np.float32],
    usual: NDArray[Any],
    spread: NDArray[np.float32],
    policy: ChartPolicy,
) -> Floats:
    """Return the rise of fault lines (..., 4) in standard deviations.

    A line below `line_minimum` is none, and neither is one that the baseline does not know: 0.
    """
    rise = (lines - usual) / np.maximum(spread, policy.line_scale_floor)
    return np.where(lines >= policy.line_minimum, np.nan_to_num(rise), 0.0)
