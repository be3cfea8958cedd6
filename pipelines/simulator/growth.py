"""How a fault grows from its onset to failure: hidden at first, faster later, never evenly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from pipelines.simulator.bearing import FaultKind
from pipelines.simulator.streams import wander

if TYPE_CHECKING:
    from numpy.typing import NDArray

_WANDER_MEMORY: Final = 12.0


@dataclass(frozen=True, slots=True)
class Healing:
    """A time of lower vibration in a growing fault: edges are rolled smooth, debris leaves.

    A dip of `depth` in the natural logarithm, `width` wide, about `centre`, both as shares of
    the time from onset to failure.
    """

    centre: float
    depth: float
    width: float


@dataclass(frozen=True, slots=True)
class Fault:
    """One bearing's way to failure, in windows and in shares of the sensor's healthy RMS.

    `onset` is the first window with damage, `failure` the first after the end of life. The
    level goes from `start` to `final` as start (final / start)^(p^bend), p being the share of
    that time; `spread` is what a widened spall's noise has of the power at the end.
    """

    kind: FaultKind
    onset: int
    failure: int
    start: float = 0.03
    final: float = 12.0
    bend: float = 1.3
    unrest: float = 0.08
    healing: tuple[Healing, ...] = ()
    spread: float = 0.8
    widening: float = 0.6
    jitter: float = 0.01
    slip: float = 0.01

    def __post_init__(self) -> None:
        """Refuse a fault that ends before it begins."""
        if not 0 <= self.onset < self.failure:
            raise ValueError(f"onset ({self.onset}) must come before failure ({self.failure})")


def progress(fault: Fault, count: int) -> NDArray[np.float64]:
    """Return the share of the way from onset to failure, 0 to 1, shape (count,)."""
    life = fault.failure - 1 - fault.onset
    return np.clip((np.arange(count) - fault.onset) / max(life, 1), 0.0, 1.0)


def level(fault: Fault, count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return the RMS of the fault's vibration in shares of healthy RMS, 0 before onset.

    Shape (count,). Healing and unrest make it non-monotone, as run-to-failure tests show it.
    """
    share = progress(fault, count)
    logarithm = np.log(fault.start) + np.log(fault.final / fault.start) * share**fault.bend
    for dip in fault.healing:
        logarithm -= dip.depth * np.exp(-0.5 * ((share - dip.centre) / dip.width) ** 2)
    logarithm += fault.unrest * wander(rng, count, _WANDER_MEMORY)
    return np.where(np.arange(count) < fault.onset, 0.0, np.exp(logarithm))


def spread(fault: Fault, count: int) -> NDArray[np.float64]:
    """Return the share of the fault's power that is spall noise, shape (count,).

    0 until `widening`, then smoothly up to `spread` at the end of life; lubrication loss has
    no impacts to lose.
    """
    room = max(1.0 - fault.widening, 1e-9)
    ramp = np.clip((progress(fault, count) - fault.widening) / room, 0.0, 1.0)
    return np.asarray(fault.spread * ramp * ramp * (3.0 - 2.0 * ramp), dtype=np.float64)
