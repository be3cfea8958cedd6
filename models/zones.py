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

CHARTS: Final = ("anchored_bits", "adaptive_bits", "high_bits", "line_bits", "limit_bits")

AT_ONCE: Final = ("limit_bits", "severe_bits")
"""What is over a limit on the level; see `_more`."""


@dataclass(frozen=True, slots=True)
class Exceedances:
    """What one window a row is over; each (rows,) of bool.

    `calm` is stricter than 'nothing exceeds': every chart is below its release level. Before there
    is a baseline declared limits are all there is to exceed. Of `partial` windows an axis is lost:
    where they exceed nothing they are passed over, since the lost one might have.
    """

    anchored: Bools
    adaptive: Bools
    high: Bools
    line: Bools
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
    hits = (over.anchored, over.adaptive, over.high, over.line, over.limit, over.severe)
    silent = over.partial & ~over.any & ~over.severe
    for name, hit in zip((*CHARTS, "severe_bits"), hits, strict=True):
        rows[name] = np.where(silent, rows[name], _shift(rows[name], hit))
    _note_first(rows, start_ns, over.any, policy)
    confirmed = _confirmed(rows, start_ns, policy)
    severe = _often(rows, "severe_bits", policy)
    rows["calm"] = np.where(over.calm, rows["calm"] + 1, np.where(silent, rows["calm"], 0))
    rows["mild"] = np.where(over.severe, 0, rows["mild"] + ~over.partial)
    return _move(rows, confirmed, severe, policy)


def forget(rows: Rows, which: Bools) -> None:
    """Forget exceedances that confirmed nothing yet, in place; what is open stays open."""
    rows["severe_bits"] = np.where(which, 0, rows["severe_bits"])
    unconfirmed = which & (rows["zone"] == NORMAL)
    for name in (*CHARTS, "first_ns"):
        rows[name] = np.where(unconfirmed, 0, rows[name])


def _shift(bits: NDArray[np.uint64], hit: Bools) -> NDArray[np.uint64]:
    shifted: NDArray[np.uint64] = (bits << np.uint64(1)) | hit.astype(np.uint64)
    return shifted


def _recent(rows: Rows, name: str, policy: ConfirmationPolicy) -> NDArray[np.uint8]:
    """Count the hits among the windows that confirmation looks at."""
    recent = (np.uint64(1) << (policy.among + _more(rows, name, policy))) - np.uint64(1)
    counted: NDArray[np.uint8] = np.bitwise_count(rows[name] & recent)
    return counted


def _often(rows: Rows, name: str, policy: ConfirmationPolicy) -> Bools:
    """Say whether a chart was over its limit often enough."""
    often: Bools = _recent(rows, name, policy) >= policy.needed + _more(rows, name, policy)
    return often


def _more(rows: Rows, name: str, policy: ConfirmationPolicy) -> NDArray[np.uint64]:
    """Return how many windows more are looked at, and asked for, where they come rarely.

    None for a limit on the level: no rough spell of the process reaches it, and hours count.
    """
    slow = is_slow(rows, policy) & (name not in AT_ONCE)
    return np.where(slow, np.uint64(policy.slow_windows), np.uint64(0))


def is_slow(rows: Rows, policy: ConfirmationPolicy) -> Bools:
    """Say which sensors' windows come so rarely that more of them are asked for."""
    slow: Bools = rows["cadence_s"] >= policy.slow_cadence_s
    return slow


def _note_first(
    rows: Rows, start_ns: NDArray[np.int64], over: Bools, policy: ConfirmationPolicy
) -> None:
    """Remember when the present run of exceedances began; forget it when none is in sight."""
    recent = np.zeros(len(rows), np.bool_)
    for name in CHARTS:
        recent |= _recent(rows, name, policy) > 0
    began = over & (rows["first_ns"] == 0)
    rows["first_ns"] = np.where(began, start_ns, np.where(recent, rows["first_ns"], 0))


def _confirmed(rows: Rows, start_ns: NDArray[np.int64], policy: ConfirmationPolicy) -> Bools:
    often = np.zeros(len(rows), np.bool_)
    for name in CHARTS:
        often |= _often(rows, name, policy)
    lasted = start_ns - rows["first_ns"] >= int(policy.minimum_s * 1e9)
    confirmed: Bools = often & lasted
    return confirmed


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
    change: NDArray[np.int64] = np.select(
        [raised, escalated, lowered, cleared], [RAISED, ESCALATED, LOWERED, CLEARED], STAY
    )
    return change
