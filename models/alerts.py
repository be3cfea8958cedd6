"""Alert events: what a subscriber is told about one incident of one sensor."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Zone(StrEnum):
    """How far a sensor has departed from health."""

    NORMAL = "normal"
    WARNING = "warning"
    ALARM = "alarm"


class Transition(StrEnum):
    """What happened to an alert."""

    RAISED = "raised"
    ESCALATED = "escalated"
    LOWERED = "lowered"
    CLEARED = "cleared"


class Band(msgspec.Struct, frozen=True):
    """One frequency band that carries a departure, in robust standard deviations."""

    low_hz: float
    high_hz: float
    departure: float


class AlertEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One transition of one alert; a function of the log alone, so repeating it changes nothing.

    `id` names the incident from raised to cleared; (`id`, `time_ns`, `transition`) is unique.
    Times are event times in ns since the epoch.
    """

    schema: int = 1
    id: str
    asset: str
    sensor: str
    transition: Transition
    zone: Zone
    time_ns: int
    first_exceedance_ns: int
    confirmed_ns: int
    loss: float
    threshold: float
    louder: bool
    axis: str
    bands: tuple[Band, ...]
    fault: str | None
    """Closest fault order, such as `BPFO`; None where no line was found."""
    fault_hz: float | None = None
    """Where in the envelope spectrum that line was seen."""
    link: str
    """`primary`, or `follows <alert id>` where another sensor of the asset came first."""
    provisional: bool
    baseline: str
    old_baseline: str = ""
    """The baseline in force before this one; empty where it is the first."""
    bundle: str
    text: str
