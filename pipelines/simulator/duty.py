"""How a machine runs over days: load, speed and temperature, common to all its sensors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from scipy.signal import lfilter

from pipelines.simulator.disturbances import Stop
from pipelines.simulator.streams import stream, wander

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from pipelines.simulator.disturbances import Event

_DAY_S: Final = 86_400.0
_STANDING: Final = 0.01


@dataclass(frozen=True, slots=True)
class Duty:
    """What the load does, and what speed, temperature and vibration make of it.

    Load is 1 at the rating: `load` on average, a daily sine of `daily_load`, a wandering part of
    standard deviation `load_unrest` remembered for about `memory` windows. Speed falls by `droop`
    from no load to full load. Temperature (C) is ambient with a daily sine, and `heating` at full
    load, with a time constant of `thermal_s`. Vibration grows as load^`load_exponent` times
    speed^2.
    """

    shaft_hz: float = 29.5
    load: float = 0.7
    daily_load: float = 0.08
    load_unrest: float = 0.05
    memory: float = 20.0
    droop: float = 0.02
    flutter: float = 0.001
    ambient: float = 20.0
    daily_ambient: float = 5.0
    heating: float = 35.0
    thermal_s: float = 2_400.0
    load_exponent: float = 0.6


class Operation(NamedTuple):
    """A machine's state window by window, shape (windows,) each.

    `level` is the factor on running vibration; `shaft_hz` is 0 where the machine stands.
    """

    shaft_hz: NDArray[np.float64]
    load: NDArray[np.float64]
    temperature: NDArray[np.float64]
    level: NDArray[np.float64]


def operate(
    duty: Duty, events: Iterable[Event], times_s: NDArray[np.float64], *, seed: int, asset: str
) -> Operation:
    """Return how a machine runs at the times of its windows (seconds since midnight UTC).

    A longer run begins with the same values.
    """
    pace = speed_share(events, times_s.size)
    load = _load(duty, times_s, seed, asset) * (pace > _STANDING)
    speed = duty.shaft_hz * pace * (1.0 - duty.droop * load)
    level = (np.maximum(load, _STANDING) / duty.load) ** duty.load_exponent * pace**2
    return Operation(speed, load, _temperature(duty, load, times_s), level)


def speed_share(events: Iterable[Event], count: int) -> NDArray[np.float64]:
    """Return the share of running speed in each window, 0 while standing, shape (count,)."""
    pace = np.ones(count)
    for stop in (event for event in events if isinstance(event, Stop)):
        end = stop.at + stop.length + stop.run_up
        near = range(max(stop.at - stop.coast_down, 0), min(end, count))
        for index in near:
            pace[index] = min(pace[index], stop.speed(index))
    return pace


def _load(duty: Duty, times_s: NDArray[np.float64], seed: int, asset: str) -> NDArray[np.float64]:
    unrest = wander(stream(seed, asset, "load"), times_s.size, duty.memory)
    load = duty.load + duty.daily_load * _daily(times_s, peak_h=14.0)
    return np.clip(load + duty.load_unrest * unrest, 0.05, 1.3)


def _daily(times_s: NDArray[np.float64], *, peak_h: float) -> NDArray[np.float64]:
    return np.cos(2 * np.pi * (times_s - peak_h * 3_600.0) / _DAY_S)


def _temperature(
    duty: Duty, load: NDArray[np.float64], times_s: NDArray[np.float64]
) -> NDArray[np.float64]:
    """First-order lag of the heat behind the load, from rest in balance with the first load."""
    cadence_s = float(times_s[1] - times_s[0]) if times_s.size > 1 else duty.thermal_s
    decay = np.exp(-cadence_s / duty.thermal_s)
    heat, _ = lfilter([1.0 - decay], [1.0, -decay], load, zi=[decay * load[0]])
    ambient = duty.ambient + duty.daily_ambient * _daily(times_s, peak_h=15.0)
    return np.asarray(ambient + duty.heating * heat, dtype=np.float64)
