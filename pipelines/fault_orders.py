"""Where a bearing's faults show, in orders of shaft speed, from its geometry.

The formulas hold for a fixed outer race and no slip (ISO 15243 names the damage; Randall & Antoni,
'Rolling element bearing diagnostics - a tutorial', 2011, eq. 1-4); real bearings slip by 1-2 %.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, radians
from typing import NamedTuple


class FaultOrders(NamedTuple):
    """Fault frequencies divided by the shaft's turning frequency."""

    bpfo: float
    """Ball pass, outer race."""
    bpfi: float
    """Ball pass, inner race."""
    bsf: float
    """Ball spin; a ball defect strikes both races, so look at twice this."""
    ftf: float
    """Fundamental train: the cage."""


@dataclass(frozen=True, slots=True)
class BearingGeometry:
    """What the fault orders follow from; both diameters in the same unit of length."""

    rolling_elements: int
    ball_diameter: float
    pitch_diameter: float
    contact_angle_deg: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what no bearing can be."""
        if self.rolling_elements < 1:
            raise ValueError(f"a bearing has rolling elements, got {self.rolling_elements}")
        if not 0.0 < self.ball_diameter < self.pitch_diameter:
            raise ValueError(
                f"the ball diameter ({self.ball_diameter}) must lie between 0 "
                f"and the pitch diameter ({self.pitch_diameter})"
            )
        if not 0.0 <= self.contact_angle_deg < 90.0:
            raise ValueError(
                f"the contact angle must be 0-90 degrees, got {self.contact_angle_deg}"
            )

    def fault_orders(self) -> FaultOrders:
        """Return BPFO, BPFI, BSF and FTF in orders of shaft speed."""
        ratio = self.ball_diameter / self.pitch_diameter * cos(radians(self.contact_angle_deg))
        half = self.rolling_elements / 2.0
        return FaultOrders(
            bpfo=half * (1.0 - ratio),
            bpfi=half * (1.0 + ratio),
            bsf=self.pitch_diameter / (2.0 * self.ball_diameter) * (1.0 - ratio**2),
            ftf=(1.0 - ratio) / 2.0,
        )
