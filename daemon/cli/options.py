"""Options that several commands share, and what they mean."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from daemon.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipelines.recordings import Recording

F = TypeVar("F", bound="Callable[..., Any]")

FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
ANYTHING = click.Path(path_type=Path, exists=True)
OUT = click.Path(path_type=Path)

config_option = click.option(
    "-c", "--config", type=FILE, help="TOML file with the settings; see docs/settings.md."
)
model_option = click.option(
    "--model",
    "model",
    metavar="BUNDLE",
    help="Directory of a model bundle, or the name of a shipped one.",
)
assets_option = click.option(
    "--assets", type=FILE, help="TOML file that says what is known of the machines."
)
_DECLARED = (
    click.option("--asset", help="Name of the machine, where files do not say."),
    click.option("--sensor", help="Name of the sensor, where files do not say."),
    click.option("--sample-rate-hz", type=click.FloatRange(min=0, min_open=True), help="Rate."),
    click.option(
        "--unit", type=click.Choice(["g", "m/s2", "mm/s", "V"]), help="Unit of the signal."
    ),
    click.option(
        "--window-s",
        type=click.FloatRange(min=0, min_open=True),
        help="Length of the windows that one continuous signal is cut into.  [default: 1]",
    ),
    click.option("--rpm", type=click.FloatRange(min=0, min_open=True), help="Speed, if constant."),
)


@dataclass(frozen=True, slots=True)
class Described:
    """What the command line says of recordings; None where it says nothing."""

    asset: str | None
    sensor: str | None
    sample_rate_hz: float | None
    unit: str | None
    window_s: float | None
    rpm: float | None

    def open(self, paths: tuple[Path, ...]) -> list[Recording]:
        """Open the recordings at `paths`; raises `SettingsError` naming the file."""
        from pipelines.recordings import RecordingError, declare, discover

        told = {
            "asset": self.asset,
            "sensor": self.sensor,
            "sample_rate_hz": self.sample_rate_hz,
            "unit": self.unit,
            "window_s": self.window_s,
            "rpm": self.rpm,
        }
        try:
            return discover(
                paths, declare(**{name: value for name, value in told.items() if value is not None})
            )
        except RecordingError as error:
            raise SettingsError(str(error)) from error


def declared_options(function: F) -> F:
    """Add the options that describe recordings; `described(...)` takes them together."""
    for option in reversed(_DECLARED):
        function = option(function)
    return function


def described(arguments: dict[str, Any]) -> Described:
    """Take the values of `declared_options` out of a command's arguments."""
    return Described(**{name: arguments.pop(name) for name in Described.__slots__})
