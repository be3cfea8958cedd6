"""Logs of commands that talk to people: warnings only, beside what the command prints."""

from __future__ import annotations


def quiet_logs() -> None:
    """Let warnings and errors through."""
    from daemon.settings import LogSettings
    from daemon.telemetry.logs import configure_logs

    configure_logs(LogSettings(format="console", level="warning"))
