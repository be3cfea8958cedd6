"""The steps of a round, in this order.

1. Adopt what changed under a sensor: another bundle, other axes.
2. Score what has no score against the baseline in force, and with it all later windows of those
   sensors in the batch, so that an engine sees few, large calls.
3. Gates: sensor fault, standing machine, changing speed.
4. Charts and zone of commissioned sensors; absolute limits of all.
5. Commissioning, and refinement of provisional baselines; beside it, where another bundle has
   other features, the baseline that it will judge by; or, after a long stop, one that may follow,
   and fault lines that became known since.
6. Events and judgements; the records go back.

A change of bundle blinds no sensor. One with the same features judges at once: what the sensor's
examples charted by the old network and chart by the new one says where its references belong.
One with other features learns beside: a judge of the old bundle goes on, and hands each sensor over
to its successor when the new baseline is complete.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models import budget, charts, commissioning, gates, restarts, zones
from models.columns import Columns
from models.incidents import Teller
from models.judgement import Grounds, Note, Verdict
from models.learning import Learner
from models.restarts import GAP_CADENCES
from models.rounds import Round, alike
from models.scoring import Bands, Task, score, sound
from models.state import (
    ASIDE,
    COMMISSIONED,
    FAULTY,
    PROVISIONAL,
    STARTED_LOW,
    STARTING,
    STOPPED,
    Cold,
)
from models.zones import Exceedances
from pipelines.quality import SensorFault

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from models.alerts import AlertEvent
    from models.bundle import Bundle
    from models.charts import Reading
    from models.engines import Engine
    from models.policy import DetectorSettings, LimitsLookup
    from models.rounds import Batch

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]
    Rows = np.ndarray[Any, Any]

VERDICTS: Final = (
    Verdict.DUPLICATE,
    Verdict.LATE,
    Verdict.SENSOR_FAULT,
    Verdict.STOPPED,
    Verdict.HELD,
    Verdict.LEARNT,
    Verdict.SCORED,
)
"""The first that is true of a window is its verdict; the last is true of all."""

SCORABLE: Final = (SensorFault.NONE, SensorFault.CLIPPED)
"""A clipped window may be a failing bearing: its level decides, so it is scored first."""


@dataclass(frozen=True, slots=True)
class Sorted:
    """What is to be done with each window of a round; (rows,) of bool each."""

    faulty: Bools
    stopped: Bools
    held: Bools
    charted: Bools
    limited: Bools
    """Held since they are of another signal, and over a declared limit all the same."""
    learning: Bools

    def verdicts(self, current: Round) -> list[Verdict]:
        """Return each window's verdict."""
        before = (current.duplicate, current.late, self.faulty, self.stopped, self.held)
        true = np.array((*before, self.learning, np.ones_like(self.learning)))
        return [VERDICTS[number] for number in true.argmax(axis=0).tolist()]


class Judge:
    """Judges rounds with one bundle; holds no state of any sensor.

    With a `successor` it judges sensors whose baseline is of this bundle's features, from their
    observations' `former`, and lets the successor learn.
    """

    def __init__(
        self,
        bundle: Bundle,
        engine: Engine,
        settings: DetectorSettings,
        limits: LimitsLookup,
        successor: Judge | None = None,
    ) -> None:
        after = successor._learner if successor else None
        self._learner: Learner = Learner(bundle, engine, settings, after)
        self._former = successor is not None
        self._bundle = bundle.hash[:16].encode()
        self._features = bundle.features_hash[:16].encode()
        self._teller = Teller(bundle, settings.charts, limits)
        self._bands = Bands.of(bundle.features)
        self._view = bundle.features
        self._prior = charts.prior_of(bundle.calibration, settings.charts)
        self._engine = engine
        self._settings = settings
        self._limits = limits

    def judge(self, batch: Batch, number: int, positions: list[int]) -> None:
        """Judge one round; see the steps above."""
        current = Round.gather(batch, number, positions, former=self._former)
        self._adopt(current)
        self._tick(current)
        self._score(batch, current)
        sorts = self._sort(batch, current)
        self._note_running(current, sorts)
        value = charts.charted(batch.scores.loss[positions], self._settings.charts)
        reading = self._read(batch, current, value)
        change = self._chart(batch, current, sorts, value, reading)
        learning, charted = sorts.learning, sorts.charted
        whole = charted & current.whole
        self._learner.learn(batch, current, learning=learning, charted=whole, change=change)
        self._write(batch, current, sorts, reading, change)
        current.scatter(batch)

    def _adopt(self, current: Round) -> None:
        """Follow a change of bundle, features or signal; late windows and strays change nothing."""
        rows = current.rows
        self._count_odd(current)
        strange = (rows["bundle"] != self._bundle) | ~current.alike
        strange &= ~current.odd
        for k in np.flatnonzero(strange & current.active).tolist():
            row = rows[k : k + 1]
            reason = self._reason(current, k)
            same = reason == Note.BUNDLE_CHANGED
            learner = self._learner if same else self._learner.newest
            if row["index"][0]:
                current.tell(k, (reason,), learner.change_of(row))
            go_on = {
                Note.BUNDLE_CHANGED: learner.carry_over,
                Note.OTHER_FEATURES: learner.begin_anew,
                Note.OTHER_SIGNAL: learner.lay_aside,
                Note.RESUMED: learner.resume,
            }[reason]
            current.colds[k] = go_on(row, current.colds[k])

    def _count_odd(self, current: Round) -> None:
        """Hold back windows of another signal until there are enough of them in a row.

        While an alert is open they are held back for good: what is learnt now would be the damage.
        """
        rows = current.rows
        unlike = current.active & ~current.alike & self._learner.known(current)
        # What is faulty says nothing, of which signal it is neither.
        sound = current.active & ~current.faulty
        counted = np.where(sound, np.where(unlike, rows["odd"] + 1, 0), rows["odd"])
        few = counted < self._settings.gates.odd_windows
        current.odd = unlike & (few | current.faulty | (rows["zone"] != zones.NORMAL))
        rows["odd"] = np.where(unlike & ~current.odd, 0, counted)
        current.note(current.odd & sound & (rows["odd"] == 1), Note.ODD_SIGNAL)

    def _reason(self, current: Round, k: int) -> Note:
        row, cold = current.rows[k], current.colds[k]
        if row["features"] != self._features:
            return Note.OTHER_FEATURES
        if current.alike[k]:
            return Note.BUNDLE_CHANGED
        laid_aside = row["flags"] & ASIDE and self._learner.newest is self._learner
        before = Cold(baseline=cold.old_baseline)
        returns = laid_aside and alike(before, current.observations[k])
        return Note.RESUMED if returns else Note.OTHER_SIGNAL

    def _tick(self, current: Round) -> None:
        """Count the window and follow the sensor's cadence."""
        rows, active = current.rows, current.active
        elapsed = (current.start_ns - rows["last_ns"]) * 1e-9
        early = rows["index"] <= 1
        usual = np.maximum(GAP_CADENCES * rows["cadence_s"], 2.0 * _longest_gap_s(rows))
        longest = np.maximum(self._settings.gates.silence_s, usual)
        current.silent = active & ~early & (elapsed > longest)
        elapsed = np.where(early, elapsed, np.minimum(elapsed, GAP_CADENCES * rows["cadence_s"]))
        weight = np.where(early, 1.0, 0.05)
        followed = rows["cadence_s"] + weight * (elapsed - rows["cadence_s"])
        current.elapsed_s = elapsed
        moved = active & (rows["index"] > 0)
        rows["cadence_s"] = np.where(moved, followed, rows["cadence_s"])
        rows["recent_ns"][moved, 1:] = rows["recent_ns"][moved, :-1]
        rows["recent_ns"][moved, 0] = rows["last_ns"][moved]
        rows["last_ns"] = np.where(active, current.start_ns, rows["last_ns"])
        rows["index"] += active

    def _score(self, batch: Batch, current: Round) -> None:
        """Score the round's windows, and the later ones of their sensors, where it is not done."""
        tasks: list[Task] = []
        fit = ~current.faulty | ~np.isnan(current.clipped) | current.partial
        usable = current.commissioned & ~current.duplicate & fit
        usable &= self._learner.known(current)
        for k in usable.nonzero()[0].tolist():
            cold, detail = current.colds[k], batch.scores.details[current.positions[k]]
            if detail is None or detail.baseline is not cold.baseline:
                later = batch.positions[current.observations[k].key][current.number :]
                tasks.extend(_tasks(batch, later, cold, former=self._former))
        if tasks:
            score(self._engine, tasks, batch.scores, self._settings.charts, self._bands)
        for position, cold in zip(current.positions, current.colds, strict=True):
            batch.scores.keep(position, cold.baseline)

    def _sort(self, batch: Batch, current: Round) -> Sorted:
        """Decide what is done with each window, and note where that changed."""
        active, commissioned = current.active, current.commissioned
        scored = ~np.isnan(batch.scores.loss[current.positions])
        level = np.where(commissioned, batch.scores.level[current.positions], np.nan)
        loud_clipped = gates.drives_to_the_rail(current.clipped, level, self._settings.gates)
        left_whole = current.partial & np.isnan(current.clipped)
        judged = loud_clipped | (left_whole & commissioned & scored)
        # Nothing is learnt of what is left of a sensor, but a declared limit holds for it; so it
        # does of what clips, which is louder than it looks.
        left = (current.partial & (~commissioned | current.odd)) | ~np.isnan(current.clipped)
        judged |= self._over_declared(current, active & left)
        faulty = active & current.faulty & ~judged
        live = active & ~faulty & ~current.odd
        heard = np.where(commissioned, level, self._levels_before(current, live & ~commissioned))
        stopped = gates.standing(current.rows, live, heard, current.rpm, self._settings.gates)
        stopped &= ~self._over_declared(current, stopped)
        live &= ~stopped
        begins = current.silent & np.isnan(current.rpm)
        begins &= (current.rows["flags"] & STARTED_LOW) == 0
        current.rows["flags"] |= np.where(begins, np.uint32(STARTING), np.uint32(0))
        held = (self._held(current, live, level) & commissioned) | (current.odd & ~faulty)
        limited = self._over_declared(current, active & current.odd & ~faulty)
        self._note_conditions(current, faulty, stopped)
        return Sorted(
            faulty=faulty,
            stopped=stopped,
            held=held,
            charted=live & ~held & commissioned & scored,
            limited=limited,
            learning=live & ~commissioned,
        )

    def _held(self, current: Round, live: Bools, level: Floats) -> Bools:
        """Say which windows wait for the speed, a measured one or that of a start."""
        rows, rpm, policy = current.rows, current.rpm, self._settings.gates
        held = gates.hold(rows, live, level, rpm, policy)
        return held | gates.hold_start(rows, live, level, rpm, policy)

    def _levels_before(self, current: Round, chosen: Bools) -> Floats:
        """Return the level of what is not commissioned yet, where a tachometer reads no turn."""
        level = np.full(len(current.positions), np.nan)
        for k in np.flatnonzero(chosen & (current.rpm < gates.TURNING_RPM)).tolist():
            level[k] = commissioning.level(current.colds[k], current.observations[k])
        return level

    def _note_conditions(self, current: Round, faulty: Bools, stopped: Bools) -> None:
        """Keep the flags of fault and stop, and note where one began or ended.

        Coast-down and run-up are no run of exceedances: behind a stop, and behind a silence in
        which there may have been one, confirmation begins anew.
        """
        was = current.rows["flags"]
        was_faulty, was_stopped = (was & FAULTY) != 0, (was & STOPPED) != 0
        known = current.active & ~faulty & ~current.odd
        troubled = faulty | (current.active & current.partial)
        current.note(troubled & ~was_faulty, Note.SENSOR_FAULT_BEGAN)
        current.note(known & ~troubled & was_faulty, Note.SENSOR_FAULT_ENDED)
        current.note(stopped & ~was_stopped, Note.STOPPED)
        started = known & ~stopped & was_stopped
        current.note(started, Note.STARTED)
        zones.forget(current.rows, started | current.silent, self._settings.confirmation)
        current.flag(FAULTY, troubled)
        current.flag(STOPPED, stopped | (was_stopped & ~known))

    def _note_running(self, current: Round, sorts: Sorted) -> None:
        """Begin to learn beside the baseline in force what it may follow, or does not know."""
        rows = current.rows
        runs = current.active & ~(sorts.faulty | sorts.stopped | current.odd)
        back = restarts.came_back(rows, current.start_ns, runs, self._settings.restarts)
        sure = (rows["flags"] & (COMMISSIONED | PROVISIONAL)) == COMMISSIONED
        self._learner.begin_after_stop(current, back & sure)
        self._learner.look_for_lines(current, runs & sure)

    def _read(self, batch: Batch, current: Round, value: Floats) -> Reading:
        """Read the charts before the windows move them."""
        return charts.read(
            current.rows,
            value,
            charts.charted(batch.scores.quieter[current.positions], self._settings.charts),
            batch.scores.line[current.positions],
            batch.scores.high[current.positions],
            self._factor(current.rows),
            policy=self._settings.charts,
            prior=self._prior,
        )

    def _factor(self, rows: Rows) -> Floats:
        """Return the factor on each row's limits that the budget of false alerts asks for."""
        policy = self._settings.budget
        slow = zones.is_slow(rows, self._settings.confirmation)
        young = rows["correlation_count"] < policy.correlation_windows
        return budget.factor(rows["cadence_s"], rows["correlation"], slow, young, policy)

    def _chart(
        self, batch: Batch, current: Round, sorts: Sorted, value: Floats, reading: Reading
    ) -> NDArray[np.int64]:
        """Move charts and zones; return what happened to each window's zone."""
        chosen = np.flatnonzero(sorts.charted | sorts.learning | sorts.limited)
        change = np.zeros(len(current.positions), np.int64)
        if not len(chosen):
            return change
        rows, seen = current.rows[chosen], sorts.charted[chosen]
        level = batch.scores.level[current.positions][chosen]
        severe = self._severe(rows, level, seen)
        over = self._over(current, chosen, seen, severe, reading)
        over = self._with_level(over, level, seen)
        change[chosen] = zones.step(
            rows, current.start_ns[chosen], over, self._settings.confirmation
        )
        within = seen & ~over.any
        quieter = within & (reading.quieter[chosen] > 1.0)
        healthy = within & (rows["zone"] == zones.NORMAL) & current.whole[chosen]
        charts.correlate(
            rows, value[chosen], healthy & ~quieter, self._settings.charts, self._settings.budget
        )
        widened = charts.learn(
            rows,
            value[chosen],
            healthy & ~quieter,
            current.elapsed_s[chosen],
            policy=self._settings.charts,
            prior=self._prior,
        )
        high = batch.scores.high[current.positions][chosen]
        charts.learn_high(rows, high, healthy, self._settings.charts)
        turned = charts.turn_quieter(rows, seen, quieter, self._settings.charts)
        current.note(_spread(turned, chosen, len(change)), Note.QUIETER)
        current.note(_spread(widened, chosen, len(change)), Note.LIMIT_WIDENED)
        current.rows[chosen] = rows
        return change

    def _severe(self, rows: Rows, level: Floats, seen: Bools) -> Bools:
        """Say which levels make an alarm: far above baseline, or a jump to well above it.

        In the zone alarm the lower of the limits holds: hysteresis.
        """
        policy = self._settings.severity
        above = charts.follow_level(rows, level, seen, policy.level_memory)
        jumped = (level >= np.log10(policy.jump_level)) & (above >= np.log10(policy.jump_ratio))
        stays = (rows["zone"] == zones.ALARM) & (level >= np.log10(policy.release_level))
        severe: Bools = seen & (self._loud(level) | jumped | stays)
        return severe

    def _loud(self, level: Floats) -> Bools:
        """Say which levels no machine runs in to: a limit like a declared one.

        What grows slowly in all bands alike is the process to the charts, and they may learn it.
        """
        loud: Bools = level >= np.log10(self._settings.severity.level_ratio)
        return loud

    def _over(
        self,
        current: Round,
        chosen: NDArray[np.int64],
        seen: Bools,
        severe: Bools,
        reading: Reading,
    ) -> Exceedances:
        """Say which limits the chosen windows exceed."""
        chart = self._settings.charts
        warning, alarm = self._declared(current, chosen)
        values = reading.anchored, reading.adaptive, reading.high, reading.line
        highest = np.maximum.reduce([value[chosen] for value in values])
        return Exceedances(
            anchored=seen & (reading.anchored[chosen] > 1.0),
            adaptive=seen & (reading.adaptive[chosen] > 1.0),
            high=seen & (reading.high[chosen] > 1.0),
            line=seen & (reading.line[chosen] > 1.0),
            far=seen & (highest > self._settings.confirmation.far),
            limit=warning,
            severe=severe | alarm,
            calm=(~seen | (highest < chart.release)) & ~warning & ~current.partial[chosen],
            partial=current.partial[chosen],
        )

    def _with_level(self, over: Exceedances, level: Floats, seen: Bools) -> Exceedances:
        """Let a level that no machine runs in to be a limit, with the release of the charts."""
        release = self._settings.charts.release * self._settings.severity.level_ratio
        loud, high = self._loud(level), level >= np.log10(release)
        return replace(over, limit=over.limit | (seen & loud), calm=over.calm & ~high)

    def _over_declared(self, current: Round, chosen: Bools) -> Bools:
        """Say which of the chosen windows are over a declared limit: no standing machine is."""
        over = np.zeros(len(current.positions), np.bool_)
        if chosen.any():
            over[chosen] = self._declared(current, np.flatnonzero(chosen))[0]
        return over

    def _declared(self, current: Round, chosen: NDArray[np.int64]) -> tuple[Bools, Bools]:
        """Compare with absolute limits: over the warning's, over the alarm's."""
        warning, alarm = np.zeros((2, len(chosen)), np.bool_)
        for k, position in enumerate(chosen.tolist()):
            observation = current.observations[position]
            limits = self._limits(observation.key)
            if limits is not None:
                warning[k], alarm[k] = limits.exceeded(sound(observation))
        return warning | alarm, alarm

    def _write(
        self,
        batch: Batch,
        current: Round,
        sorts: Sorted,
        reading: Reading,
        change: NDArray[np.int64],
    ) -> None:
        """Turn columns into judgements, with events where a zone changed."""
        columns = Columns.of(batch, current, sorts.verdicts(current), reading)
        for k, position in enumerate(current.positions):
            events: tuple[AlertEvent, ...] = ()
            grounds = None
            if change[k]:
                events = (self._teller.tell(batch, current, k, int(change[k]), reading),)
            if change[k] == zones.RAISED:
                grounds = self._grounds(batch, current, k)
            batch.judgements[position] = columns.judgement(k, events, grounds)

    def _grounds(self, batch: Batch, current: Round, k: int) -> Grounds:
        detail = batch.scores.details[current.positions[k]]
        return Grounds(
            features=self._view,
            baseline=current.colds[k].baseline,
            departures=None if detail is None else detail.departures,
        )


def _tasks(batch: Batch, positions: Sequence[int], cold: Cold, *, former: bool) -> Iterator[Task]:
    """Yield the windows at `positions` that can be scored against the baseline of `cold`."""
    if cold.baseline is None:
        return
    for position in positions:
        view = batch.view(position, former=former)
        if view is None or not alike(cold, view):
            continue
        if view.quality.fault in SCORABLE or view.quality.lost:
            yield Task(position, sound(view), cold.baseline)


def _longest_gap_s(rows: Rows) -> Floats:
    """Return the longest time between two of the last nine windows of each sensor."""
    starts = np.column_stack((rows["last_ns"], rows["recent_ns"]))
    gaps = np.where(starts[:, 1:] > 0, starts[:, :-1] - starts[:, 1:], 0)
    return np.asarray(gaps.max(axis=1) * 1e-9, np.float64)


def _spread(values: Bools, chosen: NDArray[np.int64], count: int) -> Bools:
    """Put the values of the chosen rows back among all `count` rows, false elsewhere."""
    spread = np.zeros(count, np.bool_)
    spread[chosen] = values
    return spread
