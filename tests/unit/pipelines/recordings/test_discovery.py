"""Several recordings together, and the real ones."""

import itertools
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from pipelines.recordings import RecordingError, discover, in_time_order, open_recording
from pipelines.recordings.recording import nanoseconds
from tests.unit.pipelines.recordings.samples import (
    DECLARED,
    make_csv,
    make_femto_folder,
    make_femto_npz,
    make_ims_npz,
)


def test_a_folder_of_recordings_is_looked_into(tmp_path: Path) -> None:
    make_femto_npz(tmp_path)
    make_femto_folder(tmp_path)
    make_csv(tmp_path)
    (tmp_path / "README.md").touch()
    assert [recording.path.name for recording in discover([tmp_path])] == [
        "Bearing1_1.npz",
        "Bearing2_1",
    ]
    assert len(discover([tmp_path], DECLARED)) == 3


def test_a_folder_without_recordings_is_refused(tmp_path: Path) -> None:
    make_csv(tmp_path)
    with pytest.raises(RecordingError, match="sample_rate_hz and unit"):
        discover([tmp_path])


def test_two_recordings_of_one_sensor_are_refused(tmp_path: Path) -> None:
    path = make_femto_npz(tmp_path)
    with pytest.raises(RecordingError, match="Bearing1_1/bearing is in"):
        discover([path, path])


def test_recordings_are_merged_by_time(tmp_path: Path) -> None:
    paths = [make_femto_npz(tmp_path), make_femto_folder(tmp_path), make_ims_npz(tmp_path)]
    starts = [window.start_ns for window in in_time_order(discover(paths))]
    assert starts == sorted(starts)
    assert len(starts) == 3 + 3 + 8


@pytest.mark.data
def test_all_real_femto_bearings_are_found(data_dir: Path) -> None:
    recordings = discover([data_dir / "femto"])
    lengths = {str(recording.sensors[0]): recording.length for recording in recordings}
    assert lengths["Bearing1_1/bearing"] == 2803
    assert len(lengths) == 6
    for recording in recordings:
        window = next(iter(recording))
        assert window.samples.shape == (2, 2560)
        assert 0.1 < window.signal().std() < 2.0


@pytest.mark.data
def test_the_real_ims_test_has_the_means_that_were_published_with_it(data_dir: Path) -> None:
    recording = open_recording(data_dir / "ims" / "test2.npz")
    assert recording.length == 984 * 4
    rows = (data_dir / "ims" / "test2_mean_abs.csv").read_text().splitlines()[1:9]
    expected = [float(value) for row in rows for value in row.split(",")[1:]]
    windows = list(itertools.islice(recording, 32))
    measured = [float(np.abs(window.signal()).mean()) for window in windows]
    np.testing.assert_allclose(measured, expected, rtol=1e-3)
    assert windows[0].start_ns == nanoseconds(datetime(2004, 2, 12, 10, 32, 39, tzinfo=UTC))
