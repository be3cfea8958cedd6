"""A healthy simulated fleet as observations, without waveforms: for exposures of sensor-years.

The contract:

- Pure, like `Fleet`, and drawn from the same `FleetSpec`: load, speed, temperature, events and
  the wander of the spectrum are the same numbers in both; what is drawn anew is the chance of each
  window. Some 40 times faster than waveforms and their features.
- A block's bytes depend on the seed, on its own `MachineSpec`, on the feature settings and on the
  block's number; not on other machines, nor on which blocks were made before.
- Spectral bands follow from the spec (`band_power`). Envelope bands, fault lines, kurtosis and
  crest factor have the location of a few waveforms of the sensor and the scatter of noise.
- Faults, and drop-outs that leave most of a window, have no such shortcut: `ValueError`.

Not simulated: velocity RMS (NaN), tones in windows of run-up and coast-down at their true place.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import scipy.fft

from pipelines import envelope
from pipelines.features import Observation, extract
from pipelines.quality import FIT, Quality, SensorFault
from pipelines.simulator.band_power import bands_of, noise_per_bin, steadiness, tones_per_bin
from pipelines.simulator.colour import over, wandering
from pipelines.simulator.disturbances import over_run
from pipelines.simulator.fleet import Fleet
from pipelines.simulator.machine import Machine
from pipelines.simulator.streams import stream
from pipelines.simulator.structure import high_noise, running_noise
from pipelines.spectrum import LANES, quantisation_floor
from pipelines.window import SensorKey

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipelines.fault_orders import BearingGeometry
    from pipelines.features import FeatureSettings
    from pipelines.simulator.band_power import Bands
    from pipelines.simulator.disturbances import Effects
    from pipelines.simulator.duty import Operation
    from pipelines.simulator.grid import Grid
    from pipelines.simulator.plant import FleetSpec, MachineSpec, SensorSpec

    Floats = NDArray[np.float64]

BLOCK: Final = 128
"""Windows of a sensor that are drawn together."""

REFERENCES: Final = 24
"""Waveforms of a sensor from which the location of its envelope bands is taken."""

LOST: Final = 0.3
"""Share of a window from which a drop-out is a stuck sensor beyond doubt (see `quality`)."""

_SPEEDS: Final = 24
_LIBRARY: Final = 1_536
_SLOWEST: Final = 0.9


@dataclass(frozen=True, slots=True)
class _Known:
    """What `extract` asks of a machine."""

    geometry: BearingGeometry | None
    rated_rpm: float | None


class _Powers(NamedTuple):
    """Mean power per band at RMS 1 and the gamma shape of a frame, (covered,) each."""

    running: Floats
    high: Floats
    shape: Floats


class _Reference(NamedTuple):
    """Location and scatter of what is not spectral, (axes, ...) each; `lines` is over noise's."""

    envelope: Floats
    envelope_scatter: Floats
    lines: Floats
    kurtosis: Floats
    kurtosis_scatter: Floats
    crest: Floats


class FeatureFleet:
    """Gives blocks of observations of a healthy fleet; see the module's contract."""

    def __init__(self, spec: FleetSpec, settings: FeatureSettings) -> None:
        self.spec = spec
        self._sensors: dict[SensorKey, _Sensor] = {}
        for machine in spec.machines:
            for sensor in machine.sensors:
                _check(machine, sensor)
                key = SensorKey(machine.asset, sensor.sensor)
                self._sensors[key] = _Sensor(key, machine, sensor, spec, settings)

    @property
    def keys(self) -> tuple[SensorKey, ...]:
        """All sensors, in the order in which a round gives them."""
        return tuple(self._sensors)

    @property
    def blocks(self) -> int:
        """Number of blocks in the run; the last one may be shorter."""
        return -(-self.spec.windows // BLOCK)

    def block(self, key: SensorKey, number: int) -> list[Observation]:
        """Return windows number * BLOCK and following of one sensor, in order."""
        first = number * BLOCK
        if not 0 <= first < self.spec.windows:
            raise IndexError(f"the run has blocks 0 to {self.blocks - 1}, got {number}")
        return self._sensors[key].observe(first, min(first + BLOCK, self.spec.windows))


def _check(machine: MachineSpec, sensor: SensorSpec) -> None:
    if sensor.fault is not None:
        raise ValueError(f"{machine.asset}/{sensor.sensor} has a fault: faults need waveforms")
    if any(drop.share < LOST for drop in sensor.drop_outs):
        raise ValueError(
            f"{machine.asset}/{sensor.sensor} loses less than {LOST:.0%} of a window: "
            "such drop-outs need waveforms"
        )


class _Sensor:
    """One sensor over its run: what changes from window to window, and what the bands then hold."""

    def __init__(
        self,
        key: SensorKey,
        machine: MachineSpec,
        sensor: SensorSpec,
        frame: FleetSpec,
        settings: FeatureSettings,
    ) -> None:
        self._key, self._machine, self._spec = key, machine, sensor
        self._frame, self._settings = frame, settings
        self._bands = bands_of(settings, frame.grid)
        self._operation: Operation = Machine(machine, frame).operation
        self._effects: Effects = over_run((*machine.events, *sensor.events), frame.windows)
        self._colour = self._wander(frame.windows)
        self._speeds, self._tones = self._tone_table()
        self._powers: dict[tuple[float, int], _Powers] = {}
        self._reference = _reference(key, machine, sensor, frame, settings)
        self._stuck = self._stuck_windows(frame.windows)

    def observe(self, first: int, last: int) -> list[Observation]:
        """Return windows `first` to `last` (excluded)."""
        part = slice(first, last)
        rng = stream(self._frame.seed, self._key.asset, self._key.sensor, "features", first)
        level = self._effects.level[part] * self._operation.level[part]
        level *= np.exp(self._spec.unrest * rng.standard_normal(last - first))
        axes = [self._axis(axis, part, level, rng) for axis in range(len(self._spec.axes))]
        log_bands = np.stack([bands for bands, _ in axes], axis=1)
        rms = np.stack([rms for _, rms in axes], axis=1)
        return self._assemble(part, log_bands, rms, rng)

    def _axis(
        self, axis: int, part: slice, level: Floats, rng: np.random.Generator
    ) -> tuple[NDArray[np.float32], Floats]:
        """Return log bands (windows, frames, width) and RMS (windows,) of one axis."""
        noise, lines, shape = self._expected(axis, part, level)
        count, frames = len(level), self._settings.frames
        gain = self._spec.axis_gains[axis] ** 2
        mean = gain * (noise + lines)
        scatter = rng.standard_gamma(shape[:, None, :], (count, frames, self._bands.covered))
        power = scatter * (mean / shape)[:, None, :]
        inside = power.sum(axis=2).mean(axis=1)
        rms = np.sqrt(inside + gain * self._outside(noise, lines, part, level))
        log_bands = np.full((count, frames, self._settings.width), np.nan, np.float32)
        log_bands[..., : self._bands.covered] = np.log10(power + self._floor())
        log_bands[..., self._settings.bands :] = self._envelope(axis, count, rng)[:, None, :]
        return log_bands, rms

    def _expected(self, axis: int, part: slice, level: Floats) -> tuple[Floats, Floats, Floats]:
        """Return mean power of noise and of lines, and the gamma shape, (windows, covered) each."""
        shifts = self._effects.shift[part]
        chosen = {shift: self._shifted(float(shift), axis) for shift in np.unique(shifts)}
        running = np.stack([chosen[shift].running for shift in shifts])
        high = np.stack([chosen[shift].high for shift in shifts])
        shape = np.stack([chosen[shift].shape for shift in shifts])
        share = self._spec.high_share
        noise = (1.0 - share) * running
        noise += share * self._effects.high[part, None] ** 2 * high
        if self._colour is not None:
            noise *= 10.0 ** (self._colour[part] @ self._shares())
        speed = self._operation.shaft_hz[part]
        scale = np.where(speed > 0.0, (self._spec.healthy_rms * level) ** 2, 0.0)[:, None]
        own = self._spec.converter.noise**2 * self._white()
        return scale * noise + own, scale * self._lines(speed), shape

    def _outside(self, noise: Floats, lines: Floats, part: slice, level: Floats) -> Floats:
        """Return the mean power that no band holds, (windows,)."""
        share = self._spec.high_share
        total = (1.0 - share) + share * self._effects.high[part] ** 2 + self._tones[1]
        total = total * (self._spec.healthy_rms * level) ** 2
        running = self._operation.shaft_hz[part] > 0.0
        left = np.where(running, total, self._spec.converter.noise**2)
        left = left - noise.sum(axis=1) - lines.sum(axis=1)
        outside: Floats = np.maximum(left, 0.0)
        return outside

    def _shifted(self, shift: float, axis: int) -> _Powers:
        """Return what the bands hold with the mount's resonances shifted."""
        if (shift, axis) not in self._powers:
            grid, bands = self._frame.grid, self._bands
            spec = self._spec
            running = noise_per_bin(running_noise(spec.structure, grid, axis, shift), bands)
            high = noise_per_bin(high_noise(spec.structure, grid), bands)
            noise = (1.0 - spec.high_share) * running + spec.high_share * high
            usual = float(np.median(self._speeds))
            lines = tones_per_bin(self._machine.tones, usual, bands)
            self._powers[shift, axis] = _Powers(
                bands.gather(running), bands.gather(high), steadiness(noise, lines, bands)
            )
        return self._powers[shift, axis]

    def _tone_table(self) -> tuple[Floats, tuple[Floats, float]]:
        """Return speeds, and for each what lines put into the bands; and their power in all."""
        speed, bands = self._operation.shaft_hz, self._bands
        running = speed[speed > _SLOWEST * speed.max()]
        speeds = np.linspace(running.min(), running.max(), _SPEEDS)
        table = [tones_per_bin(self._machine.tones, float(hz), bands) for hz in speeds]
        return speeds, (bands.gather(np.stack(table)), float(table[_SPEEDS // 2].sum()))

    def _lines(self, speed: Floats) -> Floats:
        """Return what lines put into the bands at these speeds, RMS 1, (windows, covered)."""
        spacing = max(float(self._speeds[1] - self._speeds[0]), 1e-12)
        at = np.clip((speed - self._speeds[0]) / spacing, 0.0, _SPEEDS - 1.001)
        low = at.astype(np.intp)
        weight = (at - low)[:, None]
        table = self._tones[0]
        lines: Floats = (1.0 - weight) * table[low] + weight * table[low + 1]
        return lines

    def _wander(self, windows: int) -> NDArray[np.float32] | None:
        colour = self._spec.colour
        if not colour.unrest:
            return None
        seed = self._frame.seed
        return wandering(colour, windows, seed, *self._key).astype(np.float32)

    def _shares(self) -> Floats:
        """Return the share of each knot of the colour in each band, (knots, covered)."""
        return _shares(self._settings, self._frame.grid)

    def _white(self) -> Floats:
        """Return the share of white noise in each band, (covered,)."""
        return np.diff(self._bands.starts) / (self._bands.bins - 1)

    def _floor(self) -> Floats:
        scale = np.array([self._spec.converter.scale])
        return float(quantisation_floor(scale, integer=True)[0]) * self._white()

    def _envelope(self, axis: int, count: int, rng: np.random.Generator) -> Floats:
        library = _library(self._settings, self._frame.grid)
        rows = library[rng.integers(0, len(library), count)]
        drawn: Floats = (
            self._reference.envelope[axis] + self._reference.envelope_scatter[axis] * rows
        )
        return drawn

    def _stuck_windows(self, windows: int) -> NDArray[np.bool_]:
        stuck = np.zeros(windows, np.bool_)
        for drop in self._spec.drop_outs:
            stuck[drop.at : drop.at + drop.length] = True
        return stuck

    def _fault_lines(self, count: int, rng: np.random.Generator) -> NDArray[np.float32]:
        """Return the prominence of the fault lines, (windows, axes, 4)."""
        usual = self._reference.lines
        chance = _line_chance(self._line_bins(), (count, len(usual)), rng)
        return np.asarray(usual + chance, np.float32)

    def _line_bins(self) -> NDArray[np.intp]:
        return _line_bins(self._spec.bearing, float(np.median(self._speeds)), self._frame.grid)

    def _assemble(
        self,
        part: slice,
        log_bands: NDArray[np.float32],
        rms: Floats,
        rng: np.random.Generator,
    ) -> list[Observation]:
        count = len(rms)
        reference, frame, operation = self._reference, self._frame, self._operation
        shape = (count, len(self._spec.axes))
        noisy = reference.kurtosis_scatter * rng.standard_normal(shape)
        kurtosis = np.asarray(reference.kurtosis + noisy, np.float32)
        crest = np.asarray(np.broadcast_to(reference.crest, shape), np.float32)
        level = rms.astype(np.float32)
        peak = level * crest
        lines = self._fault_lines(count, rng)
        velocity = np.full(shape[1], np.nan, np.float32)
        speed, stuck = operation.shaft_hz[part].tolist(), self._stuck[part].tolist()
        load, warmth = operation.load[part].tolist(), operation.temperature[part].tolist()
        told = frame.telemetry
        return [
            Observation(
                key=self._key,
                start_ns=frame.start_ns + round((part.start + k) * frame.cadence_s * 1e9),
                axes=self._spec.axes,
                duration_s=frame.duration_s,
                sample_rate_hz=frame.sample_rate_hz,
                unit="g",
                log_bands=log_bands[k],
                rms=level[k],
                peak=peak[k],
                crest=crest[k],
                kurtosis=kurtosis[k],
                velocity_rms=velocity,
                quality=_STUCK if stuck[k] else FIT,
                fault_lines=lines[k] if told and speed[k] else None,
                rpm=60.0 * speed[k] if told else None,
                load=load[k] if told else None,
                temperature=warmth[k] if told else None,
                shaft_hz=speed[k] if told and speed[k] else None,
            )
            for k in range(count)
        ]


_STUCK: Final = Quality(SensorFault.STUCK)


@lru_cache(maxsize=8)
def _shares(settings: FeatureSettings, grid: Grid) -> Floats:
    bands: Bands = bands_of(settings, grid)
    edges = bands.starts * bands.bin_hz
    return over(np.sqrt(np.maximum(edges[:-1], 1.0) * edges[1:]), grid.nyquist_hz)


@lru_cache(maxsize=4)
def _library(settings: FeatureSettings, grid: Grid) -> Floats:
    """Return envelope bands of noise, each standardised over the windows, (windows, bands)."""
    rng = stream(0, "envelope of noise")
    plan = envelope.plan_envelope(settings, grid.rate_hz, grid.count)
    parts = []
    for _ in range(_LIBRARY // LANES):
        noise = rng.standard_normal((LANES, grid.count), dtype=np.float32)
        lines = envelope.envelope_spectrum(scipy.fft.rfft(noise, axis=-1), plan)
        parts.append(envelope.band_prominence(lines, plan))
    rows = np.concatenate(parts).astype(np.float64)
    standard: Floats = (rows - rows.mean(axis=0)) / np.maximum(rows.std(axis=0), 1e-9)
    return standard


def _reference(
    key: SensorKey,
    machine: MachineSpec,
    sensor: SensorSpec,
    frame: FleetSpec,
    settings: FeatureSettings,
) -> _Reference:
    """Measure a few waveforms of the sensor, spread over the run, without events."""
    calm = replace(machine, sensors=(replace(sensor, events=(), drop_outs=()),), events=())
    run = Fleet(replace(frame, machines=(calm,)))
    known = _Known(sensor.bearing, 60.0 * machine.duty.shaft_hz)
    step = max(frame.windows // REFERENCES, 1)
    windows = [run.window(key, k) for k in range(0, min(frame.windows, REFERENCES * step), step)]
    seen = extract(windows, settings, lambda _: known)
    bands = np.stack([one.log_bands[:, 0, settings.bands :] for one in seen]).astype(np.float64)
    lines = np.stack([one.fault_lines for one in seen if one.fault_lines is not None])
    kurtosis = np.stack([one.kurtosis for one in seen]).astype(np.float64)
    rng = stream(frame.seed, *key, "lines of noise")
    bins = _line_bins(sensor.bearing, machine.duty.shaft_hz, frame.grid)
    usual = _line_chance(bins, (2_000, 1), rng).mean(axis=0)
    return _Reference(
        envelope=bands.mean(axis=0),
        envelope_scatter=bands.std(axis=0),
        lines=np.maximum(lines.mean(axis=0) - usual, 0.0),
        kurtosis=kurtosis.mean(axis=0),
        kurtosis_scatter=kurtosis.std(axis=0),
        crest=np.stack([one.crest for one in seen]).mean(axis=0).astype(np.float64),
    )


def _line_bins(bearing: BearingGeometry, shaft_hz: float, grid: Grid) -> NDArray[np.intp]:
    """Return how many bins lie within the slip of each fault line's harmonics, (4, harmonics)."""
    lines = np.array(envelope.fault_lines_hz(bearing.fault_orders(), shaft_hz))
    bin_hz = 1.0 / grid.duration_s
    reach = np.maximum(lines[:, None] * np.array(envelope.HARMONICS) * envelope.SLIP, bin_hz)
    bins: NDArray[np.intp] = np.maximum(np.rint(2.0 * reach / bin_hz), 1.0).astype(np.intp) + 1
    return bins


def _line_chance(
    bins: NDArray[np.intp], shape: tuple[int, int], rng: np.random.Generator
) -> Floats:
    """Return the prominence that noise alone gives the fault lines, (*shape, 4).

    The largest of m exponential variables is -ln(1 - u^(1/m)), over its mean, the m-th harmonic
    number; see `envelope.FaultLines`.
    """
    uniform = rng.random((*shape, *bins.shape))
    largest = -np.log1p(-(uniform ** (1.0 / bins)))
    mean = np.cumsum(1.0 / np.arange(1, bins.max() + 1))[bins - 1]
    chance: Floats = np.log10((1.0 + largest / mean) / 2.0).sum(axis=-1)
    return chance
