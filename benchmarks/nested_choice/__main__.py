"""Settings and network chosen anew for each learning bearing, by the others alone.

    BEARINGWATCH_DATA=FOLDER python -m benchmarks.nested_choice [--jobs 2] [--epochs 8]

Nested leaving-one-out. For each bearing, in this order: chart settings, features and network are
chosen by how the *other five* are judged, from several first windows on and by one axis or both;
in the third step each of the five by a network that has seen neither it nor the one left out. Then
the one left out is judged, by a network without it. The first two steps use no network, and no
charts are chosen that break the budget on a simulated fleet. What is chosen on all six judges IMS
test 2. Some two hours on two cores; needs the training extra.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from functools import cached_property
from multiprocessing import get_context
from typing import TYPE_CHECKING, Final, NamedTuple

from benchmarks.detection import table
from benchmarks.nested_choice.budget import EXPOSURE, Budget
from benchmarks.nested_choice.choosing import choose, result
from benchmarks.nested_choice.menu import CHARTS, FEATURES, KINDS, SHIPPED, Charts
from benchmarks.nested_choice.worlds import World
from benchmarks.starts import BEARINGS, judge, read

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from benchmarks.nested_choice.choosing import Result
    from models.evaluation.charted import Network
    from models.evaluation.outcomes import Outcome

DEFAULT: Final = next(iter(FEATURES))
EVERYBODY: Final = ""
"""In place of the bearing left out: none is, and IMS test 2 is judged."""


class Chosen(NamedTuple):
    """What was chosen with a bearing left out."""

    charts: Charts
    features: str
    kind: str


class Worlds:
    """The bearings by each choice of features; nothing is read, trained or judged twice."""

    def __init__(self, epochs: int) -> None:
        self._epochs = epochs
        self._known: dict[str, World] = {}
        self._plain: dict[tuple[str, Charts], dict[str, Result]] = {}
        self._judged: dict[tuple[Chosen, str, tuple[str, ...]], list[Outcome]] = {}

    @cached_property
    def budget(self) -> Budget:
        """Return what says whether charts keep the budget."""
        return Budget(self.of(DEFAULT))

    def of(self, features: str) -> World:
        if features not in self._known:
            self._known[features] = World(FEATURES[features], self._epochs)
        return self._known[features]

    def plain(self, features: str, charts: Charts) -> dict[str, Result]:
        """Return how the bearings fare without a network."""
        if (features, charts) not in self._plain:
            world = self.of(features)
            self._plain[features, charts] = world.results(world.nobody(), charts)
        return self._plain[features, charts]

    def judged(self, chosen: Chosen, bearing: str, left_out: Iterable[str]) -> list[Outcome]:
        """Judge a bearing's starts by a network without `left_out`."""
        name = chosen, bearing, tuple(sorted(filter(None, left_out)))
        if name not in self._judged:
            world = self.of(chosen.features)
            network = world.network(chosen.kind, name[2])
            self._judged[name] = world.outcomes(bearing, network, chosen.charts)
        return self._judged[name]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=8)
    asked = parser.parse_args()
    worlds = Worlds(asked.epochs)
    charts = by_charts(worlds.of(DEFAULT), asked.jobs)
    chosen = {left_out: choose_all(worlds, charts, left_out) for left_out in (*BEARINGS, EVERYBODY)}
    print(table([["left out", "charts", "features", "network"], *choices(chosen)]), flush=True)
    print(f"\n{table(budgets(worlds.budget))}", flush=True)
    print(f"\n{table(candidates(worlds, charts, chosen[EVERYBODY]))}", flush=True)
    print(f"\n{table(left_out_rows(worlds, chosen))}", flush=True)
    print(f"\n{table(foreign(worlds, chosen[EVERYBODY]))}")


def by_charts(world: World, jobs: int) -> dict[Charts, dict[str, Result]]:
    """Judge every bearing by every setting of the charts, without a network."""
    given = world, world.nobody()
    with ProcessPoolExecutor(jobs, get_context("fork"), _remember, given) as pool:
        return dict(zip(CHARTS, pool.map(_judge, CHARTS, chunksize=4), strict=True))


_GIVEN: list[tuple[World, Network]] = []


def _remember(world: World, network: Network) -> None:
    _GIVEN.append((world, network))


def _judge(charts: Charts) -> dict[str, Result]:
    world, network = _GIVEN[0]
    return world.results(network, charts)


def choose_all(
    worlds: Worlds, charts: Mapping[Charts, Mapping[str, Result]], left_out: str
) -> Chosen:
    """Choose with one bearing left out, step after step."""
    inner = [bearing for bearing in BEARINGS if bearing != left_out]
    best = choose(charts, inner, Charts.width, worlds.budget.keeps)
    features = choose({name: worlds.plain(name, best) for name in FEATURES}, inner)
    kinds = by_kind(worlds, best, features, inner, left_out)
    return Chosen(best, features, choose(kinds, inner))


def by_kind(
    worlds: Worlds, charts: Charts, features: str, inner: Sequence[str], left_out: str
) -> dict[str, dict[str, Result]]:
    """Judge each of `inner` by networks of every kind that saw neither it nor `left_out`."""
    return {
        kind: {
            bearing: result(
                worlds.judged(Chosen(charts, features, kind), bearing, (bearing, left_out))
            )
            for bearing in inner
        }
        for kind in KINDS
    }


def choices(chosen: Mapping[str, Chosen]) -> list[list[str]]:
    return [[left_out or "none", *map(str, one)] for left_out, one in chosen.items()]


def budgets(budget: Budget) -> list[list[str]]:
    """Say of which charts was asked whether they break the budget, and how they fared."""
    title = f"charts, in {EXPOSURE.sensor_years:.0f} sensor-years"
    rows = [[title, "false alerts", "budget"]]
    for charts, count in budget.alerts.items():
        said = (
            [f"{count}", "not broken"] if budget.keeps(charts) else [f"{count} or more", "broken"]
        )
        rows.append([str(charts), *said])
    return rows


def candidates(
    worlds: Worlds, charts: Mapping[Charts, Mapping[str, Result]], best: Chosen
) -> list[list[str]]:
    """Say how the candidates of each step fare over all six bearings."""
    rows = [["step", "candidate", *SUMS]]
    rows += [["charts", str(one), *sums(charts[one].values())] for one in (SHIPPED, best.charts)]
    for name in FEATURES:
        rows.append(["features", name, *sums(worlds.plain(name, best.charts).values())])
    kinds = by_kind(worlds, best.charts, best.features, BEARINGS, EVERYBODY)
    return rows + [["network", kind, *sums(found.values())] for kind, found in kinds.items()]


SUMS: Final = ("alerts a start", "in time", "delay")


def sums(results: Iterable[Result]) -> list[str]:
    every = list(results)
    return [
        f"{sum(one.alerts for one in every) / len(every):.3f}",
        f"{sum(one.in_time for one in every) / len(every):.3f}",
        f"{sum(one.delay for one in every) / len(every):.3f}",
    ]


def left_out_rows(worlds: Worlds, chosen: Mapping[str, Chosen]) -> list[list[str]]:
    """Judge each bearing by what was chosen and learnt without it, and by what is shipped."""
    rows = [["bearing", "starts", "chosen: whole", *SUMS, "shipped: whole", *SUMS]]
    shipped = Chosen(SHIPPED, DEFAULT, "LSTM, other speeds")
    for bearing in BEARINGS:
        cells = [bearing]
        for one in (chosen[bearing], shipped):
            found = worlds.judged(one, bearing, [bearing])
            cells += [said(found[0]), *sums([result(found)])]
        rows.append([*cells[:1], str(len(found)), *cells[1:]])
    return rows


def said(one: Outcome) -> str:
    """Return first alert, false and disputed episodes, and alarm of a bearing."""
    alarm = "-" if one.alarm is None else one.alarm
    early = f", {one.early_alarms} early" if one.early_alarms else ""
    return f"{one.detected or '-'}/{len(one.false)}/{len(one.disputed)}, alarm {alarm}{early}"


def foreign(worlds: Worlds, chosen: Chosen) -> list[list[str]]:
    """Judge IMS test 2, which nothing was chosen on, each bearing for itself."""
    world = worlds.of(chosen.features)
    network = world.network(chosen.kind, ())
    lives = read("ims/test2.npz", world.features)
    found = judge(lives, world.detector(network, chosen.charts))
    return [
        ["IMS test 2", "alert/false/disputed"],
        *([one.life.key.sensor, said(one)] for one in found),
    ]


if __name__ == "__main__":
    main()
