"""Recordings with pauses put into them: is what fails found as soon, and nothing else?

    BEARINGWATCH_DATA=FOLDER python -m benchmarks.interrupted [--times 20] [--seed 0]

The learning bearings and IMS test 2 were recorded with hardly a pause; rigs and machines are
switched off for an hour, a night, a week. Here each recording is judged again and again, with one
to six pauses of ten minutes to a week between its windows, one of them within ten windows of the
onset. The signal behind a pause is that before it, so what a restart changes is not in here (it is
in `benchmarks.certification`). Shipped bundle and default settings, geometry given; minutes.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from benchmarks.detection import table
from benchmarks.starts import BEARINGS, judge, read
from models.bundle import load_bundle
from models.detector import Detector
from models.engines import open_engine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.evaluation.lives import Life
    from models.evaluation.outcomes import Outcome

RECORDINGS: Final = (*(f"femto/{bearing}.npz" for bearing in BEARINGS), "ims/test2.npz")
MOST: Final = 6
SHORTEST_S, LONGEST_S = 600.0, 7 * 86_400.0
NEAR: Final = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    bundle = load_bundle()
    detector = Detector(bundle, open_engine(bundle))
    rows = [
        ["bearing", "without a pause", "with pauses, first alert", "found", "false", "disputed"]
    ]
    for place, name in enumerate(RECORDINGS):
        lives = read(name, bundle.features)
        whole = judge(lives, detector)
        again: list[Outcome] = []
        for number in range(asked.times):
            rng = np.random.default_rng([asked.seed, place, number])
            again += judge(interrupted(lives, rng), detector)
        for k, one in enumerate(whole):
            rows.append(cells(one, again[k :: len(lives)]))
    print(f"bundle {bundle.hash}, seed {asked.seed}, {asked.times} times\n\n{table(rows)}")


def interrupted(lives: Sequence[Life], rng: np.random.Generator) -> list[Life]:
    """Return the sensors of one recording with the same pauses in all of them."""
    windows = len(lives[0])
    onset = next(life.label.earliest for life in lives if life.label.earliest is not None)
    places = rng.integers(1, windows, rng.integers(MOST))
    places = np.append(places, np.clip(onset + rng.integers(-NEAR, NEAR), 1, windows - 1))
    pauses_s = np.exp(rng.uniform(np.log(SHORTEST_S), np.log(LONGEST_S), len(places)))
    later_ns = np.zeros(windows, np.int64)
    np.add.at(later_ns, places, (pauses_s * 1e9).astype(np.int64))
    return [_later(life, later_ns.cumsum().tolist()) for life in lives]


def _later(life: Life, later_ns: Sequence[int]) -> Life:
    observations = tuple(
        replace(one, start_ns=one.start_ns + each)
        for one, each in zip(life.observations, later_ns, strict=True)
    )
    return replace(life, observations=observations)


def cells(whole: Outcome, again: Sequence[Outcome]) -> list[str]:
    told = [one.detected for one in again if one.detected is not None]
    return [
        str(whole.life.key),
        str(whole.detected or "-"),
        f"{min(told)} to {max(told)}, median {np.median(told):g}" if told else "-",
        f"{sum(one.found for one in again)}/{len(again)}" if whole.life.label.fails else "-",
        str(sum(len(one.false) for one in again)),
        str(sum(len(one.disputed) for one in again)),
    ]


if __name__ == "__main__":
    main()
