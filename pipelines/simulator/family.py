"""Families of machines: the ranges that fleets are drawn from, as a value.

There can be several, so that a model may learn from fleets of one family and be certified on
another's, whose bearings and structures it never saw.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from pipelines.fault_orders import BearingGeometry
from pipelines.simulator.bearing import FaultKind

Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Events:
    """How often things happen that are no damage: probabilities over a whole run, and extents.

    `settled` is the share of the run before which nothing but wear-in happens.
    """

    settled: float = 0.25
    stop: float = 0.4
    restart_level: Range = (0.85, 1.19)
    regreasing: float = 0.25
    burst: float = 0.3
    burst_level: Range = (1.15, 1.8)
    remount: float = 0.1
    remount_gain: Range = (0.8, 1.25)
    remount_shift: Range = (0.9, 1.1)
    drop_out: float = 0.1


@dataclass(frozen=True, slots=True)
class Family:
    """Ranges that fleets are drawn from; levels in g, times in shares of the run.

    `life` is the time from onset to failure; modes are in shares of the Nyquist frequency.
    `headroom` is the converter's full scale over the largest failing RMS of the machine.
    """

    name: str
    bearings: tuple[BearingGeometry, ...]
    kinds: tuple[FaultKind, ...] = tuple(FaultKind)
    shaft_hz: Range = (12.0, 60.0)
    healthy_rms: Range = (0.1, 2.0)
    high_share: Range = (0.08, 0.25)
    modes: tuple[int, int] = (2, 5)
    mode_share: Range = (0.15, 0.85)
    damping: Range = (0.015, 0.06)
    white: Range = (0.2, 0.5)
    slope_hz: Range = (150.0, 900.0)
    tone_amplitude: Range = (0.05, 0.35)
    crosstalk: Range = (0.08, 0.3)
    load: Range = (0.55, 0.9)
    daily_load: Range = (0.02, 0.1)
    load_unrest: Range = (0.02, 0.07)
    memory: Range = (8.0, 40.0)
    wear_in_drop: Range = (0.2, 0.4)
    wear_in: float = 0.5
    onset: Range = (0.35, 0.6)
    life: Range = (0.2, 0.35)
    start: Range = (0.02, 0.05)
    final: Range = (5.0, 30.0)
    bend: Range = (0.8, 1.8)
    jitter: Range = (0.005, 0.015)
    slip: Range = (0.005, 0.02)
    unrest: Range = (0.01, 0.03)
    colour: Range = (0.0, 0.0)
    colour_memory: Range = (50.0, 50.0)
    spread: Range = (0.5, 0.95)
    headroom: Range = (3.5, 8.0)
    events: Events = Events()


# Proportions of common types; only ratios of the diameters matter.
WORKSHOP: Final = Family(
    name="workshop",
    bearings=(
        BearingGeometry(9, 7.94, 39.04),
        BearingGeometry(8, 6.75, 28.5),
        BearingGeometry(8, 7.92, 34.55),
        BearingGeometry(13, 7.5, 38.5),
        BearingGeometry(16, 8.41, 71.5, 15.17),
    ),
)
"""The family to learn from."""

PROVING: Final = Family(
    name="proving",
    bearings=(
        BearingGeometry(9, 9.53, 46.0),
        BearingGeometry(8, 13.49, 58.5),
        BearingGeometry(13, 3.5, 25.6),
        BearingGeometry(20, 16.0, 120.0, 12.0),
        BearingGeometry(12, 9.0, 55.0, 25.0),
    ),
    shaft_hz=(8.0, 50.0),
    healthy_rms=(0.15, 1.5),
    modes=(3, 7),
    mode_share=(0.1, 0.9),
    damping=(0.008, 0.04),
    white=(0.1, 0.6),
    tone_amplitude=(0.02, 0.5),
    crosstalk=(0.05, 0.4),
    load_unrest=(0.01, 0.06),
    memory=(4.0, 60.0),
    wear_in=0.7,
    bend=(0.6, 2.6),
    final=(5.0, 20.0),
    jitter=(0.008, 0.02),
    unrest=(0.01, 0.1),
    colour=(0.008, 0.12),
    colour_memory=(15.0, 600.0),
    events=Events(settled=0.2, stop=0.6, regreasing=0.3, burst=0.5, remount=0.15),
)
"""A family to certify on, unlike the first; nothing should learn from it."""


SETTING: Final = Family(
    name="setting",
    bearings=(
        BearingGeometry(11, 8.0, 44.0),
        BearingGeometry(9, 12.3, 58.5),
        BearingGeometry(14, 6.35, 47.0),
        BearingGeometry(18, 12.0, 105.0, 14.0),
        BearingGeometry(10, 7.14, 33.5),
    ),
    shaft_hz=(10.0, 58.0),
    healthy_rms=(0.1, 1.8),
    modes=(2, 6),
    mode_share=(0.12, 0.88),
    damping=(0.01, 0.05),
    white=(0.15, 0.55),
    tone_amplitude=(0.03, 0.45),
    crosstalk=(0.06, 0.35),
    load_unrest=(0.02, 0.09),
    memory=(4.0, 80.0),
    wear_in=0.8,
    unrest=(0.02, 0.14),
    colour=(0.02, 0.16),
    colour_memory=(10.0, 1_000.0),
    events=Events(stop=0.5, burst=0.4),
)
"""A family to set limits on: with machines of its own, wilder in level, scatter and memories than
the others, so that what is set on it holds on them."""


def quiet(family: Family) -> Family:
    """Return the family without stops, bursts, greasing, remounting and drop-outs."""
    return replace(
        family, events=Events(stop=0.0, regreasing=0.0, burst=0.0, remount=0.0, drop_out=0.0)
    )
