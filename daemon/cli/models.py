"""`bearingwatch models`: what bundles there are, and whether they are sound."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from daemon.cli.options import BUNDLE
from daemon.cli.threads import cap_threads
from daemon.errors import ExitStatus, StartError

if TYPE_CHECKING:
    from models.bundle import Bundle


@click.group("models")
def command() -> None:
    """List, show or verify model bundles.

    A bundle is one directory with a network, its calibration and a card that says what it was
    trained on. The shipped one is used where none is named.
    """
    cap_threads()


@command.command("list")
@click.argument("directory", type=click.Path(path_type=Path, exists=True), required=False)
def list_(directory: Path | None) -> None:
    """List the bundles in DIRECTORY, or the shipped ones.

    One that cannot be used is listed too, and stderr says why.

    \b
    bearingwatch models list
    bearingwatch models list ./bundles

    Exit status: 0 all sound, 1 a bundle cannot be used.
    """  # noqa: D301
    from rich.console import Console
    from rich.table import Table

    from models.bundle import list_bundles

    table = Table("name", "hash", "created", "trained on", box=None, pad_edge=False)
    bad: list[str] = []
    for path in list_bundles(directory):
        try:
            facts = _load(path).describe()
        except StartError as error:
            bad.append(str(error))
            table.add_row(path.name, "-", "-", "cannot be used")
        else:
            table.add_row(facts["name"], facts["hash"], facts["created"], facts["trained on"])
    Console().print(table)
    _tell(bad, ExitStatus.FATAL)


@command.command("show")
@click.argument("bundle", required=False, type=BUNDLE)
@click.option(
    "--card", is_flag=True, help="Print the card instead: data, command, results, limits."
)
def show(bundle: str | None, card: bool) -> None:
    """Show what BUNDLE is, a directory or the name of a shipped one.

    \b
    bearingwatch models show
    bearingwatch models show --card
    """  # noqa: D301
    loaded = _load(bundle)
    if card:
        click.echo(loaded.card())
        return
    facts = loaded.describe()
    width = max(map(len, facts))
    for label, text in facts.items():
        click.echo(f"{label:<{width}}  {text}")


@command.command("verify")
@click.argument("bundles", nargs=-1, type=BUNDLE)
def verify(bundles: tuple[str, ...]) -> None:
    """Check every hash of BUNDLES, and that the network computes the golden losses here.

    \b
    bearingwatch models verify
    bearingwatch models verify ./bundles/plant-7

    Exit status: 0 all sound, 3 a bundle is not; the others are checked all the same.
    """  # noqa: D301
    bad: list[str] = []
    for bundle in bundles or (None,):
        try:
            loaded = _load(bundle)
        except StartError as error:
            bad.append(str(error))
        else:
            click.echo(
                f"{loaded.name} {loaded.hash}: all files and golden losses are as they should be"
            )
    _tell(bad, ExitStatus.COULD_NOT_START)


def _tell(bad: list[str], status: ExitStatus) -> None:
    """Say what is wrong with bundles, and end with `status` where anything is."""
    for reason in bad:
        click.echo(f"bad: {reason}", err=True)
    if bad:
        sys.exit(status)


def _load(bundle: Path | str | None) -> Bundle:
    from models.bundle import BundleError, load_bundle

    try:
        return load_bundle(bundle)
    except BundleError as error:
        raise StartError(str(error)) from error
