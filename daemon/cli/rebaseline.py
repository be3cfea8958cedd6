"""`bearingwatch rebaseline`: learn a new baseline from here on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from daemon.cli.options import config_option, reason_option

if TYPE_CHECKING:
    from pathlib import Path


@click.command("rebaseline")
@click.argument("name", metavar="ASSET[/SENSOR]")
@config_option
@reason_option
def command(name: str, config: Path | None, reason: str) -> None:
    """Let a sensor, or all of a machine, learn a new baseline.

    For use after maintenance, or where a machine runs otherwise from now on; give it when the
    machine runs as it will. An open alert is closed. Until the new baseline is complete (100
    windows and 15 minutes, unless set otherwise) only absolute limits protect the sensor; the old
    one is kept, and alerts name both.

    The command is sent among the windows, to every partition. It took effect when `run` logs
    command_applied with its id, and is done at the note `commissioned`. Where every partition
    counts it as passed_over, no such sensor is known.

    \b
    bearingwatch rebaseline pump-7 -c plant.toml --reason "new bearings"
    bearingwatch rebaseline pump-7/drive-end -c plant.toml
    """  # noqa: D301
    from daemon.cli.commanding import give
    from pipelines.commands import Kind

    give(Kind.REBASELINE, name, config, reason)
