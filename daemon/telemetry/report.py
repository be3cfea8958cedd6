"""What the loop reports: one place turns what happened into a log line and a metric."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import structlog

from daemon.errors import Unavailable
from daemon.telemetry.metrics import LIMITS_IN_ANOTHER_UNIT, SERVICES
from models.detector import no_limits
from models.judgement import Note
from pipelines.dead_letters import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set

    from daemon.batch import Judged
    from daemon.course import Effect
    from daemon.errors import Fenced
    from daemon.intake import Refusal
    from daemon.journal import Basis
    from daemon.series import Rejected
    from daemon.sources import Record
    from daemon.telemetry.metrics import Metrics
    from daemon.telemetry.progress import Progress
    from models.alerts import AlertEvent
    from models.judgement import Judgement
    from models.policy import LimitsLookup
    from pipelines.dead_letters import DeadLetter
    from pipelines.window import SensorKey

REFUSED_SHOWN: Final = 5
"""Refused points of one batch that are logged; the rest are counted."""

SENSORS_SHOWN: Final = 20
"""Sensors that one line names; the rest are counted."""

OF_BUNDLES: Final = frozenset(
    {Note.BUNDLE_CHANGED, Note.OTHER_FEATURES, Note.LEARNING_BESIDE, Note.HANDED_OVER}
)
"""Notes that tell of another bundle, and are logged with both."""

REBASELINE_ADVICE: Final = (
    "if this is how it runs from now on, `bearingwatch rebaseline ASSET/SENSOR -c FILE` lets it"
    " learn a new baseline"
)

_STAGE_OF: Final = {"restore": "commit"}


class Report:
    """Logs, metrics and progress of one loop."""

    def __init__(
        self,
        metrics: Metrics,
        progress: Progress,
        *,
        watch: Callable[[Judged], None] | None = None,
        each_round: Callable[[], None] | None = None,
        wall: Callable[[], float] = time.time,
        limits: LimitsLookup = no_limits,
    ) -> None:
        self._metrics = metrics
        self._progress = progress
        self._watch = watch
        self._each_round = each_round
        self._wall = wall
        self._limits = limits
        self._met: set[tuple[SensorKey, str]] = set()
        self._waited_for: str | None = None
        self._log: Any = structlog.get_logger("bearingwatch.loop")

    # ---- the loop's own state -----------------------------------------------------------------

    def starting(self, awaited: str) -> None:
        """Note what the start waits for: it may be long before a service is known to be away."""
        self._progress.status = f"starting, waiting for {awaited}"

    def round(self, waiting: bool) -> None:
        """Note one round."""
        self._progress.beat()
        self._metrics.paused.set(waiting)
        if self._each_round:
            self._each_round()

    @contextmanager
    def timing(self, stage: str) -> Iterator[None]:
        """Add the time spent to a stage."""
        began = time.perf_counter()
        try:
            yield
        finally:
            spent = time.perf_counter() - began
            self._metrics.stage_seconds.labels(_STAGE_OF.get(stage, stage)).inc(spent)

    @contextmanager
    def calling(self, service: str, stage: str) -> Iterator[None]:
        """Time a call of a service, and note whether it is there."""
        with self.reaching(service), self.timing(stage):
            yield

    @contextmanager
    def reaching(self, service: str) -> Iterator[None]:
        """Note whether a service is there; what is none of `SERVICES` is let alone."""
        away = False
        try:
            yield
        except Unavailable:
            away = True
            self._waited_for = service
            raise
        finally:
            if service in SERVICES:
                self._note_service(service, away)

    def _note_service(self, service: str, away: bool) -> None:
        self._metrics.service_up.labels(service).set(not away)
        if away:
            self._metrics.service_failures.labels(service).inc()
            self._progress.away |= {service}
        else:
            self._progress.away -= {service}

    def surveyed(self, *, lag: int, silent: int, doubled: int) -> None:
        """Note how many records wait, and how many sensors are silent or have two states."""
        self._metrics.lag_records.set(lag)
        self._metrics.sensors_silent.set(silent)
        self._metrics.sensors_doubled.set(doubled)

    # ---- partitions ---------------------------------------------------------------------------

    def assigned(self, partitions: Set[int], counts: tuple[int, int]) -> None:
        """Note partitions that the source gave."""
        self._log.info("partitions_assigned", partitions=sorted(partitions))
        self._partitions(counts)

    def restored(
        self, partitions: Set[int], counts: tuple[int, int], sensors: int, *, lost: bool
    ) -> None:
        """Note partitions whose state is here, and whether all of it is `lost`."""
        self._log.info("partitions_restored", partitions=sorted(partitions), sensors=sensors)
        if lost:
            self._log.warning("states_missing", partitions=sorted(partitions))
        self._metrics.sensors.set(sensors)
        self._partitions(counts)

    def judged_otherwise(
        self, before: Mapping[int, Basis | None], after: Mapping[int, Basis]
    ) -> None:
        """Note partitions that another bundle, or another policy, judges from an offset on."""
        for partition, basis in sorted(after.items()):
            last = before[partition]
            if last is not None:
                self._log.info(
                    "judgement_changed",
                    partition=partition,
                    offset=basis.since,
                    bundle=basis.bundle,
                    bundle_before=last.bundle,
                    same_features=basis.features == last.features,
                    same_settings=basis.settings == last.settings,
                )

    def released(self, partitions: Set[int], counts: tuple[int, int]) -> None:
        """Note partitions that are another's now."""
        self._log.info("partitions_released", partitions=sorted(partitions))
        self._partitions(counts)

    def _partitions(self, counts: tuple[int, int]) -> None:
        assigned, restored = counts
        self._metrics.partitions_assigned.set(assigned)
        self._metrics.partitions_restored.set(restored)
        self._progress.ready = 0 < assigned == restored
        self._progress.status = f"{restored} of {assigned} partitions restored"

    # ---- batches ------------------------------------------------------------------------------

    def committed(self, records: Sequence[Record], judged: Judged, sensors: int) -> None:
        """Note a batch that is done."""
        metrics, now = self._metrics, self._wall()
        metrics.batch_windows.observe(len(records))
        metrics.last_commit.set(now)
        metrics.window_age.set(now - max(record.timestamp_ms for record in records) / 1e3)
        metrics.sensors.set(sensors)
        if not self._watch:  # who watches is shown them, and tells of them in its own way
            for refusal in judged.sorted.refusals:
                self._name_dead_lettered(refusal)
        for judgement in judged.judgements:
            metrics.windows.labels(judgement.verdict).inc()
        for effect in judged.effects:
            self._command(effect)
        self._note(judged.judgements)
        for _, event in judged.entry.alerts:
            self._alert(event)
        self._tell_of_limits(judged.judgements)
        if self._watch:
            self._watch(judged)

    def dead_lettered(self, letters: Iterable[tuple[int, DeadLetter]]) -> None:
        """Note dead letters that are committed."""
        for _, letter in letters:
            self._metrics.dead_letters.labels(letter.header("reason")).inc()

    def _name_dead_lettered(self, refusal: Refusal) -> None:
        record, whose = refusal.record, {"asset": refusal.asset, "sensor": refusal.sensor}
        self._log.warning(
            "record_dead_lettered",
            reason=str(refusal.reason),
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            **{name: value for name, value in whose.items() if value is not None},
            detail=one_line(refusal.detail),
        )

    def _alert(self, event: AlertEvent) -> None:
        self._metrics.alert_events.labels(event.transition, event.zone).inc()
        self._log.info(
            "alert_changed",
            alert=event.id,
            transition=str(event.transition),
            asset=event.asset,
            sensor=event.sensor,
            zone=str(event.zone),
            text=event.text,
        )

    def _command(self, effect: Effect) -> None:
        record, command = effect.order.record, effect.order.command
        outcome = "applied" if effect.sensors else "passed_over"
        self._metrics.commands.labels(command.command, outcome).inc()
        where = {
            "id": command.id,
            "command": str(command.command),
            "partition": record.partition,
            "offset": record.offset,
        }
        if not effect.sensors:
            self._log.debug("command_passed_over", **where, asset=command.asset)
            return
        named = _named(list(map(str, effect.sensors)))
        self._log.info("command_applied", **where, **named, who=command.who, why=command.why)

    def _note(self, judgements: Sequence[Judgement]) -> None:
        """Note what happened to sensors, in one line per note: a fleet often changes as one."""
        noted: dict[tuple[Note, tuple[str, str] | None], dict[str, None]] = {}  # in order, once
        for judgement in judgements:
            for note in judgement.notes:
                self._metrics.health_events.labels(note).inc()
                bundles = judgement.bundles if note in OF_BUNDLES else None
                noted.setdefault((note, bundles), {})[str(judgement.observation.key)] = None
        for (note, bundles), names in noted.items():
            changed = {"bundle_before": bundles[0], "bundle": bundles[1]} if bundles else {}
            if note is Note.QUIETER:
                changed["advice"] = REBASELINE_ADVICE
            self._log.info("sensors_noted", reason=str(note), **_named(names), **changed)

    def _tell_of_limits(self, judgements: Iterable[Judgement]) -> None:
        """Tell once per sensor and process of limits that its windows cannot be held against."""
        idle: dict[tuple[str, str], list[str]] = {}
        for observation in (judgement.observation for judgement in judgements):
            met = (observation.key, observation.unit)
            if met in self._met:
                continue
            self._met.add(met)
            limits = self._limits(observation.key)
            if limits is not None and not limits.hold_for(observation.unit):
                idle.setdefault((observation.unit, limits.unit), []).append(str(observation.key))
        for (unit, declared), names in idle.items():
            self._metrics.health_events.labels(LIMITS_IN_ANOTHER_UNIT).inc(len(names))
            named = _named(names)
            self._log.warning("limits_in_another_unit", unit=unit, limits_unit=declared, **named)

    # ---- trouble ------------------------------------------------------------------------------

    def refused(self, error: Rejected) -> None:
        """Note points that the series will never take; the windows themselves were judged."""
        self._metrics.points_refused.inc(len(error.refused))
        for one in error.refused[:REFUSED_SHOWN]:
            self._log.error("point_refused", reason=one.message, point=one.point[:300])

    def went_away(self, error: Unavailable, wait_s: float, failures: int) -> None:
        """Note a service that is waited for."""
        self._log.warning(
            "service_went_away",
            service=self._waited_for,
            reason=str(error),
            wait_s=round(wait_s, 2),
            failures=failures,
        )

    def came_back(self, failures: int) -> None:
        """Note that it goes on."""
        self._log.info("service_came_back", service=self._waited_for, failures=failures)

    def source_went_away(self, reason: str) -> None:
        """Note a source whose server does not answer; it is polled like before."""
        self._note_service("source", away=True)
        self._log.warning("service_went_away", service="source", reason=reason)

    def source_came_back(self, away_s: float) -> None:
        """Note that it answers again."""
        self._note_service("source", away=False)
        self._log.info("service_came_back", service="source", away_s=round(away_s, 1))

    def fenced(self, error: Fenced) -> None:
        """Note a batch that could not be committed because it is not ours."""
        self._metrics.fenced.inc()
        self._waited_for = "journal"
        self._log.warning("batch_fenced", reason=str(error))

    # ---- silence ------------------------------------------------------------------------------

    def fell_silent(self, sensors: Sequence[tuple[SensorKey, float]]) -> None:
        """Note sensors that should have sent something, and the seconds they did not."""
        if not sensors:
            return
        self._metrics.health_events.labels("fell_silent").inc(len(sensors))
        named = _named([str(key) for key, _ in sensors])
        longest_s = round(max(quiet_s for _, quiet_s in sensors), 1)
        self._log.warning("sensors_fell_silent", **named, quiet_s=longest_s)

    def heard_again(self, sensors: Sequence[SensorKey]) -> None:
        """Note silent sensors that send again."""
        if not sensors:
            return
        self._metrics.health_events.labels("heard_again").inc(len(sensors))
        self._log.info("sensors_heard_again", **_named([str(key) for key in sensors]))


def _named(names: Collection[str]) -> dict[str, Any]:
    """Return the fields that name sensors, and say how many more there are."""
    shown = list(names)[:SENSORS_SHOWN]
    more = len(names) - len(shown)
    return {"sensors": shown, "more": more} if more else {"sensors": shown}
