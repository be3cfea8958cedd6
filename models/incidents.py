"""The alert that is open on a sensor: opened, moved and closed in its hot record, and told of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from models import explain, zones
from models.explain import Incident, Line
from models.linking import OpenAlert
from models.scoring import Bands, high_axis, sound
from models.state import PROVISIONAL

if TYPE_CHECKING:
    from models.alerts import AlertEvent, Band
    from models.bundle import Bundle
    from models.charts import Reading
    from models.policy import ChartPolicy, LimitsLookup
    from models.rounds import Batch, Round
    from models.scoring import Detail


class Teller:
    """Turns the change of a zone into an event; the link is decided later, in log order."""

    def __init__(self, bundle: Bundle, policy: ChartPolicy, limits: LimitsLookup) -> None:
        self._bundle = bundle.hash
        self._edges = bundle.features.edges_hz()[: bundle.features.bands]
        self._bands = Bands.of(bundle.features)
        self._policy = policy
        self._limits = limits

    def tell(
        self, batch: Batch, current: Round, k: int, change: int, reading: Reading
    ) -> AlertEvent:
        """Open, move or close the alert of row `k`, and return the event that says so.

        `change` is what `zones.step` returned for the row.
        """
        row, observation = current.rows[k : k + 1], current.observations[k]
        _update(current, k, change, reading)
        position, cold = current.positions[k], current.colds[k]
        detail = batch.scores.details[position]
        incident = self._incident(batch, current, k, change, reading)
        fault = explain.closest_fault(sound(observation), cold.baseline, self._policy)
        event = explain.tell(
            incident,
            observation,
            detail,
            fault=fault,
            bands=() if detail is None else self._named(incident, detail, fault),
            baseline=cold.baseline_id,
            old_baseline=cold.old_baseline_id,
        )
        if (alert := OpenAlert.of(row[0])) is not None:
            batch.moved[position] = alert
        if change == zones.CLEARED:
            row["alert"] = b""
        return event

    def _named(self, incident: Incident, detail: Detail, fault: Line | None) -> tuple[Band, ...]:
        """Return the bands that an alert names, of its axis: the high ones where these are over."""
        axis = explain.axis_of(incident, detail, fault)
        among = self._bands.high if axis == incident.high_axis else slice(None)
        return explain.leading_bands(detail, self._edges, axis=axis, among=among)

    def _incident(
        self, batch: Batch, current: Round, k: int, change: int, reading: Reading
    ) -> Incident:
        row, position = current.rows[k], current.positions[k]
        scored = batch.scores.details[position] is not None
        observation = current.observations[k]
        limits = self._limits(observation.key)
        over_loss = reading.anchored[k] > 1.0 or reading.adaptive[k] > 1.0
        high_db = _high_db(batch, current, k, reading)
        baseline = current.colds[k].baseline
        alone = baseline if high_db > 0.0 and not over_loss and scored else None
        return Incident(
            id=row["alert"].decode(),
            transition=zones.TRANSITIONS[change - 1],
            zone=zones.ZONES[int(row["zone"])],
            first_ns=int(row["alert_first_ns"]),
            confirmed_ns=int(row["alert_confirmed_ns"]),
            loss=float(batch.scores.loss[position]) if scored else 0.0,
            threshold=float(reading.threshold[k]) if scored else 0.0,
            provisional=bool(row["flags"] & PROVISIONAL),
            bundle=self._bundle,
            high_db=high_db,
            high_axis=None if alone is None else high_axis(sound(observation), alone, self._bands),
            limit=None if limits is None else limits.told(sound(observation)),
            level=float(10.0 ** batch.scores.level[position]),
            line_alone=bool(reading.line[k] > 1.0 and not over_loss),
        )


def _high_db(batch: Batch, current: Round, k: int, reading: Reading) -> float:
    """Return how far the high bands are over their reference, 0 below the limit of their chart."""
    if not reading.high[k] > 1.0:
        return 0.0
    high = batch.scores.high[current.positions[k]]
    return float(20.0 * (high - current.rows["high_mean"][k]))


def _update(current: Round, k: int, change: int, reading: Reading) -> None:
    """Write into the hot record what is open now."""
    row, observation = current.rows[k : k + 1], current.observations[k]
    if change == zones.RAISED:
        first_ns = int(row["first_ns"][0])
        row["alert"] = explain.alert_id(observation.key, first_ns).encode()
        row["alert_first_ns"], row["alert_confirmed_ns"] = first_ns, observation.start_ns
    over = reading.anchored[k], reading.adaptive[k], reading.high[k], reading.line[k]
    highest = max(over)
    row["alert_size"] = np.fmax(highest, 0.0)
