"""A repair of kafka-python 3.0: a heartbeat without an answer must not make polling spin.

The client waits in its poll for no longer than until the next heartbeat. While one is under way and
late that is no time at all: with a broker that is frozen, poll goes round thousands of times a
second, and each round leaves a callback at the fetch that hangs too (coordinator/consumer.py,
time_to_next_poll; consumer/fetcher.py, fetch_records). Measured over 30 s: 0.6 of a core and 10 MB
a second.

Heartbeats are sent by the client's own thread, so poll need not come round for them.
"""

from __future__ import annotations

from typing import Any, Final

SHORTEST_WAIT_S: Final = 0.1
"""As long as the client itself waits before it tries something again."""


def pace_polls(consumer: Any) -> None:
    """Repair one consumer, before it polls for the first time."""
    coordinator = consumer._coordinator
    time_to_next_poll = coordinator.time_to_next_poll
    coordinator.time_to_next_poll = lambda: max(SHORTEST_WAIT_S, time_to_next_poll())
