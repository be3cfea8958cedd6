"""Figures of healthy running."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.evaluation.certification.likeness import likeness
from pipelines.features import Observation
from tests.unit.models.fleet import FEATURES, observation

COUNT = 600
HOURS = (COUNT - 1) / 360


def seen(log_rms: np.ndarray, common: np.ndarray | None = None) -> list[Observation]:
    made = [observation(k, kurtosis=3.0 + k / COUNT) for k in range(COUNT)]
    shared = np.zeros(COUNT) if common is None else common
    return [
        replace(
            one,
            rms=np.array([10.0**level], np.float32),
            log_bands=(one.log_bands + np.float32(rise)),
        )
        for one, level, rise in zip(made, log_rms, shared, strict=True)
    ]


def test_a_trend_is_drift_and_not_scatter() -> None:
    noise = 0.01 * np.random.default_rng(1).standard_normal(COUNT)
    found = likeness(seen(noise + np.linspace(0.0, 0.3, COUNT)), 0, FEATURES.bands)
    assert found.drift_hour * HOURS == pytest.approx(0.3, rel=0.05)
    assert found.drift_100 == pytest.approx(0.05, rel=0.05)
    assert found.spread == pytest.approx(0.3 / np.sqrt(12), rel=0.05)
    assert found.scatter == pytest.approx(0.01, rel=0.1)
    assert found.memory > 0.9
    assert abs(found.scatter_memory) < 0.15


def test_what_all_bands_share_is_common() -> None:
    flat = np.zeros(COUNT) - 0.3
    apart = likeness(seen(flat), 0, FEATURES.bands)
    noise = 0.5 * np.random.default_rng(2).standard_normal(COUNT)
    together = likeness(seen(flat, noise), 0, FEATURES.bands)
    assert apart.common < 0.2
    assert together.common > 0.9
    assert abs(apart.band_1) < 0.1


def test_kurtosis_is_summed_up_by_median_and_tail() -> None:
    found = likeness(seen(np.zeros(COUNT)), 0, FEATURES.bands)
    assert found.kurtosis == pytest.approx(3.5, abs=0.01)
    assert found.kurtosis_99 == pytest.approx(3.99, abs=0.01)
