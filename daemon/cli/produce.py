"""`bearingwatch produce`: windows to Kafka, as a gateway would send them."""

from __future__ import annotations

import sys
import time
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from daemon.cli.console import progress
from daemon.cli.interrupting import interruptible
from daemon.cli.options import (
    ANYTHING,
    MACHINES,
    POSITIVE,
    config_option,
    declared_options,
    described,
)
from daemon.cli.threads import cap_threads
from daemon.errors import ExitStatus, SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from daemon.settings import KafkaSettings
    from pipelines.recordings import Recording
    from pipelines.window import SensorKey, Window


@click.command("produce")
@click.argument("paths", nargs=-1, type=ANYTHING)
@config_option
@click.option("--bootstrap-servers", metavar="HOST:PORT,...", help="Brokers, instead of a file's.")
@click.option("--prefix", help="Prefix of the topics, instead of a file's.")
@click.option(
    "--simulate", "seed", type=click.IntRange(0), metavar="SEED", help="Send a simulated fleet."
)
@click.option("--machines", type=MACHINES, default=6, show_default=True)
@click.option("--rate", type=POSITIVE, help="Windows a second, at most.")
@click.option(
    "--speed",
    type=POSITIVE,
    help="Multiple of real time: 60 sends an hour of recording in a minute.",
)
@click.option("--limit", type=click.IntRange(1), help="Stop after so many windows.")
@click.option("--json", "as_json", is_flag=True, help="Send JSON instead of MessagePack.")
@declared_options
def command(
    paths: tuple[Path, ...],
    config: Path | None,
    bootstrap_servers: str | None,
    prefix: str | None,
    seed: int | None,
    machines: int,
    rate: float | None,
    speed: float | None,
    limit: int | None,
    as_json: bool,
    **arguments: Any,
) -> None:
    """Send the recordings at PATHS, or a simulated fleet, to the windows topic.

    As fast as possible, unless --rate or --speed says otherwise. It says how many windows the
    broker has confirmed, interrupted too, with exit status 1 then. `daemon/cli/sending.py` is the
    example for edge developers.

    \b
    bearingwatch produce recordings/ -c plant.toml --speed 600
    bearingwatch produce --simulate 7 --bootstrap-servers localhost:9092 --rate 100
    """  # noqa: D301
    cap_threads()
    from daemon.cli.pacing import paced
    from daemon.cli.quiet import quiet_logs
    from daemon.cli.sending import send

    if bool(paths) == (seed is not None):
        raise SettingsError("give PATHS of recordings, or --simulate SEED, and not both")
    quiet_logs()
    told = described(arguments)
    if told.names and not paths:
        raise SettingsError(f"{', '.join(told.names)}: tell of recordings, not of --simulate")
    files: dict[SensorKey, Path] = {}
    if seed is None:
        recordings = told.open(paths)
        files = {key: each.path for each in recordings for key in each.sensors}
        windows, total = _recorded(recordings, as_json)
    else:
        windows, total = _simulated(seed, machines)
    windows = paced(
        islice(windows, limit and min(limit, sys.maxsize)), rate, speed, time.monotonic, time.sleep
    )
    settings = _kafka(config, bootstrap_servers, prefix)
    expected = total if limit is None or total is None else min(total, limit)
    sent = 0

    def confirmed(count: int) -> None:
        nonlocal sent
        sent += count
        advance(count)

    try:
        with progress("windows confirmed", expected) as advance, interruptible():
            send(windows, settings, confirmed=confirmed, as_json=as_json, files=files)
    except KeyboardInterrupt:
        click.echo(f"interrupted: {sent} windows are in {settings.windows_topic}", err=True)
        sys.exit(ExitStatus.FATAL)
    click.echo(f"{sent} windows are in {settings.windows_topic}")


def _recorded(recordings: list[Recording], as_json: bool) -> tuple[Iterator[Window], int | None]:
    from daemon.recorded import recorded_windows

    for recording in recordings:
        _refuse_what_cannot_be_sent(recording, as_json)
    total = sum(recording.length or 0 for recording in recordings) or None
    return recorded_windows(recordings), total


def _refuse_what_cannot_be_sent(recording: Recording, as_json: bool) -> None:
    """Raise `SettingsError` before anything is sent; what all windows share shows in the first."""
    from daemon.cli.sending import value_of
    from daemon.recorded import first_window
    from pipelines.features import FeatureSettings, TooShort, Unfit, check

    window = first_window(recording)
    value_of(window, recording.path, as_json=as_json)
    try:
        check(window, FeatureSettings())
    except Unfit as error:
        longer = "; declare a longer window_s (--window-s)" if isinstance(error, TooShort) else ""
        raise SettingsError(
            f"{recording.path}: {error}, as docs/wire-format.md says: less cannot be judged{longer}"
        ) from error


def _simulated(seed: int, machines: int) -> tuple[Iterator[Window], int | None]:
    from pipelines.simulator import Fleet, random_fleet

    degrading = min(machines, max(1, machines // 2))
    fleet = Fleet(random_fleet(seed, machines=machines, degrading=degrading))
    return fleet.windows(), fleet.spec.windows * len(fleet.keys)


def _kafka(config: Path | None, servers: str | None, prefix: str | None) -> KafkaSettings:
    from daemon.settings_reading import load_kafka_settings

    return load_kafka_settings(config, servers=servers, prefix=prefix)
