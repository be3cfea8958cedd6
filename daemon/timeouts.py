"""Timeouts of ours that brokers bound: within what, and what is said of one that is refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kafka import errors as kafka_errors

from daemon.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from daemon.settings import KafkaSettings


@dataclass(frozen=True, slots=True)
class Bounds:
    """What brokers take of one timeout unless told otherwise, and what they call the bounds."""

    least_ms: int
    most_ms: int
    least_named: str | None
    most_named: str
    refusal: type[Exception]


BOUNDED: Final[Mapping[str, Bounds]] = {
    "session_timeout_ms": Bounds(
        6_000,
        1_800_000,
        "group.min.session.timeout.ms",
        "group.max.session.timeout.ms",
        kafka_errors.InvalidSessionTimeoutError,
    ),
    "transaction_timeout_ms": Bounds(
        1,
        900_000,
        None,
        "transaction.max.timeout.ms",
        kafka_errors.InvalidTransactionTimeoutError,
    ),
}
"""By the name of our setting."""


def refused_by(error: Exception, settings: KafkaSettings) -> SettingsError | None:
    """Return what `error` means where a broker refused a timeout, else None.

    The client tells the refusal of a transaction's timeout in the text of another error only
    (3.0.12, producer/transaction_manager.py).
    """
    for name, bounds in BOUNDED.items():
        if isinstance(error, bounds.refusal) or bounds.refusal.__name__ in str(error):
            usual = f"{bounds.least_ms} to {bounds.most_ms}, unless they are set otherwise"
            return SettingsError(_told(settings, name, usual))
    return None


def refused(settings: KafkaSettings, told: Mapping[str, str]) -> list[str]:
    """Return a line per timeout that brokers refuse; `told` is their own configuration."""
    lines = []
    for name, bounds in BOUNDED.items():
        least = int(told.get(bounds.least_named or "", bounds.least_ms))
        most = int(told.get(bounds.most_named, bounds.most_ms))
        if not least <= getattr(settings, name) <= most:
            lines.append(_told(settings, name, f"{least} to {most}"))
    return lines


def _told(settings: KafkaSettings, name: str, allowed: str) -> str:
    bounds = BOUNDED[name]
    named = " and ".join(filter(None, (bounds.least_named, bounds.most_named)))
    return (
        f"kafka.{name}: the brokers at {','.join(settings.bootstrap_servers)} refuse"
        f" {getattr(settings, name)}, allowed are {allowed} ({named})"
    )
