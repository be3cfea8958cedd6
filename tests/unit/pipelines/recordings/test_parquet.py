"""Parquet files."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.recordings import RecordingError, open_recording
from tests.unit.pipelines.recordings.samples import DECLARED, make_parquet, noise


def test_a_parquet_column_that_is_no_number_is_named(tmp_path: Path) -> None:
    path = tmp_path / "gear.parquet"
    times = np.arange(250).astype("datetime64[ns]")
    text = ["note"] * 250
    pq.write_table(pa.table({"ts": times, "Ax": noise(250, 1)[:, 0], "note": text}), path)
    with pytest.raises(RecordingError, match=r"'ts' looks like a time .* \(--columns Ax\)"):
        open_recording(path, DECLARED)
    problem = r"column 'note' is string, which is no number; declare columns \(--columns Ax\)"
    with pytest.raises(RecordingError, match=problem):
        open_recording(path, DECLARED, columns=("Ax", "note"))
    with pytest.raises(RecordingError, match=r"column 'ts' is timestamp\[ns\], which is no number"):
        open_recording(path, DECLARED, columns=("ts",))
    assert len(list(open_recording(path, DECLARED, columns=("Ax",)))) == 2


def test_a_parquet_file_damaged_inside_is_refused_while_reading(tmp_path: Path) -> None:
    path = make_parquet(tmp_path)
    data = bytearray(path.read_bytes())
    data[4:60] = b"\xff" * 56
    path.write_bytes(data)
    with pytest.raises(RecordingError, match=r"broken after row 0: .*; copy it again$"):
        list(open_recording(path, DECLARED))


def test_integers_beside_floats_are_read_from_parquet(tmp_path: Path) -> None:
    path = tmp_path / "gear.parquet"
    rows = noise(250, 1)[:, 0]
    pq.write_table(pa.table({"x": rows, "y": rows.astype("<f8")}), path)
    window = next(iter(open_recording(path, DECLARED)))
    np.testing.assert_array_equal(window.samples[0], window.samples[1])
