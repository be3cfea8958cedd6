"""The command line: each command lives in a module of its own, imported when it is called.

So `--help` answers at once, and a broken optional dependency breaks its own command only.
"""

from __future__ import annotations

import importlib
from traceback import print_exception
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from collections.abc import Mapping

COMMANDS: Final[Mapping[str, str]] = {
    "demo": "Watch a simulated fleet whose bearings fail, without any server.",
    "run": "Read windows, judge them, write losses and alerts: the daemon.",
    "score": "Judge recordings and write one row per window to a CSV file.",
    "produce": "Send recordings or a simulated fleet to Kafka, as a gateway would.",
    "simulate": "Write recordings of a simulated fleet, with the truth about it.",
    "train": "Train a model on healthy recordings and publish it as a bundle.",
    "evaluate": "Compare detectors on labelled recordings: how early, how often for nothing.",
    "check": "Validate settings and assets without starting; try the services.",
    "evidence": "List what alerts rest on, or write windows and baseline of one.",
    "topics": "Plan, create or check the Kafka topics.",
    "rebaseline": "Let a sensor, or all of a machine, learn a new baseline.",
    "forget": "Forget a sensor, or all of a machine, that was renamed or removed.",
    "models": "List, show or verify model bundles.",
}
"""Name and one sentence; the module has the same name."""


class LazyGroup(click.Group):
    """Knows its commands by name and imports one when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order in which one needs them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"daemon.cli.{cmd_name}")
        command = module.command
        assert isinstance(command, click.Command)  # noqa: S101
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Suggest the nearest command for an unknown one."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(args[0], COMMANDS, n=1)
            hint = f" Did you mean '{near[0]}'?" if near else ""
            ctx.fail(f"No such command '{args[0]}'.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        """Turn what we raise ourselves, and Ctrl-C, into one message and an exit status."""
        from daemon.errors import BearingwatchError, ExitStatus

        try:
            return super().invoke(ctx)
        except BearingwatchError as error:
            if error.exit_status is ExitStatus.FATAL and error.__cause__:
                print_exception(error.__cause__)  # a defect: whoever mends it needs the place
            click.echo(f"bearingwatch: {error}", err=True)
            ctx.exit(int(error.exit_status))
        except KeyboardInterrupt:  # of a command that has no more to say of it
            click.echo("interrupted", err=True)
            ctx.exit(int(ExitStatus.FATAL))


def _print_version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"bearingwatch {version('bearingwatch')}")
        ctx.exit()


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Try `bearingwatch demo` first; it needs nothing but a terminal.",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Print the version and exit.",
)
def cli() -> None:
    """Flag a failing bearing ahead of failure, from a stream of vibration windows.

    \b
    First look:   bearingwatch demo
    Recordings:   bearingwatch score DATA --out scores.csv
    A plant:      bearingwatch check -c plant.toml --connect
                  bearingwatch topics create -c plant.toml
                  bearingwatch run -c plant.toml
    """  # noqa: D301
