"""What one window says, as numbers: the input of the detector.

`extract` is the only door: windows in, observations out, in the same order. Windows alike are
worked on together, in blocks that fit the processor's cache. A window's features have the same
bits whatever else is in the batch: blocks are filled up to whole SIMD registers, so that every
window takes the same path through the transform, and no sum runs across windows.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

import msgspec
import numpy as np
import scipy.fft

from pipelines import envelope, spectrum
from pipelines.descriptors import Descriptors, describe, velocity_rms
from pipelines.quality import Converter, Quality, assess_rows, clipped_share, find_extremes
from pipelines.spectrum import LANES, quantisation_floor
from pipelines.window import SensorKey, Window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from pipelines.envelope import EnvelopePlan, FaultLines
    from pipelines.fault_orders import BearingGeometry

REVISION: Final = 1
"""Raised when the same settings would give other numbers: a bundle fits one revision only."""

SHORTEST_PIECE: Final = 16
"""Samples in `frame_s`; slower signals have too few bins to speak of bands."""

BLOCK_SAMPLES: Final = 16 * 20_480
"""Samples of a block: more leave the cache, fewer pay for NumPy's calls (measured: 8 to 32)."""

LARGEST_BLOCK: Final = 64
"""Rows of a block of short windows: enough that NumPy's calls cost little."""


@dataclass(frozen=True, slots=True)
class FeatureSettings:
    """How a window becomes a sequence; part of a bundle, identified by `hash`."""

    frames: int = 8
    frame_s: float = 0.025
    bands: int = 24
    lowest_hz: float = 40.0
    highest_hz: float = 12_500.0
    envelope_bands: int = 8
    """Further bands behind the spectral ones: envelope-spectrum features, equal in every frame."""
    demodulate_from_hz: float = 2_000.0
    demodulate_to_hz: float = 10_000.0

    @property
    def width(self) -> int:
        """Number of bands in all, the envelope's included."""
        return self.bands + self.envelope_bands

    @property
    def hash(self) -> str:
        """16 hexadecimal digits, equal for settings that give the same numbers."""
        content = msgspec.json.encode({"revision": REVISION, **asdict(self)}, order="sorted")
        return hashlib.sha256(content).hexdigest()[:16]

    def high_bands(self) -> slice:
        """Return the spectral bands that the envelope demodulates, by their centre frequency."""
        edges = spectrum.band_edges_hz(self)
        centres = np.sqrt(edges[:, 0] * edges[:, 1])
        first, last = np.searchsorted(
            centres, [self.demodulate_from_hz, self.demodulate_to_hz]
        ).tolist()
        return slice(first, last)

    def edges_hz(self) -> NDArray[np.float64]:
        """Return the edges of all bands in Hz, (width, 2); the envelope's are of its spectrum."""
        return np.concatenate([spectrum.band_edges_hz(self), envelope.envelope_edges_hz(self)])


@dataclass(frozen=True, slots=True)
class Observation:
    """The features of one window of one sensor.

    Shapes: `log_bands` (axes, frames, width) float32: log10 of power in unit**2, NaN where a band
    lies above the Nyquist frequency, then the envelope's prominences, NaN where the window is too
    short; `fault_lines` (axes, 4) float32 or None, log10 prominence of the envelope spectrum at
    BPFO, BPFI, 2 x BSF and FTF, NaN where a line cannot be resolved, and `fault_lines_hz` where it
    was seen, of the same shape; the descriptors (axes,)
    float32 each. All are NaN where samples are not finite.
    """

    key: SensorKey
    start_ns: int
    axes: tuple[str, ...]
    duration_s: float
    sample_rate_hz: float
    unit: str
    log_bands: NDArray[np.float32]
    rms: NDArray[np.float32]
    peak: NDArray[np.float32]
    crest: NDArray[np.float32]
    kurtosis: NDArray[np.float32]
    velocity_rms: NDArray[np.float32]
    """mm/s, NaN where unit, band or length do not allow it."""
    quality: Quality
    fault_lines: NDArray[np.float32] | None = None
    fault_lines_hz: NDArray[np.float32] | None = None
    rpm: float | None = None
    """Measured speed; 0 or more, whichever way the shaft turns."""
    load: float | None = None
    temperature: float | None = None
    shaft_hz: float | None = None
    """Speed that `fault_lines` were read at: telemetry, else the rated speed."""
    former: Observation | None = None
    """The same window by the features of an earlier bundle, where that judges the sensor still."""


class Machine(Protocol):
    """What is known of the machine behind a sensor."""

    @property
    def geometry(self) -> BearingGeometry | None:
        """The bearing's geometry."""

    @property
    def rated_rpm(self) -> float | None:
        """Speed where no telemetry says otherwise."""


class Unfit(ValueError):
    """No features can be had from this window: dead-letter it. The message says what was got."""


class TooShort(Unfit):
    """The window does not hold one piece of `frame_s`."""


class TooSlow(Unfit):
    """The sample rate leaves too few samples in `frame_s`."""


def unknown(_: SensorKey) -> Machine | None:
    """Look up a machine of which nothing is known."""
    return None


def check(window: Window, settings: FeatureSettings) -> None:
    """Raise `Unfit` for a window that `extract` cannot take."""
    slowest = SHORTEST_PIECE / settings.frame_s
    if window.sample_rate_hz < slowest:
        raise TooSlow(
            f"{window.key}: sample rate {window.sample_rate_hz:g} Hz, expected {slowest:g} or more"
        )
    piece = spectrum.piece_length(settings, window.sample_rate_hz)
    samples = window.samples.shape[1]
    if samples < piece:
        raise TooShort(f"{window.key}: {samples} samples, expected {piece} or more")


def extract(
    windows: Sequence[Window],
    settings: FeatureSettings,
    lookup: Callable[[SensorKey], Machine | None] = unknown,
) -> list[Observation]:
    """Return one observation for each window, in order.

    Raises `Unfit` where `check` would; a caller that must go on checks each window first.
    """
    _keep_freed_memory()
    found: dict[int, Observation] = {}
    for positions in _alike(windows, settings):
        size = _block_size(windows[positions[0]])
        for start in range(0, len(positions), size):
            block = positions[start : start + size]
            members = [windows[i] for i in block]
            found.update(zip(block, _observe(members, settings, lookup), strict=True))
    return [found[i] for i in range(len(windows))]


@cache
def _keep_freed_memory() -> None:
    """Free one large block, once: glibc then keeps smaller freed ones for the next arrays.

    Without it every spectrum goes back to the system and is faulted in again page by page, which
    costs as much as the transforms (mallopt(3), dynamic M_MMAP_THRESHOLD). No page is touched.
    """
    np.empty(24 << 20, dtype=np.uint8)


def _alike(windows: Sequence[Window], settings: FeatureSettings) -> Iterable[list[int]]:
    """Return positions of windows that have rate, shape, type and unit in common."""
    groups: dict[tuple[Any, ...], list[int]] = {}
    for i, window in enumerate(windows):
        check(window, settings)
        samples = window.samples
        kind = (window.sample_rate_hz, samples.shape, samples.dtype.str, window.unit)
        groups.setdefault(kind, []).append(i)
    return groups.values()


def _block_size(window: Window) -> int:
    axes, samples = window.samples.shape
    return max(1, int(min(BLOCK_SAMPLES // samples, LARGEST_BLOCK) // axes))


def _observe(
    windows: Sequence[Window],
    settings: FeatureSettings,
    lookup: Callable[[SensorKey], Machine | None],
) -> list[Observation]:
    """Return the observations of windows alike, small enough a block to be worked on at once."""
    axes = windows[0].samples.shape[0]
    machines = [_speed_and_lines(window, lookup) for window in windows]
    with np.errstate(over="ignore", invalid="ignore"):
        found = _measure(windows, settings, [lines_hz for _, lines_hz in machines])
    rows = [slice(i, i + axes) for i in range(0, len(windows) * axes, axes)]
    return [
        Observation(
            key=window.key,
            start_ns=window.start_ns,
            axes=window.axes,
            duration_s=window.duration_s,
            sample_rate_hz=window.sample_rate_hz,
            unit=window.unit,
            log_bands=found.bands[row],
            rms=found.descriptors.rms[row],
            peak=found.descriptors.peak[row],
            crest=found.descriptors.crest[row],
            kurtosis=found.descriptors.kurtosis[row],
            velocity_rms=found.velocity[row],
            quality=fitness,
            fault_lines=None if expected is None else found.lines.prominence[row],
            fault_lines_hz=None if expected is None else found.lines.seen_hz[row],
            rpm=_speed(window),
            load=window.load,
            temperature=window.temperature,
            shaft_hz=shaft_hz,
        )
        for window, row, fitness, (shaft_hz, expected) in zip(
            windows, rows, found.fitness, machines, strict=True
        )
    ]


class _Measured(NamedTuple):
    """The numbers of a block, one row an axis; `fitness` has one entry a window."""

    bands: NDArray[np.float32]
    descriptors: Descriptors
    velocity: NDArray[np.float32]
    lines: FaultLines
    fitness: list[Quality]


def _measure(
    windows: Sequence[Window],
    settings: FeatureSettings,
    lines_hz: Sequence[tuple[float, ...] | None],
) -> _Measured:
    axes, samples = windows[0].samples.shape
    rate_hz = windows[0].sample_rate_hz
    signal, levels = _prepare(windows)
    whole = scipy.fft.rfft(signal, axis=-1, workers=1)
    velocity = velocity_rms(whole, windows[0].unit, rate_hz, samples)
    plan = envelope.plan_envelope(settings, rate_hz, samples)
    amplitude = envelope.envelope_spectrum(whole, plan)
    bands = _all_bands(signal, amplitude, levels, settings, rate_hz)
    lines = _fault_lines(amplitude, plan, lines_hz, axes)
    broken = np.flatnonzero(levels.broken)
    for part in (*levels.descriptors, velocity, bands, *lines):
        part[broken] = np.nan
    return _Measured(bands, levels.descriptors, velocity, lines, levels.fitness)


class _Levels(NamedTuple):
    """What is known of a block's rows before any spectrum; `broken` rows were set to zero."""

    broken: NDArray[np.bool_]
    descriptors: Descriptors
    fitness: list[Quality]
    floor: NDArray[np.float32]


def _prepare(windows: Sequence[Window]) -> tuple[NDArray[np.float32], _Levels]:
    """Return the signals without their means, (rows, n), one row an axis, and what they show.

    Rows of zeros fill the last register.
    """
    axes = windows[0].samples.shape[0]
    signal, scale = _stack(windows)
    rows = len(windows) * axes
    converter = Converter.of(windows[0].samples.dtype, windows[0].unit, scale[:rows])
    extremes = find_extremes(signal[:rows])
    broken = ~extremes.usable()
    clipped = clipped_share(signal[:rows], extremes, converter)
    signal[:rows][broken] = 0.0
    mean = signal.sum(axis=1) / np.float32(signal.shape[1])
    signal -= mean[:, None]
    descriptors = describe(
        signal[:rows], extremes.highest - mean[:rows], extremes.lowest - mean[:rows]
    )
    fitness = assess_rows(
        extremes, clipped, np.abs(mean[:rows]), descriptors.rms, converter, axes=axes
    )
    floor = quantisation_floor(scale, integer=windows[0].samples.dtype.kind == "i")
    return signal, _Levels(broken, descriptors, fitness, floor)


def _stack(windows: Sequence[Window]) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Return the physical values (rows, n), filled up to whole registers, and each row's scale."""
    axes, samples = windows[0].samples.shape
    rows = len(windows) * axes
    signal = np.zeros((-(-rows // LANES) * LANES, samples), dtype=np.float32)
    scale = np.ones(len(signal))
    for i, window in enumerate(windows):
        row = slice(i * axes, (i + 1) * axes)
        np.multiply(window.samples, np.float32(window.scale), out=signal[row], dtype=np.float32)
        scale[row] = window.scale
    return signal, scale


def _all_bands(
    signal: NDArray[np.float32],
    amplitude: NDArray[np.float32],
    levels: _Levels,
    settings: FeatureSettings,
    rate_hz: float,
) -> NDArray[np.float32]:
    """Return spectral and envelope bands side by side, (rows, frames, width)."""
    samples, used = signal.shape[1], len(levels.broken)
    result = np.empty((len(signal), settings.frames, settings.width), dtype=np.float32)
    plan = spectrum.plan_frames(settings, rate_hz, samples)
    result[..., : settings.bands] = spectrum.log_bands(signal, plan, levels.floor, used)
    prominence = envelope.band_prominence(
        amplitude, envelope.plan_envelope(settings, rate_hz, samples)
    )
    result[..., settings.bands :] = prominence[:, None, :]
    return result


def _speed(window: Window) -> float | None:
    """Return the measured speed without its sign, by which gateways tell the direction."""
    return None if window.rpm is None else abs(window.rpm)


def _speed_and_lines(
    window: Window, lookup: Callable[[SensorKey], Machine | None]
) -> tuple[float | None, tuple[float, ...] | None]:
    """Return the shaft's speed in Hz and the four fault lines in Hz, None where not known."""
    machine = lookup(window.key)
    rated = None if machine is None else machine.rated_rpm
    measured = _speed(window)
    rpm = rated if measured is None else measured
    if rpm is None or rpm == 0.0:
        return None, None
    shaft_hz = rpm / 60.0
    if machine is None or machine.geometry is None:
        return shaft_hz, None
    return shaft_hz, envelope.fault_lines_hz(machine.geometry.fault_orders(), shaft_hz)


def _fault_lines(
    amplitude: NDArray[np.float32],
    plan: EnvelopePlan,
    lines_hz: Sequence[tuple[float, ...] | None],
    axes: int,
) -> FaultLines:
    """Return what is read of the fault lines, NaN where no line is expected."""
    nowhere = (np.nan,) * len(envelope.FAULT_LINES)
    if not any(lines_hz):
        unknown = np.full((len(lines_hz) * axes, len(nowhere)), np.nan, dtype=np.float32)
        return envelope.FaultLines(unknown, unknown)
    expected = np.repeat([lines or nowhere for lines in lines_hz], axes, axis=0)
    return envelope.read_fault_lines(amplitude[: len(expected)], plan, expected)
