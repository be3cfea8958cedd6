"""What the features say of real bearings that were run to failure."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pipelines.fault_orders import BearingGeometry
from pipelines.features import Observation, extract
from pipelines.normalise import BaselineSummary, normalise
from pipelines.quality import SensorFault
from pipelines.window import Window
from tests.unit.pipelines.signals import SETTINGS, Known

pytestmark = pytest.mark.data

ZA_2115 = Known(BearingGeometry(16, 0.331, 2.815, 15.17), 2000.0)
COMMISSIONING = 100
HEALTHY = slice(COMMISSIONING, 532)
FAILING = slice(532, 541)


@pytest.fixture(scope="module")
def ims(data_dir: Path) -> list[list[Observation]]:
    """Observations of the four bearings of IMS test 2: the first 541 snapshots, and the end."""
    with np.load(data_dir / "ims" / "test2.npz") as recording:
        samples, time_s = recording["x"], recording["t_unix"]
        rate_hz, scale = float(recording["fs_hz"]), float(recording["scale"])
    chosen = [*range(FAILING.stop), *range(970, len(samples))]
    return [
        extract(
            [
                Window(
                    asset="ims",
                    sensor=f"bearing {bearing + 1}",
                    axes=("radial",),
                    start_ns=int(time_s[i] * 1e9),
                    sample_rate_hz=rate_hz,
                    unit="g",
                    samples=np.ascontiguousarray(samples[i, :, bearing])[None],
                    scale=scale,
                )
                for i in chosen
            ],
            SETTINGS,
            lambda _: ZA_2115,
        )
        for bearing in range(samples.shape[2])
    ]


def departures(observations: list[Observation]) -> NDArray[np.float32]:
    """Envelope bands in robust standard deviations of the first windows, (windows, bands)."""
    summary = BaselineSummary.empty()
    for observation in observations[:COMMISSIONING]:
        summary = summary.add(observation)
    log_bands = np.stack([observation.log_bands for observation in observations])
    baseline = summary.baseline()
    found, _ = normalise(log_bands, baseline.location, baseline.scale)
    return found[:, 0, 0, SETTINGS.bands :]


def test_the_failing_bearing_departs_without_its_geometry(ims: list[list[Observation]]) -> None:
    largest = departures(ims[0]).max(axis=1)
    assert largest[HEALTHY].max() < 5.5
    assert largest[FAILING].min() > 6.0


@pytest.mark.parametrize("bearing", [1, 2, 3])
def test_its_neighbours_stay_quiet(ims: list[list[Observation]], bearing: int) -> None:
    largest = departures(ims[bearing]).max(axis=1)
    assert np.quantile(largest[COMMISSIONING : FAILING.stop], 0.99) < 5.0
    assert np.median(largest[FAILING]) < 3.0


def test_the_outer_race_line_jumps_from_one_snapshot_to_the_next(
    ims: list[list[Observation]],
) -> None:
    lines = np.stack([observation.fault_lines[0] for observation in ims[0]])  # type: ignore[index]
    outer = lines[:, 0]
    assert outer[:532].max() < 0.6
    assert outer[FAILING].min() > 1.2
    assert (lines[FAILING].argmax(axis=1) == 0).all()


def test_the_failing_signal_touches_the_rails_and_is_fit_to_judge(
    ims: list[list[Observation]],
) -> None:
    quality = {970 + i: o.quality for i, o in enumerate(ims[0][FAILING.stop :])}
    assert quality[975].clipped_share > 0
    assert quality[979].clipped_share > 0
    assert {q.fault for q in quality.values()} == {SensorFault.NONE}


def test_the_stopped_rig_has_next_to_no_energy(ims: list[list[Observation]]) -> None:
    for observations in ims:
        usual = np.median([o.rms[0] for o in observations[:COMMISSIONING]])
        assert all(o.rms[0] < 0.05 * usual for o in observations[-2:])
