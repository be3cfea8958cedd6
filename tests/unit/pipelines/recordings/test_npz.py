"""Archives of NumPy arrays, of IMS, FEMTO and one's own."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pipelines.recordings import RecordingError, open_recording
from pipelines.window import SensorKey
from tests.unit.pipelines.recordings.samples import SECOND_NS, make_femto_npz, make_ims_npz, noise


def test_a_femto_archive_is_one_sensor_with_two_axes(tmp_path: Path) -> None:
    recording = open_recording(make_femto_npz(tmp_path))
    windows = list(recording)
    assert recording.sensors == (SensorKey("Bearing1_1", "bearing"),)
    assert windows[0].axes == ("horizontal", "vertical")
    assert (windows[0].unit, windows[0].scale, windows[0].rpm) == ("g", 0.001, 1800.0)
    assert windows[0].load == 4000.0
    assert windows[1].start_ns - windows[0].start_ns == 10 * SECOND_NS
    stored = noise(3 * 40, 2).reshape(3, 40, 2)
    np.testing.assert_array_equal(windows[2].samples, stored[2].T)
    assert windows[2].samples.dtype == np.dtype("<i2")


def test_an_archive_names_its_machine_and_sensor_where_it_can(tmp_path: Path) -> None:
    path = make_femto_npz(tmp_path, asset="mill 3", sensor="de", rpm=np.nan)
    recording = open_recording(path)
    assert recording.sensors == (SensorKey("mill 3", "de"),)
    assert next(iter(recording)).rpm is None
    assert open_recording(path, asset="other").sensors == (SensorKey("other", "de"),)


def test_names_in_an_archive_stay_as_they_are(tmp_path: Path) -> None:
    path = make_femto_npz(tmp_path, asset="Pümpe 7", sensor="Lager A/DE")
    assert open_recording(path).sensors == (SensorKey("Pümpe 7", "Lager A/DE"),)


def test_a_name_in_an_archive_that_could_not_travel_is_refused(tmp_path: Path) -> None:
    path = make_femto_npz(tmp_path, asset="pump\x1b[2J", sensor="de")
    with pytest.raises(RecordingError, match="asset 'pump"):
        open_recording(path)


def test_an_ims_archive_is_four_sensors(tmp_path: Path) -> None:
    recording = open_recording(make_ims_npz(tmp_path))
    windows = list(recording)
    assert [str(key) for key in recording.sensors] == [
        f"ims-test2/bearing{number}" for number in (1, 2, 3, 4)
    ]
    assert windows[4].start_ns == 1_076_582_559 * SECOND_NS
    stored = noise(2 * 50, 4).reshape(2, 50, 4)
    np.testing.assert_array_equal(windows[6].samples, stored[1, :, 2][np.newaxis])


@pytest.mark.parametrize(
    "t_unix",
    [np.array([-60.0, 0.0]), np.array([9_223_372_000.0, 9_223_372_060.0])],
    ids=["before 1970", "after 2262"],
)
def test_times_that_no_window_can_have_are_refused(
    tmp_path: Path, t_unix: NDArray[np.float64]
) -> None:
    path = make_ims_npz(tmp_path)
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files}
    np.savez_compressed(path, **arrays | {"t_unix": t_unix})
    with pytest.raises(RecordingError, match=r"start_ns is .* times go from 1970-01-01 to 2262"):
        list(open_recording(path))


def test_an_archive_cut_short_is_refused(tmp_path: Path) -> None:
    path = make_femto_npz(tmp_path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(RecordingError, match="broken"):
        open_recording(path)


def test_an_archive_damaged_inside_is_refused_while_reading(tmp_path: Path) -> None:
    path = make_femto_npz(tmp_path)
    data = bytearray(path.read_bytes())
    data[300:360] = bytes(60)
    path.write_bytes(data)
    with pytest.raises(RecordingError, match="broken"):
        list(open_recording(path))


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"scale_g": None}, "unknown .npz layout"),
        ({"x": np.zeros((3, 40))}, "x is float64"),
        ({"x": None}, "unknown .npz layout with .* known are"),
        ({"t_s": np.array([0.0, 10.0])}, r"t_s has the shape \(2,\), expected 3 times"),
        ({"t_s": np.array([0.0, 10.0, 5.0])}, "snapshot 2 is at 5 s, the one before at 10 s"),
        ({"t_s": np.array([0.0, 10.0, np.inf])}, "t_s holds what is no time"),
        ({"t_s": np.array(["a", "b", "c"])}, "t_s holds what is no time"),
        ({"channels": np.array(["horizontal"])}, "1 axes for 2 channels"),
    ],
)
def test_an_archive_of_another_layout_is_refused(
    tmp_path: Path, changes: dict[str, Any], problem: str
) -> None:
    with pytest.raises(RecordingError, match=problem):
        open_recording(make_femto_npz(tmp_path, **changes))


@pytest.mark.parametrize("header", ["{'descr': (((", "{'descr': 1, 'shape': 2", "((("])
def test_an_archive_whose_array_has_no_header_is_named(tmp_path: Path, header: str) -> None:
    path = tmp_path / "pump.npz"
    text = header.ljust(117).encode() + b"\n"
    array = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("x", "scale_g", "t_s", "fs_hz", "channels"):
            archive.writestr(f"{name}.npy", array)
    with pytest.raises(RecordingError, match=r"broken \.npz"):
        open_recording(path)
