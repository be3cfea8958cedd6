"""Every method on every life, and what it comes to."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import cycle, islice
from statistics import median
from typing import TYPE_CHECKING, Final

from models.evaluation import FIRST_WINDOWS
from models.evaluation.bounds import Interval, clopper_pearson, poisson_rate
from models.evaluation.outcomes import Outcome, judge_outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from models.evaluation import Method
    from models.evaluation.lives import Life


@dataclass(frozen=True, slots=True)
class Result:
    """One method: its outcomes by seed, in the order of the lives."""

    method: Method
    by_seed: tuple[tuple[Outcome, ...], ...]

    @property
    def first(self) -> tuple[Outcome, ...]:
        """Outcomes of the first seed."""
        return self.by_seed[0]


@dataclass(frozen=True, slots=True)
class Sums:
    """What outcomes come to. Bearings that fail are counted as found, all as clean.

    `found` includes those with an alert that is open since a disputed time (`by_dispute` of them).
    """

    failing: int
    found: int
    by_dispute: int
    in_time: int
    to_alarm: int
    bearings: int
    clean: int
    false: int
    disputed: int
    median_lead_hours: float | None
    median_delay: float | None
    healthy_years: float

    @property
    def found_bounds(self) -> Interval:
        """Exact 95 % bounds of the share found."""
        return clopper_pearson(self.found, self.failing)

    @property
    def clean_bounds(self) -> Interval:
        """Exact 95 % bounds of the share clean."""
        return clopper_pearson(self.clean, self.bearings)

    @property
    def false_per_year(self) -> float:
        """False alerts per sensor-year."""
        return self.false / self.healthy_years if self.healthy_years else 0.0

    @property
    def false_bounds(self) -> Interval:
        """Exact 95 % bounds of the false alerts per sensor-year."""
        return poisson_rate(self.false, self.healthy_years)


def evaluate(
    methods: Sequence[Method],
    lives: Sequence[Life],
    seeds: int,
    progress: Callable[[str], None] = lambda _: None,
) -> list[Result]:
    """Run every method, the random ones with `seeds` seeds."""
    results = []
    for method in methods:
        progress(method.name)
        numbers = range(seeds if method.random else 1)
        results.append(Result(method, tuple(run(method, lives, seed) for seed in numbers)))
    return results


def run(method: Method, lives: Sequence[Life], seed: int) -> tuple[Outcome, ...]:
    """Return a method's outcomes on the lives that it can be asked about."""
    return tuple(
        judge_outcome(
            life,
            method.fit(life.part(0, FIRST_WINDOWS), seed).judge(life.part(FIRST_WINDOWS)),
        )
        for life in lives
        if life.label.fails or not method.whole_rig
    )


def sum_up(outcomes: Sequence[Outcome]) -> Sums:
    """Return the sums over bearings."""
    failing = [one for one in outcomes if one.life.label.fails]
    leads = [one.lead_hours for one in failing if one.lead_hours is not None]
    delays = [one.delay for one in failing if one.delay is not None]
    return Sums(
        failing=len(failing),
        found=sum(one.found for one in failing),
        by_dispute=sum(one.found and one.detected is None for one in failing),
        in_time=sum(one.in_time for one in failing),
        to_alarm=sum(one.alarm_in_order for one in failing),
        bearings=len(outcomes),
        clean=sum(one.clean for one in outcomes),
        false=sum(len(one.false) for one in outcomes),
        disputed=sum(len(one.disputed) for one in outcomes),
        median_lead_hours=median(leads) if leads else None,
        median_delay=median(delays) if delays else None,
        healthy_years=sum(one.healthy_years for one in outcomes),
    )


def undisputed(outcomes: Sequence[Outcome]) -> tuple[Outcome, ...]:
    """Return the outcomes of bearings that nobody disputes."""
    return tuple(one for one in outcomes if not one.life.label.disputed)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Ours against another method on the bearings that both were asked about.

    Pairs are (ours, the other's). `shared` bearings were found by a new alert, and clean, by both;
    leads are medians over them, and on `earlier` and `later` of them ours came first or last.
    """

    other: str
    found: tuple[int, int]
    in_time: tuple[int, int]
    clean: tuple[int, int]
    shared: int
    earlier: int
    later: int
    lead_hours: tuple[float, float] | None

    @property
    def worse(self) -> list[str]:
        """What the other does better."""
        return self._where(lambda ours, theirs: ours < theirs)

    @property
    def better(self) -> list[str]:
        """What ours does better."""
        return self._where(lambda ours, theirs: ours > theirs)

    def _where(self, is_so: Callable[[float, float], bool]) -> list[str]:
        figures = (self.found, self.in_time, self.clean, self.lead_hours)
        pairs = dict(zip(SUMMED, figures, strict=True))
        return [name for name, pair in pairs.items() if pair is not None and is_so(*pair)]


SUMMED: Final = ("found", "found in time", "clean", "median lead")
"""What two methods are compared in."""


def compare_seeds(ours: Result, other: Result) -> list[Comparison]:
    """Compare seed by seed; one that is not random is the same with every seed."""
    seeds = enumerate(by_seeds(ours, other))
    return [compare(mine, other, seed=seed) for seed, (mine, _) in seeds]


def by_seeds(ours: Result, other: Result) -> list[tuple[tuple[Outcome, ...], tuple[Outcome, ...]]]:
    """Return the outcomes of both seed by seed; one that is not random is repeated."""
    count = max(len(ours.by_seed), len(other.by_seed))
    mine, theirs = (cycle(each.by_seed) for each in (ours, other))
    return list(islice(zip(mine, theirs, strict=False), count))


def compare(
    ours: Sequence[Outcome], other: Result, *, with_disputed: bool = True, seed: int = 0
) -> Comparison:
    """Compare with one seed of the other."""
    mine = {one.life.key: one for one in ours}
    outcomes = other.by_seed[seed % len(other.by_seed)]
    theirs = outcomes if with_disputed else undisputed(outcomes)
    pairs = [(mine[one.life.key], one) for one in theirs]
    leads = [
        (one.lead_hours, two.lead_hours)
        for one, two in pairs
        if one.clean and two.clean and one.lead_hours is not None and two.lead_hours is not None
    ]
    return Comparison(
        other=other.method.name,
        found=(sum(one.found for one, _ in pairs), sum(two.found for _, two in pairs)),
        in_time=(sum(one.in_time for one, _ in pairs), sum(two.in_time for _, two in pairs)),
        clean=(sum(one.clean for one, _ in pairs), sum(two.clean for _, two in pairs)),
        shared=len(leads),
        earlier=sum(one > two for one, two in leads),
        later=sum(one < two for one, two in leads),
        lead_hours=(median(one for one, _ in leads), median(two for _, two in leads))
        if leads
        else None,
    )
