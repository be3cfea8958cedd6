"""What a bundle learns of sensors: baselines, first ones and those that take over.

A baseline is learnt from windows that are normal: the first, a refined one where that is
provisional, one for another bundle, which learns beside the one that judges, one after a long
stop, and one for fault lines that became known later. The references of the charts follow where a
sensor goes on by another network or baseline.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models import charts, commissioning, restarts, zones
from models.judgement import Note
from models.scoring import Bands, highs_of, losses_of
from models.state import (
    ASIDE,
    COMMISSIONED,
    COMPARED,
    DOUBTED,
    FOR_LINES,
    HOT,
    LINES_ASKED,
    PROVISIONAL,
    QUIETER,
    REBASELINING,
    RELEARNING,
    RELEARNT,
    STANDS_OUT,
    SUSPICIOUS,
    Cold,
    Successor,
)
from pipelines.normalise import LINES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.bundle import Bundle
    from models.engines import Engine
    from models.policy import DetectorSettings
    from models.rounds import Batch, Round
    from pipelines.features import Observation
    from pipelines.normalise import Baseline

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]
    Rows = np.ndarray[Any, Any]

LEARNING_FLAGS: Final = (
    COMMISSIONED
    | PROVISIONAL
    | SUSPICIOUS
    | REBASELINING
    | QUIETER
    | RELEARNING
    | RELEARNT
    | ASIDE
    | DOUBTED
    | COMPARED
    | STANDS_OUT
    | LINES_ASKED
    | FOR_LINES
)


class Learner:
    """Learns with one bundle; holds no state of any sensor.

    With a `successor` it learns what that bundle will judge by as well.
    """

    def __init__(
        self,
        bundle: Bundle,
        engine: Engine,
        settings: DetectorSettings,
        successor: Learner | None = None,
    ) -> None:
        self.newest = successor or self
        """The learner of the bundle that sensors are handed over to."""
        self._bundle = bundle.hash[:16].encode()
        self._features = bundle.features_hash[:16].encode()
        self._bands = Bands.of(bundle.features)
        self._view = bundle.features
        self._prior = charts.prior_of(bundle.calibration, settings.charts)
        self._engine = engine
        self._settings = settings

    def known(self, current: Round) -> Bools:
        """Say which rows are judged by what this bundle sees; (rows,)."""
        known: Bools = current.rows["features"] == self._features
        return known

    def change_of(self, row: Rows) -> tuple[str, str] | None:
        """Return the bundle that judged a row before and this one, if it is another."""
        before, after = row["bundle"][0].decode(), self._bundle.decode()
        return None if before == after else (before, after)

    def begin_anew(self, row: Rows, cold: Cold) -> Cold:
        """Let this bundle judge a row once it has learnt a baseline; return its cold state."""
        row["flags"] &= ~np.uint32(LEARNING_FLAGS)
        self._begin(row)
        return commissioning.restart(cold)

    def lay_aside(self, row: Rows, cold: Cold) -> Cold:
        """Commission a row anew for another signal; should its own return, so does its baseline.

        Where others have come by themselves since, it is the one that they came from that returns.
        """
        flags = row["flags"][0] & (COMMISSIONED | PROVISIONAL | ASIDE)
        sure = flags in (COMMISSIONED, ASIDE)
        own = row["features"][0] == self._features
        doubted = row["flags"][0] & (SUSPICIOUS if flags & COMMISSIONED else DOUBTED)
        if row["flags"][0] & RELEARNT:
            cold = replace(cold, baseline=None, baseline_id="")
        laid_aside = self.begin_anew(row, cold)
        if sure and own:
            row["flags"] |= np.uint32(ASIDE | DOUBTED * bool(doubted))
        return laid_aside

    def resume(self, row: Rows, cold: Cold) -> Cold:
        """Let a row be judged by the baseline that was laid aside; its charts begin anew."""
        policy, bands = self._settings.commissioning, self._view.envelope_bands
        doubtful = commissioning.suspicion(cold.old_baseline, policy, bands)
        doubtful |= bool(row["flags"][0] & DOUBTED)
        flags = np.uint32(COMMISSIONED | SUSPICIOUS * doubtful)
        row["flags"] = (row["flags"] & ~np.uint32(LEARNING_FLAGS)) | flags
        self._begin(row)
        return Cold(baseline=cold.old_baseline, baseline_id=cold.old_baseline_id)

    def _begin(self, row: Rows) -> None:
        """Let this bundle judge a row, with nothing known of its loss."""
        row["bundle"], row["features"] = self._bundle, self._features
        self._reset(row)

    def _reset(self, row: Rows) -> None:
        charts.reset(row, self._prior, self._settings.budget.correlation_prior)
        row["level_count"] = 0

    def carry_over(self, row: Rows, cold: Cold) -> Cold:
        """Let this network judge a row from where its references belong; return its cold state."""
        before, after = cold.charted, self._charted(cold)
        counted = row["anchor_count"][0]
        row["bundle"] = self._bundle
        if before and after and counted:
            charts.carry_over(row, np.array(before), np.array(after))
        else:
            self._reset(row)
        return replace(cold, charted=after) if after else cold

    def _charted(self, cold: Cold) -> tuple[float, ...]:
        """Return what a sensor's examples chart under this network; nothing where it has none."""
        if cold.baseline is None or cold.examples is None:
            return ()
        policy = self._settings.charts
        loss = losses_of(self._engine, cold.examples, cold.baseline, policy, self._bands)
        return tuple(charts.charted(loss, policy).tolist())

    def begin_after_stop(self, current: Round, back: Bools) -> None:
        """Begin to learn beside the baseline in force where `back`, (rows,), says so.

        Another long stop does not begin it anew: of a machine that stands every night nothing would
        ever be complete. Whether days differ is what `disturbance` tells.
        """
        if self.newest is not self:  # the next bundle's baseline is learnt beside already
            return
        flags = current.rows["flags"]
        for k in np.flatnonzero(back & self.known(current)).tolist():
            if not self._is_learning(flags[k], current.colds[k]) or flags[k] & FOR_LINES:
                self._begin_beside(current, k, RELEARNING)

    def look_for_lines(self, current: Round, running: Bools) -> None:
        """Begin to learn fault lines where windows show some that the baseline in force lacks.

        It was learnt before the bearing or its speed was known. `running` is (rows,).
        """
        if self.newest is not self:
            return
        flags = current.rows["flags"]
        settled = (flags & (LINES_ASKED | RELEARNING)) == LINES_ASKED
        for k in np.flatnonzero(running & self.known(current) & ~settled).tolist():
            lines, cold = current.observations[k].fault_lines, current.colds[k]
            if lines is None or cold.baseline is None or self._is_learning(flags[k], cold):
                continue
            if cold.baseline.lacks_lines(lines).any():
                self._begin_beside(current, k, RELEARNING | FOR_LINES | LINES_ASKED)
            elif not np.isnan(cold.baseline.centre[:, -LINES:]).any():
                flags[k] |= np.uint32(LINES_ASKED)

    def _is_learning(self, flags: int, cold: Cold) -> bool:
        """Say whether this bundle learns beside what it judges by: another may have begun to."""
        beside = cold.successor
        own = beside is not None and beside.features == self._features.decode()
        return bool(flags & RELEARNING) and own

    def _begin_beside(self, current: Round, k: int, why: int) -> None:
        flags = current.rows["flags"]
        flags[k] = (flags[k] & ~np.uint32(FOR_LINES | LINES_ASKED)) | np.uint32(why)
        successor = Successor(self._features.decode(), Cold())
        current.colds[k] = replace(current.colds[k], successor=successor)

    def learn(
        self,
        batch: Batch,
        current: Round,
        *,
        learning: Bools,
        charted: Bools,
        change: NDArray[np.int64],
    ) -> None:
        """Take a round's windows into whatever is being learnt.

        `learning` are windows of sensors without a baseline, `charted` those that were charted, and
        `change` says what became of the zone; (rows,) each.
        """
        self._learn_own(batch, current, learning, charted)
        # An event of this window is still to be told, by the baseline that it came of.
        calm = change == zones.STAY
        self._learn_beside(batch, current, (learning | charted) & calm)
        self._learn_again(current, charted & calm)

    def _learn_own(self, batch: Batch, current: Round, learning: Bools, charted: Bools) -> None:
        """Take windows into baselines that are being learnt or are provisional.

        Before there is a baseline only a declared limit can be exceeded, and a window that exceeds
        none is learnt whatever others did: else a sensor near its limit would never get a baseline.
        """
        provisional = (current.rows["flags"] & PROVISIONAL) != 0
        over = (current.rows["limit_bits"] & np.uint64(1)) != 0
        chosen = (learning & ~over) | (_healthy(current) & charted & provisional)
        known = self.known(current)
        for k in np.flatnonzero(chosen).tolist():
            if known[k]:
                self._advance(current, k, current.observations[k])
            else:  # begun anew in this round, by what the newest bundle sees
                self.newest._advance(current, k, batch.observations[current.positions[k]])

    def _learn_beside(self, batch: Batch, current: Round, usable: Bools) -> None:
        """Let the successor learn from what this bundle calls normal."""
        if self.newest is self:
            return
        chosen = usable & _healthy(current) & self.known(current)
        for k in np.flatnonzero(chosen).tolist():
            self.newest._inherit(current, k, batch.observations[current.positions[k]])

    def _learn_again(self, current: Round, usable: Bools) -> None:
        """Take windows into what is learnt beside after a long stop or for fault lines."""
        learning = (current.rows["flags"] & RELEARNING) != 0
        for k in np.flatnonzero(learning & usable & _healthy(current)).tolist():
            self._relearn(current, k)

    def _advance(self, current: Round, k: int, observation: Observation) -> None:
        """Take one window into the baseline of row `k`; begin its charts where that is complete."""
        row = current.rows[k : k + 1]
        cold, notes = self._advanced(row, current.colds[k], observation)
        if notes:
            self._reset(row)
            current.tell(k, notes)
        current.colds[k] = cold

    def _advanced(
        self, row: Rows, cold: Cold, observation: Observation
    ) -> tuple[Cold, tuple[Note, ...]]:
        """Take one window into `cold`; see `commissioning.advance`."""
        cold, notes = commissioning.advance(
            row,
            cold,
            observation,
            policy=self._settings.commissioning,
            envelope_bands=self._view.envelope_bands,
        )
        return (replace(cold, charted=self._charted(cold)) if notes else cold), notes

    def _inherit(self, current: Round, k: int, observation: Observation) -> None:
        """Learn what row `k` looks like to this bundle, and take it over when that is complete.

        Zone and confirmation stay as they are; the charts begin like those of any new baseline.
        """
        row, cold = current.rows[k : k + 1], current.colds[k]
        change, successor = self.change_of(row), cold.successor
        if successor is None or successor.features != self._features.decode():
            successor = Successor(self._features.decode(), Cold())
            current.tell(k, (Note.LEARNING_BESIDE,), change)
        apart = np.zeros(1, HOT)
        learnt, notes = self._advanced(apart, successor.learning, observation)
        if not notes:
            current.colds[k] = replace(cold, successor=replace(successor, learning=learnt))
            return
        current.colds[k] = commissioning.succeed(cold, learnt)
        row["flags"] = (row["flags"] & ~np.uint32(LEARNING_FLAGS)) | apart["flags"]
        self._begin(row)
        doubts = tuple(note for note in notes if note is not Note.COMMISSIONED)
        current.tell(k, (Note.HANDED_OVER, *doubts), change)

    def _relearn(self, current: Round, k: int) -> None:
        """Take one window in; a baseline that is complete takes over, or is dropped for good."""
        row, cold = current.rows[k : k + 1], current.colds[k]
        flags, observation = int(row["flags"][0]), current.observations[k]
        if cold.successor is None or not self._is_learning(flags, cold):
            if self.newest is self:  # another bundle began to learn beside and was rolled back
                row["flags"] &= ~np.uint32(RELEARNING | FOR_LINES | LINES_ASKED)
            return
        if flags & FOR_LINES and not _shows_more(observation, cold.baseline):
            return
        learning = cold.successor.learning
        learnt, notes = self._advanced(np.zeros(1, HOT), learning, observation)
        if not notes:
            successor = replace(cold.successor, learning=learnt)
            current.colds[k] = replace(cold, successor=successor)
            return
        row["flags"] &= ~np.uint32(RELEARNING | FOR_LINES)
        origin = cold.old_baseline if flags & RELEARNT else cold.baseline
        calm = notes == (Note.COMMISSIONED,) and not flags & FOR_LINES
        if calm and self._resembles(learnt.baseline, origin):
            current.colds[k] = self._follow_on(row, cold, learnt, origin)
            current.tell(k, (Note.REBASELINED_AFTER_STOP,))
        else:
            current.colds[k] = replace(cold, successor=None)
        if learnt.baseline is not None:
            self._fill_in_lines(current, k, learnt.baseline)

    def _fill_in_lines(self, current: Round, k: int, learnt: Baseline) -> None:
        """Give the baseline of row `k` those fault lines that were learnt beside and it lacks.

        So does the one that it came from by rule, which later ones will come from. Lines that stand
        out put it in doubt.
        """
        row, cold = current.rows[k : k + 1], current.colds[k]
        if cold.baseline is None:
            return
        baseline = cold.baseline.with_lines_of(learnt)
        if baseline is cold.baseline:
            return
        policy, bands = self._settings.commissioning, self._view.envelope_bands
        doubtful = commissioning.suspicion(baseline, policy, bands)
        cold = replace(cold, baseline=baseline, baseline_id=baseline.id)
        if row["flags"][0] & RELEARNT and cold.old_baseline is not None:
            old = cold.old_baseline.with_lines_of(learnt)
            cold = replace(cold, old_baseline=old, old_baseline_id=old.id)
        current.colds[k] = cold
        newly = doubtful and not row["flags"][0] & SUSPICIOUS
        row["flags"] &= ~np.uint32(LINES_ASKED)  # others may be shown later
        row["flags"] |= np.uint32(SUSPICIOUS * newly)
        doubts = (Note.COMMISSIONED_WITH_SUSPICION,) * newly
        current.tell(k, (Note.LINES_LEARNT, *doubts))

    def _resembles(self, new: Baseline | None, origin: Baseline | None) -> bool:
        if new is None or origin is None:
            return False
        return restarts.resembles(new, origin, self._settings.restarts)

    def _follow_on(self, row: Rows, cold: Cold, learnt: Cold, origin: Baseline | None) -> Cold:
        """Let a row be judged by what was learnt beside `cold`; return its cold state.

        The references of the loss follow from what the examples chart by the old baseline to what
        they chart by the new one: who was on the way to a limit is as near to it as before.
        """
        assert learnt.baseline is not None  # noqa: S101 (it resembles one)
        assert origin is not None  # noqa: S101
        baseline = restarts.follow_on(learnt.baseline, origin, self._bands.spectral)
        before = replace(learnt, baseline=cold.baseline)
        after = replace(learnt, baseline=baseline, baseline_id=baseline.id)
        after = replace(after, charted=self._charted(after))
        self._carry_references(row, before, after)
        if row["flags"][0] & RELEARNT:  # the first baseline stays the old one
            cold = replace(cold, baseline=None, baseline_id="")
        row["flags"] = (row["flags"] & ~np.uint32(COMPARED | STANDS_OUT)) | np.uint32(RELEARNT)
        return commissioning.succeed(cold, after)

    def _carry_references(self, row: Rows, before: Cold, after: Cold) -> None:
        """Move a row's references from where the same examples lay by the one baseline."""
        charted = self._charted(before)
        if charted and after.charted:
            charts.carry_over(row, np.array(charted), np.array(after.charted))
        old, new = self._highs(before), self._highs(after)
        row["high_mean"] += float(np.nan_to_num(new - old).mean()) if len(old) else 0.0
        row["level_count"] = 0

    def _highs(self, cold: Cold) -> Floats:
        if cold.baseline is None or cold.examples is None:
            return np.zeros(0)
        return highs_of(cold.examples, cold.baseline, self._bands)


def _shows_more(observation: Observation, baseline: Baseline | None) -> bool:
    """Say whether a window shows fault lines that the baseline lacks."""
    lines = observation.fault_lines
    return lines is not None and baseline is not None and bool(baseline.lacks_lines(lines).any())


def _healthy(current: Round) -> Bools:
    """Say which rows are normal and have nothing to be confirmed."""
    rows = current.rows
    healthy: Bools = (rows["zone"] == zones.NORMAL) & (rows["first_ns"] == 0)
    return healthy
