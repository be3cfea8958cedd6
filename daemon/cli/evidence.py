"""`bearingwatch evidence`: what an alert rests on, taken out of the journal as files."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from daemon.cli.options import OUT, config_option
from daemon.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from daemon.evidence import Evidence, Part
    from daemon.journal import Exhibit
    from daemon.settings_reading import JournalPart
    from pipelines.features import Machine
    from pipelines.window import SensorKey

WIDTH: Final = 200
"""Columns of the table where nothing tells: in a file or a pipe it must not be cut."""
FEWEST: Final = 6
"""Digits of an id that are enough where no other alert begins with them."""
LATER: Final = (
    "whether it is still open, the topic of alerts or the series tells: of `lowered` and `cleared`"
    " no window is kept"
)


@click.command("evidence")
@click.argument("alert", metavar="[ALERT_ID]", required=False)
@config_option
@click.option(
    "--out",
    type=OUT,
    metavar="FOLDER",
    help="Folder to write to, missing or empty.  [default: evidence-ALERT_ID]",
)
def command(alert: str | None, config: Path | None, out: Path | None) -> None:
    """Write what an alert rests on into a folder; without ALERT_ID list what is kept.

    The windows of first exceedance, confirmation and alarm as .npz, which `score` reads one by
    one, being of one sensor; the healthy baseline and where the windows came from as `alert.json`;
    a picture of both where matplotlib is installed. Of ALERT_ID the first 6 digits or more will
    do. Whether an alert is still open is told by the topic of alerts alone. Reads the journal of
    the settings, Kafka's or SQLite's, beside a running process.

    \b
    bearingwatch evidence -c plant.toml
    bearingwatch evidence 57fdd1e53caea085 -c plant.toml --out pump-7
    """  # noqa: D301
    from daemon import app
    from daemon.settings_reading import load_journal_settings

    settings = load_journal_settings(config)
    exhibits = app.read_evidence(settings)
    if alert is None:
        _list(exhibits)
    else:
        _write(alert, settings, exhibits, out)


@dataclass(slots=True)
class _Kept:
    """What is kept of one alert, the windows themselves left out."""

    sensor: SensorKey
    parts: dict[str, int] = field(default_factory=dict)
    """Start of each window in ns."""


def _list(exhibits: Iterable[Exhibit]) -> None:
    from rich.console import Console
    from rich.table import Table

    from daemon.evidence import Part

    kept = _overview(exhibits)
    confirmed = {alert: one for alert, one in kept.items() if one.parts.keys() - {Part.FIRST}}
    table = Table(box=None, pad_edge=False)
    for heading in ("alert", "sensor", "windows", "latest"):
        table.add_column(heading, no_wrap=True)
    for alert, one in sorted(confirmed.items(), key=lambda item: max(item[1].parts.values())):
        parts = [part for part in Part if part in one.parts]
        latest = datetime.fromtimestamp(max(one.parts.values()) // 10**9, UTC)
        table.add_row(alert, str(one.sensor), ", ".join(parts), f"{latest:%Y-%m-%d %H:%M:%S}")
    if confirmed:
        Console(width=None if sys.stdout.isatty() else WIDTH).print(table)
    waiting = len(kept) - len(confirmed)
    click.echo(
        f"evidence of {len(confirmed)} alert{'s' * (len(confirmed) != 1)} is kept;"
        f" exceedances that wait for confirmation: {waiting}"
    )
    click.echo("whether an alert is still open, the topic of alerts or the series tells")


def _overview(exhibits: Iterable[Exhibit]) -> dict[str, _Kept]:
    """Return what there is by alert, one window in memory at a time."""
    from daemon.evidence import decode_evidence

    found: dict[str, _Kept] = {}
    for one in exhibits:
        kept = found.setdefault(one.alert, _Kept(one.sensor))
        if one.value is None:
            kept.parts.pop(one.part, None)
        else:
            kept.parts[one.part] = decode_evidence(one.value).start_ns
    return {alert: kept for alert, kept in found.items() if kept.parts}


def _write(
    alert: str, settings: JournalPart, exhibits: Iterable[Exhibit], out: Path | None
) -> None:
    from daemon.cli.simulate import whole
    from daemon.cli.threads import cap_threads
    from daemon.evidence import files

    cap_threads()
    kept = _of(alert, exhibits)
    out = out or Path(f"evidence-{next(iter(kept.values())).alert}")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise SettingsError(f"--out {out}: is no empty folder; choose another one")
    with whole(out):
        written, missing = files.write(kept, _machine(settings, kept), out)
    for evidence in kept.values():
        if evidence.event is not None:
            click.echo(f"{evidence.part}: {evidence.event.text}")
    click.echo(f"{', '.join(written)} are in {out}")
    click.echo(f"{_last(kept)}; {LATER}")
    if missing:
        click.echo(missing, err=True)


def _last(kept: dict[Part, Evidence]) -> str:
    """Say up to which transition the windows go, and why some are not there."""
    from daemon.evidence import files

    missing = files.missing(kept)
    transitions = [str(one.event.transition) for one in kept.values() if one.event is not None]
    last = f"the last transition that is kept: {transitions[-1] if transitions else 'none'}"
    return f"{missing}\n{last}" if missing else last


def _of(told: str, exhibits: Iterable[Exhibit]) -> dict[Part, Evidence]:
    """Return the evidence of the alert whose id is told or begun, in the order of its parts."""
    from daemon.evidence import Part, decode_evidence

    begun = told.lower()
    if len(begun) < FEWEST:
        raise SettingsError(f"{told!r} is no id yet: give its first {FEWEST} digits or more")
    found: dict[str, dict[str, bytes | None]] = {}
    for one in exhibits:
        if one.alert.startswith(begun):
            found.setdefault(one.alert, {})[one.part] = one.value
    there = {alert: values for alert, values in found.items() if any(values.values())}
    if len(there) > 1:
        raise SettingsError(f"{told!r} begins {', '.join(sorted(there))}: give more of the id")
    values = next(iter(there.values()), {})
    kept = [decode_evidence(value) for value in values.values() if value is not None]
    if not kept:
        raise SettingsError(
            f"no evidence of alert {told!r} is kept: it is older than a year, or evidence was off"
            " (journal.evidence), or there never was such an alert; without an id this command"
            " lists what there is"
        )
    order = list(Part)
    return {one.part: one for one in sorted(kept, key=lambda one: order.index(one.part))}


def _machine(settings: JournalPart, kept: dict[Part, Evidence]) -> Machine | None:
    """Return what is known of the machine, to mark the lines of its bearing's faults."""
    from daemon.machines import load_machines
    from pipelines.window import SensorKey

    one = next(iter(kept.values()))
    return load_machines(settings.assets).machine(SensorKey(one.asset, one.sensor))
