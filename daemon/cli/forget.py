"""`bearingwatch forget`: drop the state of sensors that are no more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from daemon.cli.options import config_option, reason_option

if TYPE_CHECKING:
    from pathlib import Path


@click.command("forget")
@click.argument("name", metavar="ASSET[/SENSOR]")
@config_option
@reason_option
def command(name: str, config: Path | None, reason: str) -> None:
    """Forget a sensor, or all of a machine, that was renamed or removed.

    Its baseline and all else of its state goes; an open alert is closed first. Should it send
    again it is a new sensor. The series and past alerts stay as they are.

    The command is sent among the windows, to every partition. It took effect when `run` logs
    command_applied with its id. Where every partition counts it as passed_over, no such sensor is
    known.

    \b
    bearingwatch forget pump-7/drive-end -c plant.toml --reason "moved to pump-8"
    """  # noqa: D301
    from daemon.cli.commanding import give
    from pipelines.commands import Kind

    give(Kind.FORGET, name, config, reason)
