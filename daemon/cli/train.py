"""`bearingwatch train`: healthy recordings in, a bundle out."""

from __future__ import annotations

import shlex
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from daemon.cli.console import progress
from daemon.cli.options import ANYTHING, OUT, assets_option, declared_options, described
from daemon.errors import SettingsError, StartError
from pipelines.window import SensorKey

if TYPE_CHECKING:
    from pathlib import Path

    from daemon.learning import Healthy, Wanted
    from models.bundle import Bundle
    from models.training import Epoch
    from pipelines.recordings import Recording


@click.command("train")
@click.argument("paths", nargs=-1, required=True, type=ANYTHING)
@click.option("--out", required=True, type=OUT, help="Directory of the new bundle.")
@click.option("--name", help="Name of the bundle.  [default: that of the directory]")
@click.option(
    "--healthy-share",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.5,
    show_default=True,
    help="The first part of each sensor's windows that is taken to be healthy.",
)
@click.option(
    "--until",
    multiple=True,
    metavar="ASSET/SENSOR=INDEX",
    help="First window of a sensor that is not healthy any more; goes before --healthy-share.",
)
@click.option("--exclude", multiple=True, metavar="ASSET/SENSOR", help="Leave this one out.")
@click.option("--data", default="not told", help="Source and terms of the data, for the card.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--epochs", type=click.IntRange(1), default=60, show_default=True, help="At most.")
@click.option(
    "--patience",
    type=click.IntRange(1),
    default=10,
    show_default=True,
    help="Epochs without improvement before training ends.",
)
@assets_option
@declared_options
def command(
    paths: tuple[Path, ...],
    out: Path,
    name: str | None,
    healthy_share: float,
    until: tuple[str, ...],
    exclude: tuple[str, ...],
    data: str,
    seed: int,
    epochs: int,
    patience: int,
    assets: Path | None,
    **arguments: Any,
) -> None:
    """Train a model on the healthy part of the recordings at PATHS and publish it as a bundle.

    A new sensor does not need this: the shipped model knows departures from a sensor's own
    health. Train where your machines are unlike others. Needs the training extra:
    pip install 'bearingwatch[training]'.

    \b
    bearingwatch train recordings/ --out bundles/plant-7 --healthy-share 0.3
    bearingwatch train femto/ --out bundles/femto --until Bearing1_1/bearing=1200
    bearingwatch score recordings/ --model bundles/plant-7 --out scores.csv
    """  # noqa: D301
    if out.exists():
        raise SettingsError(f"{out}: exists; a bundle is never overwritten: choose another --out")
    _need_keras()
    from daemon.learning import Healthy, Wanted
    from models.training import TrainingSettings

    healthy = Healthy(
        healthy_share,
        dict(_limit(text) for text in until),
        frozenset(_key(text) for text in exclude),
    )
    wanted = Wanted(
        name=name or out.name,
        created=f"{datetime.now(UTC):%Y-%m-%d}",
        command=shlex.join(["bearingwatch", *sys.argv[1:]]),
        data=data,
        training=TrainingSettings(seed=seed, epochs=epochs, patience=patience),
    )
    bundle = train_bundle(described(arguments).open(paths), healthy, wanted, out, assets)
    for label, text in bundle.describe().items():
        click.echo(f"{label:<20}{text}")


def train_bundle(
    recordings: list[Recording], healthy: Healthy, wanted: Wanted, out: Path, assets: Path | None
) -> Bundle:
    """Read, learn, publish, each with its progress."""
    from daemon import learning
    from daemon.machines import load_machines
    from models.bundle import BundleError
    from models.learning_set import TrainingError

    machine = load_machines(assets).machine
    try:
        total = learning.expected_windows(recordings, healthy)
        with progress("healthy windows read", total) as advance:
            observations = learning.healthy_observations(
                recordings, healthy, wanted.features, machine=machine, advance=advance
            )
        with progress("epochs trained", _epochs(wanted)) as advance:
            result, sensors = learning.learn(observations, wanted, _Epochs(advance).tell)
        return learning.publish(result, sensors, wanted, out)
    except (TrainingError, BundleError) as error:
        raise StartError(str(error)) from error


def _epochs(wanted: Wanted) -> int:
    return wanted.training.epochs * (wanted.training.calibration_folds + 1)


class _Epochs:
    """Says how each network is getting on."""

    def __init__(self, advance: Any) -> None:
        self._advance = advance

    def tell(self, epoch: Epoch) -> None:
        self._advance(1)
        if epoch.best:
            click.echo(
                f"{epoch.stage}, epoch {epoch.number}: loss {epoch.loss:.4f}, "
                f"validation {epoch.validation_loss:.4f}",
                err=True,
            )


def _need_keras() -> None:
    from importlib.util import find_spec

    if find_spec("keras") is None:
        raise StartError("training needs TensorFlow: pip install 'bearingwatch[training]'")


def _key(text: str) -> SensorKey:
    asset, slash, sensor = text.partition("/")
    if not (asset and slash and sensor):
        raise SettingsError(f"{text!r}: expected ASSET/SENSOR")
    return SensorKey(asset, sensor)


def _limit(text: str) -> tuple[SensorKey, int]:
    key, _, index = text.rpartition("=")
    if not index.isdigit():
        raise SettingsError(f"--until {text!r}: expected ASSET/SENSOR=INDEX")
    return _key(key), int(index)
