"""`bearingwatch check`: would it run? Says so without starting it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from daemon.cli.options import (
    ANYTHING,
    Described,
    config_option,
    declared_options,
    described,
)
from daemon.cli.threads import cap_threads
from daemon.cli.topics import show_findings
from daemon.errors import BearingwatchError, SettingsError, StartError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from daemon.settings import Settings
    from models.bundle import Bundle
    from pipelines.recordings import Recording
    from pipelines.window import SensorKey, Window

SHOWN: int = 20
"""Sensors without a rule, and recordings, that are named; the rest are counted."""


@click.command("check")
@config_option
@click.option(
    "--connect",
    is_flag=True,
    help="Try Kafka and the series too, what timeouts they take and how long they keep what.",
)
@click.argument("recordings", nargs=-1, type=ANYTHING)
@declared_options
@click.pass_context
def command(
    ctx: click.Context,
    /,
    config: Path | None,
    connect: bool,
    recordings: tuple[Path, ...],
    **arguments: Any,
) -> None:
    """Validate settings, assets and bundle without starting; try the services with --connect.

    Of RECORDINGS, and of those that are the source, it reads one window each: sensors, length,
    rate and unit, whether features can be had from it, and which sensors no rule of assets.toml
    matches.

    \b
    bearingwatch check -c plant.toml
    bearingwatch check -c plant.toml --connect
    bearingwatch check -c plant.toml recordings/
    bearingwatch check recordings/
    bearingwatch check pump.wav --unit g --full-scale 50

    Exit status: 0 all well, 2 bad settings, 3 the daemon could not start.
    """  # noqa: D301
    cap_threads()
    told = described(arguments)
    if told.names and not recordings:
        raise SettingsError(f"{', '.join(told.names)}: tell of RECORDINGS, and there are none")
    settings = _settings(config, needed=connect or not recordings)
    if settings.recordings:
        told = told.over(settings.recordings.model_dump(exclude={"paths"}))
    checks: list[Callable[[Settings], str]] = [_assets, _model]
    if settings.model.previous:
        checks.append(_previous)
    results = [_try(check, settings) for check in checks]
    if connect:
        results += _connect(settings)
    if settings.recordings and settings.source.kind == "recordings":
        declared = settings.recordings.model_dump(exclude={"paths"})
        look = partial(_recordings, settings.recordings.paths, Described(declared))
        results.append(_try(look, settings))
    if recordings:
        results.append(_try(partial(_recordings, recordings, told), settings))
    ctx.exit(int(max((error.exit_status for error in results if error), default=0)))


def _settings(config: Path | None, *, needed: bool) -> Settings:
    """Return what file and environment say; where neither is `needed` and no file named, neither.

    Recordings can be looked into without a plant, as they can be scored.
    """
    if config is None and not needed:
        from daemon.settings import Settings

        nowhere = {"kind": "memory"}
        return Settings.model_validate({"series": nowhere, "journal": nowhere})
    from daemon.settings_reading import load_settings

    settings = load_settings(config)
    click.echo("ok: settings")
    return settings


def _try(check: Callable[[Settings], str], settings: Settings) -> BearingwatchError | None:
    """Tell what a check found, and return what failed."""
    try:
        click.echo(f"ok: {check(settings)}")
    except BearingwatchError as error:
        click.echo(f"failed: {error}", err=True)
        return error
    return None


def _assets(settings: Settings) -> str:
    from daemon.machines import load_machines

    machines = load_machines(settings.assets)
    if settings.assets is None:
        return "no assets.toml: nothing is known of the machines, which is allowed"
    count = len(machines.assets)
    return f"{count} rule{'s' * (count != 1)} in {settings.assets}"


def _model(settings: Settings) -> str:
    from daemon.judging import open_model

    told = settings.model
    model = open_model(told.bundle, told.engine, told.threads)
    return f"bundle {model.bundle.name} {model.bundle.hash} on engine {model.engine.name}"


def _previous(settings: Settings) -> str:
    from daemon.app import open_previous

    previous = [one.bundle for one in open_previous(settings)]
    _warn_of_idle(settings.model.bundle, previous)
    return f"previous bundles {', '.join(f'{one.name} {one.hash}' for one in previous)}"


def _warn_of_idle(bundle: Path | None, previous: Sequence[Bundle]) -> None:
    """Name previous bundles that stand in for none: it, or one before it, has their features."""
    from daemon.judging import open_model

    present = open_model(bundle).bundle
    judging = {present.features_hash: present}
    for one in previous:
        first = judging.setdefault(one.features_hash, one)
        if first is not one:
            which = "is" if first.hash == one.hash else "has the features of"
            click.echo(
                f"warning: previous bundle {one.name} {which} {first.name} {first.hash}, so it"
                " stands in for nothing; take it out of model.previous",
                err=True,
            )


# ---- recordings -------------------------------------------------------------------------------


def _recordings(paths: tuple[Path, ...], declared: Described, settings: Settings) -> str:
    from daemon.app import commissioning_policy
    from daemon.machines import load_machines

    recordings = declared.open(paths)
    looked = list(_looked_into(recordings, settings))
    _show("", [one.told for one in looked])
    units = {key: one.unit for one in looked for key in one.sensors}
    machines, sensors = load_machines(settings.assets), list(units)
    learnt = commissioning_policy(settings.detector)
    for line in _too_few(looked, learnt.windows):
        click.echo(f"warning: {line}", err=True)
    if settings.assets is None:
        return (
            f"{len(sensors)} sensors, each judged behind its first {learnt.windows} windows, "
            f"{learnt.span_s:g} s at least; an assets.toml could name their bearings and speeds"
        )
    without = machines.assets.unmatched(sensors)
    _show("no rule: ", without)
    for line in machines.idle(units):
        click.echo(f"warning: {line}", err=True)
    return f"{len(sensors) - len(without)} of {len(sensors)} sensors have a rule"


def _show(what: str, lines: Sequence[object]) -> None:
    for line in lines[:SHOWN]:
        click.echo(f"{what}{line}")
    if len(lines) > SHOWN:
        click.echo(f"{what}{len(lines) - SHOWN} more")


@dataclass(frozen=True, slots=True)
class _Look:
    """What one window of a recording shows."""

    told: str
    sensors: Sequence[SensorKey]
    unit: str
    windows: int | None
    path: Path


def _looked_into(recordings: Iterable[Recording], settings: Settings) -> Iterator[_Look]:
    """Read a window of each recording; raises `SettingsError` naming all that cannot be read."""
    from daemon.judging import open_model
    from daemon.recorded import first_window
    from pipelines.features import Unfit, check

    features = open_model(settings.model.bundle).bundle.features
    broken = []
    for recording in recordings:
        try:
            window = first_window(recording)
            check(window, features)
        except SettingsError as error:
            broken.append(str(error))
        except Unfit as error:
            broken.append(f"{recording.path}: nothing of it can be judged: {error}")
        else:
            yield _Look(
                f"read: {_described(recording, window)}",
                recording.sensors,
                window.unit,
                recording.length,
                recording.path,
            )
    if broken:
        raise SettingsError("\nfailed: ".join(broken))


def _too_few(looked: Iterable[_Look], wanted: int) -> Iterator[str]:
    """Yield which recordings end before a sensor is learnt, as far as they tell their length."""
    for one in looked:
        if one.windows is not None and one.windows < wanted * len(one.sensors):
            yield (
                f"{one.path}: has {one.windows // len(one.sensors)} windows, and a sensor is "
                f"judged behind the {wanted} that it is learnt from"
            )


def _described(recording: Recording, window: Window) -> str:
    sensors = ", ".join(map(str, recording.sensors))
    axes = ", ".join(window.axes)
    count, samples = recording.length, window.samples.shape[1]
    windows = f"{'' if count is None else f'{count} '}windows of {window.duration_s:g} s"
    signal = f"{samples} samples of {axes} at {window.sample_rate_hz:g} Hz, {window.unit}"
    return f"{recording.path}: {sensors}: {windows}, {signal}"


# ---- services ---------------------------------------------------------------------------------


def _connect(settings: Settings) -> list[BearingwatchError | None]:
    """Try the services; brokers that are away are waited for once."""
    results = []
    if "kafka" in (settings.source.kind, settings.journal.kind):
        results.append(_try(_topics, settings))
        if not isinstance(results[0], Unavailable):
            results.append(_try(_timeouts, settings))
    results.append(_try(_series, settings))
    if settings.series.kind == "influxdb" and not any(results):
        results.append(_try(_retention, settings))  # asks what was reached just now
    return results


def _topics(settings: Settings) -> str:
    from daemon import topics

    if not show_findings(topics.check(settings.kafka, evidence=settings.journal.evidence)):
        raise StartError("topics are not as planned; see above")
    return f"topics at {','.join(settings.kafka.bootstrap_servers)}"


def _timeouts(settings: Settings) -> str:
    from daemon import broker_timeouts

    return broker_timeouts.check(settings.kafka)


def _series(settings: Settings) -> str:
    from daemon.app import build_series

    series = build_series(settings)
    try:
        series.start()
    finally:
        series.close()
    return f"series {settings.series.kind}"


def _retention(settings: Settings) -> str:
    """Compare how long points are kept with how old they may be; a difference is no failure."""
    from daemon.bucket import compare, duration, read_bucket

    told = settings.influxdb
    assert told is not None  # noqa: S101 (checked when the settings were)
    bucket = read_bucket(told)
    if bucket is None:
        return (
            f"bucket {told.bucket}; how long it keeps points is not known, since the token may not "
            "read it: it should be as long as the windows are kept, see docs/influxdb.md"
        )
    needed_s, because = _needed(settings)
    if needed_s is None:
        keeps = f"bucket {bucket.name} keeps points {duration(bucket.kept_s)}"
        return f"{keeps}, not compared: how long windows are kept may not be read"
    finding = compare(bucket, needed_s, because)
    show_findings((finding,) if finding else ())
    but = ", which is too short: see above" if finding else ""
    return f"bucket {bucket.name} keeps points {duration(bucket.kept_s)}{but}"


def _needed(settings: Settings) -> tuple[float | None, str]:
    """Return how long a bucket should keep points, None if that is not known, and why."""
    if settings.source.kind != "kafka":
        return math.inf, "since recordings and simulated windows bear times of long ago"
    from daemon import topics

    name = settings.kafka.windows_topic
    because = f"as long as {name} keeps windows, which may be read again"
    return topics.windows_kept_s(settings.kafka), because
