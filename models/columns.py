"""The columns of a judged round, and the judgement that each row of them makes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from models import zones
from models.judgement import Grounds, Judgement, Run, Status, Verdict
from models.scoring import DEPARTURES
from models.state import COMMISSIONED, FAULTY, PROVISIONAL, REBASELINING, STOPPED, SUSPICIOUS

if TYPE_CHECKING:
    from models.alerts import AlertEvent
    from models.charts import Reading
    from models.rounds import Batch, Round
    from models.scoring import Detail

NAN: Final = float("nan")
UNKNOWN: Final = (NAN,) * DEPARTURES
UNSCORED: Final = (NAN,) * 4
SCORED: Final = frozenset({Verdict.SCORED, Verdict.LATE})


@dataclass(slots=True)
class Columns:
    """What the judgements of a round are made of, as plain Python values, one entry a window."""

    current: Round
    verdicts: list[Verdict]
    details: list[Detail | None]
    flags: list[int]
    features: list[bytes]
    zone: list[int]
    index: list[int]
    figures: list[tuple[float, float, float, float]]
    """Loss, threshold, and the values of the anchored and the adaptive chart."""
    louder: list[bool]
    runs: dict[int, Run]
    """Only rows whose run of exceedances began or lapsed."""

    @classmethod
    def of(cls, batch: Batch, current: Round, verdicts: list[Verdict], reading: Reading) -> Columns:
        """Return the columns of `current` after its windows were judged."""
        loss = batch.scores.loss[current.positions]
        quieter = batch.scores.quieter[current.positions]
        figures = (loss, reading.threshold, reading.anchored, reading.adaptive)
        return cls(
            current=current,
            verdicts=verdicts,
            details=[batch.scores.details[position] for position in current.positions],
            flags=current.rows["flags"].tolist(),
            features=current.rows["features"].tolist(),
            zone=current.rows["zone"].tolist(),
            index=np.where(current.active, current.rows["index"] - 1, -1).tolist(),
            figures=list(zip(*(column.tolist() for column in figures), strict=True)),
            louder=(loss >= quieter).tolist(),
            runs=runs(current),
        )

    def judgement(
        self, k: int, events: tuple[AlertEvent, ...], grounds: Grounds | None = None
    ) -> Judgement:
        """Return the judgement of row `k`."""
        verdict, flags, detail = self.verdicts[k], self.flags[k], self.details[k]
        observation = self.current.observations[k]
        loss, threshold, anchored, adaptive = UNSCORED
        axis_loss: tuple[float, ...] = (NAN,) * len(observation.axes)
        departures: tuple[tuple[float, ...], ...] = (UNKNOWN,) * len(observation.axes)
        scored = verdict in SCORED and detail is not None
        if scored and detail is not None:
            loss, threshold, anchored, adaptive = self.figures[k]
            axis_loss, departures = detail.axis_loss, detail.merged
        return Judgement(
            observation=observation,
            index=self.index[k],
            verdict=verdict,
            status=status(flags),
            zone=zones.ZONES[self.zone[k]],
            loss=loss,
            threshold=threshold,
            anchored=anchored,
            adaptive=adaptive,
            louder=scored and self.louder[k],
            axis_loss=axis_loss,
            departures=departures,
            provisional=bool(flags & PROVISIONAL),
            suspicious=bool(flags & SUSPICIOUS),
            events=events,
            baseline=self.current.colds[k].baseline,
            features=self.features[k].decode(),
            notes=self.current.notes[k],
            bundles=self.current.bundles[k],
            run=self.runs.get(k),
            grounds=grounds,
        )


def runs(current: Round) -> dict[int, Run]:
    """Return which rows' run of exceedances began or lapsed with this round.

    A run that an alert was raised on does not lapse: its first window stays the alert's.
    """
    before, rows = current.runs, current.rows
    changed = current.active & (before != rows["first_ns"])
    began = np.where(changed, rows["first_ns"], 0)
    lapsed = np.where(changed & (before != rows["alert_first_ns"]), before, 0)
    return {k: Run(int(began[k]), int(lapsed[k])) for k in np.flatnonzero(began | lapsed).tolist()}


def status(flags: int) -> Status:
    """Return what the detector is doing with a sensor that has these flags."""
    if flags & FAULTY:
        return Status.SENSOR_FAULT
    if flags & STOPPED:
        return Status.STOPPED
    if flags & REBASELINING:
        return Status.REBASELINING
    return Status.MONITORING if flags & COMMISSIONED else Status.COMMISSIONING
