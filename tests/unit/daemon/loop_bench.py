"""A loop on fakes: builders for records, a judge that counts, services that fail on demand."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from daemon.errors import BearingwatchError
from daemon.journal import Basis, Entry, Restored, StateRecord
from daemon.journal.memory import merge
from daemon.loop import Clock, Loop, Parts, Policy
from daemon.patience import Backoff
from daemon.sources.memory import MemorySource
from daemon.telemetry.metrics import Metrics
from daemon.telemetry.progress import Progress
from daemon.telemetry.report import Report
from models.alerts import AlertEvent, Transition, Zone
from models.detector import no_limits
from models.judgement import Judgement, Note, Status, Verdict
from models.state import NEW_HOT, Cold, SensorState, with_row
from pipelines.features import Observation, TooShort
from pipelines.quality import Quality
from pipelines.window import SensorKey, Window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence, Set

    from daemon.batch import Judged
    from daemon.series import Points
    from models.peers import PlaceLookup
    from models.policy import LimitsLookup

SECOND_NS = 1_000_000_000
NOTES: dict[float, tuple[Note, ...]] = {7: (Note.QUIETER,), 8: (Note.COMMISSIONED,)}


def window(index: int, asset: str = "pump", sensor: str = "de", level: int = 1) -> Window:
    return Window(
        asset=asset,
        sensor=sensor,
        axes=("x",),
        start_ns=index * SECOND_NS,
        sample_rate_hz=64.0,
        unit="g",
        samples=np.full((1, 64), level, "<i2"),
    )


def observation(of: Window) -> Observation:
    level = np.array([of.signal().max()], np.float32)
    return Observation(
        key=of.key,
        start_ns=of.start_ns,
        axes=of.axes,
        duration_s=of.duration_s,
        sample_rate_hz=of.sample_rate_hz,
        unit=of.unit,
        log_bands=np.zeros((1, 1, 1), np.float32),
        rms=level,
        peak=level,
        crest=level,
        kurtosis=level,
        velocity_rms=level,
        quality=Quality(),
    )


class CountingJudge:
    """Numbers a sensor's windows; levels 7 and 8 make a note, 9 raises an alert, 13 is a defect."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def check(self, window: Window) -> None:
        if window.samples.shape[1] < 64:
            raise TooShort(f"{window.samples.shape[1]} samples, expected 64 or more")

    def check_states(self, states: Iterable[SensorState]) -> None:
        pass

    def extract(
        self, windows: Sequence[Window], states: Mapping[SensorKey, SensorState]
    ) -> list[Observation]:
        return [observation(each) for each in windows]

    def judge(
        self,
        states: Mapping[SensorKey, SensorState],
        observations: Sequence[Observation],
        place_of: PlaceLookup,
    ) -> tuple[dict[SensorKey, SensorState], list[Judgement]]:
        self.batches.append(len(observations))
        new: dict[SensorKey, SensorState] = {}
        judgements = []
        for each in observations:
            fresh = SensorState(NEW_HOT, Cold())
            state = new.get(each.key) or states.get(each.key) or fresh
            index = int(state.row["index"])
            judgements.append(judgement(each, index))
            new[each.key] = with_row(state, index=index + 1, last_ns=each.start_ns, cadence_s=1.0)
        return new, judgements


def judgement(of: Observation, index: int) -> Judgement:
    level = float(of.rms[0])
    if level == 13:
        raise ZeroDivisionError("a defect of ours")
    return Judgement(
        observation=of,
        index=index,
        verdict=Verdict.SCORED,
        status=Status.MONITORING,
        zone=Zone.NORMAL,
        loss=float(index),
        threshold=1.0,
        anchored=0.5,
        adaptive=0.5,
        louder=False,
        axis_loss=(float(index),),
        departures=((0.0,) * 16,),
        provisional=False,
        suspicious=False,
        events=(alert(of, index),) if level == 9 else (),
        notes=NOTES.get(level, ()),
    )


def alert(of: Observation, index: int) -> AlertEvent:
    return AlertEvent(
        id=f"{of.key}-{index}",
        asset=of.key.asset,
        sensor=of.key.sensor,
        transition=Transition.RAISED,
        zone=Zone.WARNING,
        time_ns=of.start_ns,
        first_exceedance_ns=of.start_ns,
        confirmed_ns=of.start_ns,
        loss=2.0,
        threshold=1.0,
        louder=True,
        axis="x",
        bands=(),
        fault=None,
        link="primary",
        provisional=False,
        baseline="b",
        bundle="m",
        text="louder than its own health",
    )


class Failures:
    """Errors to be raised by the next calls, one each; None lets a call through."""

    def __init__(self) -> None:
        self.planned: list[BearingwatchError | None] = []

    def plan(self, *errors: BearingwatchError | None) -> None:
        self.planned.extend(errors)

    def strike(self) -> None:
        error = self.planned.pop(0) if self.planned else None
        if error is not None:
            raise error


class FailingSeries:
    """Keeps points by what makes them unique."""

    def __init__(self) -> None:
        self.failures = Failures()
        self.losses: dict[tuple[SensorKey, int], float] = {}
        self.vibrations: dict[tuple[SensorKey, int], float] = {}
        self.alerts: dict[str, AlertEvent] = {}
        self.calls = 0

    def start(self) -> None:
        pass

    def write(self, points: Points) -> None:
        self.calls += 1
        self.failures.strike()
        for each in points.losses:
            self.losses[each.observation.key, each.observation.start_ns] = each.loss
        for each in points.vibrations:
            self.vibrations[each.observation.key, each.observation.start_ns] = each.loss
        self.alerts.update({event.id: event for event in points.alerts})

    def close(self) -> None:
        pass


class FailingJournal:
    """Commits to dictionaries, which two journals may share."""

    def __init__(self, kept: Kept | None = None) -> None:
        self.kept = kept or Kept()
        self.failures = Failures()
        self.restore_failures = Failures()
        self.released: list[frozenset[int]] = []
        self._held: set[int] = set()
        self._returned = 0

    def start(self) -> None:
        pass

    def restore(self, partitions: Set[int]) -> dict[int, Restored]:
        self.restore_failures.strike()
        self._held |= partitions
        kept = self.kept
        return {
            p: Restored(dict(kept.states[p]), kept.offsets.get(p), kept.bases.get(p))
            for p in partitions
        }

    def commit(self, entry: Entry) -> None:
        self.failures.strike()
        for partition, states in entry.states.items():
            merge(self.kept.states[partition], states)
        self.kept.alerts.extend(event for _, event in entry.alerts)
        self.kept.dead_letters.extend(letter.header("reason") for _, letter in entry.dead_letters)
        self.kept.offsets.update(entry.next_offsets)
        self.kept.bases.update(entry.bases)
        self.kept.commits += 1

    def undelivered(self) -> list[AlertEvent]:
        self._returned = len(self.kept.alerts)
        return self.kept.alerts[self.kept.delivered :]

    def mark_delivered(self) -> None:
        self.kept.delivered = self._returned

    def release(self, partitions: Set[int]) -> None:
        self.released.append(frozenset(partitions))
        self._held -= partitions

    def close(self) -> None:
        pass


@dataclass(slots=True)
class Kept:
    """What a journal committed."""

    states: dict[int, dict[SensorKey, StateRecord]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    alerts: list[AlertEvent] = field(default_factory=list)
    dead_letters: list[str] = field(default_factory=list)
    offsets: dict[int, int] = field(default_factory=dict)
    bases: dict[int, Basis] = field(default_factory=dict)
    delivered: int = 0
    commits: int = 0


class StubClock:
    """Time that passes by sleeping only, and a little with every look."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += max(seconds, 0.001)

    def bundle(self) -> Clock:
        return Clock(self.monotonic, self.sleep, lambda: 0.5)


class Bench:
    """A loop with everything around it in memory."""

    def __init__(
        self,
        *,
        source: MemorySource | None = None,
        kept: Kept | None = None,
        watch: Callable[[Judged], None] | None = None,
        batch_windows: int = 256,
        cadence_s: float | None = None,
        basis: Basis | None = None,
        limits: LimitsLookup = no_limits,
    ) -> None:
        self.source = source or MemorySource()
        self.series = FailingSeries()
        self.journal = FailingJournal(kept)
        self.judge = CountingJudge()
        self.clock = StubClock()
        self.metrics = Metrics()
        self.progress = Progress(self.clock.monotonic)
        policy = Policy(
            batch_windows=batch_windows,
            backoff=Backoff(1.0, 8.0),
            vibration_every=2,
            survey_every_s=1.0,
        )
        parts = Parts(
            self.source, self.series, self.journal, self.judge, lambda _: cadence_s, basis
        )
        report = Report(self.metrics, self.progress, watch=watch, limits=limits)
        self.loop = Loop(parts, policy, self.clock.bundle(), report)

    def feed(self, *windows: Window, partition: int = 0) -> None:
        for each in windows:
            stamp = each.start_ns // 1_000_000
            key = each.asset.encode()
            self.source.append(each, partition=partition, key=key, timestamp_ms=stamp)

    def finish(self) -> None:
        """Let the source be finite and run to its end."""
        self.source.finish()
        self.loop.run(lambda: False)

    def steps(self, count: int) -> None:
        for _ in range(count):
            self.loop.step()

    def metric(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0.0
