"""Operators' commands as records of the windows topic."""

from collections.abc import Iterable
from datetime import UTC, datetime

from pipelines.commands import Command, Kind, encode_command
from pipelines.wire import COMMAND_TYPE, CONTENT_TYPE_HEADER
from tests.plant.windows import Message

HEADERS = ((CONTENT_TYPE_HEADER, COMMAND_TYPE.encode()),)


def command(
    kind: Kind, asset: str = "pump", sensor: str | None = None, why: str = "new bearing"
) -> Command:
    return Command(
        version=1,
        command=kind,
        asset=asset,
        sensor=sensor,
        id=f"{kind}-1",
        who="ann@desk",
        why=why,
        at=datetime(2026, 1, 31, tzinfo=UTC),
    )


def messages(of: Command, partitions: Iterable[int], timestamp_ms: int) -> list[Message]:
    """Return a command as it is sent: once in each partition."""
    key, value = of.asset.encode(), encode_command(of)
    return [Message(key, value, timestamp_ms, number, HEADERS) for number in partitions]
