"""A simulated fleet of machines whose bearings fail, from a seed.

The contract:

- Pure: no clock, no file, no socket, no global random state. `Fleet(spec)` computes nothing until
  asked and never blocks on anything but arithmetic.
- A window's bytes depend on the `FleetSpec`'s seed, sample rate, duration, cadence and start, on
  its own `MachineSpec`, and on its index; not on other machines, on the length of the run, on
  which windows were made before, or on the thread. Window k alone equals window k in sequence.
- Bytes repeat with the same versions of NumPy and SciPy on the same kind of processor; others may
  differ in the last bit before rounding to codes.
- All sensors of a round share one start time; rounds are `cadence_s` apart.
- Samples are int16 in the unit `g` after scaling. A fault's `failure` is the index of the first
  window after the end of life: there the machine stands (`AfterFailure.STOP`) or runs on at the
  final level (`AfterFailure.RUN_ON`).

`random_fleet` draws a `FleetSpec` from a `Family`; everything in it is a frozen value that can be
written by hand or replaced. Sources of the models are named where they are used.
"""

from pipelines.simulator.bearing import FaultKind
from pipelines.simulator.colour import Colour
from pipelines.simulator.converter import Converter, DropOut
from pipelines.simulator.disturbances import Burst, Event, Regreasing, Remount, Stop, WearIn
from pipelines.simulator.drawing import random_fleet
from pipelines.simulator.duty import Duty
from pipelines.simulator.family import PROVING, SETTING, WORKSHOP, Events, Family, quiet
from pipelines.simulator.fleet import Fleet
from pipelines.simulator.growth import Fault, Healing
from pipelines.simulator.nameplates import assets_toml
from pipelines.simulator.plant import (
    AfterFailure,
    FleetSpec,
    MachineSpec,
    SensorSpec,
    Truth,
    check_run,
)
from pipelines.simulator.structure import Mode, Structure
from pipelines.simulator.tones import InverterTone, ShaftTone

__all__ = [
    "PROVING",
    "SETTING",
    "WORKSHOP",
    "AfterFailure",
    "Burst",
    "Colour",
    "Converter",
    "DropOut",
    "Duty",
    "Event",
    "Events",
    "Family",
    "Fault",
    "FaultKind",
    "Fleet",
    "FleetSpec",
    "Healing",
    "InverterTone",
    "MachineSpec",
    "Mode",
    "Regreasing",
    "Remount",
    "SensorSpec",
    "ShaftTone",
    "Stop",
    "Structure",
    "Truth",
    "WearIn",
    "assets_toml",
    "check_run",
    "quiet",
    "random_fleet",
]
