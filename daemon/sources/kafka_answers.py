"""Whether the brokers answer: the client says nothing of an outage, it goes on trying.

Read from the state of its connections, which its own thread keeps (kafka-python 3.0.12,
net/manager.py and net/connection.py). A request that got no answer says that a broker hangs, also
where nothing is fetched: then it is the heartbeat.
"""

from __future__ import annotations

from typing import Any, Final

from kafka.structs import MemberState

SILENT_AFTER_S: Final = 5.0
"""Longer than a broker's usual pauses for a collection or an election."""


class Answers:
    """Looks at one consumer's connections; `now` is monotonic time, as the client's own."""

    def __init__(self, consumer: Any, now: float, *, fetch_wait_s: float) -> None:
        self._connections = consumer._client._manager._conns
        self._coordinator = consumer._coordinator
        self._patience_s = SILENT_AFTER_S + fetch_wait_s  # a fetch waits for records on purpose
        self._connected_at = now
        self._away: tuple[float, str] | None = None

    def outage(self, now: float) -> str | None:
        """Return what does not answer, or None; an outage lasts until there is an answer."""
        connected = [each for each in list(self._connections.values()) if _transport(each)]
        trouble = self._trouble(connected, now)
        if self._away is None and trouble:
            self._away = now, trouble
        elif self._away is not None and not trouble and _heard_at(connected) > self._away[0]:
            self._away = None
        return self._away[1] if self._away else None

    def _trouble(self, connected: list[Any], now: float) -> str | None:
        if connected:
            self._connected_at = now
        elif now - self._connected_at > self._patience_s:
            return "no broker can be reached"
        for connection in connected:
            if not self._may_take_long(connection) and now - _asked_at(connection, now) > (
                self._patience_s
            ):
                return f"broker {str(connection.node_id).removeprefix('coordinator-')} is silent"
        return None

    def _may_take_long(self, connection: Any) -> bool:
        """Whether the broker waits for others: it answers who joins when all have joined."""
        settled = self._coordinator.state is MemberState.STABLE
        return not settled and str(connection.node_id).startswith("coordinator-")


def _transport(connection: Any) -> Any:
    return connection.transport if connection.connected else None


def _heard_at(connected: list[Any]) -> float:
    # The client's thread may lose a connection between two lines.
    transports = [_transport(each) for each in connected]
    return max((each.last_read for each in transports if each), default=float("-inf"))


def _asked_at(connection: Any, now: float) -> float:
    """Return when the oldest request without an answer was sent."""
    try:
        return float(connection.in_flight_requests[0][2])
    except IndexError:
        return now
