"""One machine over its life, and the samples of any one window of it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from scipy import fft

from pipelines.simulator import growth
from pipelines.simulator.bearing import LOCALISED, FaultKind, Strike, excitation
from pipelines.simulator.colour import over_bins, wandering
from pipelines.simulator.converter import digitise, drop_out
from pipelines.simulator.disturbances import Stop, combined
from pipelines.simulator.duty import operate
from pipelines.simulator.plant import AfterFailure
from pipelines.simulator.streams import stream
from pipelines.simulator.structure import high_noise, noise_spectrum, running_noise, transfer
from pipelines.simulator.tones import shaft_angle, tone_signal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from pipelines.simulator.disturbances import Effect
    from pipelines.simulator.duty import Operation
    from pipelines.simulator.plant import FleetSpec, MachineSpec, SensorSpec

_DAY_NS: Final = 86_400_000_000_000


class Severity(NamedTuple):
    """A fault's level in shares of healthy RMS and its share of spall noise, (windows,) each."""

    level: NDArray[np.float64]
    spread: NDArray[np.float64]


class Machine:
    """Computes what a machine's windows need in common once, then any window alone."""

    def __init__(self, spec: MachineSpec, fleet: FleetSpec) -> None:
        self.spec = spec
        self._fleet = fleet
        self._grid = fleet.grid
        self._positions = {sensor.sensor: at for at, sensor in enumerate(spec.sensors)}

    @cached_property
    def operation(self) -> Operation:
        """Load, speed, temperature and level, window by window."""
        steps = np.arange(self._fleet.windows) * self._fleet.cadence_s
        times_s = np.asarray(self._fleet.start_ns % _DAY_NS / 1e9 + steps, dtype=np.float64)
        events = (*self.spec.events, *self._standstills())
        return operate(
            self.spec.duty, events, times_s, seed=self._fleet.seed, asset=self.spec.asset
        )

    @cached_property
    def severities(self) -> dict[str, Severity]:
        """How far each faulty sensor's damage is, window by window."""
        count, seed = self._fleet.windows, self._fleet.seed
        return {
            sensor.sensor: Severity(
                growth.level(
                    sensor.fault, count, stream(seed, self.spec.asset, sensor.sensor, "growth")
                ),
                growth.spread(sensor.fault, count),
            )
            for sensor in self.spec.sensors
            if sensor.fault is not None
        }

    @cached_property
    def colours(self) -> dict[str, NDArray[np.float64]]:
        """How the spectrum of each sensor that wanders differs from usual, (windows, knots)."""
        count, seed = self._fleet.windows, self._fleet.seed
        return {
            sensor.sensor: wandering(sensor.colour, count, seed, self.spec.asset, sensor.sensor)
            for sensor in self.spec.sensors
            if sensor.colour.unrest
        }

    def samples(self, sensor: str, index: int) -> NDArray[np.int16]:
        """Return the codes of window `index` of one sensor, shape (axes, count)."""
        spec = self.spec.sensors[self._positions[sensor]]
        rng = stream(self._fleet.seed, self.spec.asset, sensor, "window", index)
        codes = digitise(self._acceleration(spec, index, rng), spec.converter)
        for drop in spec.drop_outs:
            if drop.active(index):
                codes = drop_out(codes, drop, rng)
        return codes

    def _acceleration(
        self, spec: SensorSpec, index: int, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """Sum noise, fault and tones in g, shape (axes, count)."""
        shaft_hz = float(self.operation.shaft_hz[index])
        noise = (len(spec.axes), self._grid.count)
        if shaft_hz == 0.0:
            return rng.standard_normal(noise, dtype=np.float32) * np.float32(spec.converter.noise)
        effect = combined((*self.spec.events, *spec.events), index)
        level = effect.level * float(self.operation.level[index])
        level *= float(np.exp(spec.unrest * rng.standard_normal()))
        spectrum = noise_spectrum(self._noise_power(spec, index, level, effect), self._grid, rng)
        force = self._force(spec, shaft_hz, index)
        if force is not None:
            spectrum += self._ringing(spec, force * np.float32(level), effect.shift)
        signal = fft.irfft(spectrum, self._grid.count)
        signal += self._tones(shaft_hz, spec.healthy_rms * level, rng)
        signal *= np.asarray(spec.axis_gains, dtype=np.float32)[:, np.newaxis]
        return np.asarray(signal, dtype=np.float32)

    def _noise_power(
        self, spec: SensorSpec, index: int, level: float, effect: Effect
    ) -> NDArray[np.float32]:
        """Power per bin of running noise, the lubricant's high band and the converter."""
        high = spec.high_share * effect.high**2 + self._lubrication(spec, index) ** 2
        scale = (spec.healthy_rms * level) ** 2
        running = np.stack(
            [
                running_noise(spec.structure, self._grid, axis, effect.shift)
                for axis in range(len(spec.axes))
            ]
        )
        running *= np.float32(scale * (1.0 - spec.high_share))
        running += np.float32(scale * high) * high_noise(spec.structure, self._grid)
        if spec.colour.unrest:
            decades = self.colours[spec.sensor][index].astype(np.float32) @ over_bins(self._grid)
            running *= np.power(np.float32(10.0), decades)
        running += np.float32(spec.converter.noise**2)
        return running

    def _tones(self, shaft_hz: float, rms: float, rng: np.random.Generator) -> NDArray[np.float32]:
        angle = shaft_angle(shaft_hz, self.spec.duty.flutter, self._grid, rng)
        tones = tone_signal(self.spec.tones, shaft_hz, angle, self._grid, rng)
        tones *= np.float32(rms)
        return tones

    def _lubrication(self, spec: SensorSpec, index: int) -> float:
        """RMS of the high band that lost lubrication here and nearby adds, in healthy RMS."""
        felt = [
            level
            for source, level in self._felt(spec, index)
            if source.fault is not None and source.fault.kind is FaultKind.LUBRICATION
        ]
        return float(np.sqrt(sum(level**2 for level in felt))) / spec.healthy_rms

    def _felt(self, spec: SensorSpec, index: int) -> Iterator[tuple[SensorSpec, float]]:
        """Yield every bearing with damage by now, and the RMS in g that reaches this sensor."""
        here = self._positions[spec.sensor]
        for name, severity in self.severities.items():
            source = self.spec.sensors[self._positions[name]]
            distance = abs(self._positions[name] - here)
            level = float(severity.level[index])
            if level > 0.0:
                yield source, source.healthy_rms * level * self.spec.crosstalk**distance

    def _force(self, spec: SensorSpec, shaft_hz: float, index: int) -> NDArray[np.float32] | None:
        """Sum the forces of localised faults here and along the shaft, shape (count,)."""
        total: NDArray[np.float32] | None = None
        for source, rms in self._felt(spec, index):
            fault = source.fault
            if fault is None or fault.kind not in LOCALISED:
                continue
            spread = float(self.severities[source.sensor].spread[index])
            strike = Strike(fault.kind, rms, spread, fault.jitter, fault.slip)
            # The stream is the source's: all sensors of the shaft feel the same impacts.
            rng = stream(self._fleet.seed, self.spec.asset, source.sensor, "impacts", index)
            orders = source.bearing.fault_orders()
            force = excitation(strike, shaft_hz, orders, self._grid, rng)
            total = force if total is None else total + force
        return total

    def _ringing(
        self, spec: SensorSpec, force: NDArray[np.float32], shift: float
    ) -> NDArray[np.complex64]:
        """Send a force through each axis' resonances; the spectrum, shape (axes, bins)."""
        paths = [
            transfer(spec.structure, self._grid, axis, shift) for axis in range(len(spec.axes))
        ]
        return np.asarray(fft.rfft(force) * np.stack(paths), dtype=np.complex64)

    def _standstills(self) -> tuple[Stop, ...]:
        """Return the stop for good after the first failure, where the fleet asks for it."""
        failures = [s.fault.failure for s in self.spec.sensors if s.fault is not None]
        if not failures or self._fleet.after_failure is AfterFailure.RUN_ON:
            return ()
        first = min(failures)
        length = max(self._fleet.windows - first, 1)
        return (Stop(first, length, level=1.0, coast_down=0, run_up=0),)
