"""Builders: a bundle, an engine that reconstructs zeros, and observations made of numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.bundle import Bundle
from models.calibration import Calibration
from models.detector import Detector, Judgement, Previous, no_limits
from models.engines import Engine
from models.policy import ChartPolicy, CommissioningPolicy, DetectorSettings
from models.state import SensorState, encode_cold, encode_hot
from pipelines.features import FeatureSettings, Observation
from pipelines.quality import Quality, SensorFault
from pipelines.window import SensorKey

if TYPE_CHECKING:
    from models.policy import LimitsLookup

FEATURES = FeatureSettings(frames=2, bands=12, envelope_bands=4)
CADENCE_NS = 10 * 10**9
START_NS = 1_700_000_000 * 10**9
KEY = SensorKey("pump", "drive-end")
NEIGHBOUR = SensorKey("pump", "free-end")
QUICK = DetectorSettings(commissioning=CommissioningPolicy(windows=30, span_s=0.0))
FAULTY = Quality(SensorFault.STUCK)
STUCK_Y = Quality(SensorFault.STUCK, lost=(1,))


class ZeroEngine:
    """Reconstructs nothing: the loss is the mean square of the departures."""

    name = "zero"

    def reconstruct(self, sequences: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.zeros_like(sequences)


def bundle(hash_: str = "0123456789abcdef", features: FeatureSettings = FEATURES) -> Bundle:
    return Bundle(
        path=Path("nowhere"),
        name="test",
        hash=hash_,
        features=features,
        features_hash=features.hash,
        calibration=Calibration(-0.3, 0.2, 0.15, 0.4, (1.3, 2.5, 3.5), 6, 1000),
        charts=ChartPolicy(),
        created="",
        libraries={},
        training={},
    )


def detector(
    settings: DetectorSettings | None = None,
    *,
    of: Bundle | None = None,
    limits: LimitsLookup = no_limits,
    engine: Engine | None = None,
    previous: Sequence[Bundle] = (),
) -> Detector:
    """Return a detector; `previous` bundles have the same network and policies."""
    network = engine or ZeroEngine()
    earlier = [
        Previous(one, network, settings or DetectorSettings(charts=one.charts)) for one in previous
    ]
    return Detector(of or bundle(), network, settings, limits, earlier)


def observation(
    index: int,
    *,
    key: SensorKey = KEY,
    louder: float = 0.0,
    seed: int = 0,
    cadence_ns: int = CADENCE_NS,
    axes: tuple[str, ...] = ("x",),
    quality: Quality | None = None,
    lines: Sequence[float] | None = None,
    rpm: float | None = None,
    kurtosis: float = 3.0,
    features: FeatureSettings = FEATURES,
) -> Observation:
    """Return window `index` of a sensor whose every band is `louder` decades above healthy."""
    noise = np.random.default_rng([seed, index, len(key.sensor), sum(key.sensor.encode())])
    shape = (len(axes), features.frames, features.width)
    bands = -2.0 + 0.1 * noise.standard_normal(shape) + louder
    rms = np.full(len(axes), 0.5 * 10 ** (louder / 2)) * (1 + 0.02 * noise.standard_normal())
    fault_lines = None
    if lines is not None:
        fault_lines = np.tile(np.asarray(lines, np.float32), (len(axes), 1))
        fault_lines += 0.05 * noise.standard_normal(fault_lines.shape).astype(np.float32)
    return Observation(
        key=key,
        start_ns=START_NS + index * cadence_ns,
        axes=axes,
        duration_s=1.0,
        sample_rate_hz=20_480.0,
        unit="g",
        log_bands=bands.astype(np.float32),
        rms=rms.astype(np.float32),
        peak=(4 * rms).astype(np.float32),
        crest=np.full(len(axes), 4.0, np.float32),
        kurtosis=np.full(len(axes), kurtosis, np.float32),
        velocity_rms=np.full(len(axes), np.nan, np.float32),
        quality=quality or Quality(),
        fault_lines=fault_lines,
        rpm=rpm,
        shaft_hz=None if lines is None else 30.0,
    )


def healthy(count: int, start: int = 0, key: SensorKey = KEY) -> list[Observation]:
    return [observation(index, key=key) for index in range(start, start + count)]


def judge_all(
    judging: Detector,
    observations: Sequence[Observation],
    batches: Iterable[int] = (),
    states: dict[SensorKey, SensorState] | None = None,
) -> tuple[dict[SensorKey, SensorState], list[Judgement]]:
    """Judge in batches of the given sizes, then the rest at once."""
    known = dict(states or {})
    judgements: list[Judgement] = []
    first = 0
    for size in (*batches, len(observations)):
        new, judged = judging.judge(known, observations[first : first + size])
        known.update(new)
        judgements += judged
        first += size
    return known, judgements


def comparable(judgement: Judgement) -> str:
    """Return everything a judgement says as text: NaN equals NaN there."""
    return repr(msgspec.structs.replace(judgement, observation=None))


def stored(states: dict[SensorKey, SensorState]) -> dict[SensorKey, tuple[bytes, bytes]]:
    return {key: (encode_hot(state), encode_cold(state)) for key, state in states.items()}


def commissioned() -> tuple[Detector, dict[SensorKey, SensorState]]:
    judging = detector(QUICK)
    states, _ = judge_all(judging, healthy(60))
    return judging, states
