"""Options that several commands share, and what they mean."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pipelines.recordings import Declared, Recording

F = TypeVar("F", bound="Callable[..., Any]")


class Finite(click.FloatRange):
    """A range that NaN, which no comparison refuses, and infinity are outside of."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return a float; fail for what is no finite number of the range."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{number} is no finite number.", param, ctx)
        return number


class Place(click.Path):
    """A path, there or not, but one that could be; `Path("")` would be the folder we are in."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return it as a path; fail for an empty name, and for one that no system takes."""
        if not str(value):
            self.fail("the name is empty.", param, ctx)
        try:
            Path(value).exists()
        except (OSError, ValueError) as error:
            self.fail(getattr(error, "strerror", None) or str(error), param, ctx)
        file = next((parent for parent in Path(value).parents if parent.is_file()), None)
        if file is not None:
            self.fail(f"{file} is a file, so nothing can lie in it.", param, ctx)
        return super().convert(value, param, ctx)


FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
ANYTHING = click.Path(path_type=Path, exists=True)
OUT = Place(path_type=Path)
OUT_FOLDER = Place(path_type=Path, file_okay=False)
BUNDLE = Place()
"""Directory or name of a bundle."""

config_option = click.option(
    "-c", "--config", type=FILE, help="TOML file with the settings; see docs/settings.md."
)
model_option = click.option(
    "--model",
    "model",
    type=BUNDLE,
    metavar="BUNDLE",
    help="Directory of a model bundle, or the name of a shipped one.",
)
assets_option = click.option(
    "--assets", type=FILE, help="TOML file that says what is known of the machines."
)


def _one_line(_ctx: click.Context, _param: click.Parameter, value: str) -> str:
    """Refuse what would not be told in one line of a log or an alert, as a daemon does."""
    from pipelines.commands import LONGEST_WHY

    expected = f"expected one line of at most {LONGEST_WHY} characters that can be printed"
    if len(value) > LONGEST_WHY:
        raise click.BadParameter(f"got {len(value)} characters, {expected}")
    odd = next((character for character in value if not character.isprintable()), None)
    if odd is not None:
        raise click.BadParameter(f"got {odd!a} at character {value.index(odd) + 1}, {expected}")
    return value


reason_option = click.option(
    "--reason",
    default="",
    metavar="TEXT",
    callback=_one_line,
    help="Why, in one line of at most 300 characters; told in the log and in alerts.",
)
POSITIVE = Finite(min=0, min_open=True)
MACHINES = click.IntRange(1, 10_000)
"""Machines of a simulated fleet."""


def _split(value: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in value.split(","))


def _time(value: str) -> datetime:
    try:
        return datetime.fromisoformat(value)
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is no time like 2026-01-31T12:00:00Z") from error


def _declaring(read: Callable[[Any], Any] = lambda value: value) -> Callable[..., Any]:
    """Return a callback that checks a declaration by itself, so that its option is told."""

    def checked(_ctx: click.Context, param: click.Parameter, value: Any) -> Any:
        if value is None:
            return None
        from pipelines.recordings import declare

        told = read(value)
        try:
            declare(**{str(param.name): told})
        except ValueError as error:
            raise click.BadParameter(str(error)) from error
        return told

    return checked


_DECLARED = (
    click.option(
        "--asset", callback=_declaring(), help="Name of the machine, where files do not say."
    ),
    click.option(
        "--sensor", callback=_declaring(), help="Name of the sensor, where files do not say."
    ),
    click.option(
        "--axes",
        metavar="NAME,...",
        callback=_declaring(_split),
        help="Names of the channels, in order.",
    ),
    click.option(
        "--columns",
        metavar="NAME,...",
        callback=_declaring(_split),
        help="Columns to read, of CSV and Parquet alone.  [default: all]",
    ),
    click.option("--sample-rate-hz", type=POSITIVE, callback=_declaring(), help="Rate."),
    click.option(
        "--unit", type=click.Choice(["g", "m/s2", "mm/s", "V"]), help="Unit of the signal."
    ),
    click.option(
        "--scale", type=POSITIVE, callback=_declaring(), help="Physical value of one count."
    ),
    click.option(
        "--full-scale",
        type=POSITIVE,
        help="Instead, for WAV: physical value of the largest sample, such as 50 for +-50 g.",
    ),
    click.option(
        "--start",
        metavar="TIME",
        callback=_declaring(_time),
        help="Time of the first sample, such as 2026-01-31T12:00:00Z; UTC where it has no zone.",
    ),
    click.option(
        "--window-s",
        type=POSITIVE,
        help="Length of the windows that one continuous signal is cut into.  [default: 1]",
    ),
    click.option("--rpm", type=POSITIVE, callback=_declaring(), help="Speed, if constant."),
    click.option(
        "--load",
        type=Finite(min=0),
        callback=_declaring(),
        help="Load, if constant; in any unit.",
    ),
)
NAMES = (
    "asset", "sensor", "axes", "columns", "sample_rate_hz", "unit", "scale", "full_scale", "start",
    "window_s", "rpm", "load",
)  # fmt: skip
"""Arguments that `declared_options` bring, which are the fields of `Declared`."""


@dataclass(frozen=True, slots=True)
class Described:
    """What is told of recordings: fields of `Declared`, None where nothing is."""

    told: Mapping[str, Any]

    @property
    def names(self) -> tuple[str, ...]:
        """The options that were given."""
        given = (name for name, value in self.told.items() if value is not None)
        return tuple(f"--{name.replace('_', '-')}" for name in given)

    def over(self, other: Mapping[str, Any]) -> Described:
        """Return what is told by `other`, and instead of it what is told here."""
        given = {name: value for name, value in self.told.items() if value is not None}
        return Described({**other, **given})

    def declaration(self) -> Declared:
        """Return it checked; raises `SettingsError`."""
        from daemon.recorded import declaration

        return declaration(self.told)

    def open(self, paths: tuple[Path, ...]) -> list[Recording]:
        """Open the recordings at `paths`; raises `SettingsError` naming the file."""
        from daemon.recorded import open_recordings

        return open_recordings(paths, self.told)


def declared_options(function: F) -> F:
    """Add the options that describe recordings; `described(...)` takes them together."""
    for option in reversed(_DECLARED):
        function = option(function)
    return function


def described(arguments: dict[str, Any]) -> Described:
    """Take the values of `declared_options` out of a command's arguments."""
    return Described({name: arguments.pop(name) for name in NAMES})
