"""Which windows are judged at all.

A gate must never swallow a sudden failure, so a window is withheld only for what is wrong with
the *sensor* (clipping is not, where the machine has become so loud), for a machine that stands
(energy well below its baseline on every axis, or a tachometer that says so), or for a *speed* that
changes: measured, or known by a machine that was just standing and is not back at its level. A rise
in level is no machine state.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.state import COMMISSIONED, STARTED_LOW, STARTING, STOPPED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.policy import GatePolicy

    Rows = np.ndarray[Any, Any]
    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

TURNING_RPM: Final = 1.0
"""Below one turn a minute a tachometer reads a standing shaft."""

SPEED_MEMORY: Final = 0.05
"""Weight of a window's speed in the sensor's usual speed."""


def standing(rows: Rows, live: Bools, level: Floats, rpm: Floats, policy: GatePolicy) -> Bools:
    """Return which machines stand; counts in place for how long a tachometer alone says so.

    `level` is log10 of RMS over the baseline's, or before there is one over what was learnt so far,
    else over the baseline before; NaN where there is nothing to compare with. `rpm` is without a
    sign, and NaN where nothing measures it.

    Where there is a baseline, energy has the last word: a broken tachometer reads 0 on a running
    machine and must not switch its sensors off. Where there is none, a machine stands whose
    tachometer reads 0 and whose energy says so as well. The tachometer alone is believed for
    `standing_windows` in a row: the sensor must not stay uncommissioned for it.
    """
    silent = level < np.log10(policy.stop_ratio)
    judged = ((rows["flags"] & COMMISSIONED) != 0) & ~np.isnan(level)
    still = (rpm < TURNING_RPM) & ~judged
    counted = np.where(still, rows["stood"] + 1, 0)
    rows["stood"] = np.where(live, counted, rows["stood"])
    believed = still & (rows["stood"] <= policy.standing_windows)
    stopped: Bools = (silent & (judged | still)) | believed
    return live & stopped


def hold(rows: Rows, live: Bools, level: Floats, rpm: Floats, policy: GatePolicy) -> Bools:
    """Return which `live` windows are held back since a measured speed changes; counts in place.

    What is held for `hold_windows` in a row is released, and the new speed is then the usual one;
    a window over `hold_level` times the baseline passes and makes no speed the usual one.
    """
    usual = rows["rpm"]
    off = np.abs(rpm - usual) > policy.speed_change * usual
    moved = live & (usual > 0) & off
    loud = level >= np.log10(policy.hold_level)
    # What was held of a start before the tachometer told its speed is not counted here.
    so_far = np.where((rows["flags"] & STARTING) != 0, 0, rows["held"])
    held: Bools = moved & ~loud & (so_far < policy.hold_windows)
    released = moved & (so_far >= policy.hold_windows)
    counted = np.where(held, so_far + 1, np.where(moved & ~released, so_far, 0))
    rows["held"] = np.where(live & ~np.isnan(rpm), counted, rows["held"])
    _follow_speed(rows, rpm, fresh=live & ((usual == 0) | released), steady=live & ~moved)
    return held


def hold_start(rows: Rows, live: Bools, level: Floats, rpm: Floats, policy: GatePolicy) -> Bools:
    """Return which `live` windows without a measured speed are held as a run-up; counts in place.

    Behind a stop a machine runs up until it is back at its level: the baseline's, or that of late
    where this is lower, since what has worn in must not be held at each start. `rows` say of the
    window before whether it stood. A machine that was held for `started_s` in all without coming
    back, in one start or in several, is charted from there on until it does.
    """
    untold = live & np.isnan(rpm)
    of_late = np.where(rows["level_count"] > 0, np.minimum(rows["level_mean"], 0.0), 0.0)
    below = level < of_late + np.log10(policy.started_ratio)
    flags = rows["flags"]
    behind_stop = (flags & (STOPPED | STARTING)) != 0
    waits = untold & below & behind_stop & ((flags & STARTED_LOW) == 0)
    held: Bools = waits & (rows["held"] * rows["cadence_s"] < policy.started_s)
    rows["held"] = np.where(untold, np.where(held, rows["held"] + 1, 0), rows["held"])
    flags = np.where(live, flags & ~np.uint32(STARTING), flags)
    flags = np.where(untold & ~below, flags & ~np.uint32(STARTED_LOW), flags)
    flags = np.where(waits & ~held, flags | np.uint32(STARTED_LOW), flags)
    rows["flags"] = np.where(held, flags | np.uint32(STARTING), flags)
    return held


def drives_to_the_rail(clipped: Floats, level: Floats, policy: GatePolicy) -> Bools:
    """Return which windows a failing bearing may have clipped: far louder, and mostly signal yet.

    `clipped` is the share of samples at the rail, NaN where that is not what is wrong; `level` is
    log10 of RMS over the baseline's, NaN where there is none.
    """
    loud: Bools = (clipped <= policy.clipped_most) & (level >= np.log10(policy.hold_level))
    return loud


def _follow_speed(rows: Rows, rpm: Floats, *, fresh: Bools, steady: Bools) -> None:
    usual = rows["rpm"]
    known = ~np.isnan(rpm)
    followed = usual + SPEED_MEMORY * (rpm - usual)
    chosen = np.where(fresh, rpm, np.where(steady, followed, usual))
    rows["rpm"] = np.where(known, chosen, usual)
