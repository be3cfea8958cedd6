"""The demo's fleet: small enough for a laptop, varied enough to be honest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pipelines.simulator import Fleet, random_fleet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pipelines.window import Window


SHOW_S: Final = 30.0
"""Time to show all rounds in."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How large the demo is, and how long it may take."""

    machines: int = 6
    sensors: int = 3
    degrading: int = 4
    rounds: int = 600
    cadence_s: float = 600.0
    window_s: float = 0.5
    show_s: float = SHOW_S
    """0 shows the rounds as fast as they are judged."""


def draw(seed: int, plan: Plan) -> Fleet:
    """Return the fleet of `seed`: `degrading` machines have one bearing that fails."""
    return Fleet(
        random_fleet(
            seed,
            machines=plan.machines,
            sensors_per_machine=plan.sensors,
            degrading=plan.degrading,
            windows=plan.rounds,
            cadence_s=plan.cadence_s,
            duration_s=plan.window_s,
        )
    )


def passing(
    fleet: Fleet, plan: Plan, monotonic: Callable[[], float], sleep: Callable[[float], None]
) -> Iterator[Window]:
    """Yield the fleet's windows round by round, spread over `show_s`."""
    began = monotonic()
    for index in range(plan.rounds):
        due = began + plan.show_s * index / plan.rounds
        wait_s = due - monotonic()
        if wait_s > 0:
            sleep(wait_s)
        yield from fleet.round(index)
