"""Builders: lives made of numbers, and tracks that say what one wants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from models.evaluation import FIRST_WINDOWS, Track
from models.evaluation.labels import Label
from models.evaluation.lives import Life
from models.evaluation.outcomes import Outcome, judge_outcome
from pipelines.window import SensorKey
from tests.unit.models.fleet import KEY, observation

EARLIEST, LATEST, LAST_LIVE = 200, 220, 259


def label(sensor: str = str(KEY), **fields: object) -> Label:
    told: dict[str, object] = {
        "sensor": sensor,
        "fails": True,
        "earliest": EARLIEST,
        "latest": LATEST,
        "last_live": LAST_LIVE,
    }
    return Label(**(told | fields))  # type: ignore[arg-type]


def life(
    key: SensorKey = KEY, *, of: Label | None = None, rise: float = 2.0, from_window: int = EARLIEST
) -> Life:
    """Return a life that is healthy until `from_window` and `rise` decades louder from there."""
    return _life(key, of or label(str(key)), rise, from_window)


@cache
def _life(key: SensorKey, of: Label, rise: float, from_window: int) -> Life:
    count = of.last_live + 1
    louder = [rise * (index >= from_window) for index in range(count)]
    seen = tuple(observation(k, key=key, louder=louder[k], seed=k % 50) for k in range(count))
    rms = np.stack([one.rms for one in seen]).astype(np.float64)
    noise = 1 + 0.02 * np.random.default_rng(5).standard_normal(rms.shape)
    return Life(
        key=key,
        label=of,
        start=0,
        observations=tuple(
            replace(one, rms=(one.rms * factor).astype(np.float32))
            for one, factor in zip(seen, noise, strict=True)
        ),
        mean_absolute=rms * noise,
        envelope_rms=rms * noise,
        rig_mean_absolute=rms * noise,
    )


def track(windows: int, *spells: tuple[int, int, int]) -> Track:
    """Return a track over `windows` with (first, last, zone) spells, counted from window 0."""
    zones = np.zeros(windows, np.int8)
    for first, last, zone in spells:
        zones[first : last + 1] = zone
    behind = zones[FIRST_WINDOWS:]
    return Track(behind, np.ones(len(behind)), np.full(len(behind), 2.0))


def outcome(*spells: tuple[int, int, int], of: Label | None = None) -> Outcome:
    made = life(of=of)
    return judge_outcome(made, track(len(made), *spells))


@dataclass(frozen=True)
class Scripted:
    """A method that says what it was told to, for the sums and the report."""

    spells: Sequence[tuple[int, int, int]] = ()
    name: str = "scripted"
    about: str = "says what it was told"
    random: bool = False
    alarms: bool = True
    whole_rig: bool = False

    def fit(self, first: Life, seed: int) -> Scripted:
        assert len(first) == FIRST_WINDOWS
        return self

    def judge(self, rest: Life) -> Track:
        return track(len(rest) + FIRST_WINDOWS, *self.spells)
