"""A simulated fleet as a source of windows, with the truth about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.simulator.machine import Machine
from pipelines.simulator.plant import Truth
from pipelines.window import SensorKey, Window

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from pipelines.simulator.plant import FleetSpec, MachineSpec, SensorSpec


class Fleet:
    """Gives any window of a fleet; see the package's contract."""

    def __init__(self, spec: FleetSpec) -> None:
        self.spec = spec
        self._machines = {machine.asset: Machine(machine, spec) for machine in spec.machines}
        self._sensors = {
            SensorKey(machine.asset, sensor.sensor): sensor
            for machine in spec.machines
            for sensor in machine.sensors
        }

    @property
    def keys(self) -> tuple[SensorKey, ...]:
        """All sensors, in the order in which a round gives them."""
        return tuple(self._sensors)

    @property
    def truth(self) -> tuple[Truth, ...]:
        """Every bearing that fails, in the order of failure."""
        found = (
            Truth(key, sensor.fault.kind, sensor.fault.onset, sensor.fault.failure)
            for key, sensor in self._sensors.items()
            if sensor.fault is not None
        )
        return tuple(sorted(found, key=lambda truth: (truth.failure, truth.key)))

    def sensor(self, key: SensorKey) -> SensorSpec:
        """Return what is known of one sensor: its bearing, for one; KeyError if there is none."""
        return self._sensors[key]

    def machine(self, asset: str) -> MachineSpec:
        """Return what is known of one machine; KeyError if there is none."""
        return self._machines[asset].spec

    def severity(self, key: SensorKey) -> NDArray[np.float64]:
        """Return a failing bearing's fault RMS over its healthy RMS in each window, (windows,)."""
        return self._machines[key.asset].severities[key.sensor].level

    def window(self, key: SensorKey, index: int) -> Window:
        """Return window `index` of one sensor; IndexError outside the run."""
        spec, sensor = self.spec, self._sensors[key]
        if not 0 <= index < spec.windows:
            raise IndexError(f"the run has windows 0 to {spec.windows - 1}, got {index}")
        machine = self._machines[key.asset]
        operation = machine.operation
        return Window(
            asset=key.asset,
            sensor=key.sensor,
            axes=sensor.axes,
            start_ns=spec.start_ns + round(index * spec.cadence_s * 1e9),
            sample_rate_hz=spec.sample_rate_hz,
            unit="g",
            samples=machine.samples(key.sensor, index),
            scale=sensor.converter.scale,
            rpm=60.0 * float(operation.shaft_hz[index]) if spec.telemetry else None,
            load=float(operation.load[index]) if spec.telemetry else None,
            temperature=float(operation.temperature[index]) if spec.telemetry else None,
            sequence=index,
        )

    def round(self, index: int) -> Iterator[Window]:
        """Yield window `index` of every sensor."""
        return (self.window(key, index) for key in self._sensors)

    def windows(self, start: int = 0, stop: int | None = None) -> Iterator[Window]:
        """Yield all windows from round `start` to before `stop` (the end), in time order."""
        for index in range(start, self.spec.windows if stop is None else stop):
            yield from self.round(index)
