"""The series' schema, version 1, frozen: what a point of each measurement holds.

`docs/influxdb.md` describes it for readers. Tags and fields never change meaning: InfluxDB 3 makes
a measurement's tag set immutable, and a field that changes its type is refused.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from models.judgement import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from models.alerts import AlertEvent
    from models.judgement import Judgement

Value = float | int | str | bool | None
"""A field's value; None where there is none at this time, which writes nothing."""

LOSSES: Final = "reconstruction_loss"
VIBRATION: Final = "vibration"
ALERTS: Final = "alerts"

LOSS_FIELDS: Final = {
    "loss": float,
    "threshold": float,
    "anchored_ratio": float,
    "adaptive_ratio": float,
    "zone": str,
    "louder": bool,
    "late": bool,
}

_FAULTS: Final = ("fault_bpfo", "fault_bpfi", "fault_bsf2", "fault_ftf")
_BANDS: Final = tuple(f"band_{number:02d}" for number in range(16))
_DESCRIPTORS: Final = ("rms", "peak", "crest", "kurtosis", "velocity_rms")

VIBRATION_FIELDS: Final = dict.fromkeys((*_DESCRIPTORS, "loss", *_FAULTS, *_BANDS), float)

ALERT_FIELDS: Final = {
    "id": str,
    "transition": str,
    "text": str,
    "axis": str,
    "fault": str,
    "link": str,
    "baseline": str,
    "bundle": str,
    "loss": float,
    "threshold": float,
    "louder": bool,
    "provisional": bool,
    "first_exceedance_ns": int,
    "confirmed_ns": int,
}


def loss_values(judgement: Judgement) -> tuple[Value, ...]:
    """Return the values of `LOSS_FIELDS`."""
    return (
        _finite(judgement.loss),
        _finite(judgement.threshold),
        _finite(judgement.anchored),
        _finite(judgement.adaptive),
        str(judgement.zone),
        bool(judgement.louder),
        judgement.verdict is Verdict.LATE,
    )


def vibration_values(judgement: Judgement) -> Iterator[tuple[str, tuple[Value, ...]]]:
    """Return the values of `VIBRATION_FIELDS` for each axis, with its name."""
    seen = judgement.observation
    descriptors = [getattr(seen, name).tolist() for name in _DESCRIPTORS]
    faults = None if seen.fault_lines is None else seen.fault_lines.tolist()
    for number, axis in enumerate(seen.axes):
        numbers = [values[number] for values in descriptors]
        numbers += _part(judgement.axis_loss, number, math.nan)
        numbers += faults[number] if faults else [math.nan] * len(_FAULTS)
        numbers += judgement.departures[number] if judgement.departures else ()
        numbers += [math.nan] * (len(VIBRATION_FIELDS) - len(numbers))
        yield axis, tuple(map(_finite, numbers))


def alert_values(event: AlertEvent) -> tuple[Value, ...]:
    """Return the values of `ALERT_FIELDS`."""
    return (
        event.id,
        str(event.transition),
        event.text,
        event.axis,
        event.fault or "",
        event.link,
        event.baseline,
        event.bundle,
        _finite(event.loss),
        _finite(event.threshold),
        bool(event.louder),
        bool(event.provisional),
        event.first_exceedance_ns,
        event.confirmed_ns,
    )


def _part(values: tuple[float, ...], number: int, missing: float) -> list[float]:
    return [values[number] if values else missing]


def _finite(number: float) -> float | None:
    return float(number) if math.isfinite(number) else None
