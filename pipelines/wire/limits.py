"""Bounds of a valid record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a valid record. `max_samples` counts samples of one axis."""

    max_bytes: int = 900_000
    max_axes: int = 8
    max_samples: int = 450_000
    max_identifier: int = 64
    min_rate_hz: float = 1.0
    max_rate_hz: float = 1_000_000.0
    min_scale: float = 1e-12
    max_scale: float = 1e3
    max_value: float = 1e9
    """Largest f4 sample; with `max_scale` its power still fits a float32."""
    max_ahead_s: float = 600.0
    """How far a window may start after its record's timestamp."""


DEFAULT_LIMITS: Final = Limits()
