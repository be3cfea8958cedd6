"""Putting an alert into words and figures: which bands, which fault order, since when."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from models.alerts import AlertEvent, Band, Transition, Zone
from models.scoring import rises
from pipelines.envelope import FAULT_LINES
from pipelines.normalise import LINES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.policy import ChartPolicy
    from models.scoring import Detail
    from pipelines.features import Observation
    from pipelines.normalise import Baseline
    from pipelines.window import SensorKey

    Floats = NDArray[np.float64]

NAMED_BANDS: Final = 3
"""Bands that an alert names at most."""

FAULT_NAMES: Final = {
    "BPFO": "outer race (BPFO)",
    "BPFI": "inner race (BPFI)",
    "2xBSF": "ball (2 x BSF)",
    "FTF": "cage (FTF)",
}


NEAR: Final = frozenset({"BPFI", "2xBSF"})
"""Lines that lie so close that windows below `RESOLVED_S` cannot tell them apart."""

RESOLVED_S: Final = 0.5

OVER_A_LIMIT: Final = "is over a declared limit"
WITHOUT_BASELINE: Final = {
    Transition.RAISED: OVER_A_LIMIT,
    Transition.ESCALATED: "is over a declared alarm limit",
    Transition.LOWERED: "is no longer over its declared alarm limit; it has no baseline yet",
    Transition.CLEARED: "is within its declared limits again; it has no baseline yet",
}
UNKNOWN_MACHINE: Final = "its bearing or its speed is not known"
UNKNOWN_TO_BASELINE: Final = "its baseline knows none yet"
NOTABLE: Final = 2.0
"""RMS over the baseline's from which a new alert names it."""

TEXTS: Final = {
    Transition.RAISED: "departs from its healthy baseline",
    Transition.ESCALATED: "departs severely from its healthy baseline",
    Transition.LOWERED: "is no longer severe, still unlike its baseline",
    Transition.CLEARED: "is back at its baseline",
}


@dataclass(frozen=True, slots=True)
class Incident:
    """One transition of one alert, as figures.

    Loss and threshold are 0 where the window was not scored: absolute limits judge before there
    is a baseline.
    """

    id: str
    transition: Transition
    zone: Zone
    first_ns: int
    confirmed_ns: int
    loss: float
    threshold: float
    provisional: bool
    bundle: str
    high_db: float = 0.0
    """By how much the high bands stand out more than usual, where their chart is over its limit."""
    high_axis: int | None = None
    """The axis on which they do so most, where the loss is within its limits."""
    limit: tuple[int, str] | None = None
    """The axis that is over a declared limit, and in words over which."""
    level: float = float("nan")
    """RMS over the baseline's on the axis where it is largest; NaN where there is none."""
    line_alone: bool = False
    """Whether a fault line is over its limit, and the loss is not."""


class Line(NamedTuple):
    """A fault line that has risen: its order, the axis, whether it is told from its neighbour.

    `hz` is where it was seen; NaN where that is not known.
    """

    order: str
    axis: int
    resolved: bool
    hz: float = math.nan

    def words(self, axes: tuple[str, ...]) -> str:
        """Say which part of the bearing it speaks of, and where it was seen."""
        where = f" on axis {axes[self.axis]}" if len(axes) > 1 else ""
        where += "" if math.isnan(self.hz) else f" at {self.hz:.1f} Hz"
        if self.resolved:
            return f"the {FAULT_NAMES[self.order]} line has risen{where}"
        first, second = (FAULT_NAMES[name] for name in sorted(NEAR, reverse=True))
        return f"the {first} or {second} line has risen{where}, windows are too short to say which"


def alert_id(key: SensorKey, first_ns: int) -> str:
    """Return the name of an incident: 16 hexadecimal digits from sensor and first exceedance."""
    text = f"{key.asset}\0{key.sensor}\0{first_ns}"
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def worst_axis(detail: Detail) -> int:
    """Return the axis whose louder bands carry the most loss."""
    louder = np.where(detail.departures >= 0, detail.band_loss, 0.0)
    return int(np.argmax(louder.sum(axis=1)))


def leading_bands(
    detail: Detail, edges: Floats, *, axis: int | None = None, among: slice = slice(None)
) -> tuple[Band, ...]:
    """Return up to three louder bands of the worst axis, the largest share of the loss first.

    `edges` are those of the spectral bands, (bands, 2) in Hz; the envelope's bands come behind
    them and are left out, since their frequencies are of another kind. Given are another `axis`,
    and the bands `among` which are named.
    """
    axis = worst_axis(detail) if axis is None else axis
    chosen = np.zeros(len(edges), np.bool_)
    chosen[among] = True
    departures, losses = detail.departures[axis, : len(edges)], detail.band_loss[axis, : len(edges)]
    louder = np.where(chosen & (departures > 0), losses, 0.0)
    order = np.argsort(-louder, kind="stable")[:NAMED_BANDS]
    return tuple(
        Band(float(edges[k][0]), float(edges[k][1]), round(float(departures[k]), 2))
        for k in order
        if louder[k] > 0.0
    )


def closest_fault(
    observation: Observation, baseline: Baseline | None, policy: ChartPolicy
) -> Line | None:
    """Return the fault order whose line has risen most, or None where none stands out."""
    if baseline is None or observation.fault_lines is None:
        return None
    usual, spread = baseline.centre[:, -LINES:], baseline.spread[:, -LINES:]
    rise = rises(observation.fault_lines, usual, spread, policy)
    highest = rise.max(axis=0)
    risen = highest >= policy.line_sigmas
    if not risen.any():
        return None
    k = int(np.argmax(highest))
    near = frozenset(name for name, up in zip(FAULT_LINES, risen, strict=True) if up) >= NEAR
    close = near and FAULT_LINES[k] in NEAR and observation.duration_s < RESOLVED_S
    axis = int(np.argmax(rise[:, k]))
    seen_hz = observation.fault_lines_hz
    hz = math.nan if seen_hz is None else round(float(seen_hz[axis, k]), 3)
    return Line(FAULT_LINES[k], axis, not close, hz)


def tell(
    incident: Incident,
    observation: Observation,
    detail: Detail | None,
    *,
    fault: Line | None,
    bands: tuple[Band, ...],
    baseline: str,
    old_baseline: str = "",
) -> AlertEvent:
    """Return the event that a subscriber gets, its link still to be decided."""
    axis = observation.axes[axis_of(incident, detail, fault)]
    return AlertEvent(
        id=incident.id,
        asset=observation.key.asset,
        sensor=observation.key.sensor,
        transition=incident.transition,
        zone=incident.zone,
        time_ns=observation.start_ns,
        first_exceedance_ns=incident.first_ns,
        confirmed_ns=incident.confirmed_ns,
        loss=incident.loss,
        threshold=incident.threshold,
        louder=True,
        axis=axis,
        bands=bands,
        fault=None if fault is None else fault.order,
        fault_hz=None if fault is None or math.isnan(fault.hz) else fault.hz,
        link="",
        provisional=incident.provisional,
        baseline=baseline,
        old_baseline=old_baseline,
        bundle=incident.bundle,
        text=_sentence(incident, observation, detail, axis, bands, fault),
    )


def _sentence(
    incident: Incident,
    observation: Observation,
    detail: Detail | None,
    axis: str,
    bands: tuple[Band, ...],
    fault: Line | None,
) -> str:
    parts = [f"{observation.key} axis {axis} {_what(incident)}"]
    if incident.limit:
        parts.append(incident.limit[1])
    risen = incident.transition in (Transition.RAISED, Transition.ESCALATED)
    if risen and incident.level >= NOTABLE:
        parts.append(f"RMS {incident.level:.1f} times that of the baseline")
    if incident.threshold:
        how = "against a" if incident.loss > incident.threshold else "within its"
        parts.append(f"loss {incident.loss:.3g} {how} limit of {incident.threshold:.3g}")
    if incident.transition in (Transition.LOWERED, Transition.CLEARED):
        return "; ".join(parts) + "."
    if incident.high_db:
        parts.append(
            f"high frequencies stand out by {incident.high_db:.1f} dB more than they had settled at"
        )
    if bands:
        named = ", ".join(_band_text(band) for band in bands)
        parts.append(f"louder most at {named}")
    line = _no_line(observation, detail) if fault is None else fault.words(observation.axes)
    parts.append(line)
    if incident.provisional:
        parts.append("the baseline is provisional")
    return "; ".join(parts) + "."


def _no_line(observation: Observation, detail: Detail | None) -> str:
    """Say that no fault line was found, and why if none could be looked for."""
    if observation.fault_lines is None:
        return f"no fault line found, since {UNKNOWN_MACHINE}"
    if detail is not None and detail.baseline.line_location is None:
        return f"no fault line found, since {UNKNOWN_TO_BASELINE}"
    return "no fault line found"


def axis_of(incident: Incident, detail: Detail | None, fault: Line | None) -> int:
    """Return the axis that an alert speaks of: the one that is over the limit which raised it."""
    if fault is not None and incident.line_alone:
        return fault.axis
    over_loss = bool(incident.threshold) and incident.loss > incident.threshold
    if incident.limit is not None and not over_loss:
        return incident.limit[0]
    if incident.high_axis is not None:
        return incident.high_axis
    return 0 if detail is None else worst_axis(detail)


def _what(incident: Incident) -> str:
    """Say what happened; before there is a baseline nothing departs from it."""
    if incident.threshold:
        departs = incident.loss > incident.threshold or not incident.limit
        raised = incident.transition is Transition.RAISED
        return OVER_A_LIMIT if raised and not departs else TEXTS[incident.transition]
    return WITHOUT_BASELINE[incident.transition]


def _band_text(band: Band) -> str:
    return f"{band.low_hz:.0f}-{band.high_hz:.0f} Hz"
