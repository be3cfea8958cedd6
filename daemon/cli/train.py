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
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from models.bundle import Bundle
    from models.fleet_training import Read, Request
    from models.recipe import Recipe
    from models.training import Epoch
    from pipelines.recordings import Recording


@click.command("train")
@click.argument("paths", nargs=-1, required=True, type=ANYTHING)
@click.option("--out", required=True, type=OUT, help="Directory of the new bundle; also its name.")
@click.option(
    "--healthy-windows",
    type=click.IntRange(1),
    help="The first so many windows of each sensor are healthy; 100 of them make its baseline.",
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
    described_so = described(arguments)
    declared = described_so.declaration()
    _refuse_too_few(healthy_windows)
    if exclude:
        _refuse_strangers(exclude, described_so.open(paths))
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
            telling = Telling(advance, request.recipe)
            trained = train_from_paths(request, lookup, telling.tell)
        return publish(trained, out, f"{datetime.now(UTC):%Y-%m-%d}")
    except (RecordingError, TrainingError, Unfit) as error:
        raise SettingsError(str(error)) from error
    except BundleError as error:
        raise StartError(str(error)) from error


def _refuse_too_few(healthy_windows: int | None) -> None:
    """Raise `SettingsError` where a baseline alone would take all, and nothing be learnt from."""
    from models.training import TrainingSettings

    needed = TrainingSettings().baseline_windows
    if healthy_windows is not None and healthy_windows <= needed:
        raise SettingsError(
            f"--healthy-windows {healthy_windows}: the first {needed} make a sensor's baseline and "
            "what follows is learnt from; give more, 500 for example, and --exclude sensors that "
            "have not so many"
        )


def _refuse_strangers(exclude: tuple[str, ...], recordings: Iterable[Recording]) -> None:
    """Raise `SettingsError` for a name that leaves nothing out: what it meant would be learnt."""
    from daemon.settings_errors import suggestion

    keys = [key for recording in recordings for key in recording.sensors]
    known = {key.asset for key in keys} | {str(key) for key in keys}
    for name in exclude:
        if name not in known:
            raise SettingsError(
                f"--exclude {name!r}: no machine or sensor of these recordings"
                f"{suggestion(name, known)}"
            )


class Telling:
    """Says what has been read, and how each network is getting on."""

    def __init__(self, advance: Callable[[int], None], recipe: Recipe) -> None:
        self._advance = advance
        self._recipe = recipe

    def tell(self, step: Read | Epoch) -> None:
        """Say one step in a line; of epochs only those that are the best so far."""
        from models.fleet_training import Read

        if isinstance(step, Read):
            click.echo(f"read {step.windows} healthy windows of {step.name}", err=True)
            self._warn_of_all(step)
            return
        self._advance(1)
        if step.best:
            click.echo(
                f"{step.stage}, epoch {step.number}: loss {step.loss:.4f}, "
                f"validation {step.validation_loss:.4f}",
                err=True,
            )

    def _warn_of_all(self, step: Read) -> None:
        """Say that a recording is no longer than its health: many of them end in a failure."""
        from models.fleet_training import SIMULATED
        from pipelines.window import SensorKey

        if step.name.startswith(SIMULATED):
            return
        told = self._recipe.windows_of(SensorKey(*step.name.split("/", 1)))
        if step.windows < told:
            click.echo(
                f"warning: {step.name}: {told} windows were told to be healthy and there are "
                f"{step.windows}: all of it is learnt as healthy, its end included",
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

    from daemon.cli.quiet import load_keras

    if find_spec("keras") is None:
        raise StartError(
            "training needs TensorFlow; in a checkout: "
            "pip install --require-hashes -r requirements/training.txt"
        )
    load_keras()
