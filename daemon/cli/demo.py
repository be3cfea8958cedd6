"""`bearingwatch demo`: the whole product without servers."""

from __future__ import annotations

import click

from daemon.cli.options import POSITIVE, model_option
from daemon.cli.threads import cap_threads
from daemon.errors import ExitStatus


@click.command("demo")
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=1,
    show_default=True,
    help="Another seed is another fleet.",
)
@click.option("--fast", is_flag=True, help="As fast as it goes, instead of in half a minute.")
@click.option(
    "--speed",
    type=POSITIVE,
    default=1.0,
    show_default=True,
    help="Show it so many times faster.",
)
@model_option
@click.pass_context
def command(ctx: click.Context, seed: int, fast: bool, speed: float, model: str | None) -> None:
    """Watch a simulated fleet whose bearings fail, and what bearingwatch says ahead of it.

    Six machines over four days in half a minute: the daemon's own loop and the shipped model, with
    memory in place of Kafka and InfluxDB. Four bearings fail in different ways; the others
    see stops, bursts, greasing and load changes, which are no reason for an alert.

    \b
    bearingwatch demo
    bearingwatch demo --seed 7
    bearingwatch demo --fast

    Exit status: 0 when every failing bearing was flagged before failure, 1 when one was missed or
    the demo was interrupted.
    """  # noqa: D301
    cap_threads()
    click.echo("bearingwatch demo: loading the model")  # before what takes long to import
    from rich.console import Console

    from daemon.cli.quiet import quiet_logs
    from daemon.demo.fleet import SHOW_S, Plan, draw
    from daemon.demo.show import closing, run_demo
    from daemon.stopping import Stopping

    quiet_logs()
    console = Console(highlight=False)
    plan = Plan(show_s=0.0 if fast else SHOW_S / speed)
    stopping, fleet = Stopping(), draw(seed, plan)
    with stopping.listening():
        outcome = run_demo(fleet, plan, console, stopping, model)
    if outcome is None:
        click.echo("interrupted: what was flagged before failure is told at the end only", err=True)
        ctx.exit(int(ExitStatus.FATAL))
    for line in closing(outcome, fleet.spec):
        click.echo(line)
    ctx.exit(int(ExitStatus.FATAL if outcome.missed else ExitStatus.STOPPED))
