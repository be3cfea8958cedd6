"""Logs of commands that talk to people: warnings only, beside what the command prints."""

from __future__ import annotations

import logging


def quiet_logs() -> None:
    """Let our warnings and errors through; what Kafka's client tries, our own message says."""
    from daemon.settings import LogSettings
    from daemon.telemetry.logs import configure_logs

    configure_logs(LogSettings(format="console", level="warning"))
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
