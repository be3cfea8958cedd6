"""What there is to choose among: drawn up by people who had seen the bearings, as all here is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Final

from models.augmentation import AugmentationSettings
from models.detector import DetectorSettings
from models.evaluation.ablations import LSTM, VARIANTS
from models.policy import ConfirmationPolicy
from pipelines.features import FeatureSettings

if TYPE_CHECKING:
    from models.policy import ChartPolicy


@dataclass(frozen=True, order=True)
class Charts:
    """Limits in standard deviations, and how many windows confirm; written as in the tables.

    `settled` is the limit of the three charts that compare with what has settled: the adaptive one
    and those of the high bands and the fault lines. They share one, as they do in the product;
    for each a limit of its own is more than five bearings can tell (docs/evaluation.md).
    """

    gain_allowance: float
    anchored: float
    settled: float
    needed: int

    def settings(self, bundle: ChartPolicy) -> DetectorSettings:
        charts = replace(
            bundle,
            gain_allowance=self.gain_allowance,
            anchored_sigmas=self.anchored,
            adaptive_sigmas=self.settled,
            high_sigmas=self.settled,
            line_sigmas=self.settled,
        )
        confirmation = ConfirmationPolicy(needed=self.needed, among=self.needed + 1)
        return DetectorSettings(charts=charts, confirmation=confirmation)

    def width(self) -> float:
        """Return how wide the limits are together; of equally good ones the widest is taken."""
        return self.anchored * self.settled * self.needed * self.gain_allowance

    def __str__(self) -> str:
        limits = f"{self.anchored:g}, {self.settled:g}"
        return f"{self.gain_allowance:g}; {limits}; {self.needed} of {self.needed + 1}"


SHIPPED: Final = Charts(0.5, 7.0, 4.0, 3)
CHARTS: Final = [
    Charts(*values)
    for values in product((0.15, 0.3, 0.5), (5.0, 7.0, 10.0), (3.0, 3.5, 4.0, 5.0), (2, 3, 4))
]

FEATURES: Final = {
    "24 bands, 8 frames": FeatureSettings(),
    "16 bands": FeatureSettings(bands=16),
    "32 bands": FeatureSettings(bands=32),
    "4 frames": FeatureSettings(frames=4),
    "16 frames": FeatureSettings(frames=16),
}

NONE: Final = "none"
PRINCIPAL: Final = "principal components"
STILL: Final = AugmentationSettings(speed=0.0)
AUGMENTATIONS: Final = {
    "LSTM": STILL,
    "LSTM, nothing spoiled": replace(STILL, spoiled=0.0),
    "LSTM, no gain": replace(STILL, wander=0.0, wander_downwards=0.0),
    "LSTM, no noise": replace(STILL, noise=0.0),
    "LSTM, other speeds": replace(STILL, speed=0.1),
    "LSTM, other resonances": replace(STILL, resonance=0.1),
}
NETWORKS: Final = {
    **{name: replace(LSTM, augmentation=one) for name, one in AUGMENTATIONS.items()},
    "LSTM, averaged frames": replace(VARIANTS[3], augmentation=STILL),
    "dense": replace(VARIANTS[1], augmentation=STILL),
}
"""Objective and augmentation are chosen with the network: they say what it learns to answer."""

KINDS: Final = (NONE, PRINCIPAL, *NETWORKS)
