"""What happens to healthy machines and sensors, and must not be taken for damage.

Each event says, for one window, by what it multiplies the signal; effects of several events
multiply. Indexes count a sensor's windows from 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray


_COASTING: Final = 0.55
_RUNNING_UP: Final = 0.7
"""Speed of a ramp's only window; of more, each is taken so far into its share of the ramp."""


class Effect(NamedTuple):
    """Factors on a window: all running vibration, its high band, the mount's resonances."""

    level: float = 1.0
    high: float = 1.0
    shift: float = 1.0


class Event(Protocol):
    """Something that changes the signal from some window on."""

    def effect(self, index: int) -> Effect:
        """Return the factors for window `index`; pure, and `Effect()` where it does nothing."""
        ...


@dataclass(frozen=True, slots=True)
class WearIn:
    """A new bearing runs in: the level falls by the share `drop`, within about `memory` windows."""

    drop: float
    memory: float

    def effect(self, index: int) -> Effect:
        """Return a level that starts at 1 / (1 - drop) and decays to 1."""
        return Effect(level=1.0 + self.drop / (1.0 - self.drop) * exp(-index / self.memory))


@dataclass(frozen=True, slots=True)
class Stop:
    """The machine stands for `length` windows from `at`, and restarts at `level` of before.

    `coast_down` windows before and `run_up` windows after are taken while its speed changes, evenly
    as a drive's ramp changes it; with 0 of either it trips, or is there at once.
    """

    at: int
    length: int
    level: float = 1.15
    coast_down: int = 1
    run_up: int = 1

    def effect(self, index: int) -> Effect:
        """Return the level since the restart."""
        return Effect(level=self.level if index >= self.at + self.length else 1.0)

    def speed(self, index: int) -> float:
        """Return the share of running speed: 0 standing, between while speed changes, else 1."""
        before, behind = self.at - 1 - index, index - self.at - self.length
        if 0 <= before < self.coast_down:
            return (before + _COASTING) / self.coast_down
        if 0 <= behind < self.run_up:
            return (behind + _RUNNING_UP) / self.run_up
        return 0.0 if max(before, behind) < 0 else 1.0


@dataclass(frozen=True, slots=True)
class Regreasing:
    """Fresh grease quietens the high band to `high` at once; that wears off within `memory`."""

    at: int
    high: float
    memory: float

    def effect(self, index: int) -> Effect:
        """Return the quieter high band, recovering."""
        if index < self.at:
            return Effect()
        return Effect(high=1.0 - (1.0 - self.high) * exp(-(index - self.at) / self.memory))


@dataclass(frozen=True, slots=True)
class Burst:
    """A rough spell (debris, process, a neighbour): louder for `length` windows, then as before."""

    at: int
    length: int
    level: float

    def effect(self, index: int) -> Effect:
        """Return the level while it lasts."""
        return Effect(level=self.level if self.at <= index < self.at + self.length else 1.0)


@dataclass(frozen=True, slots=True)
class Remount:
    """The sensor is mounted anew: another gain, the mount's resonances elsewhere, for good."""

    at: int
    gain: float
    shift: float

    def effect(self, index: int) -> Effect:
        """Return the new gain and shift from `at` on."""
        return Effect(level=self.gain, shift=self.shift) if index >= self.at else Effect()


def combined(events: Iterable[Event], index: int) -> Effect:
    """Return the product of all events' effects on window `index`."""
    level = high = shift = 1.0
    for event in events:
        effect = event.effect(index)
        level *= effect.level
        high *= effect.high
        shift *= effect.shift
    return Effect(level, high, shift)


class Effects(NamedTuple):
    """`Effect` of every window of a run, (windows,) each."""

    level: NDArray[np.float64]
    high: NDArray[np.float64]
    shift: NDArray[np.float64]


def over_run(events: Iterable[Event], count: int) -> Effects:
    """Return what `combined` says of windows 0 to `count`, without asking for each of them."""
    effects = Effects(*np.ones((3, count)))
    for event in events:
        _apply(event, effects)
    return effects


def _apply(event: Event, effects: Effects) -> None:
    index = np.arange(effects.level.size)
    match event:
        case WearIn():
            effects.level[:] *= 1.0 + event.drop / (1.0 - event.drop) * np.exp(
                -index / event.memory
            )
        case Regreasing():
            since = index[: max(index.size - event.at, 0)]
            effects.high[event.at :] *= 1.0 - (1.0 - event.high) * np.exp(-since / event.memory)
        case Burst():
            effects.level[event.at : event.at + event.length] *= event.level
        case Stop():
            effects.level[event.at + event.length :] *= event.level
        case Remount():
            effects.level[event.at :] *= event.gain
            effects.shift[event.at :] *= event.shift
        case _:
            each = np.array([event.effect(int(k)) for k in index]).reshape(-1, 3)
            for values, factor in zip(effects, each.T, strict=True):
                values *= factor
