"""Alerts on sensors of one asset: which is primary, which follows.

A defect is felt along the shaft, so neighbours alarm after it and weaker. Decided in the order
of the log from the alerts that are open at that point, hence the same for any split into batches.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from models.policy import LinkPolicy
    from models.state import SensorState
    from pipelines.window import SensorKey

PRIMARY: Final = "primary"


@dataclass(frozen=True, slots=True)
class OpenAlert:
    """What is needed of an open alert to rank it among its neighbours.

    `size` is the largest chart value over its limit at the alert's last transition.
    """

    id: str
    first_ns: int
    size: float
    cadence_s: float

    @classmethod
    def of(cls, row: Any) -> OpenAlert | None:
        """Return the alert that is open in a hot record, or None."""
        if not row["alert"]:
            return None
        return cls(
            row["alert"].decode(),
            int(row["alert_first_ns"]),
            float(row["alert_size"]),
            float(row["cadence_s"]),
        )


@dataclass(slots=True)
class OpenAlerts:
    """Open alerts by asset and sensor, as of one position in the log."""

    by_asset: dict[str, dict[SensorKey, OpenAlert]] = field(default_factory=dict)

    @classmethod
    def before(cls, states: Mapping[SensorKey, SensorState], assets: Iterable[str]) -> OpenAlerts:
        """Return the alerts open in `states` on `assets`."""
        wanted = set(assets)
        found: dict[str, dict[SensorKey, OpenAlert]] = {asset: {} for asset in wanted}
        for key, state in states.items():
            if key.asset in wanted and (alert := OpenAlert.of(state.row)) is not None:
                found[key.asset][key] = alert
        return cls(found)

    def put(self, key: SensorKey, alert: OpenAlert | None) -> None:
        """Note that `alert` is what is open on `key` from here on."""
        sensors = self.by_asset.setdefault(key.asset, {})
        sensors.pop(key, None)
        if alert is not None:
            sensors[key] = alert

    def link(self, key: SensorKey, alert: OpenAlert, policy: LinkPolicy) -> str:
        """Say whether `alert` on `key` is primary or which open alert of its asset it follows."""
        others = self.by_asset.get(key.asset, {})
        rivals = [other for rival, other in others.items() if rival != key]
        leaders = [other for other in rivals if _leads(other, alert, policy)]
        if not leaders:
            return PRIMARY
        # Named is one that follows no other itself, but where they lead each other in a ring.
        free = [one for one in leaders if not any(_leads(each, one, policy) for each in rivals)]
        first = min(free or leaders, key=lambda leader: (leader.first_ns, -leader.size, leader.id))
        return f"follows {first.id}"


def _leads(one: OpenAlert, other: OpenAlert, policy: LinkPolicy) -> bool:
    """Say whether `one` came before `other`, or at about the same time and larger."""
    close_ns = policy.close_windows * max(one.cadence_s, other.cadence_s) * 1e9
    if abs(one.first_ns - other.first_ns) <= close_ns:
        return (one.size, other.id) > (other.size, one.id)
    return one.first_ns < other.first_ns
