"""Is this window fit to judge? Facts about the signal, not yet a decision."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class SensorFault(StrEnum):
    """Why a window says something of the sensor and nothing of the machine."""

    NONE = "none"
    STUCK = "stuck"
    OFFSET = "offset"
    NON_FINITE = "non_finite"
    CLIPPED = "clipped"


@dataclass(frozen=True, slots=True)
class Quality:
    """The worst fault over a window's axes, and the share of samples at the rail (0-1)."""

    fault: SensorFault = SensorFault.NONE
    clipped_share: float = 0.0
