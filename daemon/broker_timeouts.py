"""Asks brokers within what they take timeouts.

Joining the group or taking an identity over would tell the same, but would disturb a process that
runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kafka.admin import ConfigResource, ConfigResourceType

from daemon import kafka_clients
from daemon.errors import SettingsError
from daemon.timeouts import refused

if TYPE_CHECKING:
    from daemon.settings import KafkaSettings


def check(settings: KafkaSettings) -> str:
    """Return that all is well, or that the brokers do not tell.

    Raises `SettingsError` with a line per timeout that would be refused, `StartError` and
    `Unavailable`.
    """
    client = kafka_clients.admin(settings)
    try:
        with kafka_clients.translated("asking for the brokers' timeouts", settings):
            told = kafka_clients.within(settings.request_timeout_s, lambda: _asked(client))
    finally:
        kafka_clients.close(client)
    if not told:
        return "timeouts, not compared: `run` may not read the configuration of the brokers"
    if lines := refused(settings, told):
        raise SettingsError("\n".join(lines))
    return "timeouts are such as the brokers take"


def _asked(client: Any) -> dict[str, str]:
    """Return what a broker is set to, nothing where we may not read it."""
    broker = str(client.describe_cluster()["controller_id"])  # with KRaft any that lives
    wanted = [ConfigResource(ConfigResourceType.BROKER, broker)]
    found = client.describe_configs(wanted, config_filter="all")["broker"][broker]
    return {name: entry["value"] for name, entry in found.items()}
