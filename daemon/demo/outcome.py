"""What was said against what is true: bearings flagged, how long before failure, false alerts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from models.alerts import Transition, Zone
from models.linking import PRIMARY

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from models.alerts import AlertEvent
    from pipelines.simulator import FleetSpec, Truth

LATE_S: Final = 3_600.0
"""A bearing that is flagged less long before its failure is flagged too late to do much."""


@dataclass(frozen=True, slots=True)
class Flagged:
    """One bearing that fails, and what was said of it in time; None where nothing was."""

    truth: Truth
    warned: AlertEvent | None
    alarmed: AlertEvent | None
    failure_ns: int

    @property
    def lead_s(self) -> float | None:
        """Time from the first alert to failure."""
        return (self.failure_ns - self.warned.time_ns) * 1e-9 if self.warned else None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it went.

    `echoes` are alerts on a neighbour of a failing bearing on the same shaft, after its damage
    began, that are linked to another's: true of the machine, though not of that bearing. `false`
    are all others.
    """

    flagged: tuple[Flagged, ...]
    echoes: tuple[AlertEvent, ...]
    false: tuple[AlertEvent, ...]

    @property
    def missed(self) -> tuple[Flagged, ...]:
        """Bearings that failed without an alert before."""
        return tuple(flagged for flagged in self.flagged if flagged.warned is None)

    @property
    def late(self) -> tuple[Flagged, ...]:
        """Bearings that were flagged, but less than `LATE_S` before their failure."""
        return tuple(one for one in self.flagged if one.lead_s is not None and one.lead_s < LATE_S)


def compare(spec: FleetSpec, truths: Sequence[Truth], events: Iterable[AlertEvent]) -> Outcome:
    """Sort alert events by what is true; a bearing's own alerts count from its first damage on."""
    raised = [event for event in events if event.transition is not Transition.LOWERED]
    flagged = tuple(_flagged(spec, truth, raised) for truth in truths)
    opened = [event for event in raised if event.transition is Transition.RAISED]
    others = [event for event in opened if not any(_of(spec, t, event) for t in truths)]
    followed = {event.link for event in opened}
    linked = [e for e in others if e.link != PRIMARY or f"follows {e.id}" in followed]
    echoes = [event for event in linked if any(_beside(spec, t, event) for t in truths)]
    false = [event for event in others if event not in echoes]
    return Outcome(flagged, tuple(echoes), tuple(false))


def time_ns(spec: FleetSpec, index: int) -> int:
    """Return when window `index` begins."""
    return spec.start_ns + round(index * spec.cadence_s * 1e9)


def _flagged(spec: FleetSpec, truth: Truth, events: Sequence[AlertEvent]) -> Flagged:
    failure_ns = time_ns(spec, truth.failure)
    own = [e for e in events if _of(spec, truth, e) and e.time_ns < failure_ns]
    telling = [event for event in own if event.transition is not Transition.CLEARED]
    return Flagged(
        truth=truth,
        warned=next(iter(telling), None),
        alarmed=next((event for event in telling if event.zone is Zone.ALARM), None),
        failure_ns=failure_ns,
    )


def _of(spec: FleetSpec, truth: Truth, event: AlertEvent) -> bool:
    same = (event.asset, event.sensor) == truth.key
    return same and event.time_ns >= time_ns(spec, truth.onset)


def _beside(spec: FleetSpec, truth: Truth, event: AlertEvent) -> bool:
    return event.asset == truth.key.asset and event.time_ns >= time_ns(spec, truth.onset)
