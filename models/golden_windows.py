"""Golden windows from the simulator: failing bearings of every kind, from healthy to the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from models.golden import Golden
from models.learning_set import normalised
from pipelines.features import extract
from pipelines.simulator import Fleet, random_fleet

if TYPE_CHECKING:
    from models.learning_set import SensorSequences
    from pipelines.features import FeatureSettings

SEED: Final = 2012
BASELINE: Final = 60
FROM_EACH: Final = 32
RATES_HZ: Final = (25_600.0, 12_800.0)
"""At the lower rate the upper bands are masked."""
SENSORS: Final = 4
"""Failing bearings at each rate; 2 x 4 x 32 windows make 256 golden ones."""


def simulate_golden(features: FeatureSettings) -> Golden:
    """Return 256 golden sequences with losses of 0, to be computed with the network."""
    sensors = [sensor for rate_hz in RATES_HZ for sensor in _failing(rate_hz, features)]
    flats = [sensor.flat() for sensor in sensors]
    sequences = np.concatenate([each.sequences[-FROM_EACH:] for each in flats])
    mask = np.concatenate([each.mask[-FROM_EACH:] for each in flats])
    return Golden(sequences, mask, np.zeros(len(sequences)))


def _failing(rate_hz: float, features: FeatureSettings) -> list[SensorSequences]:
    """Return each failing bearing's baseline windows and, behind them, the golden ones."""
    spec = random_fleet(
        SEED,
        machines=SENSORS,
        sensors_per_machine=1,
        degrading=SENSORS,
        windows=300,
        sample_rate_hz=rate_hz,
        duration_s=0.25,
    )
    fleet = Fleet(spec)
    sensors = []
    for truth in fleet.truth:
        chosen = np.linspace(BASELINE, truth.failure - 1, FROM_EACH).astype(int).tolist()
        windows = [fleet.window(truth.key, index) for index in [*range(BASELINE), *chosen]]
        sensors.append(normalised(str(truth.key), extract(windows, features), BASELINE, features))
    return sensors
