"""The folders of IMS and FEMTO, a file a snapshot."""

import itertools
from pathlib import Path

import numpy as np
import pytest

from pipelines.recordings import RecordingError, open_recording
from tests.unit.pipelines.recordings.samples import (
    SECOND_NS,
    femto_rows,
    make_femto_folder,
    make_ims_folder,
    noise,
    spoil,
    write_snapshot,
)


def test_an_ims_folder_takes_its_times_from_the_names(tmp_path: Path) -> None:
    windows = list(open_recording(make_ims_folder(tmp_path)))
    assert windows[0].start_ns == 1_076_581_959 * SECOND_NS
    assert windows[4].start_ns == 1_076_582_559 * SECOND_NS
    expected = (noise(20_480, 4)[:, 1] / 1000).astype("<f4")
    np.testing.assert_array_equal(windows[1].samples[0], expected)


def test_ims_test_1_has_two_axes_a_bearing(tmp_path: Path) -> None:
    window = next(iter(open_recording(make_ims_folder(tmp_path, columns=8))))
    assert window.axes == ("x", "y")
    assert window.samples.shape == (2, 20_480)


def test_a_femto_folder_goes_over_midnight_and_missing_files(tmp_path: Path) -> None:
    windows = list(open_recording(make_femto_folder(tmp_path)))
    steps = [b.start_ns - a.start_ns for a, b in itertools.pairwise(windows)]
    assert steps == [10 * SECOND_NS, 20 * SECOND_NS]
    assert (windows[0].rpm, windows[0].load) == (1650.0, 4200.0)
    np.testing.assert_array_equal(windows[1].samples, (noise(2560, 2) / 1000).astype("<f4").T)


@pytest.mark.parametrize("text", ["0\t0\t0", "0\t0\t0\tx", "\x00\x01", "0\t0\t0\t1e39"])
def test_a_broken_ims_line_is_named(tmp_path: Path, text: str) -> None:
    folder = make_ims_folder(tmp_path)
    spoil(folder / "2004.02.12.10.42.39", 7, text)
    with pytest.raises(RecordingError, match=r"10\.42\.39, line 7: "):
        list(open_recording(folder))


def test_a_femto_file_cut_short_is_named(tmp_path: Path) -> None:
    folder = make_femto_folder(tmp_path)
    write_snapshot(folder / "acc_00004.csv", femto_rows(0, 0, 19)[:900], ",")
    with pytest.raises(RecordingError, match=r"acc_00004\.csv: 900 rows, expected 2560"):
        list(open_recording(folder))


def test_a_femto_file_out_of_order_is_named(tmp_path: Path) -> None:
    folder = make_femto_folder(tmp_path)
    write_snapshot(folder / "acc_00003.csv", femto_rows(23, 59, 55), ",")
    with pytest.raises(RecordingError, match=r"acc_00003\.csv, line 1: not later"):
        list(open_recording(folder))


def test_a_snapshot_that_is_no_file_is_named(tmp_path: Path) -> None:
    folder = make_ims_folder(tmp_path)
    (folder / "2004.02.12.23.32.39").mkdir()
    with pytest.raises(RecordingError, match=r"23\.32\.39: cannot be read: Is a directory"):
        list(open_recording(folder))
