"""Builders and measuring sticks of the simulator's tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import fft
from scipy.signal import hilbert

from pipelines.fault_orders import BearingGeometry
from pipelines.simulator import (
    AfterFailure,
    Converter,
    DropOut,
    Duty,
    Event,
    Fault,
    FaultKind,
    FleetSpec,
    MachineSpec,
    Mode,
    SensorSpec,
    Structure,
)
from pipelines.simulator.bearing import Strike, excitation
from pipelines.simulator.grid import Grid
from pipelines.simulator.structure import transfer
from pipelines.window import SensorKey

if TYPE_CHECKING:
    from numpy.typing import NDArray

GRID: Final = Grid(20_480, 20_480.0)
SHAFT_HZ: Final = 30.0
BEARING: Final = BearingGeometry(9, 7.94, 39.04, 0.0)
ORDERS: Final = BEARING.fault_orders()
STRUCTURE: Final = Structure(modes=(Mode(3_200.0, 0.04, 1.0), Mode(6_100.0, 0.03, 0.7)))
STEADY: Final = Duty(shaft_hz=SHAFT_HZ, load=1.0, daily_load=0.0, load_unrest=0.0, droop=0.0)


def sensor(
    name: str = "a",
    *,
    fault: Fault | None = None,
    events: tuple[Event, ...] = (),
    drop_outs: tuple[DropOut, ...] = (),
    full_scale: float = 50.0,
    axes: tuple[str, ...] = ("radial",),
) -> SensorSpec:
    return SensorSpec(
        sensor=name,
        bearing=BEARING,
        structure=STRUCTURE,
        axes=axes,
        axis_gains=(1.0,) * len(axes),
        unrest=0.0,
        converter=Converter(full_scale=full_scale),
        fault=fault,
        events=events,
        drop_outs=drop_outs,
    )


def fleet(
    *sensors: SensorSpec,
    windows: int = 100,
    duty: Duty = STEADY,
    events: tuple[Event, ...] = (),
    crosstalk: float = 0.2,
    seed: int = 11,
    duration_s: float = 0.2,
    after_failure: AfterFailure = AfterFailure.STOP,
) -> FleetSpec:
    machine = MachineSpec("m", sensors or (sensor(),), duty, (), crosstalk, events)
    return FleetSpec(seed, (machine,), windows, duration_s=duration_s, after_failure=after_failure)


def key(name: str = "a") -> SensorKey:
    return SensorKey("m", name)


def vibration(kind: FaultKind, *, spread: float = 0.0, seed: int = 3) -> NDArray[np.float64]:
    """What the sensor feels of a fault of RMS 1 and nothing else, over 1 s."""
    strike = Strike(kind, 1.0, spread, jitter=0.01, slip=0.0)
    force = excitation(strike, SHAFT_HZ, ORDERS, GRID, np.random.default_rng(seed))
    spectrum = fft.rfft(force) * transfer(STRUCTURE, GRID, 0, 1.0)
    return np.asarray(fft.irfft(spectrum, GRID.count), dtype=np.float64)


def envelope_spectrum(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """Amplitude of the envelope's lines, 1 Hz apart for 1 s; shape (bins,)."""
    envelope = np.abs(hilbert(signal))
    spectrum = np.abs(fft.rfft((envelope - envelope.mean()) * np.hanning(envelope.size)))
    return np.asarray(spectrum, dtype=np.float64)


def mean_envelope_spectrum(kind: FaultKind, *, spread: float = 0.0) -> NDArray[np.float64]:
    lines = [envelope_spectrum(vibration(kind, spread=spread, seed=seed)) for seed in range(12)]
    return np.asarray(np.mean(lines, axis=0), dtype=np.float64)


def line(spectrum: NDArray[np.float64], frequency_hz: float, width_hz: float = 3.0) -> float:
    """Largest line within `width_hz` of a frequency, over the median of its neighbourhood."""
    at, width = round(frequency_hz), round(width_hz)
    around = spectrum[max(at - 12, 1) : at + 13]
    return float(spectrum[at - width : at + width + 1].max() / np.median(around))


def kurtosis(signal: NDArray[np.floating]) -> float:
    centred = signal.astype(np.float64) - signal.mean()
    return float(np.mean(centred**4) / np.mean(centred**2) ** 2)


def rms(signal: NDArray[np.floating]) -> float:
    return float(np.sqrt(np.mean(signal.astype(np.float64) ** 2)))


def band_rms(signal: NDArray[np.floating], low_hz: float, high_hz: float, rate_hz: float) -> float:
    spectrum = fft.rfft(signal.astype(np.float64))
    frequency = fft.rfftfreq(signal.size, 1 / rate_hz)
    power = np.abs(spectrum[(frequency >= low_hz) & (frequency < high_hz)]) ** 2
    return float(np.sqrt(2 * power.sum()) / signal.size)
