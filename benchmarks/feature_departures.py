"""How far the features of failing bearings depart from their healthy baseline.

`BEARINGWATCH_DATA=FOLDER python -m benchmarks.feature_departures` reads IMS test 2 and the FEMTO
learning bearings, each against the baseline of its first 100 windows.
"""

import os
from collections import defaultdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipelines.fault_orders import BearingGeometry
from pipelines.features import FeatureSettings, Observation, extract
from pipelines.normalise import BaselineSummary, normalise
from pipelines.recordings import open_recording
from pipelines.window import SensorKey, Window

SETTINGS = FeatureSettings()
COMMISSIONING = 100
BATCH = 128
ONSETS = {"1_1": 1281, "1_2": 811, "2_1": 836, "2_2": 745, "3_1": 483, "3_2": 1436}
"""First snapshot that may be called failing, set afterwards by eye and fit."""


class ImsBearing:
    """Rexnord ZA-2115 at the rig's speed."""

    geometry: BearingGeometry | None = BearingGeometry(16, 0.331, 2.815, 15.17)
    rated_rpm: float | None = 2000.0


def ims_bearing(_: SensorKey) -> ImsBearing:
    return ImsBearing()


def read(path: Path) -> dict[SensorKey, list[Observation]]:
    found: dict[SensorKey, list[Observation]] = defaultdict(list)
    batch: list[Window] = []

    def work_off() -> None:
        for observation in extract(batch, SETTINGS, ims_bearing):
            found[observation.key].append(observation)
        batch.clear()

    for window in open_recording(path):
        batch.append(window)
        if len(batch) == BATCH:
            work_off()
    work_off()
    return found


def departures(observations: list[Observation]) -> tuple[NDArray[np.float32], float]:
    """Departures (windows, axes, frames, bands), and how disturbed commissioning was."""
    summary = BaselineSummary.empty()
    for observation in observations[:COMMISSIONING]:
        summary = summary.add(observation)
    log_bands = np.stack([observation.log_bands for observation in observations])
    baseline = summary.baseline()
    found, _ = normalise(log_bands, baseline.location, baseline.scale)
    return found, summary.disturbance()


def largest_of_envelope(found: NDArray[np.float32]) -> NDArray[np.float32]:
    """Largest envelope departure over bands and axes, (windows,)."""
    return np.asarray(found[:, :, 0, SETTINGS.bands :].max(axis=(1, 2)))


def report_ims(folder: Path) -> None:
    print("IMS test 2: largest envelope departure in robust std; prominence of BPFO in dB")
    print("bearing  100-531 p99   max  532-540 median  min  100-531 max    531   532  532-540 min")
    for key, observations in sorted(read(folder / "ims" / "test2.npz").items()):
        largest = largest_of_envelope(departures(observations)[0])
        healthy, failing = largest[COMMISSIONING:532], largest[532:541]
        lines = [o.fault_lines for o in observations]
        outer = 10 * np.array([np.nan if line is None else line[0, 0] for line in lines])
        print(
            f"{key.sensor:8} {np.quantile(healthy, 0.99):11.1f} {healthy.max():5.1f}"
            f" {np.median(failing):15.1f} {failing.min():5.1f} {outer[100:532].max():12.1f}"
            f" {outer[531]:6.1f} {outer[532]:5.1f} {outer[532:541].min():11.1f}"
        )


def report_femto(folder: Path) -> None:
    print("FEMTO: mean |departure| of the spectral bands; largest envelope departure")
    print("bearing  disturbance  healthy  failing   healthy p99  share > 4   failing share > 4")
    for name, onset in ONSETS.items():
        (observations,) = read(folder / "femto" / f"Bearing{name}.npz").values()
        found, disturbance = departures(observations)
        spectral = np.abs(found[..., : SETTINGS.bands]).mean(axis=(1, 2, 3))
        largest = largest_of_envelope(found)
        healthy = slice(COMMISSIONING, onset)
        print(
            f"{name:8} {disturbance:11.2f} {spectral[healthy].mean():8.2f}"
            f" {spectral[onset:].mean():8.2f} {np.quantile(largest[healthy], 0.99):13.1f}"
            f" {np.mean(largest[healthy] > 4):10.3f} {np.mean(largest[onset:] > 4):19.2f}"
        )


def main() -> None:
    folder = Path(os.environ["BEARINGWATCH_DATA"])
    report_ims(folder)
    report_femto(folder)


if __name__ == "__main__":
    main()
