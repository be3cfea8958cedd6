"""What one window says, as numbers: the input of the detector.

`extract` is the only door: windows in, observations out, in the same order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipelines.quality import Quality
from pipelines.window import SensorKey

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class FeatureSettings:
    """How a window becomes a sequence; part of a bundle, identified by `hash`."""

    frames: int = 8
    frame_s: float = 0.025
    bands: int = 24
    lowest_hz: float = 40.0
    highest_hz: float = 12_500.0
    envelope_bands: int = 8
    """Further bands behind the spectral ones: envelope-spectrum features, equal in every frame."""


@dataclass(frozen=True, slots=True)
class Observation:
    """The features of one window of one sensor.

    Shapes: `log_bands` (axes, frames, bands) float32, log10 of power in unit**2, NaN where a band
    lies above the Nyquist frequency; `fault_lines` (axes, 4) float32 or None, log10 prominence of
    the envelope spectrum at BPFO, BPFI, 2 x BSF and FTF; the descriptors (axes,) float32 each.
    """

    key: SensorKey
    start_ns: int
    axes: tuple[str, ...]
    duration_s: float
    sample_rate_hz: float
    unit: str
    log_bands: NDArray[np.float32]
    rms: NDArray[np.float32]
    peak: NDArray[np.float32]
    crest: NDArray[np.float32]
    kurtosis: NDArray[np.float32]
    velocity_rms: NDArray[np.float32]
    """mm/s, NaN where unit, band or length do not allow it."""
    quality: Quality
    fault_lines: NDArray[np.float32] | None = None
    rpm: float | None = None
    load: float | None = None
    temperature: float | None = None
    shaft_hz: float | None = None
    """Speed that `fault_lines` were read at: telemetry, else the rated speed."""
