"""How an operator's command gets to the daemon: among the windows, in every partition of them.

In the partition where the sensor has its state it is followed, in the others it is passed over. So
nothing depends on which partitioner the edge uses.
"""

from __future__ import annotations

import getpass
import socket
import sys
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click
from kafka import errors as kafka_errors

from daemon import kafka_clients
from daemon.cli.interrupting import interruptible
from daemon.cli.sending import CONFIRM_S
from daemon.errors import ExitStatus, SettingsError, Unavailable
from pipelines.commands import VERSION, Command, Kind, encode_command
from pipelines.wire import COMMAND_TYPE, CONTENT_TYPE_HEADER, InvalidRecord

if TYPE_CHECKING:
    from pathlib import Path

    from daemon.settings import KafkaSettings


def give(kind: Kind, name: str, config: Path | None, reason: str) -> None:
    """Send a command for ASSET or ASSET/SENSOR, and say what was sent and what comes of it."""
    from daemon.cli.quiet import quiet_logs
    from daemon.settings_reading import load_kafka_settings, source_kind

    quiet_logs()
    if (source := source_kind(config)) != "kafka":
        raise SettingsError(
            f"{config}: source.kind is {source!r}, which takes no commands: they come among the"
            " windows in Kafka"
        )
    command = command_for(kind, name, reason)
    settings = load_kafka_settings(config)
    try:
        with interruptible():
            count = send(command, settings)
    except KeyboardInterrupt:
        click.echo(f"interrupted: some partitions may have the {kind}; give it again", err=True)
        sys.exit(ExitStatus.FATAL)
    click.echo(
        f"{kind} of {name} is in {settings.windows_topic}, in each of {count} partitions;"
        f" id {command.id}"
    )
    click.echo(
        "the log of the process that follows it says command_applied; where none does, no sensor"
        f" that was heard is named {name}"
    )


def command_for(kind: Kind, name: str, reason: str) -> Command:
    """Return the command that is sent; raises `SettingsError` for what no daemon would take."""
    asset, slash, sensor = name.partition("/")  # an asset's name has no slash, a sensor's may
    command = Command(
        version=VERSION,
        command=kind,
        asset=asset,
        sensor=sensor if slash else None,
        id=uuid.uuid4().hex[:16],
        who=_operator(),
        why=reason,
        at=datetime.now(UTC),
    )
    try:
        encode_command(command)
    except InvalidRecord as error:
        raise SettingsError(f"{name!r}: {error.detail}; expected ASSET or ASSET/SENSOR") from error
    return command


def _operator() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        user = "unknown"
    return f"{user}@{socket.gethostname()}"[:64]


def send(command: Command, settings: KafkaSettings) -> int:
    """Send `command` to every partition of the windows, and return how many there are.

    Raises `StartError` where the topic is missing, and `Unavailable` where not all is confirmed:
    then it is sent again as a whole, since to follow a command twice is to follow it once.
    """
    partitions = _partitions(settings)
    producer = kafka_clients.producer(settings, acks="all")
    try:
        futures = [_sent(producer, command, settings, number) for number in partitions]
        for future in futures:
            future.get(timeout=CONFIRM_S)
    except kafka_errors.KafkaError as error:
        servers = ",".join(settings.bootstrap_servers)
        raise Unavailable(
            f"Kafka at {servers} did not confirm the command in every partition: {error!r}; give"
            " it again"
        ) from error
    finally:
        kafka_clients.close(producer)
    return len(partitions)


def _sent(producer: Any, command: Command, settings: KafkaSettings, partition: int) -> Any:
    return producer.send(
        settings.windows_topic,
        value=encode_command(command),
        key=command.asset.encode(),
        headers=[(CONTENT_TYPE_HEADER, COMMAND_TYPE.encode())],
        partition=partition,
    )


def _partitions(settings: KafkaSettings) -> list[int]:
    client = kafka_clients.consumer(settings)
    try:
        return sorted(kafka_clients.topic_partitions(client, settings.windows_topic, settings))
    finally:
        kafka_clients.close(client)
