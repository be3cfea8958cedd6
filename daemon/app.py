"""The composition root: the only place that knows which kinds of source, series and journal exist.

Each kind is imported when it is chosen, so that a run without Kafka does not import its client.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, TypeVar

import structlog

from daemon.judging import Judging, open_model
from daemon.loop import Parts, Policy
from daemon.machines import load_machines
from daemon.patience import Backoff
from daemon.process import REAL_CLOCK, Process
from daemon.sources.windows import WindowSource
from daemon.telemetry.http import HttpServer
from daemon.telemetry.metrics import Metrics
from daemon.telemetry.progress import Progress
from daemon.telemetry.report import Report
from daemon.telemetry.supervisor import Supervisor
from models.detector import Previous
from models.policy import CommissioningPolicy, DetectorSettings
from pipelines.wire import DEFAULT_LIMITS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from daemon.batch import Judged
    from daemon.journal import Exhibit, Journal
    from daemon.judging import Model
    from daemon.machines import Machines
    from daemon.series import Series
    from daemon.settings import DetectorOverrides, RecordingsSettings, Settings
    from daemon.settings_reading import JournalPart
    from daemon.sources import Source
    from daemon.stopping import Closable
    from models.bundle import Bundle
    from pipelines.recordings import Recording
    from pipelines.window import Window

T = TypeVar("T")
_log: Any = structlog.get_logger("bearingwatch.app")


@dataclass(frozen=True, slots=True)
class App:
    """A process that is put together and not yet started."""

    process: Process
    beside: tuple[tuple[str, Closable], ...]
    metrics: Metrics
    progress: Progress

    def run(self, stopping: Callable[[], bool]) -> None:
        """Run until `stopping` or the source's end."""
        self.process.run(stopping, self.beside)


def build(
    settings: Settings,
    *,
    watch: Callable[[Judged], None] | None = None,
    metrics: Metrics | None = None,
) -> App:
    """Put the daemon together; raises `SettingsError` or `StartError`, starts nothing."""
    metrics = metrics or Metrics()
    clock = REAL_CLOCK
    progress = Progress(clock.monotonic, settings.http.stalled_after_s)
    supervisor = Supervisor(clock.monotonic)
    model = open_model(settings.model.bundle, settings.model.engine, settings.model.threads)
    machines = load_machines(settings.assets)
    parts = build_parts(settings, model, build_source(settings), machines)
    counts = SourceCounts(parts.source, metrics)

    def each_round() -> None:
        supervisor.follow(progress)
        counts.follow()

    report = Report(metrics, progress, watch=watch, each_round=each_round, limits=machines.limits)
    process = Process(
        parts,
        policy_of(settings),
        report,
        drain_s=settings.loop.drain_s,
        clock=clock,
        at_the_end=_completing(settings, parts.series),
    )
    _introduce(settings, model, metrics)
    return App(process, tuple(_beside(settings, progress, metrics)), metrics, progress)


class SourceCounts:
    """Brings what a Kafka source counts by itself into the metrics; others count nothing."""

    def __init__(self, source: Source, metrics: Metrics) -> None:
        self._source = source
        self._counters = {
            "records_lost": metrics.lost_records,
            "stalls": metrics.source_stalls,
        }
        self._seen = dict.fromkeys(self._counters, 0)

    def follow(self) -> None:
        """Add what was counted since the last time."""
        for name, counter in self._counters.items():
            now = int(getattr(self._source, name, 0))
            counter.inc(now - self._seen[name])
            self._seen[name] = now


def _introduce(settings: Settings, model: Model, metrics: Metrics) -> None:
    facts = {
        "version": version("bearingwatch"),
        "bundle": model.bundle.hash,
        "engine": model.engine.name,
    }
    metrics.build.info(facts)
    _log.info(
        "process_built",
        source=settings.source.kind,
        series=settings.series.kind,
        journal=settings.journal.kind,
        **facts,
    )


def _beside(
    settings: Settings, progress: Progress, metrics: Metrics
) -> Iterator[tuple[str, Closable]]:
    if settings.http.enabled:
        http = HttpServer(settings.http.host, settings.http.port, progress, metrics)
        yield "http", http


def build_offline(
    settings: Settings,
    windows: Iterable[Window],
    *,
    watch: Callable[[Judged], None],
    machines: Machines | None = None,
) -> Process:
    """Put the same loop together over windows that are here already, with no server beside it."""
    clock = REAL_CLOCK
    model = open_model(settings.model.bundle, settings.model.engine, settings.model.threads)
    source = WindowSource(windows, batch=settings.loop.batch_windows)
    parts = build_parts(settings, model, source, machines)
    report = Report(Metrics(), Progress(clock.monotonic), watch=watch)
    return Process(
        parts,
        replace(policy_of(settings), patient=False),
        report,
        drain_s=settings.loop.drain_s,
        at_the_end=_completing(settings, parts.series),
    )


def _completing(settings: Settings, series: Series) -> Callable[[], None]:
    """Return what is to be done at a source's end: a CSV file is complete then and only then."""
    if settings.series.kind != "csv":
        return lambda: None
    from daemon.series.csv import CsvSeries

    assert isinstance(series, CsvSeries)  # noqa: S101
    return series.complete


# ---- the loop's parts -------------------------------------------------------------------------


def build_parts(
    settings: Settings, model: Model, source: Source, machines: Machines | None = None
) -> Parts:
    """Return the parts around `source` as the settings choose them."""
    machines = machines or load_machines(settings.assets)
    judging = build_judging(settings, model, machines)
    declared = settings.assets.read_bytes() if settings.assets else b""
    return Parts(
        source=source,
        series=build_series(settings),
        journal=build_journal(settings, source),
        judge=judging,
        declared_cadence_s=machines.cadence_s,
        basis=judging.basis(declared),
    )


def policy_of(settings: Settings) -> Policy:
    """Return what is wanted of the loop."""
    loop = settings.loop
    return Policy(
        limits=replace(DEFAULT_LIMITS, max_ahead_s=settings.limits.clock_ahead_s),
        batch_windows=loop.batch_windows,
        poll_timeout_s=loop.poll_timeout_s,
        vibration_every=loop.vibration_every,
        evidence=settings.journal.evidence,
        backoff=Backoff(loop.backoff_first_s, loop.backoff_longest_s),
        silent_after_cadences=settings.limits.silent_after_cadences,
    )


def build_judging(settings: Settings, model: Model, machines: Machines | None = None) -> Judging:
    """Return the judge: the bundle's calibration, the plant's wishes, what machines are known.

    Loads the previous bundles too; raises `StartError` for a bad one.
    """
    machines = machines or load_machines(settings.assets)
    return Judging(
        model,
        detector_settings(model.bundle, settings.detector),
        machine=machines.machine,
        limits=machines.limits,
        group_of=machines.group_of,
        previous=open_previous(settings),
        recommission=settings.model.recommission,
    )


def open_previous(settings: Settings) -> list[Previous]:
    """Load and verify the previous bundles, each with its own calibration; raises `StartError`."""
    told = settings.model
    models = [open_model(bundle, told.engine, told.threads) for bundle in told.previous]
    return [
        Previous(one.bundle, one.engine, detector_settings(one.bundle, settings.detector))
        for one in models
    ]


def detector_settings(bundle: Bundle, wanted: DetectorOverrides) -> DetectorSettings:
    """Return the detector's policies, with what the plant wants otherwise."""
    base = DetectorSettings(charts=bundle.charts)
    confirmation = {
        "needed": wanted.confirm_needed,
        "among": wanted.confirm_among,
        "minimum_s": wanted.confirm_minimum_s,
    }
    budget = {"false_alerts_per_sensor_year": wanted.false_alerts_per_sensor_year}
    return replace(
        base,
        commissioning=commissioning_policy(wanted),
        budget=replace(base.budget, **_given(budget)),
        confirmation=replace(base.confirmation, **_given(confirmation)),
    )


def commissioning_policy(wanted: DetectorOverrides) -> CommissioningPolicy:
    """Return when a sensor has learnt enough, of any bundle."""
    told = {"windows": wanted.commissioning_windows, "span_s": wanted.commissioning_span_s}
    return replace(CommissioningPolicy(), **_given(told))


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


# ---- kinds ------------------------------------------------------------------------------------


def build_source(settings: Settings) -> Source:
    """Return the source that `source.kind` names."""
    kind = settings.source.kind
    if kind == "kafka":
        from daemon.sources.kafka import KafkaSource

        return KafkaSource(settings.kafka, settings.instance)
    if kind == "memory":
        from daemon.sources.memory import MemorySource

        return MemorySource()
    windows = _recorded(settings) if kind == "recordings" else _simulated(settings)
    return WindowSource(windows, batch=settings.loop.batch_windows)


def _recorded(settings: Settings) -> Iterator[Window]:
    from daemon.recorded import recorded_windows

    return recorded_windows(_open_recordings(_table(settings.recordings)))


def _open_recordings(told: RecordingsSettings) -> list[Recording]:
    from daemon.recorded import open_recordings

    return open_recordings(told.paths, told.model_dump(exclude={"paths"}))


def _simulated(settings: Settings) -> Iterator[Window]:
    from pipelines.simulator import Fleet, random_fleet

    told = settings.simulator
    spec = random_fleet(
        told.seed,
        machines=told.machines,
        sensors_per_machine=told.sensors_per_machine,
        degrading=told.degrading,
        windows=int(told.windows),
        cadence_s=told.cadence_s,
    )
    return Fleet(spec).windows()


def build_series(settings: Settings) -> Series:
    """Return the series that `series.kind` names."""
    kind = settings.series.kind
    if kind == "influxdb":
        from daemon.series.influxdb import InfluxdbSeries

        return InfluxdbSeries(_table(settings.influxdb))
    if kind == "sqlite":
        from daemon.series.sqlite import SqliteSeries

        return SqliteSeries(_table(settings.sqlite))
    if kind == "csv":
        from daemon.series.csv import CsvSeries

        return CsvSeries(_table(settings.csv))
    from daemon.series.memory import MemorySeries

    return MemorySeries()


def build_journal(settings: Settings, source: Source) -> Journal:
    """Return the journal that `journal.kind` names."""
    kind = settings.journal.kind
    if kind == "kafka":
        from daemon.journal.kafka import KafkaJournal
        from daemon.sources.kafka import KafkaSource

        assert isinstance(source, KafkaSource)  # noqa: S101 (checked when the settings were)
        return KafkaJournal(
            settings.kafka,
            settings.instance,
            source.group_metadata,
            evidence=settings.journal.evidence,
        )
    if kind == "sqlite":
        from daemon.journal.sqlite import SqliteJournal

        return SqliteJournal(_table(settings.sqlite), settings.instance, _counted(settings))
    from daemon.journal.memory import MemoryJournal

    return MemoryJournal()


def read_evidence(settings: JournalPart) -> Iterator[Exhibit]:
    """Yield what the journal that `journal.kind` names keeps of alerts; the latest holds.

    For other processes than the daemon; raises `StartError`, `Unavailable`.
    """
    if settings.journal.kind == "kafka":
        from daemon.journal import kafka

        return kafka.read_evidence(settings.kafka)
    from daemon.journal import sqlite

    return sqlite.read_evidence(_table(settings.sqlite).path)


def _counted(settings: Settings) -> str:
    """Say what a source's offsets count: with any of this changed they mean other windows."""
    kind = settings.source.kind
    if kind == "kafka":
        return f"topic {settings.kafka.windows_topic}"
    if kind == "simulator":
        shape = settings.simulator.model_dump().items()
        return f"simulator of {', '.join(f'{name} {value}' for name, value in shape)}"
    if kind == "recordings":
        told = _table(settings.recordings)
        paths = sorted(str(path.resolve()) for path in told.paths)
        rate = "" if told.sample_rate_hz is None else f" at {told.sample_rate_hz:g} Hz"
        which = _which(_open_recordings(told))
        return f"recordings {', '.join(paths)} in windows of {told.window_s:g} s{rate}: {which}"
    return kind


def _which(recordings: Sequence[Recording]) -> str:
    """Say which recordings the merged windows are counted over; a single one may grow."""
    single = len(recordings) == 1
    told = sorted(
        f"{one.path.resolve()} {', '.join(map(str, one.sensors))} {'' if single else _size(one)}"
        for one in recordings
    )
    return f"{len(told)}, {hashlib.sha256(chr(10).join(told).encode()).hexdigest()[:16]}"


def _size(recording: Recording) -> int:
    """Return how long a recording is, in whatever unit is known."""
    length = recording.length
    return recording.path.stat().st_size if length is None else length


def _table(table: T | None) -> T:
    assert table is not None  # noqa: S101 (checked when the settings were)
    return table
