"""What an operator's command does to the sensors it is for. Pure, like judging.

An open alert is closed by either command, with an event that says by whom: while a new baseline is
learnt nothing could clear it, and of a sensor that is forgotten nothing would ever come again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from models import zones
from models.alerts import AlertEvent, Transition, Zone
from models.commissioning import restart
from models.learning import LEARNING_FLAGS
from models.linking import OpenAlert, OpenAlerts
from models.policy import LinkPolicy
from models.state import PROVISIONAL, REBASELINING, SensorState, with_row
from pipelines.commands import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pipelines.commands import Command
    from pipelines.window import SensorKey


class Lapse(NamedTuple):
    """A run of exceedances that ended before it was confirmed: its start, and when it ended."""

    key: SensorKey
    first_ns: int
    time_ns: int


@dataclass(slots=True)
class Outcome:
    """New states of the sensors that a command was for, None for a forgotten one; and events."""

    states: dict[SensorKey, SensorState | None] = field(default_factory=dict)
    events: list[AlertEvent] = field(default_factory=list)
    lapsed: list[Lapse] = field(default_factory=list)


def follow(
    command: Command,
    states: Mapping[SensorKey, SensorState],
    keys: Iterable[SensorKey],
    links: LinkPolicy | None = None,
) -> Outcome:
    """Return what `command` makes of the sensors `keys`, whose states are in `states`.

    `states` must hold every known sensor of the asset, like those that are judged.
    """
    outcome = Outcome()
    alerts = OpenAlerts.before(states, [command.asset])
    # Sorted: a restart gives the sensors in another order, and the events must be the same.
    for key in sorted(keys):
        state = states[key]
        if (alert := OpenAlert.of(state.row)) is not None:
            link = alerts.link(key, alert, links or LinkPolicy())
            outcome.events.append(_closing(command, key, state, link))
            alerts.put(key, None)
        if state.row["first_ns"] not in {0, state.row["alert_first_ns"]}:
            outcome.lapsed.append(Lapse(key, int(state.row["first_ns"]), _time_ns(state)))
        outcome.states[key] = rebaseline(state) if command.command is Kind.REBASELINE else None
    return outcome


def rebaseline(state: SensorState) -> SensorState:
    """Return `state` set to learn a new baseline, the present one kept as the old one.

    Zone and confirmation begin anew. Until the new baseline is complete nothing but absolute
    limits protects the sensor.
    """
    cold = restart(state.cold)
    flags = int(state.row["flags"]) & ~LEARNING_FLAGS
    flags |= REBASELINING if cold.old_baseline_id else 0
    hot = with_row(state, flags=flags, **_NOTHING_OPEN).hot
    return SensorState(hot, cold)


_NOTHING_OPEN = {
    **dict.fromkeys((*zones.CHARTS, "severe_bits", "quiet_bits"), 0),
    **dict.fromkeys(("zone", "first_ns", "calm", "mild", "held", "odd", "rpm", "stood"), 0),
    **dict.fromkeys(("alert_first_ns", "alert_confirmed_ns", "alert_size"), 0),
    "alert": b"",
    "level_count": 0,
    "level_mean": 0.0,
}
"""Fields of the hot record that a zone, an alert, the gates or the level over the old baseline
are in."""


def _closing(command: Command, key: SensorKey, state: SensorState, link: str) -> AlertEvent:
    """Return the event that closes the alert of `state`, right behind the sensor's last window."""
    row = state.row
    return AlertEvent(
        id=row["alert"].decode(),
        asset=key.asset,
        sensor=key.sensor,
        transition=Transition.CLEARED,
        zone=Zone.NORMAL,
        time_ns=_time_ns(state),
        first_exceedance_ns=int(row["alert_first_ns"]),
        confirmed_ns=int(row["alert_confirmed_ns"]),
        loss=0.0,
        threshold=0.0,
        louder=True,
        axis="",
        bands=(),
        fault=None,
        link=link,
        provisional=bool(row["flags"] & PROVISIONAL),
        baseline=state.cold.baseline_id,
        old_baseline=state.cold.old_baseline_id,
        bundle=state.bundle,
        text=_sentence(command, key),
    )


def _time_ns(state: SensorState) -> int:
    """Return the time of a command: the last window may have raised the alert that it closes."""
    return int(state.row["last_ns"]) + 1


def _sentence(command: Command, key: SensorKey) -> str:
    why = f": {command.why}" if command.why else ""
    return f"{key}: closed by the command {command.command} of {command.who}{why}."
