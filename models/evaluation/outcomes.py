"""From zones to what they were worth on one bearing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from models.evaluation import ALARM, FIRST_WINDOWS, WARNING

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.evaluation import Track
    from models.evaluation.lives import Life

MERGED_WITHIN: Final = 10
"""Alerts whose ends are so few windows apart are one episode."""


class Episode(NamedTuple):
    """First and last window of an alert."""

    first: int
    last: int


def episodes(alert: NDArray[np.bool_], merged_within: int = MERGED_WITHIN) -> list[Episode]:
    """Return the runs of true in (windows,), those merged that lie close together."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], alert.astype(np.int8), [0]])))
    found: list[Episode] = []
    for first, end in edges.reshape(-1, 2).tolist():
        if found and first - found[-1].last <= merged_within:
            found[-1] = Episode(found[-1].first, end - 1)
        else:
            found.append(Episode(first, end - 1))
    return found


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one bearing with one method and seed; indices are windows of the recording.

    `detected` is the first alert that began at `earliest` or later. `already_on` says that one was
    open when `earliest` came: from a disputed time (`dispute_open`) that is neither false nor a
    miss, otherwise it is a latched false alert. `false` and `disputed` are first windows of
    episodes. `alarm` is where zone alarm was first entered from `detected` on (from
    `earliest` on, where nothing was detected), `early_alarms` counts windows in alarm before
    `earliest`. `in_alert` is the share of healthy windows in any alert, `unjudged` counts those in
    which the method compared nothing and said nothing, `healthy_years` is the time of the others.
    """

    life: Life
    track: Track
    detected: int | None
    already_on: bool
    dispute_open: bool
    false: tuple[int, ...]
    disputed: tuple[int, ...]
    alarm: int | None
    early_alarms: int
    in_alert: float
    unjudged: int
    healthy_years: float

    @property
    def found(self) -> bool:
        """Whether somebody was told of the failure, by a new alert or one from a disputed time."""
        return self.life.label.fails and (self.detected is not None or self.dispute_open)

    @property
    def clean(self) -> bool:
        """Whether nothing was said that is false, in either zone, and something at all."""
        silent = self.unjudged and not self.healthy_years
        return not (self.false or self.early_alarms or silent)

    @property
    def in_time(self) -> bool:
        """Whether the alert came by the latest sensible onset."""
        latest = self.life.label.latest
        told = self.detected is not None and latest is not None and self.detected <= latest
        return self.found and (told or self.dispute_open)

    @property
    def delay(self) -> int | None:
        """Windows from the earliest sensible onset to the alert."""
        earliest = self.life.label.earliest
        return None if self.detected is None or earliest is None else self.detected - earliest

    @property
    def lead_hours(self) -> float | None:
        """Time from the alert to the last live window; None where none began in time."""
        if self.detected is None or not self.life.label.fails:
            return None
        return self.life.hours(self.detected, self.life.label.last_live)

    @property
    def alarm_in_order(self) -> bool:
        """Whether zone alarm was reached alive, after a warning."""
        return self.found and self.alarm is not None


def judge_outcome(life: Life, track: Track) -> Outcome:
    """Compare what a method said of the windows behind the first ones with the label."""
    label = life.label
    zones = np.concatenate([np.zeros(FIRST_WINDOWS, np.int8), track.zones])
    found = episodes(zones >= WARNING)
    until = label.healthy_until
    early = [episode for episode in found if episode.first < until]
    on = [episode for episode in early if episode.last >= until]
    healthy = life.healthy()
    compared = np.concatenate([np.zeros(FIRST_WINDOWS, np.bool_), ~np.isnan(track.value)])
    # A declared limit alerts where nothing is compared.
    judged = compared | (zones >= WARNING)
    detected = next((one.first for one in found if one.first >= until), None)
    since = until if detected is None else detected
    alarms = np.flatnonzero(zones >= ALARM)
    return Outcome(
        life=life,
        track=track,
        detected=detected,
        already_on=bool(on),
        dispute_open=any(label.is_disputed(one.first) for one in on),
        false=tuple(one.first for one in early if not label.is_disputed(one.first)),
        disputed=tuple(one.first for one in early if label.is_disputed(one.first)),
        alarm=next((k for k in alarms.tolist() if k >= since and zones[k - 1] < ALARM), None),
        early_alarms=int((alarms < until).sum()),
        in_alert=float(np.mean(zones[healthy] >= WARNING)) if healthy else 0.0,
        unjudged=len(healthy) - int(np.count_nonzero(judged[healthy])),
        healthy_years=life.healthy_years(judged),
    )
