"""From single exceedances to a zone: confirmation m of n, severity, hysteresis on the way down.

A chart's last 64 windows are bits of one integer, so confirmation is a count of bits and survives
a restart. Works in place on rows of `models.state.HOT`, one window a row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.alerts import Transition, Zone

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.policy import ConfirmationPolicy

    Rows = np.ndarray[Any, Any]
    Bools = NDArray[np.bool_]

ZONES: Final = (Zone.NORMAL, Zone.WARNING, Zone.ALARM)
NORMAL, WARNING, ALARM = range(3)

TRANSITIONS: Final = (
    Transition.RAISED,
    Transition.ESCALATED,
    Transition.LOWERED,
    Transition.CLEARED,
)
STAY, RAISED, ESCALATED, LOWERED, CLEARED = range(5)

CHARTS: Final = (
    "anchored_bits",
    "adaptive_bits",
    "high_bits",
    "line_bits",
    "far_bits",
    "limit_bits",
)

CONFIRMING: Final = (*CHARTS, "severe_bits")
"""Everything that a zone is moved by."""

FAR: Final = np.array([[name == "far_bits"] for name in CONFIRMING])
PATIENT: Final = ~FAR & [[name not in {"limit_bits", "severe_bits"}] for name in CONFIRMING]
"""Which of them count only where windows come rarely, and which ask for more there, (7, 1)."""


@dataclass(frozen=True, slots=True)
class Exceedances:
    """What one window a row is over; each (rows,) of bool.

    `calm` is stricter than 'nothing exceeds': every chart is below its release level. Before there
    is a baseline declared limits are all there is to exceed. Of `partial` windows an axis is lost:
    where they exceed nothing they are passed over, since the lost one might have. `far` is far over
    the limit of a chart, whichever.
    """

    anchored: Bools
    adaptive: Bools
    high: Bools
    line: Bools
    far: Bools
    limit: Bools
    severe: Bools
    calm: Bools
    partial: Bools

    @property
    def any(self) -> Bools:
        """Whether anything exceeds."""
        return self.anchored | self.adaptive | self.high | self.line | self.limit


def step(
    rows: Rows, start_ns: NDArray[np.int64], over: Exceedances, policy: ConfirmationPolicy
) -> NDArray[np.int64]:
    """Move each row's zone by one window.

    Returns what happened: `STAY`, or a number whose transition is `TRANSITIONS[number - 1]`.
    """
    charted = over.anchored, over.adaptive, over.high, over.line, over.far, over.limit
    hits = np.array((*charted, over.severe), np.uint64)
    exceeds = over.any
    silent = over.partial & ~exceeds & ~over.severe
    before = np.array([rows[name] for name in CONFIRMING])
    bits = np.where(silent, before, (before << np.uint64(1)) | hits)
    for name, column in zip(CONFIRMING, bits, strict=True):
        rows[name] = column
    recent, often = _recent(rows, bits, policy)
    _note_first(rows, start_ns, exceeds, np.logical_or.reduce(recent[:-1]))
    lasted = start_ns - rows["first_ns"] >= int(policy.minimum_s * 1e9)
    confirmed = np.logical_or.reduce(often[:-1]) & lasted & ~silent
    severe = often[-1] & ~silent
    rows["calm"] = np.where(over.calm, rows["calm"] + 1, np.where(silent, rows["calm"], 0))
    rows["mild"] = np.where(over.severe, 0, rows["mild"] + ~over.partial)
    return _move(rows, confirmed, severe, policy)


def forget(rows: Rows, which: Bools, policy: ConfirmationPolicy) -> None:
    """Forget exceedances that confirmed nothing yet, in place; what is open stays open.

    A machine whose windows come rarely may run for one or two of them at a time. What left it over
    a limit on the level is remembered there: a run-up is over before the next window.
    """
    if not which.any():
        return
    stays = is_slow(rows, policy) & ((rows["limit_bits"] & np.uint64(1)) != 0)
    rows["severe_bits"] = np.where(which & ~stays, 0, rows["severe_bits"])
    unconfirmed = which & (rows["zone"] == NORMAL)
    for name in (*CHARTS, "first_ns"):
        kept = stays if name in {"limit_bits", "first_ns"} else False
        rows[name] = np.where(unconfirmed & ~kept, 0, rows[name])


def _recent(
    rows: Rows, bits: NDArray[np.uint64], policy: ConfirmationPolicy
) -> tuple[Bools, Bools]:
    """Say of each of `CONFIRMING` whether it was over its limit of late, and whether often enough.

    `bits` and both results are (7, rows). Where windows come rarely more are looked at and asked
    for, but of a limit on the level and of what is far over another: few rough spells of the
    process reach so far, and hours count.
    """
    slow = is_slow(rows, policy)
    more = np.uint64(policy.slow_windows) * (slow & PATIENT).astype(np.uint64)
    among = (np.uint64(1) << (policy.among + more)) - np.uint64(1)
    counted = np.bitwise_count(bits & among) * (slow | ~FAR)
    return counted > 0, counted >= policy.needed + more


def is_slow(rows: Rows, policy: ConfirmationPolicy) -> Bools:
    """Say which sensors' windows come so rarely that more of them are asked for."""
    slow: Bools = rows["cadence_s"] >= policy.slow_cadence_s
    return slow


def _note_first(rows: Rows, start_ns: NDArray[np.int64], over: Bools, recent: Bools) -> None:
    """Remember when the present run of exceedances began; forget it when none is in sight."""
    began = over & (rows["first_ns"] == 0)
    rows["first_ns"] = np.where(began, start_ns, np.where(recent, rows["first_ns"], 0))


def _move(
    rows: Rows, confirmed: Bools, severe: Bools, policy: ConfirmationPolicy
) -> NDArray[np.int64]:
    """One step up or down at a time, so that a warning always comes before an alarm."""
    zone = rows["zone"].astype(np.int64)
    raised = (zone == NORMAL) & confirmed
    escalated = (zone == WARNING) & severe
    lowered = (zone == ALARM) & (rows["mild"] >= policy.clear_windows)
    cleared = (zone == WARNING) & ~escalated & (rows["calm"] >= policy.clear_windows)
    rows["zone"] = zone + raised + escalated - lowered - cleared.astype(np.int64)
    change: NDArray[np.int64] = (
        RAISED * raised + ESCALATED * escalated + LOWERED * lowered + CLEARED * cleared
    )  # one of them at most
    return change
