"""What an alert rests on: windows as they came, and the baseline that they were held against.

Of each alert three windows are kept: the one of the first exceedance, the one that confirmed it
and, where it came so far, the one that made it an alarm. An alert's name is a function of sensor
and first exceedance, so the first window is kept when it comes, under the name of the alert that
it may become, and taken away again when the run of exceedances lapses. Nothing has to be held in
memory for that, and evidence is a function of the log like the alerts themselves.

`docs/alerts.md` has the same for people; a test compares the two.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from daemon.errors import StartError
from models.alerts import AlertEvent
from pipelines.features import FeatureSettings


class Part(StrEnum):
    """Which of an alert's windows it is."""

    FIRST = "first"
    RAISED = "raised"
    ESCALATED = "escalated"


class BaselineSpectrum(msgspec.Struct, frozen=True, kw_only=True):
    """The healthy spectrum that an alert was raised against, band by band.

    `edges_hz` has one pair a band: first those of the spectrum, `features.bands` of them, then
    those of the envelope spectrum. `level`, `spread` and `departures` have one list an axis, with
    one number a band, NaN where a band is unknown. Level and spread are in decades: of power in
    `unit` squared, or of prominence for the envelope's. `fault_line_level` and
    `fault_line_spread` are those of the four fault lines. Departures are in robust standard
    deviations, as the network saw them: without what all bands share, and clipped.
    """

    features: FeatureSettings
    axes: tuple[str, ...]
    unit: str
    sample_rate_hz: float
    windows: int
    first_ns: int
    last_ns: int
    edges_hz: list[tuple[float, float]]
    level: list[list[float]]
    spread: list[list[float]]
    fault_line_level: list[list[float]]
    fault_line_spread: list[list[float]]
    departures: list[list[float]]


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """One window of one alert, with where it came from.

    `window` is the record's value as it came. `event` is what was told with it: None of the first
    window, since nobody knew yet. `baseline` is given with the event that raised the alert, and
    None there too where absolute limits judged before there was one.
    """

    schema: int = 1
    alert: str
    part: Part
    asset: str
    sensor: str
    start_ns: int
    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    content_type: str | None
    window: bytes
    event: AlertEvent | None = None
    baseline: BaselineSpectrum | None = None

    def encode(self) -> bytes:
        """Return the evidence as MessagePack; `decode_evidence` is the inverse."""
        return msgspec.msgpack.encode(self)


def decode_evidence(value: bytes) -> Evidence:
    """Return what `Evidence.encode` wrote; raises `StartError` for what a newer version wrote."""
    try:
        found = msgspec.msgpack.decode(value, type=Evidence)
    except msgspec.MsgspecError as error:
        raise StartError(f"evidence cannot be read: {error}") from error
    if found.schema > 1:
        raise StartError(
            f"evidence of alert {found.alert} has schema {found.schema}, this version knows 1:"
            " a newer bearingwatch wrote it, upgrade"
        )
    return found
