"""`bearingwatch evaluate`: labelled recordings in; lead times and false alerts out."""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import click

from daemon.cli.console import WIDTH, progress
from daemon.cli.options import (
    ANYTHING,
    FILE,
    OUT_FOLDER,
    assets_option,
    declared_options,
    described,
    model_option,
)
from daemon.cli.threads import cap_threads
from daemon.errors import SettingsError, StartError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from daemon.judging import Model
    from daemon.machines import Machines
    from models.evaluation.catalogue import Setting
    from models.evaluation.evaluation import Result
    from models.evaluation.lives import Life
    from pipelines.recordings import Recording


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line asks for."""

    labels: Path | None
    out: Path
    methods: tuple[str, ...]
    seeds: int
    leave_one_out: bool
    ablations: bool
    epochs: int
    quick_epochs: int


@click.command("evaluate")
@click.argument("paths", nargs=-1, required=True, type=ANYTHING)
@click.option(
    "--labels",
    type=FILE,
    help="TOML file that says what happened to which bearing.  [default: FEMTO and IMS test 2]",
)
@click.option(
    "--out", required=True, type=OUT_FOLDER, help="Folder for report.html and the CSV files."
)
@model_option
@assets_option
@click.option(
    "--methods",
    metavar="NAME,...",
    default="",
    help="Only these; the report names all.  [default: all that need no fold trained]",
)
@click.option(
    "--seeds",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="So many for methods that are random.",
)
@click.option(
    "--leave-one-out",
    is_flag=True,
    help="Judge each learning bearing by a network trained without it; minutes a bearing.",
)
@click.option(
    "--ablations",
    is_flag=True,
    help="Train small networks too: dense, shuffled and averaged frames.",
)
@click.option(
    "--epochs",
    type=click.IntRange(1),
    default=30,
    show_default=True,
    help="Of each network of --leave-one-out.",
)
@click.option(
    "--quick-epochs",
    type=click.IntRange(1),
    default=8,
    show_default=True,
    help="Of each network of --ablations.",
)
@declared_options
def command(
    paths: tuple[Path, ...],
    model: str | None,
    assets: Path | None,
    methods: str,
    **arguments: Any,
) -> None:
    """Run detectors over the labelled recordings at PATHS and report what each is worth.

    Chronologically, every method with the same first 100 windows: the product, simple limits,
    published methods, and the product with a part taken out. docs/evaluation.md describes labels,
    methods and how is counted. Needs the evaluation extra, and the training extra for networks; in
    a checkout: pip install '.[evaluation,training]'.

    \b
    bearingwatch evaluate femto/ ims/test2.npz --assets assets.toml --out report
    bearingwatch evaluate femto/ --out report --leave-one-out --ablations --seeds 3
    bearingwatch evaluate plant/ --labels plant.toml --methods bearingwatch,rms-6-sigma --out report
    """  # noqa: D301
    cap_threads()
    _need_extra()
    recordings = described(arguments).open(paths)
    chosen = tuple(dict.fromkeys(name.strip() for name in methods.split(",") if name.strip()))
    if methods and not chosen:
        raise SettingsError(f"--methods {methods}: names no method; leave it out for all")
    evaluate(recordings, model, assets, Asked(methods=chosen, **arguments))


def evaluate(
    recordings: Sequence[Recording], model: str | None, assets: Path | None, asked: Asked
) -> None:
    """Read, judge, report; raises `SettingsError` and `StartError` with what to do."""
    from daemon.judging import open_model
    from daemon.machines import load_machines
    from models.evaluation import EvaluationError
    from models.evaluation.catalogue import refuse_unknown
    from models.evaluation.report import refuse_unwritable
    from models.learning_set import TrainingError
    from pipelines.features import Unfit
    from pipelines.recordings import RecordingError

    machines, opened = load_machines(assets), open_model(model)
    try:
        refuse_unknown(asked.methods)
        refuse_unwritable(asked.out)
        lives = _read(recordings, opened, machines, asked)
        results = _report(recordings, lives, opened, machines, asked)
    except (EvaluationError, TrainingError, RecordingError, Unfit) as error:
        raise SettingsError(str(error)) from error
    _print(results)
    click.echo(f"the report is in {asked.out}")


def _read(
    recordings: Sequence[Recording], model: Model, machines: Machines, asked: Asked
) -> list[Life]:
    from models.evaluation.catalogue import BASELINES
    from models.evaluation.folds import refuse_too_few
    from models.evaluation.labels import read_labels, shipped_labels
    from models.evaluation.lives import read_lives

    labels = read_labels(asked.labels or shipped_labels())
    sensors = [key for recording in recordings for key in recording.sensors]
    if unlabelled := [str(key) for key in sensors if labels.of(key) is None]:
        _say(f"not judged, since they have no label: {', '.join(unlabelled)}")
    if asked.labels and (unmatched := labels.unmatched(sensors)):
        _say(f"labels without a recording: {', '.join(unmatched)}")
    if asked.leave_one_out and not (asked.methods and {*asked.methods} <= {*BASELINES}):
        refuse_too_few(labels, sensors)
    total = sum(recording.length or 0 for recording in recordings) or None
    with progress("windows read", total) as advance:
        lives = read_lives(recordings, labels, model.bundle.features, machines.machine, advance)
    for line in machines.remarks({life.key: life.observations[-1].unit for life in lives}):
        _say(f"warning: {line}")
    return lives


def _report(
    recordings: Sequence[Recording],
    lives: Sequence[Life],
    model: Model,
    machines: Machines,
    asked: Asked,
) -> list[Result]:
    from daemon.cli.quiet import load_keras
    from models.evaluation import catalogue
    from models.evaluation.charted import Network
    from models.evaluation.evaluation import evaluate as run_all
    from models.evaluation.report import Page, write_report
    from models.evaluation.told import alerts_told

    setting = catalogue.Setting(
        shipped=Network(model.bundle, model.engine),
        lives=lives,
        limits=machines.limits,
        leave_one_out=asked.leave_one_out,
        epochs=asked.epochs,
        quick_epochs=asked.quick_epochs,
        progress=_say,
    )
    names = asked.methods or tuple(catalogue.names(ablations=asked.ablations))
    methods = catalogue.choose(names, setting)
    if catalogue.trains(names, setting):
        load_keras()
    results = run_all(methods, lives, asked.seeds, _say)
    page = Page(
        facts=_facts(model, asked) | _geometry(machines, lives),
        results=results,
        told=alerts_told(lives, _networks(results, setting), machines.limits, machines.group_of),
        recordings=recordings,
        features=model.bundle.features,
        machine=machines.machine,
        leave_one_out=asked.leave_one_out,
    )
    write_report(page, asked.out)
    return results


def _networks(results: Sequence[Result], setting: Setting) -> Any:
    """Return the networks of the product's own run, so that no fold is trained twice."""
    from models.evaluation.catalogue import OURS

    ours = (result.method for result in results if result.method.name == OURS)
    return getattr(next(ours, None), "networks", lambda _first, _seed: setting.shipped)


def _facts(model: Model, asked: Asked) -> dict[str, str]:
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "command": shlex.join(["bearingwatch", *sys.argv[1:]]),
        "bearingwatch": version("bearingwatch"),
        "bundle": f"{model.bundle.name} ({model.bundle.hash})",
        "trained on": str(model.bundle.training.get("data_summary", "unknown")),
        "networks": "one per learning bearing, trained without it"
        if asked.leave_one_out
        else "the bundle's",
        "seeds": str(asked.seeds),
    }


def _geometry(machines: Machines, lives: Sequence[Life]) -> dict[str, str]:
    known = [machines.machine(life.key) for life in lives]
    count = sum(one is not None and one.geometry is not None for one in known)
    return {"geometry given": f"of {count} of {len(lives)} sensors"}


def _print(results: Sequence[Result]) -> None:
    from rich.console import Console
    from rich.table import Table

    from models.evaluation.tables import SUMMARY_HEADINGS, summary_rows

    shown = len(SUMMARY_HEADINGS) - 3  # rates and bounds are too wide; the report has them
    table = Table(*SUMMARY_HEADINGS[:shown], box=None, pad_edge=False)
    for row in summary_rows(results):
        table.add_row(*row[:shown])
    Console(width=None if sys.stdout.isatty() else WIDTH).print(table)


def _say(text: str) -> None:
    click.echo(text, err=True)


def _need_extra() -> None:
    packages = {"matplotlib": "matplotlib", "sklearn": "scikit-learn"}
    missing = [package for name, package in packages.items() if find_spec(name) is None]
    if missing:
        raise StartError(
            f"evaluation needs {' and '.join(missing)}; in a checkout: pip install '.[evaluation]'"
        )
