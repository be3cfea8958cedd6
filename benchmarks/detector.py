"""What judging costs beside features and network: microseconds per window, by batch size.

`python -m benchmarks.detector`:

Of 10,000 commissioned sensors with one axis 20 batches, or all, send one window each; the engine
reconstructs zeros and its time is taken off. One core, process time, the best of several rounds;
beside it, as a yardstick for the machine, what the features of such windows cost.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from time import process_time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from benchmarks import features
from models.calibration import Calibration
from models.detector import Detector
from models.policy import ChartPolicy
from models.state import encode_cold, encode_hot
from pipelines.features import FeatureSettings, Observation, extract
from pipelines.quality import FIT
from pipelines.window import SensorKey

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.bundle import Bundle
    from models.state import SensorState

SENSORS = 10_000
ROUNDS = 15
BATCHES = (1, 7, 64, 256, 1024)
GOAL_US = 30.0
FULL = 256
"""What the daemon judges at once when it is busy (`batch_windows`)."""
COMMISSIONING = 110
SECOND_NS = 10**9
FEATURES = FeatureSettings()


class Zeros:
    """Reconstructs zeros and measures itself."""

    name = "zeros"
    spent_s = 0.0

    def reconstruct(self, sequences: NDArray[np.float32]) -> NDArray[np.float32]:
        started = process_time()
        result = np.zeros_like(sequences)
        self.spent_s += process_time() - started
        return result


def bundle() -> Bundle:
    """Only what the detector asks of a bundle."""
    made: Any = SimpleNamespace(
        hash="0" * 16,
        features=FEATURES,
        features_hash=FEATURES.hash,
        calibration=Calibration(-0.3, 0.1, 0.1, 0.3, (1.3, 2.5, 3.5), 6, 1000),
        charts=ChartPolicy(),
    )
    return cast("Bundle", made)


def window(index: int, noise: np.random.Generator) -> Observation:
    bands = noise.normal(-3.0, 0.1, (1, FEATURES.frames, FEATURES.width)).astype(np.float32)
    one = np.ones(1, np.float32)
    return Observation(
        key=SensorKey("", ""),
        start_ns=(index + 1) * 10 * SECOND_NS,
        axes=("x",),
        duration_s=1.0,
        sample_rate_hz=20_480.0,
        unit="g",
        log_bands=bands,
        rms=0.5 * one,
        peak=2 * one,
        crest=4 * one,
        kurtosis=3 * one,
        velocity_rms=np.nan * one,
        quality=FIT,
        fault_lines=np.zeros((1, 4), np.float32),
        shaft_hz=30.0,
    )


def commissioned(judging: Detector, noise: np.random.Generator) -> SensorState:
    key = SensorKey("", "")
    stream = [window(index, noise) for index in range(COMMISSIONING)]
    return judging.judge({}, stream)[0][key]


def measure(size: int, engine: Zeros, states: dict[SensorKey, SensorState]) -> float:
    noise = np.random.default_rng(size)
    judging = Detector(bundle(), engine)
    shapes = [window(COMMISSIONING + 1, noise) for _ in range(64)]
    count = max(size, min(SENSORS, 20 * size) // size * size)
    keys = list(states)[:count]
    stream = [replace(shapes[k % 64], key=key) for k, key in enumerate(keys)]
    engine.spent_s = 0.0
    started = process_time()
    for first in range(0, count, size):
        judging.judge(states, stream[first : first + size])
    return (process_time() - started - engine.spent_s) / count * 1e6


def main() -> None:
    engine = Zeros()
    first = commissioned(Detector(bundle(), engine), np.random.default_rng(0))
    states = {SensorKey(f"asset-{k // 4}", f"sensor-{k % 4}"): first for k in range(SENSORS)}
    print(f"hot state {len(encode_hot(first))} B, cold state {len(encode_cold(first))} B")
    large = features.build_windows(max(features.BATCHES))
    of_features = features.best_us(partial(extract, large, FEATURES), len(large))
    print(f"features of a window of 20,480 samples: {of_features:.1f} us")
    print("batch  us/window  of features")
    met = True
    for size in BATCHES:
        spent = min(measure(size, engine, states) for _ in range(ROUNDS))
        met &= size < FULL or spent <= GOAL_US
        print(f"{size:5d}  {spent:9.1f}  {spent / of_features:11.0%}")
    print(f"goal: {GOAL_US:.0f} us in batches from {FULL} on: {'met' if met else 'missed'}")


if __name__ == "__main__":
    main()
