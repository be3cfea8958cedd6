"""Drawing a varied, plausible fleet from a family, machine by machine."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from pipelines.simulator.colour import STEADY, Colour
from pipelines.simulator.converter import Converter, DropOut
from pipelines.simulator.disturbances import Burst, Regreasing, Remount, Stop, WearIn
from pipelines.simulator.duty import Duty
from pipelines.simulator.family import WORKSHOP
from pipelines.simulator.growth import Fault, Healing
from pipelines.simulator.plant import AfterFailure, FleetSpec, MachineSpec, SensorSpec
from pipelines.simulator.streams import stream
from pipelines.simulator.structure import Mode, Structure
from pipelines.simulator.tones import InverterTone, ShaftTone

if TYPE_CHECKING:
    from pipelines.simulator.bearing import FaultKind
    from pipelines.simulator.disturbances import Event
    from pipelines.simulator.family import Family, Range
    from pipelines.simulator.tones import Tone

_FULL_SCALES: Final = (10.0, 20.0, 50.0, 100.0, 200.0, 500.0)


def random_fleet(
    seed: int,
    *,
    machines: int = 6,
    sensors_per_machine: int = 4,
    degrading: int = 3,
    windows: int = 600,
    cadence_s: float = 600.0,
    sample_rate_hz: float = 20_480.0,
    duration_s: float = 1.0,
    family: Family = WORKSHOP,
    axes: tuple[str, ...] = ("radial",),
    after_failure: AfterFailure = AfterFailure.STOP,
) -> FleetSpec:
    """Draw a fleet; `degrading` of its machines have one bearing each that fails in the run.

    A machine's draw does not depend on how many others there are, but for which of them degrade.
    """
    if not 0 <= degrading <= machines:
        raise ValueError(f"at most one bearing a machine degrades: {degrading} of {machines}")
    frame = FleetSpec(
        seed=seed,
        machines=(),
        windows=windows,
        cadence_s=cadence_s,
        sample_rate_hz=sample_rate_hz,
        duration_s=duration_s,
        after_failure=after_failure,
    )
    kinds = _failing(stream(seed, "degrading"), family, machines, degrading)
    names = [f"machine-{at:03d}" for at in range(1, machines + 1)]
    drawn = tuple(
        _machine(_Draw(family, frame, name, axes), sensors_per_machine, kinds.get(at))
        for at, name in enumerate(names)
    )
    return replace(frame, machines=drawn)


def _failing(
    rng: np.random.Generator, family: Family, machines: int, degrading: int
) -> dict[int, FaultKind]:
    """Choose machines, and kinds as evenly as they go."""
    chosen = rng.permutation(machines)[:degrading]
    order = rng.permutation(len(family.kinds))
    return {
        int(at): family.kinds[order[turn % order.size]] for turn, at in enumerate(chosen.tolist())
    }


@dataclass(frozen=True, slots=True)
class _Draw:
    """What all draws for one machine go by."""

    family: Family
    frame: FleetSpec
    asset: str
    axes: tuple[str, ...]

    def stream(self, *path: str | int) -> np.random.Generator:
        return stream(self.frame.seed, self.asset, "draw", *path)

    def index(self, rng: np.random.Generator) -> int:
        """Draw a window between settling and the end of the run."""
        low = self.family.events.settled
        return int(self.frame.windows * rng.uniform(low, 0.95))


def _machine(draw: _Draw, sensors: int, kind: FaultKind | None) -> MachineSpec:
    rng = draw.stream()
    family = draw.family
    duty = _duty(rng, family)
    faulty = int(rng.integers(sensors)) if kind is not None else None
    fault = _fault(draw.stream("fault"), draw, kind) if kind is not None else None
    level = _log_uniform(rng, family.healthy_rms)
    drawn = tuple(
        _sensor(draw, f"bearing-{at + 1}", level, fault if at == faulty else None)
        for at in range(sensors)
    )
    return MachineSpec(
        asset=draw.asset,
        sensors=_with_converters(rng, family, drawn),
        duty=duty,
        tones=_tones(rng, draw, duty.shaft_hz),
        crosstalk=_uniform(rng, family.crosstalk),
        events=_machine_events(rng, draw),
    )


def _duty(rng: np.random.Generator, family: Family) -> Duty:
    return Duty(
        shaft_hz=_log_uniform(rng, family.shaft_hz),
        load=_uniform(rng, family.load),
        daily_load=_uniform(rng, family.daily_load),
        load_unrest=_uniform(rng, family.load_unrest),
        memory=_log_uniform(rng, family.memory),
        droop=_uniform(rng, (0.005, 0.03)),
        flutter=_uniform(rng, (0.0003, 0.003)),
        ambient=_uniform(rng, (12.0, 28.0)),
        heating=_uniform(rng, (20.0, 50.0)),
        load_exponent=_uniform(rng, (0.3, 0.9)),
    )


def _tones(rng: np.random.Generator, draw: _Draw, shaft_hz: float) -> tuple[Tone, ...]:
    """Shaft orders always; a gear, a fan, an inverter each on about half of the machines."""
    family = draw.family
    tones: list[Tone] = [
        ShaftTone(order, _uniform(rng, family.tone_amplitude) / order) for order in (1, 2, 3)
    ]
    if rng.random() < 0.5:
        teeth = int(rng.integers(17, 60))
        depth = _uniform(rng, (0.1, 0.5))
        mesh = _uniform(rng, family.tone_amplitude)
        tones += [ShaftTone(k * teeth, mesh / k**1.5, depth) for k in (1, 2, 3)]
    if rng.random() < 0.5:
        blades = int(rng.integers(5, 13))
        passing = _uniform(rng, family.tone_amplitude)
        tones += [ShaftTone(k * blades, passing / k) for k in (1, 2)]
    if rng.random() < 0.5:
        switching = float(rng.choice([2_000.0, 4_000.0, 8_000.0]))
        tones.append(InverterTone(switching, 0.5 * _uniform(rng, family.tone_amplitude)))
    return tuple(tones)


def _sensor(draw: _Draw, name: str, level: float, fault: Fault | None) -> SensorSpec:
    family = draw.family
    rng = draw.stream(name)
    bearing = family.bearings[int(rng.integers(len(family.bearings)))]
    gains = (1.0, *rng.uniform(0.5, 1.2, len(draw.axes) - 1).round(3).tolist())
    return SensorSpec(
        sensor=name,
        bearing=bearing,
        structure=_structure(rng, draw),
        healthy_rms=float(np.clip(level * _log_uniform(rng, (0.6, 1.6)), *family.healthy_rms)),
        axes=draw.axes,
        axis_gains=gains,
        high_share=_uniform(rng, family.high_share),
        unrest=_uniform(rng, family.unrest),
        colour=_colour(draw.stream(name, "colour"), family),
        fault=fault,
        events=_sensor_events(rng, draw),
        drop_outs=_drop_outs(rng, draw),
    )


def _structure(rng: np.random.Generator, draw: _Draw) -> Structure:
    family = draw.family
    count = int(rng.integers(family.modes[0], family.modes[1] + 1))
    nyquist_hz = draw.frame.grid.nyquist_hz
    modes = tuple(
        Mode(
            frequency_hz=_uniform(rng, family.mode_share) * nyquist_hz,
            damping=_log_uniform(rng, family.damping),
            gain=_uniform(rng, (0.3, 1.0)),
        )
        for _ in range(count)
    )
    return Structure(
        modes=modes,
        slope_hz=_log_uniform(rng, family.slope_hz),
        white=_uniform(rng, family.white),
    )


def _colour(rng: np.random.Generator, family: Family) -> Colour:
    if family.colour[1] == 0.0:
        return STEADY
    return Colour(_log_uniform(rng, family.colour), _log_uniform(rng, family.colour_memory))


def _fault(rng: np.random.Generator, draw: _Draw, kind: FaultKind) -> Fault:
    family, windows = draw.family, draw.frame.windows
    onset = int(_uniform(rng, family.onset) * windows)
    life = max(int(_uniform(rng, family.life) * windows), 2)
    dips = tuple(
        Healing(rng.uniform(0.2, 0.8), rng.uniform(0.2, 0.8), rng.uniform(0.02, 0.08))
        for _ in range(int(rng.integers(0, 4)))
    )
    return Fault(
        kind=kind,
        onset=onset,
        failure=onset + life,
        start=_log_uniform(rng, family.start),
        final=_log_uniform(rng, family.final),
        bend=_log_uniform(rng, family.bend),
        healing=dips,
        spread=_uniform(rng, family.spread),
        widening=_uniform(rng, (0.4, 0.8)),
        jitter=_uniform(rng, family.jitter),
        slip=_uniform(rng, family.slip),
    )


def _with_converters(
    rng: np.random.Generator, family: Family, sensors: tuple[SensorSpec, ...]
) -> tuple[SensorSpec, ...]:
    """Give a machine's sensors the full scale that its worst level needs, as a planner would."""
    worst = max(family.final[1] / 2, *(s.fault.final if s.fault else 1.0 for s in sensors))
    loudest = max(sensor.healthy_rms for sensor in sensors)
    needed = worst * loudest * _uniform(rng, family.headroom)
    full_scale = next((f for f in _FULL_SCALES if f >= needed), _FULL_SCALES[-1])
    noise = full_scale * _log_uniform(rng, (2e-5, 1e-4))
    return tuple(replace(s, converter=Converter(full_scale, noise)) for s in sensors)


def _machine_events(rng: np.random.Generator, draw: _Draw) -> tuple[Event, ...]:
    rates, windows = draw.family.events, draw.frame.windows
    events: list[Event] = []
    if rng.random() < rates.stop:
        length = max(1, int(windows * rng.uniform(0.01, 0.05)))
        events.append(Stop(draw.index(rng), length, _uniform(rng, rates.restart_level)))
    if rng.random() < rates.burst:
        length = int(rng.integers(1, 5))
        events.append(Burst(draw.index(rng), length, _uniform(rng, rates.burst_level)))
    return tuple(events)


def _sensor_events(rng: np.random.Generator, draw: _Draw) -> tuple[Event, ...]:
    family, windows = draw.family, draw.frame.windows
    rates = family.events
    events: list[Event] = []
    if rng.random() < family.wear_in:
        memory = max(windows * rng.uniform(0.02, 0.08), 1.0)
        events.append(WearIn(_uniform(rng, family.wear_in_drop), memory))
    if rng.random() < rates.regreasing:
        memory = max(windows * rng.uniform(0.02, 0.1), 1.0)
        events.append(Regreasing(draw.index(rng), rng.uniform(0.3, 0.7), memory))
    if rng.random() < rates.remount:
        gain, shift = _uniform(rng, rates.remount_gain), _uniform(rng, rates.remount_shift)
        events.append(Remount(draw.index(rng), gain, shift))
    return tuple(events)


def _drop_outs(rng: np.random.Generator, draw: _Draw) -> tuple[DropOut, ...]:
    if rng.random() >= draw.family.events.drop_out:
        return ()
    length = int(rng.integers(1, 6))
    share, stuck = rng.uniform(0.1, 1.0), rng.random() < 0.5
    return (DropOut(draw.index(rng), length, share, "stuck" if stuck else "zero"),)


def _uniform(rng: np.random.Generator, limits: Range) -> float:
    return float(rng.uniform(*limits))


def _log_uniform(rng: np.random.Generator, limits: Range) -> float:
    return float(np.exp(rng.uniform(*np.log(limits))))
