"""What makes one choice better than another, and the choice that is best on some bearings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from models.evaluation.outcomes import Outcome

    T = TypeVar("T")


@dataclass(frozen=True)
class Result:
    """What became of a bearing, averaged over its starts.

    `alerts` are false and disputed ones, `in_time` the share found by the latest sensible onset,
    `delay` that from the earliest to the detection, 1 where the latest is reached or missed.
    """

    alerts: float
    in_time: float
    delay: float


def result(outcomes: Iterable[Outcome]) -> Result:
    every = list(outcomes)
    return Result(
        alerts=float(np.mean([len(one.false) + len(one.disputed) for one in every])),
        in_time=float(np.mean([one.in_time for one in every])),
        delay=float(np.mean([_delay(one) for one in every])),
    )


def _delay(one: Outcome) -> float:
    earliest, latest = one.life.label.earliest, one.life.label.latest
    if one.delay is None or earliest is None or latest is None:
        return 1.0
    return min(one.delay / (latest - earliest), 1.0)


def choose(
    found: Mapping[T, Mapping[str, Result]],
    bearings: Sequence[str],
    tie: Callable[[T], float] = lambda _: 0.0,
    allowed: Callable[[T], bool] = lambda _: True,
) -> T:
    """Return the best on `bearings` that is allowed: fewest alerts, most in time, least delay.

    All bearings weigh the same. Of equal ones the largest `tie` wins, then the first. Raises
    `ValueError` where none is allowed.
    """

    def rank(candidate: T) -> tuple[float, ...]:
        results = [found[candidate][bearing] for bearing in bearings]
        return (
            round(sum(one.alerts for one in results), 6),
            round(-sum(one.in_time for one in results), 6),
            round(sum(one.delay for one in results), 3),
            -tie(candidate),
        )

    for candidate in sorted(found, key=rank):
        if allowed(candidate):
            return candidate
    raise ValueError(f"none of {len(found)} candidates is allowed: put wider ones on the menu")
