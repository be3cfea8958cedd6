"""What it costs in time that a day may widen the anchored limit, on bearings that fail over days.

    python -m benchmarks.widening [--sensors 12] [--failing 50] [--seed 31]

Each sensor is judged twice, side by side: by the shipped charts, and by the same ones whose limit
nothing widens. Two kinds of bearing, one window in 30 s:

* *simulated*: waveforms of `LIVES`, the certification's failing bearings, over 50 hours;
* *drawn*: features of 6.5 days in which a quarter of the bands grows louder, none of them where
  impacts ring, so that it is left to the charts of the loss and to RMS. No network: the loss is the
  louder bands' own. On restless sensors six further bands wander, with a memory of three hours.

What the widening earns is in `benchmarks.certification --only fast`.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.signal import lfilter

from benchmarks.certification.tables import markdown
from benchmarks.detector import SECOND_NS, Zeros, window
from models.bundle import load_bundle
from models.detector import Detector
from models.engines import open_engine
from models.evaluation.certification.degrading import degrade, failing_fleets
from models.evaluation.certification.panel import Juror, Shared
from models.policy import DetectorSettings
from pipelines.window import SensorKey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from models.bundle import Bundle
    from models.engines import Engine
    from pipelines.features import FeatureSettings, Observation

    Floats = NDArray[np.float64]
    Course = Callable[[Floats], Floats]
    """From hours to decades of power by which the damaged bands are louder."""

CADENCE_S: Final = 30.0
WIDENINGS: Final = (1.0, 2.0)
"""Nothing is widened, and twofold at most, as shipped."""

SIMULATED: Final = 6_000
A_DAY: Final = round(86_400 / CADENCE_S)
DRAWN: Final = 13 * A_DAY // 2
BEGINS_H: Final = 8.0
SPREAD: Final = 0.1
"""Decades between the frames of a healthy band; windows of eight frames scatter by a third."""

DAMAGED: Final = slice(6, 14)
WANDERING: Final = slice(0, 6)
WANDER: Final = 0.15
MEMORY_H: Final = 3.0


def steady(a_day: float) -> Course:
    return lambda hours: a_day / 24.0 * np.maximum(hours - BEGINS_H, 0.0)


def pausing(hours: Floats) -> Floats:
    """Grow by 0.25 within nine hours, stay for a day, then grow by 0.1 a day."""
    first = 0.25 * np.clip((hours - BEGINS_H) / 9.0, 0.0, 1.0)
    return first + 0.1 / 24.0 * np.maximum(hours - BEGINS_H - 33.0, 0.0)


def hidden(hours: Floats) -> Floats:
    """Grow by 0.25 a day, unheard for the last two hours of each day."""
    return np.where(hours % 24.0 < 22.0, steady(0.25)(hours), 0.0)


COURSES: Final[dict[str, tuple[Course, float]]] = {
    "0.4 a day": (steady(0.4), 0.0),
    "0.1 a day": (steady(0.1), 0.0),
    "0.25 in 9 h, a pause of a day, then 0.1 a day": (pausing, 0.0),
    "0.25 a day, unheard for 2 h of each": (hidden, 0.0),
    "restless, 0.4 a day": (steady(0.4), WANDER),
    "restless, 0.2 a day": (steady(0.2), WANDER),
    "restless, 0.1 a day": (steady(0.1), WANDER),
    "restless, healthy": (steady(0.0), WANDER),
}
"""How the damaged bands grow, and by how many decades healthy ones wander."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--sensors", type=int, default=12, help="drawn, of each course")
    parser.add_argument("--failing", type=int, default=50, help="simulated bearings")
    parser.add_argument("--seed", type=int, default=31)
    asked = parser.parse_args()
    bundle = load_bundle()
    print(f"bundle {bundle.name} {bundle.hash}, seed {asked.seed}", flush=True)
    if asked.sensors:
        print(markdown([HEAD, *drawn(bundle, asked.sensors, asked.seed)]), flush=True)
    if asked.failing:
        print(markdown([HEAD, simulated(bundle, asked.failing, asked.seed)]))


HEAD: Final = [
    "course", "found, not widened", "widened", "hours behind the onset, not widened", "widened",
    "later by, median", "most", "false alerts, not widened", "widened",
]  # fmt: skip


def simulated(bundle: Bundle, count: int, seed: int) -> list[str]:
    fleets = failing_fleets(count, seed=seed, windows=SIMULATED, cadence_s=CADENCE_S)
    fates = degrade(fleets, jurors(bundle, open_engine(bundle)), bundle.features).fates
    hours = [
        [np.nan if one.detected is None else one.detected - one.truth.onset for one in fates[each]]
        for each in WIDENINGS
    ]
    false = [sum(one.false for one in fates[each]) for each in WIDENINGS]
    return row("simulated", np.array(hours) * CADENCE_S / 3600.0, false)


def drawn(bundle: Bundle, sensors: int, seed: int) -> Iterator[list[str]]:
    lives = [
        Drawn(*course, np.random.default_rng([seed, number, sensor]), bundle.features)
        for number, course in enumerate(COURSES.values())
        for sensor in range(sensors)
    ]
    beside = jurors(bundle, Zeros())
    hours = np.full((len(COURSES), len(WIDENINGS), sensors), np.nan)
    false = np.zeros((len(COURSES), len(WIDENINGS)), np.int64)
    for first in range(0, DRAWN, A_DAY):
        for seen in side_by_side(lives, first, min(A_DAY, DRAWN - first)):
            for juror in beside.values():
                juror.judge(seen)
    for place, juror in enumerate(beside.values()):
        for one in juror.raised:
            number, sensor = divmod(int(one.key.sensor), sensors)
            at = one.index * CADENCE_S / 3600.0 - BEGINS_H
            if at < 0 or lives[int(one.key.sensor)].healthy:
                false[number, place] += 1
            else:
                hours[number, place, sensor] = np.fmin(hours[number, place, sensor], at)
    for name, own, wrong in zip(COURSES, hours, false.tolist(), strict=True):
        yield row(name, own, wrong)


class Drawn:
    """A sensor of one axis whose log bands are drawn a day at a time."""

    def __init__(
        self, course: Course, wander: float, noise: np.random.Generator, features: FeatureSettings
    ) -> None:
        self._noise, self._shape = noise, (features.frames, features.width)
        hours = np.arange(DRAWN, dtype=np.float64) * CADENCE_S / 3600.0
        self._louder = course(hours)
        keep = np.exp(-CADENCE_S / 3600.0 / MEMORY_H)
        shocks = noise.normal(0.0, wander * np.sqrt(1.0 - keep**2), DRAWN)
        self._strayed = lfilter([1.0], [1.0, -keep], shocks)
        self.healthy = not self._louder.any()

    def windows(self, first: int, count: int) -> NDArray[np.float32]:
        """Return log bands, (count, 1, frames, bands); what was asked for is not drawn again."""
        made = self._noise.normal(-3.0, SPREAD, (count, 1, *self._shape))
        which = slice(first, first + count)
        made[..., WANDERING] += self._strayed[which, None, None, None]
        made[..., DAMAGED] += self._louder[which, None, None, None]
        return made.astype(np.float32)


def side_by_side(lives: Sequence[Drawn], first: int, count: int) -> Iterator[list[Observation]]:
    """Yield the windows of all sensors, a moment at a time."""
    like = window(0, np.random.default_rng(0))
    keys = [SensorKey("drawn", str(number)) for number in range(len(lives))]
    bands = [life.windows(first, count) for life in lives]
    rms = [0.5 * np.sqrt((10.0 ** (own + 3.0)).mean(axis=(2, 3))) for own in bands]
    for k in range(count):
        start_ns = round((first + k + 1) * CADENCE_S * SECOND_NS)
        yield [
            replace(like, key=key, start_ns=start_ns, log_bands=own[k], rms=level[k])
            for key, own, level in zip(keys, bands, rms, strict=True)
        ]


def jurors(bundle: Bundle, engine: Engine) -> dict[float, Juror]:
    """Return a juror for each factor by which a day may widen the limit."""
    shared = Shared(engine)
    charts = {each: replace(bundle.charts, reference_widening=each) for each in WIDENINGS}
    return {
        each: Juror(Detector(bundle, shared, DetectorSettings(charts=own)))
        for each, own in charts.items()
    }


def row(name: str, hours: Floats, false: Sequence[int]) -> list[str]:
    """Return a row of the table: `hours` from onset to alert, (widenings, sensors), NaN: never."""
    found = np.isfinite(hours).sum(axis=1)
    later = (hours[1] - hours[0])[np.isfinite(hours).all(axis=0)]
    medians = [f"{np.nanmedian(own):.1f}" if np.isfinite(own).any() else "-" for own in hours]
    behind = [f"{np.median(later):.1f}", f"{later.max():.1f}"] if len(later) else ["-", "-"]
    return [name, *(f"{n}/{hours.shape[1]}" for n in found), *medians, *behind, *map(str, false)]


if __name__ == "__main__":
    main()
