"""Whether charts break the budget of false alerts on a healthy simulated fleet.

The recordings hold hours of health, a budget speaks of years: what a rough spell or a restart does
to limits is not seen on them. The fleet is of the family that limits are set on, not of the one
that they are certified on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from models.budget import SECONDS_PER_YEAR
from models.evaluation.bounds import poisson_rate
from models.evaluation.certification.healthy import Exposure
from models.evaluation.certification.panel import Juror
from models.policy import BudgetPolicy
from pipelines.simulator import SETTING
from pipelines.simulator.feature_fleet import FeatureFleet

if TYPE_CHECKING:
    from benchmarks.nested_choice.menu import Charts
    from benchmarks.nested_choice.worlds import World
    from models.detector import Detector

CADENCE_S: Final = 600.0
SENSORS: Final = 40
EXPOSURE: Final = Exposure(
    SENSORS, round(SECONDS_PER_YEAR / 2 / CADENCE_S), CADENCE_S, seed=21, family=SETTING
)
"""20 sensor-years."""


def most_alerts(years: float) -> int:
    """Return with how many false alerts the default budget is not shown to be broken.

    Its rate lies within the exact 95 % bounds then.
    """
    budget = BudgetPolicy().false_alerts_per_sensor_year
    count = 0
    while poisson_rate(count + 1, years).lower <= budget:
        count += 1
    return count


class Budget:
    """Judges the fleet without a network, by charts that are asked about; nothing twice."""

    def __init__(self, world: World) -> None:
        self._world, self._nobody = world, world.nobody()
        self._most = most_alerts(EXPOSURE.sensor_years)
        self.alerts: dict[Charts, int] = {}
        """False alerts of each that was asked about; counting ends where the budget is broken."""

    def keeps(self, charts: Charts) -> bool:
        """Return whether charts are not shown to break the budget."""
        if charts not in self.alerts:
            self.alerts[charts] = self._count(self._world.detector(self._nobody, charts))
        return self.alerts[charts] <= self._most

    def _count(self, detector: Detector) -> int:
        juror = Juror(detector)
        for spec in EXPOSURE.groups():
            fleet = FeatureFleet(spec, self._world.features)
            for number in range(fleet.blocks):
                juror.judge([one for key in fleet.keys for one in fleet.block(key, number)])
                if len(juror.raised) > self._most:
                    return len(juror.raised)
            juror.forget()
        return len(juror.raised)
