"""Microseconds of CPU per window, stage by stage: `python -m benchmarks.features`.

One core, process time, the best of several rounds; windows of 20,480 int16 samples, one axis.
"""

import sys
from collections.abc import Callable
from functools import partial
from time import process_time

import numpy as np
import scipy.fft

from pipelines import descriptors, envelope, features, quality, spectrum
from pipelines.features import FeatureSettings
from pipelines.window import Window

RATE_HZ = 20_480.0
SAMPLES = 20_480
BATCHES = (1, 32, 256)
BLOCK = 16
ROUNDS = 30
GOAL_US = 250.0
SETTINGS = FeatureSettings()


def build_windows(count: int) -> list[Window]:
    rng = np.random.default_rng(1)
    samples = rng.normal(scale=200.0, size=(16, 1, SAMPLES)).astype("<i2")
    return [
        Window(
            asset=f"pump {i}",
            sensor="drive end",
            axes=("x",),
            start_ns=i,
            sample_rate_hz=RATE_HZ,
            unit="g",
            samples=samples[i % len(samples)],
            scale=0.001,
        )
        for i in range(count)
    ]


def best_us(work: Callable[[], object], windows: int, rounds: int = ROUNDS) -> float:
    work()
    took = []
    for _ in range(rounds):
        begin = process_time()
        work()
        took.append(process_time() - begin)
    return min(took) / windows * 1e6


def stages(windows: list[Window]) -> dict[str, Callable[[], object]]:
    """The parts of `extract` on one block, each on what the ones before it made."""
    signal, levels = features._prepare(windows)
    whole = scipy.fft.rfft(signal, axis=-1, workers=1)
    pieces = spectrum.plan_frames(SETTINGS, RATE_HZ, SAMPLES)
    plan = envelope.plan_envelope(SETTINGS, RATE_HZ, SAMPLES)
    amplitude = envelope.envelope_spectrum(whole, plan)
    lines_hz = np.tile([236.4, 296.9, 279.8, 14.8], (len(signal), 1))
    extremes = quality.find_extremes(signal)
    return {
        "int16 to physical values": lambda: features._stack(windows),
        "extremes, rails, stuck": lambda: quality.find_extremes(signal),
        "descriptors": lambda: descriptors.describe(signal, extremes.highest, extremes.lowest),
        "frames: taper, FFT, bands, log": lambda: spectrum.log_bands(
            signal, pieces, levels.floor, len(signal)
        ),
        "FFT of the whole window": lambda: scipy.fft.rfft(signal, axis=-1, workers=1),
        "velocity RMS": lambda: descriptors.velocity_rms(whole, "g", RATE_HZ, SAMPLES),
        "envelope and its spectrum": lambda: envelope.envelope_spectrum(whole, plan),
        "envelope bands": lambda: envelope.band_prominence(amplitude, plan),
        "fault lines": lambda: envelope.read_fault_lines(amplitude, plan, lines_hz),
    }


def main() -> int:
    windows = build_windows(max(BATCHES))
    features.extract(windows, SETTINGS)
    block = windows[:BLOCK]
    print(f"us per window, blocks of {BLOCK}")
    total = 0.0
    for name, work in stages(block).items():
        took = best_us(work, BLOCK)
        total += took
        print(f"  {name:34}{took:8.1f}")
    print(f"  {'sum':34}{total:8.1f}")
    print("us per window, all of extract without fault lines")
    for batch in BATCHES:
        some = windows[:batch]
        took = best_us(partial(features.extract, some, SETTINGS), batch)
        print(f"  batch {batch:<28}{took:8.1f}")
    print(
        f"goal: {GOAL_US:.0f} us at batch {max(BATCHES)}: {'met' if took <= GOAL_US else 'missed'}"
    )
    return 0 if took <= GOAL_US else 1


if __name__ == "__main__":
    sys.exit(main())
