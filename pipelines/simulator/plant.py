"""The values that a simulated fleet is described by."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from pipelines.simulator.colour import STEADY, Colour
from pipelines.simulator.converter import Converter
from pipelines.simulator.duty import Duty
from pipelines.simulator.grid import Grid

if TYPE_CHECKING:
    from pipelines.fault_orders import BearingGeometry
    from pipelines.simulator.bearing import FaultKind
    from pipelines.simulator.converter import DropOut
    from pipelines.simulator.disturbances import Event
    from pipelines.simulator.growth import Fault
    from pipelines.simulator.structure import Structure
    from pipelines.simulator.tones import Tone
    from pipelines.window import SensorKey

MONDAY_NS: Final = 1_736_121_600_000_000_000
"""2025-01-06T00:00:00Z, where simulated time begins unless told."""
LEAST_CADENCE_S: Final = 0.001
MOST_CADENCE_S: Final = 31_536_000.0
MOST_WINDOWS: Final = 1_000_000
"""Of one sensor: what its machine goes through is drawn for all of them at once, in memory."""


class AfterFailure(StrEnum):
    """What a machine does once one of its bearings has failed."""

    STOP = "stop"
    RUN_ON = "run_on"


@dataclass(frozen=True, slots=True)
class SensorSpec:
    """One measuring point on one bearing; `healthy_rms` in g at the rated load.

    `high_share` is the part of the healthy noise power above the structure's `high_hz`;
    `unrest` the standard deviation from window to window that nothing explains, `colour` how the
    spectrum's shape wanders. At most one fault a sensor.
    """

    sensor: str
    bearing: BearingGeometry
    structure: Structure
    healthy_rms: float = 0.5
    axes: tuple[str, ...] = ("radial",)
    axis_gains: tuple[float, ...] = (1.0,)
    high_share: float = 0.15
    unrest: float = 0.02
    colour: Colour = STEADY
    converter: Converter = field(default_factory=Converter)
    fault: Fault | None = None
    events: tuple[Event, ...] = ()
    drop_outs: tuple[DropOut, ...] = ()

    def __post_init__(self) -> None:
        """Refuse axes without a gain."""
        if len(self.axes) != len(self.axis_gains):
            raise ValueError(f"{len(self.axes)} axes but {len(self.axis_gains)} gains")


@dataclass(frozen=True, slots=True)
class MachineSpec:
    """Sensors in their order along one shaft; `events` and `tones` are common to all.

    A fault is felt at its neighbours by the factor `crosstalk` per bearing on the way.
    """

    asset: str
    sensors: tuple[SensorSpec, ...]
    duty: Duty = field(default_factory=Duty)
    tones: tuple[Tone, ...] = ()
    crosstalk: float = 0.2
    events: tuple[Event, ...] = ()


class Truth(NamedTuple):
    """Which bearing really fails: the first damaged window, the first after the end of life."""

    key: SensorKey
    kind: FaultKind
    onset: int
    failure: int


def check_run(windows: float, cadence_s: float, start_ns: int = MONDAY_NS) -> None:
    """Raise ValueError for a run that is too long, or whose windows are no time apart."""
    if not LEAST_CADENCE_S <= cadence_s <= MOST_CADENCE_S:  # also true for NaN
        raise ValueError(
            f"cadence_s must be {LEAST_CADENCE_S:g} to {MOST_CADENCE_S:.0f}, which is a year, "
            f"got {cadence_s:g}"
        )
    if not 1 <= windows <= MOST_WINDOWS:
        raise ValueError(f"a sensor has 1 to {MOST_WINDOWS} windows, got {windows:.7g}")
    if start_ns + (windows - 1) * cadence_s * 1e9 >= 2**63:
        raise ValueError(
            f"{windows} windows every {cadence_s:g} s go beyond 2262-04-11, the last day that a"
            " window can have; take fewer windows, or a shorter cadence"
        )


@dataclass(frozen=True, slots=True)
class FleetSpec:
    """A fleet over `windows` rounds; every sensor gives one window of `duration_s` a round.

    `telemetry` says whether windows carry rpm, load and temperature.
    """

    seed: int
    machines: tuple[MachineSpec, ...]
    windows: int
    cadence_s: float = 600.0
    sample_rate_hz: float = 20_480.0
    duration_s: float = 1.0
    start_ns: int = MONDAY_NS
    after_failure: AfterFailure = AfterFailure.STOP
    telemetry: bool = True

    def __post_init__(self) -> None:
        """Refuse what would give no window, and names that are not unique."""
        check_run(self.windows, self.cadence_s, self.start_ns)
        if self.grid.count < 2:
            raise ValueError(f"a fleet needs windows of two samples or more, got {self.grid.count}")
        assets = [machine.asset for machine in self.machines]
        if len(set(assets)) != len(assets):
            raise ValueError("two machines have the same name")

    @property
    def grid(self) -> Grid:
        """The samples of one window."""
        return Grid(round(self.duration_s * self.sample_rate_hz), self.sample_rate_hz)
