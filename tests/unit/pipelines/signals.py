"""Builders of windows and signals for the tests of features."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.fault_orders import BearingGeometry
from pipelines.features import FeatureSettings, Observation, extract
from pipelines.window import SensorKey, Window

SETTINGS = FeatureSettings()
SECOND = 1_000_000_000
RATE_HZ = 20_480.0
NAMES = ("x", "y", "z")


@dataclass(frozen=True)
class Known:
    """A machine of which geometry and rated speed are known."""

    geometry: BearingGeometry | None
    rated_rpm: float | None


def build_window(
    signal: NDArray[Any],
    *,
    rate_hz: float = RATE_HZ,
    unit: str = "g",
    dtype: str = "f4",
    scale: float = 1.0,
    index: int = 0,
) -> Window:
    """Window of physical values `signal`, (n,) or (axes, n), stored as `dtype` times `scale`."""
    rows = np.atleast_2d(np.asarray(signal, dtype=np.float64)) / scale
    stored = (np.rint(rows) if dtype.startswith("i") else rows).astype("<" + dtype)
    return Window(
        asset="pump",
        sensor="bearing",
        axes=NAMES[: len(stored)],
        start_ns=index * SECOND,
        sample_rate_hz=rate_hz,
        unit=unit,
        samples=stored,
        scale=scale,
    )


def times(seconds: float = 1.0, rate_hz: float = RATE_HZ) -> NDArray[np.float64]:
    return np.arange(round(seconds * rate_hz)) / rate_hz


def sine(
    frequency_hz: float, amplitude: float = 1.0, seconds: float = 1.0, rate_hz: float = RATE_HZ
) -> NDArray[np.float64]:
    return amplitude * np.sin(2 * np.pi * frequency_hz * times(seconds, rate_hz) + 0.3)


def noise(
    seed: int = 0, std: float = 1.0, seconds: float = 1.0, rate_hz: float = RATE_HZ, axes: int = 1
) -> NDArray[np.float64]:
    shape = (axes, round(seconds * rate_hz))
    return np.random.default_rng(seed).normal(scale=std, size=shape)


def impacts(
    repeat_hz: float, strength: float, seconds: float = 1.0, rate_hz: float = RATE_HZ
) -> NDArray[np.float64]:
    """Impacts that ring at 4.5 kHz and die away, `repeat_hz` of them a second."""
    since = np.mod(times(seconds, rate_hz), 1.0 / repeat_hz)
    return strength * np.exp(-800.0 * since) * np.sin(2 * np.pi * 4_500.0 * since)


def observe(
    window: Window,
    settings: FeatureSettings = SETTINGS,
    lookup: Callable[[SensorKey], Known | None] = lambda _: None,
) -> Observation:
    return extract([window], settings, lookup)[0]


def with_index(observation: Observation, index: int) -> Observation:
    return replace(observation, start_ns=index * SECOND)
