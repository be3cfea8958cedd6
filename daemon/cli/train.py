"""`bearingwatch train`: healthy recordings in, a bundle out."""

from __future__ import annotations

import shlex
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from daemon.cli.console import progress
from daemon.cli.options import (
    ANYTHING,
    FILE,
    OUT,
    assets_option,
    declared_options,
    described,
)
from daemon.errors import SettingsError, StartError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from models.bundle import Bundle
    from models.fleet_training import Read, Request
    from models.recipe import Recipe
    from models.training import Epoch


@click.command("train")
@click.argument("paths", nargs=-1, required=True, type=ANYTHING)
@click.option("--out", required=True, type=OUT, help="Directory of the new bundle; also its name.")
@click.option(
    "--healthy-windows",
    type=click.IntRange(1),
    help="The first so many windows of each sensor are healthy.",
)
@click.option(
    "--recipe",
    type=FILE,
    help="TOML file instead: `healthy_until` per asset or sensor, `source`, `terms`, `remarks`.",
)
@click.option("--exclude", multiple=True, metavar="ASSET[/SENSOR]", help="Leave this one out.")
@click.option(
    "--simulated",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Add so many healthy simulated sensors.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--epochs", type=click.IntRange(1), default=30, show_default=True, help="At most.")
@click.option(
    "--patience",
    type=click.IntRange(1),
    default=8,
    show_default=True,
    help="Epochs without improvement before training ends.",
)
@assets_option
@declared_options
def command(
    paths: tuple[Path, ...],
    out: Path,
    healthy_windows: int | None,
    recipe: Path | None,
    exclude: tuple[str, ...],
    simulated: int,
    seed: int,
    epochs: int,
    patience: int,
    assets: Path | None,
    **arguments: Any,
) -> None:
    """Train a model on the healthy part of the recordings at PATHS and publish it as a bundle.

    A new sensor does not need this: the shipped model knows departures from a sensor's own
    health. Train where your machines are unlike others. Needs TensorFlow; in a checkout:

    \b
    pip install --require-hashes -r requirements/training.txt

    \b
    bearingwatch train recordings/ --out bundles/plant-7 --healthy-windows 500
    bearingwatch train femto/ --out bundles/femto --recipe femto.toml --seed 3
    bearingwatch train wav/ --out bundles/plant-8 --unit g --full-scale 50 --healthy-windows 500
    bearingwatch score recordings/ --model bundles/plant-7 --out scores.csv
    """  # noqa: D301
    if out.exists():
        raise SettingsError(f"{out}: exists; a bundle is never overwritten: choose another --out")
    told = healthy_windows or recipe
    if told is None or (healthy_windows and recipe):
        raise SettingsError("say what is healthy: --healthy-windows N, or --recipe FILE")
    declared = described(arguments).declaration()
    _need_keras()
    from models.fleet_training import Request
    from models.training import TrainingSettings

    request = Request(
        paths=paths,
        recipe=_recipe(told),
        declared=declared,
        exclude=frozenset(exclude),
        simulated=simulated,
        settings=TrainingSettings(seed=seed, epochs=epochs, patience=patience),
        command=shlex.join(["bearingwatch", *sys.argv[1:]]),
    )
    for label, text in train(request, out, assets).describe().items():
        click.echo(f"{label:<20}{text}")


def train(request: Request, out: Path, assets: Path | None) -> Bundle:
    """Train and publish, with progress; raises `SettingsError` and `StartError` with what to do."""
    from daemon.machines import load_machines
    from models.bundle import BundleError
    from models.fleet_training import publish, train_from_paths
    from models.learning_set import TrainingError
    from pipelines.features import Unfit
    from pipelines.recordings import RecordingError

    lookup = load_machines(assets).machine
    networks = request.settings.calibration_folds + 1
    try:
        with progress("epochs trained", request.settings.epochs * networks) as advance:
            trained = train_from_paths(request, lookup, Telling(advance).tell)
        return publish(trained, out, f"{datetime.now(UTC):%Y-%m-%d}")
    except (RecordingError, Unfit) as error:
        raise SettingsError(str(error)) from error
    except (TrainingError, BundleError) as error:
        raise StartError(str(error)) from error


class Telling:
    """Says what has been read, and how each network is getting on."""

    def __init__(self, advance: Callable[[int], None]) -> None:
        self._advance = advance

    def tell(self, step: Read | Epoch) -> None:
        """Say one step in a line; of epochs only those that are the best so far."""
        from models.fleet_training import Read

        if isinstance(step, Read):
            click.echo(f"read {step.windows} healthy windows of {step.name}", err=True)
            return
        self._advance(1)
        if step.best:
            click.echo(
                f"{step.stage}, epoch {step.number}: loss {step.loss:.4f}, "
                f"validation {step.validation_loss:.4f}",
                err=True,
            )


def _recipe(told: Path | int) -> Recipe:
    from models.learning_set import TrainingError
    from models.recipe import read_recipe

    try:
        return read_recipe(told)
    except TrainingError as error:
        raise SettingsError(str(error)) from error


def _need_keras() -> None:
    from importlib.util import find_spec

    if find_spec("keras") is None:
        raise StartError(
            "training needs TensorFlow; in a checkout: "
            "pip install --require-hashes -r requirements/training.txt"
        )
