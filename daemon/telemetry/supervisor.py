"""Datagrams to systemd: ready, status, watchdog, stopping (sd_notify(3))."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from daemon.telemetry.progress import Progress


class Supervisor:
    """Tells the supervisor named by the environment, if there is one; never blocks or raises."""

    def __init__(
        self,
        monotonic: Callable[[], float],
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "").replace("@", "\0", 1)
        self._monotonic = monotonic
        # Twice per period, as sd_watchdog_enabled(3) asks for.
        self._every_s = int(environment.get("WATCHDOG_USEC", "0")) / 2e6
        self._last_sign = float("-inf")
        self._told: tuple[bool, str] = (False, "")

    def follow(self, progress: Progress) -> None:
        """Tell readiness and status when they change, and a sign of life when one is due.

        Called by the loop's own thread, so that a sign of life is one of the loop.
        """
        now = self._monotonic()
        if self._every_s and now - self._last_sign >= self._every_s:
            self._last_sign = now
            self._send("WATCHDOG=1")
        state = (progress.ready, progress.told)
        if state != self._told:
            ready = "READY=1\n" if progress.ready and not self._told[0] else ""
            self._told = state
            self._send(f"{ready}STATUS={progress.told}")

    def stopping(self) -> None:
        """Tell that a stop has begun."""
        self._send("STOPPING=1")

    def _send(self, text: str) -> None:
        if not self._address:
            return
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as datagrams:
            datagrams.setblocking(False)
            datagrams.sendto(text.encode(), self._address)
