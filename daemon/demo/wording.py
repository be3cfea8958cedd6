"""How the demo says things."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from models.alerts import Transition

if TYPE_CHECKING:
    from models.alerts import AlertEvent

FAULTS: Final = {
    "outer_race": "outer race",
    "inner_race": "inner race",
    "ball": "ball",
    "cage": "cage",
    "lubrication": "lubrication",
}


def clock(time_ns: int) -> str:
    """Return a time as `Mon 06 Jan 14:20`."""
    return f"{datetime.fromtimestamp(time_ns // 10**9, UTC):%a %d %b %H:%M}"


def span(seconds: float) -> str:
    """Return a duration in the units that one would say."""
    hours = seconds / 3600
    return f"{hours / 24:.1f} days" if hours >= 48 else f"{hours:.1f} h"


def told(event: AlertEvent) -> str:
    """Return one line for an alert event."""
    what = {
        Transition.RAISED: str(event.zone).upper(),
        Transition.ESCALATED: f"up to {str(event.zone).upper()}",
        Transition.LOWERED: f"down to {event.zone}",
        Transition.CLEARED: "cleared",
    }[event.transition]
    loss = f"loss {event.loss:.3g}, limit {event.threshold:.3g}"
    line = f", {event.fault} line" if event.fault else ""
    return f"{clock(event.time_ns)}  {event.asset}/{event.sensor}  {what}  {loss}{line}"


def fault(kind: str) -> str:
    """Return a fault's name for people."""
    return FAULTS.get(kind, kind.replace("_", " "))
