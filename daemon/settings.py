"""What the process can be told: the tables of settings, and what each may hold.

Every setting has its unit in its name and its meaning in the docstring below it; both end up in
`docs/settings.md`, which a test compares with this file. Everything is frozen. How file and
environment are read is told in `daemon/settings_reading.py`.
"""

from __future__ import annotations

import math
import os
import re
import socket
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import NoDecode

from models.policy import ConfirmationPolicy

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MIB: Final = 1 << 20
MOST_AMONG: Final = 60
"""A chart's memory is 64 bits, and slow sensors are asked for some windows more."""
FEWEST_LEARNT: Final = 20
MOST_LEARNT: Final = 10_000
"""A hundred times what is learnt from unless told: a week at one window a minute."""
TABLES_OF_KINDS: Final = ("influxdb", "sqlite", "csv", "recordings")
"""Tables that are needed where a kind is named like them."""


_CSV_WITH: Final = {("memory", kind) for kind in ("recordings", "simulator", "memory")}
"""Journal and source that end where a CSV file does: rows of an earlier run are nowhere."""


def _named(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", value):
        raise ValueError(
            "must be up to 128 letters, digits, dots, hyphens or underscores, and begin with a "
            "letter or digit"
        )
    return value


def _learnt_from(windows: int) -> int:
    if not FEWEST_LEARNT <= windows <= MOST_LEARNT:
        raise ValueError(
            f"must be {FEWEST_LEARNT} to {MOST_LEARNT} windows: fewer make no baseline, and while "
            "more are learnt from, only declared limits protect"
        )
    return windows


def _broker(value: str) -> str:
    host, _, port = value.rpartition(":")
    bare = re.fullmatch(r"[^\s:/]+|\[[0-9A-Fa-f:.]+\]", host)
    if not bare or not re.fullmatch(r"[0-9]{1,5}", port) or not 1 <= int(port) <= 65_535:
        raise ValueError("must be host:port like kafka-1:9092, with a port from 1 to 65535")
    return value


def _place(value: object) -> object:
    """Refuse what names no file; `Path("")` would be the folder we are in."""
    if isinstance(value, str) and (not value or "\0" in value):
        raise ValueError("must name a file or folder")
    return value


def _address(value: str) -> str:
    if not re.fullmatch(r"https?://\S+", value):
        raise ValueError("must be an address like http://localhost:8086")
    return value


Name = Annotated[str, AfterValidator(_named)]
Place = Annotated[Path, BeforeValidator(_place)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
Int32 = Annotated[int, Field(ge=1, le=2**31 - 1)]
"""What a field of Kafka's protocol can hold."""
Span = Annotated[float, Field(ge=0, le=31_536_000, allow_inf_nan=False)]
"""Of the log's time, at most a year."""
Patience = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]
"""A wait that a system's clock can hold; whoever waits for over a day has given up."""


def _split(value: object) -> object:
    """Let an environment variable say `a:9092,b:9092`."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


Listed = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split), Field(min_length=1)]


Brokers = Annotated[
    tuple[Annotated[str, AfterValidator(_broker)], ...],
    NoDecode,
    BeforeValidator(_split),
    Field(min_length=1),
]


class Section(BaseModel):
    """One table of the file; an unknown key in it is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class SourceSettings(Section):
    """Where windows come from."""

    kind: Literal["kafka", "recordings", "simulator", "memory"] = "kafka"
    """Which source reads windows; its own table holds the rest."""


class SeriesSettings(Section):
    """Where losses, vibration and alerts go."""

    kind: Literal["influxdb", "sqlite", "csv", "memory"] = "influxdb"
    """Which store takes the points; its own table holds the rest."""


class JournalSettings(Section):
    """Where states, alert events, dead letters and offsets are committed."""

    kind: Literal["kafka", "sqlite", "memory"] = "kafka"
    """Which journal commits; `memory` forgets everything at the end."""
    evidence: bool = True
    """Whether the windows and the baseline that an alert rests on are kept, for a year."""


class KafkaSettings(Section):
    """The brokers, the topics and the client's limits."""

    bootstrap_servers: Brokers = ("localhost:9092",)
    """Brokers to begin with, `host:port`; a list, or separated by commas in the environment."""
    prefix: Name = "bearingwatch"
    """Topics are `<prefix>.windows`, `.alerts`, `.evidence`, `.state` and `.dead-letters`."""
    group: Name = "bearingwatch"
    """Consumer group; all replicas of one plant share it."""
    max_poll_records: Int32 = 256
    """Records that one poll brings at most."""
    session_timeout_ms: Int32 = 45_000
    """Silence after which the group gives our partitions away; brokers take 6 s to 30 min."""
    heartbeat_interval_ms: Int32 = 3_000
    """Time between two signs of life; at most a third of the session timeout."""
    max_poll_interval_ms: Int32 = 300_000
    """Longest time between two polls."""
    transaction_timeout_ms: Annotated[int, Field(ge=1_000, le=2**31 - 1)] = 15_000
    """The broker aborts a dead process's transaction after so long: 1 s to usually 15 min."""
    request_timeout_s: Patience = 30.0
    """Longest wait for one answer of a broker."""
    fetch_min_bytes: Int32 = 65_536
    """A broker waits for so much before it answers a fetch."""
    fetch_max_wait_ms: Int32 = 100
    """But not longer than this."""
    max_partition_fetch_bytes: Int32 = 4 * MIB
    """Most bytes of one partition in one fetch."""
    fetch_max_bytes: Int32 = 32 * MIB
    """Most bytes in one fetch."""

    @property
    def windows_topic(self) -> str:
        """Topic that windows are read from."""
        return f"{self.prefix}.windows"

    @property
    def alerts_topic(self) -> str:
        """Topic that alert events are published on."""
        return f"{self.prefix}.alerts"

    @property
    def evidence_topic(self) -> str:
        """Compacted topic of what alerts rest on."""
        return f"{self.prefix}.evidence"

    @property
    def state_topic(self) -> str:
        """Compacted topic of the sensor states."""
        return f"{self.prefix}.state"

    @property
    def dead_letters_topic(self) -> str:
        """Topic of records that could not be judged."""
        return f"{self.prefix}.dead-letters"

    @model_validator(mode="after")
    def _heartbeats_fit(self) -> Self:
        if self.heartbeat_interval_ms * 3 > self.session_timeout_ms:
            raise ValueError(
                "heartbeat_interval_ms must be at most a third of session_timeout_ms: got"
                f" {self.heartbeat_interval_ms} and {self.session_timeout_ms}"
            )
        return self


class InfluxdbSettings(Section):
    """The InfluxDB that takes the series."""

    url: Annotated[str, AfterValidator(_address)]
    """Address, such as `http://localhost:8086`."""
    org: Annotated[str, Field(min_length=1)]
    """Organisation that owns the bucket."""
    bucket: Annotated[str, Field(min_length=1)]
    """Bucket that points are written to; it must exist."""
    token: SecretStr
    """Token that may write to the bucket; better given by the environment."""
    timeout_s: Patience = 10.0
    """Longest wait for one write."""


class SqliteSettings(Section):
    """The file of the SQLite series and journal."""

    path: Place
    """Database file, made where there is none; a journal in it keeps to one source."""


class CsvSettings(Section):
    """The file of the CSV series."""

    path: Place
    """File of one row per window and sensor; it appears when the source came to its end."""

    @property
    def target(self) -> Path:
        """The file that is written, which a link at `path` points to."""
        return Path(os.path.realpath(self.path))

    @property
    def unfinished(self) -> Path:
        """Where its rows are until it is complete."""
        return self.target.with_name(f".{self.target.name}.unfinished")


def _check_declared(fields: Mapping[str, Any]) -> None:
    from pipelines.recordings import declare

    declare(**{name: value for name, value in fields.items() if value is not None})


class RecordingsSettings(Section):
    """Recordings to read windows from."""

    paths: Annotated[tuple[Place, ...], NoDecode, BeforeValidator(_split), Field(min_length=1)]
    """Files and folders: .npz, the IMS and FEMTO layouts, CSV, WAV or Parquet."""
    asset: str | None = None
    """Declared name of the machine; goes before what a file or its name says."""
    sensor: str | None = None
    """Declared name of the sensor."""
    axes: Listed | None = None
    """Declared names of the channels, in their order in the file."""
    columns: Listed | None = None
    """Columns to read, of CSV and Parquet alone; all where unset."""
    sample_rate_hz: Positive | None = None
    """Declared rate, for formats that do not carry one."""
    unit: Literal["g", "m/s2", "mm/s", "V"] | None = None
    """Declared unit, for formats that do not carry one."""
    scale: Positive | None = None
    """Declared physical value of one count."""
    full_scale: Positive | None = None
    """Instead of `scale`, for WAV: physical value of the largest sample."""
    start: datetime | None = None
    """Declared time of the first sample; UTC where it has no zone."""
    window_s: Positive = 1.0
    """Length of the windows that one continuous signal is cut into."""
    rpm: Positive | None = None
    """Declared speed, if it is constant."""
    load: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    """Declared load, if it is constant; in any unit."""

    @field_validator("asset", "sensor", "axes", "sample_rate_hz", "scale", "start", "rpm", "load")
    @classmethod
    def _can_be_declared(cls, value: object, info: ValidationInfo) -> object:
        """Refuse here what no recording can have, so that file or variable are told."""
        _check_declared({str(info.field_name): value})
        return value

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        _check_declared(self.model_dump(exclude={"paths"}))
        return self


class SimulatorSettings(Section):
    """A simulated fleet to read windows from."""

    seed: Annotated[int, Field(ge=0)] = 1
    """The same seed gives the same fleet, to the bit."""
    machines: Annotated[int, Field(ge=1, le=10_000)] = 6
    """How many machines the fleet has."""
    sensors_per_machine: Annotated[int, Field(ge=1, le=100)] = 3
    """Sensors along the shaft of each machine."""
    degrading: Annotated[int, Field(ge=0)] = 3
    """So many of the machines have one bearing that fails."""
    cadence_s: Positive = 600.0
    """Simulated time between two windows of a sensor."""
    days: Positive = 5.0
    """Simulated days until the source is exhausted."""

    @property
    def windows(self) -> float:
        """Windows of each sensor, a whole number."""
        windows = self.days * 86_400 / self.cadence_s
        return math.ceil(windows) if math.isfinite(windows) else windows

    @model_validator(mode="after")
    def _run_is_possible(self) -> Self:
        if self.model_fields_set:  # the simulator is 50 MB that a daemon on Kafka does without
            from pipelines.simulator import check_run

            check_run(self.windows, self.cadence_s)
        return self


class ModelSettings(Section):
    """The bundle that judges, and the engine that runs it."""

    bundle: Place | None = None
    """Folder of a bundle; without it the one that was shipped is used."""
    previous: Annotated[tuple[Place, ...], NoDecode, BeforeValidator(_split)] = ()
    """Bundles that judged before, folders or shipped names: they do until `bundle` has learnt."""
    recommission: bool = False
    """Begin anew, unjudged meanwhile, with sensors whose bundle of other features is not given."""
    engine: Literal["onnx", "tensorflow"] = "onnx"
    """`onnx` is the faster one on a CPU; `tensorflow` needs the training extra."""
    threads: Annotated[int, Field(ge=1, le=1_024)] = 1
    """Threads of the engine; scale by processes rather than by threads."""


class DetectorOverrides(Section):
    """What the plant wants otherwise than the bundle's calibration; unset keeps the bundle's."""

    commissioning_windows: Annotated[int, AfterValidator(_learnt_from)] | None = None
    """Windows that a sensor's baseline is learnt from, 20 to 10000."""
    commissioning_span_s: Span | None = None
    """Time that those windows must span at least; hours, where windows come every few seconds,
    spare a sensor false alerts on its first day and leave it unjudged for so long."""
    confirm_needed: Count | None = None
    """So many exceeding windows, and two more where they come once a minute or more rarely, ..."""
    confirm_among: Annotated[int, Field(ge=1, le=MOST_AMONG)] | None = None
    """... among so many, and two more there, confirm a departure; what is far over a limit, or over
    one on the level, takes no more there."""
    confirm_minimum_s: Span | None = None
    """Shortest time that a departure must last before it is believed."""
    false_alerts_per_sensor_year: Annotated[float, Field(ge=0.001, le=100.0)] | None = None
    """False alerts a healthy sensor may have a year, 0.001 to 100; more find a failure sooner."""

    @model_validator(mode="after")
    def _confirmation_is_possible(self) -> Self:
        # No bundle calibrates these two: what is unset is the policy's default.
        default = ConfirmationPolicy()
        needed = default.needed if self.confirm_needed is None else self.confirm_needed
        among = default.among if self.confirm_among is None else self.confirm_among
        if needed > among:
            raise ValueError(
                f"confirm_needed must not exceed confirm_among, or nothing is ever alerted: got"
                f" {needed} of {among}; unset they are {default.needed} of {default.among}"
            )
        return self


class LimitsSettings(Section):
    """What is refused."""

    clock_ahead_s: Positive = 600.0
    """A window that starts so far ahead of its record's timestamp is dead-lettered."""
    silent_after_cadences: Annotated[float, Field(ge=2)] = 5.0
    """A sensor that sent nothing new for so many of its cadences is silent."""


class LoopSettings(Section):
    """How the loop batches, waits and stops."""

    batch_windows: Annotated[int, Field(ge=1, le=10_000)] = 256
    """Windows judged, written and committed together."""
    poll_timeout_s: Annotated[float, Field(gt=0, le=0.5)] = 0.5
    """Longest wait for windows."""
    vibration_every: Count = 10
    """Every so many windows of a sensor its descriptors are written too."""
    backoff_first_s: Patience = 0.5
    """Longest first wait while a service is away; it doubles, with full jitter."""
    backoff_longest_s: Annotated[Positive, Field(le=3_600)] = 30.0
    """Longest wait of all while a service is away."""
    drain_s: Annotated[Positive, Field(le=3_600)] = 25.0
    """Time to finish, commit and leave after a first SIGTERM; keep the supervisor's longer."""


class HttpSettings(Section):
    """The server of /healthz, /readyz and /metrics."""

    enabled: bool = True
    """Whether to serve at all."""
    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    """Address to listen on; `0.0.0.0` in a container."""
    port: Annotated[int, Field(ge=0, le=65_535)] = 9108
    """Port to listen on; 0 takes a free one and logs it."""
    stalled_after_s: Patience = 60.0
    """/healthz fails when the loop made no round for so long."""


class LogSettings(Section):
    """Logging."""

    format: Literal["auto", "json", "console"] = "auto"
    """`auto` is console on a terminal, else JSON."""
    level: Literal["debug", "info", "warning", "error"] = "info"
    """Least level that is written."""
    repeat_after_s: Patience = 30.0
    """The same event for the same reason is written once in so long, with a count of the rest."""


def _host_name() -> str:
    return socket.gethostname()


class Settings(Section):
    """Everything; components get their own part only."""

    instance: Name = Field(default_factory=_host_name)
    """Stable name of this replica; another process of the same name is fenced."""
    assets: Place | None = None
    """What is known of the machines; without it `assets.toml` beside the file, if there is one."""
    source: SourceSettings = SourceSettings()
    series: SeriesSettings = SeriesSettings()
    journal: JournalSettings = JournalSettings()
    kafka: KafkaSettings = KafkaSettings()
    influxdb: InfluxdbSettings | None = None
    sqlite: SqliteSettings | None = None
    csv: CsvSettings | None = None
    recordings: RecordingsSettings | None = None
    simulator: SimulatorSettings = SimulatorSettings()
    model: ModelSettings = ModelSettings()
    detector: DetectorOverrides = DetectorOverrides()
    limits: LimitsSettings = LimitsSettings()
    loop: LoopSettings = LoopSettings()
    http: HttpSettings = HttpSettings()
    log: LogSettings = LogSettings()

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        if problems := list(self._problems()):
            raise ValueError("\n".join(problems))
        return self

    def _problems(self) -> Iterator[str]:
        """Yield a line for each thing that does not go with another."""
        if self.simulator.degrading > self.simulator.machines:
            yield "simulator.degrading must not exceed simulator.machines"
        kinds: dict[str, list[str]] = {}
        for name in ("source", "series", "journal"):
            kinds.setdefault(getattr(self, name).kind, []).append(f"{name}.kind")
        for kind, choosing in kinds.items():
            if kind in TABLES_OF_KINDS and getattr(self, kind) is None:
                chosen = f"{' and '.join(choosing)} {'are' if len(choosing) > 1 else 'is'} {kind!r}"
                default = ", which is the default" if kind == SeriesSettings().kind else ""
                yield f"{chosen}{default}, so the table [{kind}] is needed"
        if self.series.kind == "csv" and (self.journal.kind, self.source.kind) not in _CSV_WITH:
            yield (
                "series.kind = 'csv' is the file of one run to the source's end, so journal.kind"
                " must be 'memory' and source.kind 'recordings' or 'simulator': got"
                f" {self.journal.kind!r} and {self.source.kind!r}; use series.kind = 'sqlite'"
            )
        if self.journal.kind == "kafka" and self.source.kind != "kafka":
            yield (
                "journal.kind = 'kafka' commits offsets of Kafka, so source.kind must be 'kafka'"
                f" and not {self.source.kind!r}; use journal.kind = 'sqlite'"
            )
