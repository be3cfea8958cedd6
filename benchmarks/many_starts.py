"""Ours and other methods on the learning bearings, begun and heard in many ways.

    BEARINGWATCH_DATA=FOLDER python -m benchmarks.many_starts

Each of the six is judged from every 200th window on, with both axes and with each alone: 78 starts
(see `benchmarks.starts`), each method learning from the first 100 windows of each.
One recording from its beginning is one throw of the dice for a method that learns from it. Shipped
bundle and default settings; geometry given; a few minutes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from benchmarks.detection import table
from benchmarks.starts import BEARINGS, judge, judge_by, read_starts
from models.bundle import load_bundle
from models.detector import Detector, DetectorSettings
from models.engines import open_engine
from models.evaluation.catalogue import BASELINES, NEEDS_KERAS, OURS, Setting, choose
from models.evaluation.charted import Network

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.starts import Start
    from models.evaluation.outcomes import Outcome

OTHERS: Final = tuple(name for name in BASELINES if name not in NEEDS_KERAS)


def main() -> None:
    """Print a table of sums and one of the bearings, a row a method."""
    bundle = load_bundle()
    engine = open_engine(bundle)
    starts = read_starts(bundle.features)
    ours = Detector(bundle, engine, DetectorSettings(charts=bundle.charts))
    found = {OURS: judge([one.life for one in starts], ours)}
    for method in choose(OTHERS, Setting(Network(bundle, engine), [])):
        found[method.name] = [judge_by(method, one.life) for one in starts]
    rows = [["method", "found", "in time", "clean", "undisputed", *COMPARED]]
    rows += [[name, *sums(own), *compared(found[OURS], own)] for name, own in found.items()]
    print(table(rows))
    rows = [
        ["found, in time, clean of", *(f"{name}, {len(of(starts, name))}" for name in BEARINGS)]
    ]
    for name, own in found.items():
        rows.append([name, *(" ".join(sums(own, of(starts, one))[:3]) for one in BEARINGS)])
    print(f"\n{table(rows)}")


def of(starts: Sequence[Start], bearing: str) -> list[int]:
    """Return which starts are a bearing's."""
    return [k for k, one in enumerate(starts) if one.bearing == bearing]


def sums(outcomes: Sequence[Outcome], chosen: Sequence[int] | None = None) -> list[str]:
    """Count starts that are found, in time, clean, and without a disputed alert."""
    own = outcomes if chosen is None else [outcomes[k] for k in chosen]
    counts = (
        sum(one.found for one in own),
        sum(one.in_time for one in own),
        sum(one.clean for one in own),
        sum(not one.disputed for one in own),
    )
    return [str(count) for count in counts]


COMPARED: Final = ("found clean by both", "median lead h, ours", "theirs", "ours earlier", "later")


def compared(ours: Sequence[Outcome], theirs: Sequence[Outcome]) -> list[str]:
    """Compare leads over the starts that both found anew and clean."""
    pairs = [
        (one.lead_hours, other.lead_hours)
        for one, other in zip(ours, theirs, strict=True)
        if one.clean and other.clean and one.lead_hours is not None and other.lead_hours is not None
    ]
    own, other = np.array(pairs).T
    return [
        str(len(pairs)),
        f"{np.median(own):.3f}",
        f"{np.median(other):.3f}",
        str(np.sum(own > other)),
        str(np.sum(own < other)),
    ]


if __name__ == "__main__":
    main()
