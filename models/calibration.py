"""What is known of the healthy loss before a sensor has shown its own: the fleet's prior."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

PROBABILITIES: Final = (0.9, 0.99, 0.999)
"""Where the upper tail of the standardised healthy log loss is kept."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Distribution of the healthy log10 loss over sensors that the network was not trained on.

    The loss of a window is the largest of its axes. Sensor by sensor, its log10 has a mean
    (`mean` and `between_sd` say how those spread over sensors), a standard deviation around it
    (`within_sd`, the median over sensors) and a lag-1 `autocorrelation` (median). `tail` are the
    quantiles at `PROBABILITIES` of (log10 loss - sensor's mean) / sensor's standard deviation,
    all sensors weighing the same.
    """

    mean: float
    between_sd: float
    within_sd: float
    autocorrelation: float
    tail: tuple[float, ...]
    sensors: int
    windows: int

    def independent_share(self) -> float:
        """Return how much of an independent window one window is worth, in (0, 1].

        (1 - r) / (1 + r) for a first-order autoregression of lag-1 correlation r.
        """
        r = min(max(self.autocorrelation, 0.0), 0.99)
        return (1.0 - r) / (1.0 + r)


def calibrate(log_losses: Sequence[NDArray[np.float64]]) -> Calibration:
    """Return the calibration from each sensor's healthy log10 losses, arrays (windows,) in order.

    Sensors with fewer than 10 windows are left out; at least one must remain.
    """
    kept = [values for values in log_losses if len(values) >= 10]
    if not kept:
        raise ValueError("no sensor has 10 healthy windows: there is nothing to calibrate on")
    means = [float(np.mean(values)) for values in kept]
    standardised = [(values - np.mean(values)) / max(np.std(values), 1e-6) for values in kept]
    quantiles = np.median([np.quantile(z, PROBABILITIES) for z in standardised], axis=0)
    return Calibration(
        mean=float(np.mean(means)),
        between_sd=float(np.std(means)),
        within_sd=float(np.median([np.std(values) for values in kept])),
        autocorrelation=float(np.median([np.mean(z[1:] * z[:-1]) for z in standardised])),
        tail=tuple(float(value) for value in quantiles),
        sensors=len(kept),
        windows=sum(len(values) for values in kept),
    )
