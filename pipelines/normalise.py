"""From absolute features to departure from a sensor's own health.

While a sensor is commissioned, a `BaselineSummary` takes in observations; it is small however many
there are. Its outcome is a `Baseline`, location and scale of every band, and `normalise` measures
windows by it. All are values: bytes out and back in change nothing.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec
import numpy as np

from pipelines.quantised import FARTHEST, dequantise, quantise, thinned
from pipelines.robust import deviation, median, midmean

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipelines.features import Observation

    Floats = NDArray[np.float32]

SCHEMA: Final = 1

CLIP: Final = 8.0
"""Departures are clipped here: what lies beyond is abnormal, and by how much says little."""

SCALE_FLOOR: Final = 0.05
"""Smallest scale in decades of power, 12 %: a steady sensor is not judged by its last digit."""

SUMMARY_BYTES: Final = 8192
"""A summary's size at most, header included."""

MOST_KEPT: Final = 96
"""Windows that a summary keeps at most; fewer where `SUMMARY_BYTES` asks for it."""

FEWEST_BELOW: Final = 8
"""So many windows, all too far below the first one, make that a glitch."""

RUNNING_SHARE: Final = 0.75
"""A quarter of the windows is louder than this quantile: so much at least is taken for running."""

FEWEST_KEPT: Final = 8
"""Windows kept of a sensor with so many axes that `SUMMARY_BYTES` cannot hold."""

FEWEST_SHOWN: Final = 8
"""A fault line is known where so many windows show it: fewer say little of its spread."""

HEADER_BYTES: Final = 96
"""Room for the numbers and length marks of a summary."""

LINES: Final = 4
EXTRAS: Final = 2 + LINES
POWER: Final = -6
KURTOSIS: Final = -5
"""Columns behind the bands: power, kurtosis, the four fault lines."""

TINY: Final = np.finfo(np.float32).tiny


Record = TypeVar("Record", "_BaselineRecord", "_SummaryRecord")


class BaselineError(ValueError):
    """Stored bytes are no baseline or summary that this version can read."""


class Unlike(ValueError):
    """An observation has other axes or bands than the sensor's baseline."""


class _BaselineRecord(msgspec.Struct, frozen=True, array_like=True):
    """How a baseline lies on disk: arrays as little-endian float32."""

    axes: tuple[str, ...]
    unit: str
    count: int
    first_ns: int
    last_ns: int
    sample_rate_hz: float
    duration_s: float
    centre: bytes
    spread: bytes


class _SummaryRecord(msgspec.Struct, frozen=True, array_like=True):
    """How a summary lies on disk: arrays as little-endian float32, kept windows as bytes."""

    axes: tuple[str, ...]
    unit: str
    count: int
    stride: int
    first_ns: int
    last_ns: int
    sample_rate_hz: float
    duration_s: float
    reference: bytes
    wobble: bytes
    kept: bytes


@dataclass(frozen=True, slots=True, eq=False)
class Baseline:
    """What one sensor looks like healthy.

    `centre` and `spread` are (axes, bands + 6) float32: robust location and scale of each band in
    decades, then of the power (rms**2), the kurtosis and the four fault lines, in decades too; NaN
    where unknown. The properties give them by name.
    """

    axes: tuple[str, ...]
    unit: str
    count: int
    first_ns: int
    last_ns: int
    sample_rate_hz: float
    duration_s: float
    centre: Floats
    spread: Floats

    @property
    def id(self) -> str:
        """12 hexadecimal digits that follow from the content."""
        return hashlib.sha256(self.encode()).hexdigest()[:12]

    @property
    def location(self) -> Floats:
        """Location of the log bands, (axes, bands)."""
        return self.centre[:, :-EXTRAS]

    @property
    def scale(self) -> Floats:
        """Scale of the log bands of one frame, (axes, bands), never below the floor."""
        return self.spread[:, :-EXTRAS]

    @property
    def rms(self) -> Floats:
        """Usual RMS of each axis, (axes,), in the signal's unit."""
        return np.power(np.float32(10.0), self.centre[:, POWER] / 2)

    @property
    def power(self) -> Floats:
        """Usual power of each axis, (axes,), in decades of the signal's unit squared."""
        return self.centre[:, POWER]

    @property
    def kurtosis(self) -> Floats:
        """Usual Pearson kurtosis of each axis, (axes,)."""
        return np.power(np.float32(10.0), self.centre[:, KURTOSIS])

    @property
    def line_location(self) -> Floats | None:
        """Usual log10 prominence of the fault lines, (axes, 4); None if the speed was unknown."""
        lines = self.centre[:, -LINES:]
        return None if np.isnan(lines).all() else lines

    @property
    def line_scale(self) -> Floats | None:
        """Scale of the fault lines, (axes, 4), or None."""
        return None if self.line_location is None else self.spread[:, -LINES:]

    def with_lines_of(self, other: Baseline) -> Baseline:
        """Return this baseline with those fault lines of another that it does not know itself.

        Both must have the same axes. It is this one where there are none.
        """
        missing = self.lacks_lines(other.centre[:, -LINES:])
        if not missing.any():
            return self
        centre, spread = self.centre.copy(), self.spread.copy()
        centre[:, -LINES:][missing] = other.centre[:, -LINES:][missing]
        spread[:, -LINES:][missing] = other.spread[:, -LINES:][missing]
        return replace(self, centre=centre, spread=spread)

    def lacks_lines(self, lines: Floats) -> NDArray[np.bool_]:
        """Say which of some fault lines are known (axes, 4) that this baseline does not know."""
        lacks: NDArray[np.bool_] = np.isnan(self.centre[:, -LINES:]) & ~np.isnan(lines)
        return lacks

    def encode(self) -> bytes:
        """Return the baseline as bytes, a schema byte first; `decode` is the inverse."""
        return _encode(
            _BaselineRecord(
                axes=self.axes,
                unit=self.unit,
                count=self.count,
                first_ns=self.first_ns,
                last_ns=self.last_ns,
                sample_rate_hz=self.sample_rate_hz,
                duration_s=self.duration_s,
                centre=_to_bytes(self.centre),
                spread=_to_bytes(self.spread),
            )
        )

    @classmethod
    def decode(cls, data: bytes) -> Baseline:
        """Return the baseline that `encode` wrote, or raise `BaselineError`."""
        record = _decode(data, _BaselineRecord)
        axes = len(record.axes)
        return cls(
            axes=record.axes,
            unit=record.unit,
            count=record.count,
            first_ns=record.first_ns,
            last_ns=record.last_ns,
            sample_rate_hz=record.sample_rate_hz,
            duration_s=record.duration_s,
            centre=_from_bytes(record.centre, axes),
            spread=_from_bytes(record.spread, axes),
        )


@dataclass(frozen=True, slots=True, eq=False)
class BaselineSummary:
    """What a sensor keeps while it is commissioned; a value, at most `SUMMARY_BYTES` as bytes.

    Of every `stride`-th window the mean over its frames is kept, one byte a band, relative to
    `reference` (axes, columns); when the room is full, every second goes and the stride doubles.
    `wobble` (axes, bands) is the mean over all windows of the standard deviation between frames.
    """

    axes: tuple[str, ...] = ()
    unit: str = ""
    count: int = 0
    stride: int = 1
    first_ns: int = 0
    last_ns: int = 0
    sample_rate_hz: float = 0.0
    duration_s: float = 0.0
    reference: Floats = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    wobble: Floats = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    kept: bytes = b""

    @classmethod
    def empty(cls) -> BaselineSummary:
        """Return the summary of a sensor that has not been seen."""
        return cls()

    @property
    def span_ns(self) -> int:
        """Time from the first window's start to the last one's."""
        return self.last_ns - self.first_ns

    @property
    def power(self) -> Floats:
        """Usual power of each axis so far, (axes,), as `Baseline.power`."""
        power = midmean(self._table()[..., POWER]) + self.reference[:, POWER]
        return power.astype(np.float32)

    def add(self, observation: Observation) -> BaselineSummary:
        """Return this summary with one more window in it; raise `Unlike` if it cannot be."""
        values = _columns(observation)
        if not self.count:
            return self._begun_with(observation, values)
        if observation.axes != self.axes or values.shape != self.reference.shape:
            raise Unlike(
                f"{observation.key}: axes {observation.axes} and {values.shape[1]} columns, the "
                f"baseline has {self.axes} and {self.reference.shape[1]}"
            )
        reference = np.where(np.isnan(self.reference), values, self.reference)
        stride, kept = self.stride, self.kept
        if self.count % stride == 0:
            kept += quantise(values - reference)
            stride, kept = thinned(stride, kept, values.size, self._room())
        wobble = _wobble(observation)
        step = (wobble - self.wobble) / np.float32(self.count + 1)
        return replace(
            self,
            count=self.count + 1,
            stride=stride,
            last_ns=observation.start_ns,
            reference=reference,
            wobble=np.where(np.isnan(step), self.wobble, self.wobble + step),
            kept=kept,
        )

    @property
    def full(self) -> bool:
        """Whether the next window that is kept makes every second one go."""
        return len(self.kept) >= self._room() * self.reference.size > 0

    def out_of_reach(self, observation: Observation) -> bool:
        """Say whether the first window was none of a running machine: a summary must begin anew.

        Too far below this one, and below a quarter of those kept, to be told how far, it was one of
        a standing machine; too far above this one and all others it was a glitch. On any axis.
        """
        if observation.axes != self.axes:
            return False
        above = _power(observation) - self.reference[:, POWER]
        if not (np.abs(above) >= FARTHEST).any():
            return False
        kept = self._table()[1:, :, POWER]
        louder = np.count_nonzero(kept >= FARTHEST, axis=0)
        quieter = np.count_nonzero(kept <= -FARTHEST, axis=0)
        stood = (above >= FARTHEST) & (louder >= max(1.0, len(kept) / 4))
        glitch = (above <= -FARTHEST) & (quieter == len(kept)) & (len(kept) >= FEWEST_BELOW)
        return bool((stood | glitch).any())

    def running(self, ratio: float) -> BaselineSummary:
        """Return this summary without the windows in which the machine stood.

        Those are below `ratio` times the RMS that a quarter of the windows exceeds, on every axis.
        Where about as many lie just above that the level grew, and nothing stood.
        """
        table = self._table()
        level = table[..., POWER] / 2.0
        over = (level - np.quantile(level, RUNNING_SHARE, axis=0)).max(axis=1)
        runs = over >= np.log10(ratio)
        between = runs & (over < np.log10(2 * ratio))
        if 3 * np.count_nonzero(between) >= np.count_nonzero(~runs):
            return self
        rows = np.frombuffer(self.kept, np.uint8).reshape(len(table), -1)
        if runs.all():
            return self
        # Each counts for itself alone: of a machine that stands in every second window those may be
        # the ones that are kept, and as many as are left out would come for ever.
        count = self.count - int(np.count_nonzero(~runs))
        return replace(self, count=count, kept=rows[runs].tobytes())

    def disturbance(self) -> float:
        """Return how far the last third of the windows lies from the first, in robust std.

        An effect size, not a significance: root mean square over the bands of the difference of
        medians over the scale that the baseline would have, less what chance adds to it; of the
        axis where it is largest. 0 while fewer than 6 windows are kept.
        """
        table = self._table()[..., :-EXTRAS]
        third = len(table) // 3
        if third < 2:
            return 0.0
        scale = self._spread(table, SCALE_FLOOR)[:, : table.shape[2]]
        drift = (median(table[-third:]) - median(table[:third])) / scale
        # A median of n Gaussian values has pi / 2n of their variance; here are two of them.
        chance = np.pi / third * np.square(deviation(table) / scale)
        excess = np.square(drift) - chance
        known = np.isfinite(excess)
        mean = np.where(known, excess, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
        return float(np.sqrt(np.maximum(mean, 0.0)).max())

    def baseline(self, scale_floor: float = SCALE_FLOOR) -> Baseline:
        """Return location and scale of the windows so far; at least one must have been added.

        Location is the midmean (mean of the middle half), robust and finer than the steps kept;
        scale joins what varies from window to window with what varies from frame to frame, since
        frames are what the network sees. A fault line that fewer than `FEWEST_SHOWN` of the kept
        windows show is not known.
        """
        if not self.count:
            raise ValueError("a baseline needs at least one window")
        table = self._table()
        lines = table[..., -LINES:]
        shown = np.count_nonzero(~np.isnan(lines), axis=0)
        lines[:, shown < min(FEWEST_SHOWN, len(table))] = np.nan
        return Baseline(
            axes=self.axes,
            unit=self.unit,
            count=self.count,
            first_ns=self.first_ns,
            last_ns=self.last_ns,
            sample_rate_hz=self.sample_rate_hz,
            duration_s=self.duration_s,
            centre=(midmean(table) + self.reference).astype(np.float32),
            spread=self._spread(table, scale_floor).astype(np.float32),
        )

    def encode(self) -> bytes:
        """Return the summary as bytes, a schema byte first; `decode` is the inverse."""
        return _encode(
            _SummaryRecord(
                axes=self.axes,
                unit=self.unit,
                count=self.count,
                stride=self.stride,
                first_ns=self.first_ns,
                last_ns=self.last_ns,
                sample_rate_hz=self.sample_rate_hz,
                duration_s=self.duration_s,
                reference=_to_bytes(self.reference),
                wobble=_to_bytes(self.wobble),
                kept=self.kept,
            )
        )

    @classmethod
    def decode(cls, data: bytes) -> BaselineSummary:
        """Return the summary that `encode` wrote, or raise `BaselineError`."""
        record = _decode(data, _SummaryRecord)
        axes = len(record.axes)
        return cls(
            axes=record.axes,
            unit=record.unit,
            count=record.count,
            stride=record.stride,
            first_ns=record.first_ns,
            last_ns=record.last_ns,
            sample_rate_hz=record.sample_rate_hz,
            duration_s=record.duration_s,
            reference=_from_bytes(record.reference, axes),
            wobble=_from_bytes(record.wobble, axes),
            kept=record.kept,
        )

    def _begun_with(self, observation: Observation, values: Floats) -> BaselineSummary:
        return BaselineSummary(
            axes=observation.axes,
            unit=observation.unit,
            count=1,
            first_ns=observation.start_ns,
            last_ns=observation.start_ns,
            sample_rate_hz=observation.sample_rate_hz,
            duration_s=observation.duration_s,
            reference=values,
            wobble=_wobble(observation),
            kept=quantise(values - values),
        )

    def _room(self) -> int:
        """Return how many windows may be kept: an even number, the same at any time."""
        names = sum(len(axis.encode()) + 5 for axis in self.axes)
        room = SUMMARY_BYTES - HEADER_BYTES - names - 4 * (self.reference.size + self.wobble.size)
        return max(FEWEST_KEPT, min(MOST_KEPT, room // self.reference.size // 2 * 2))

    def _table(self) -> NDArray[np.float64]:
        """Return what was kept relative to `reference`, (windows, axes, columns), NaN: missing."""
        return dequantise(self.kept).reshape(-1, *self.reference.shape)

    def _spread(self, table: NDArray[np.float64], floor: float) -> NDArray[np.float64]:
        between = deviation(table)
        within = np.zeros_like(between)
        bands = self.wobble.shape[1]
        within[:, :bands] = self.wobble
        return np.maximum(np.hypot(between, within), floor)


def normalise(
    log_bands: Floats, location: Floats, scale: Floats, clip: float = CLIP
) -> tuple[Floats, NDArray[np.bool_]]:
    """Return departures from health of (n, axes, frames, bands), and which bands count.

    `location` and `scale` are those of a baseline, (axes, bands), or one for each of the n windows,
    of any sensors, (n, axes, bands). The departures have the shape of `log_bands`, float32, in
    robust standard deviations, clipped to +-`clip`, 0 where a band is unknown; the mask is (n,
    axes, bands), true where it is known.
    """
    departure = (log_bands - location[..., None, :]) / scale[..., None, :]
    mask = np.isfinite(departure).all(axis=2)
    clipped = np.clip(departure, np.float32(-clip), np.float32(clip))
    return np.where(mask[:, :, None, :], clipped, np.float32(0.0)), mask


def _columns(observation: Observation) -> Floats:
    """Return what is kept of a window, (axes, bands + 6), in decades."""
    bands = observation.log_bands
    result = np.full((bands.shape[0], bands.shape[2] + EXTRAS), np.nan, dtype=np.float32)
    result[:, :-EXTRAS] = bands.mean(axis=1)
    result[:, POWER] = _power(observation)
    result[:, KURTOSIS] = np.log10(np.maximum(observation.kurtosis, TINY))
    if observation.fault_lines is not None:
        result[:, -LINES:] = observation.fault_lines
    return result


def _power(observation: Observation) -> Floats:
    """Return the power of each axis, (axes,), in decades."""
    return np.asarray(2.0 * np.log10(np.maximum(observation.rms, TINY)), np.float32)


def _wobble(observation: Observation) -> Floats:
    """Return the standard deviation between frames, (axes, bands)."""
    frames = observation.log_bands.shape[1]
    return np.asarray(observation.log_bands.std(axis=1, ddof=min(1, frames - 1)), np.float32)


def _to_bytes(values: Floats) -> bytes:
    return values.astype("<f4").tobytes()


def _from_bytes(data: bytes, axes: int) -> Floats:
    values = np.frombuffer(data, dtype="<f4").astype(np.float32)
    return values.reshape(axes, -1) if axes else values.reshape(0, 0)


def _encode(record: _BaselineRecord | _SummaryRecord) -> bytes:
    return bytes([SCHEMA]) + msgspec.msgpack.encode(record)


def _decode(data: bytes, kind: type[Record]) -> Record:
    if not data:
        raise BaselineError("no bytes, expected a schema byte and a record")
    if data[0] != SCHEMA:
        raise BaselineError(
            f"baseline has schema {data[0]}, this version reads {SCHEMA}: "
            "a newer bearingwatch wrote it, or the bytes are damaged"
        )
    try:
        return msgspec.msgpack.decode(data[1:], type=kind)
    except msgspec.MsgspecError as error:
        raise BaselineError(f"baseline is damaged: {error}") from error
