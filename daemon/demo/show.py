"""Runs the demo: fleet, loop, view, and the comparison with the truth at the end."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from daemon.app import build_offline
from daemon.demo.board import Board
from daemon.demo.fleet import passing
from daemon.demo.live import LiveView, Scene
from daemon.demo.outcome import Outcome, compare, time_ns
from daemon.demo.plain import PlainView
from daemon.demo.wording import clock, fault, span
from daemon.machines import Machines
from daemon.settings import Settings
from pipelines.assets import parse
from pipelines.simulator import assets_toml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

    from daemon.batch import Judged
    from daemon.demo.fleet import Plan
    from daemon.demo.outcome import Flagged
    from pipelines.simulator import Fleet, FleetSpec


def run_demo(
    fleet: Fleet,
    plan: Plan,
    console: Console,
    stopping: Callable[[], bool],
    model: str | None = None,
) -> Outcome | None:
    """Show a fleet; None where it was stopped before the end."""
    board = Board(every=max(1, plan.rounds // 40))
    view = _view(console, board, scene(fleet, plan))
    settings = Settings.model_validate(
        {
            "source": {"kind": "simulator"},
            "series": {"kind": "memory"},
            "journal": {"kind": "memory", "evidence": False},
            "model": {"bundle": model},
            # A batch is one or two rounds, so that the view moves with every one.
            "loop": {"batch_windows": 2 * len(fleet.keys)},
        }
    )
    windows = passing(fleet, plan, time.monotonic, time.sleep)
    machines = Machines(parse(assets_toml(fleet.spec)))
    with view:

        def watch(judged: Judged) -> None:
            view.show(board.add(judged.judgements))

        build_offline(settings, windows, watch=watch, machines=machines).run(stopping)
    return None if stopping() else compare(fleet.spec, fleet.truth, board.events)


def _view(console: Console, board: Board, known: Scene) -> LiveView | PlainView:
    if console.is_terminal:
        return LiveView(console, board, known)

    def echo(line: str) -> None:
        console.print(line, highlight=False, soft_wrap=True)

    return PlainView(echo, board, known.windows, f"{known.title}: {known.about}")


def scene(fleet: Fleet, plan: Plan) -> Scene:
    """Return what a view knows from the start."""
    days = plan.rounds * plan.cadence_s / 86_400
    return Scene(
        title="bearingwatch demo",
        about=(
            f"{plan.machines} machines, {plan.machines * plan.sensors} sensors, "
            f"{days:.1f} days, seed {fleet.spec.seed}"
        ),
        windows=plan.rounds * len(fleet.keys),
        machines=tuple(machine.asset for machine in fleet.spec.machines),
        ends_ns={truth.key.asset: time_ns(fleet.spec, truth.failure) for truth in fleet.truth},
    )


def closing(outcome: Outcome, spec: FleetSpec) -> Iterator[str]:
    """Yield the lines of the closing summary."""
    yield ""
    for flagged in outcome.flagged:
        yield _line(flagged)
    for event in outcome.false:
        yield f"false alert: {event.asset}/{event.sensor} at {clock(event.time_ns)}: {event.text}"
    if outcome.echoes:
        yield (
            f"{len(outcome.echoes)} more alerts on neighbours of a failing bearing, "
            "which feel it along the shaft"
        )
    sensors = sum(len(machine.sensors) for machine in spec.machines)
    late = f", {len(outcome.late)} of them in its last hour" if outcome.late else ""
    yield (
        f"{len(outcome.flagged) - len(outcome.missed)} of {len(outcome.flagged)} failing bearings "
        f"flagged before failure{late}; {len(outcome.false)} false alerts on {sensors} sensors"
    )
    yield ""
    yield (
        "A warning says that a bearing is unlike its healthy self, an alarm that it is several\n"
        "times as loud as well, so some fail without one. Next, judge recordings of your own:\n"
        "bearingwatch score RECORDINGS --out scores.csv"
    )


def _line(flagged: Flagged) -> str:
    truth = flagged.truth
    what = f"{truth.key} ({fault(truth.kind)}), failed {clock(flagged.failure_ns)}"
    first = flagged.warned
    if first is None or flagged.lead_s is None:
        return f"MISSED   {what} without an alert"
    said = f"{first.zone} {clock(first.time_ns)}, {span(flagged.lead_s)} before failure"
    if flagged.alarmed is None:
        said += "; no alarm"
    elif flagged.alarmed is not first:
        said += f"; alarm {span((flagged.failure_ns - flagged.alarmed.time_ns) * 1e-9)} before"
    return f"flagged  {what}\n         {said}"
