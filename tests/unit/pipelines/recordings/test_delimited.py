"""Delimited text: which columns are channels, and which line is to blame."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pipelines.recordings import Declared, RecordingError, open_recording
from pipelines.recordings.recording import valid_axis
from tests.unit.pipelines.recordings.samples import (
    DECLARED,
    SECOND_NS,
    make_bare_csv,
    make_csv,
    noise,
    spoil,
)


def test_an_axis_has_no_blanks() -> None:
    assert valid_axis("a x") == "a-x"


def test_csv_columns_are_axes_and_the_name_is_the_sensor(tmp_path: Path) -> None:
    windows = list(open_recording(make_csv(tmp_path), DECLARED))
    assert str(windows[0].key) == "pump 7/drive end"
    assert windows[0].axes == ("radial", "axial")
    assert [window.samples.shape for window in windows] == [(2, 100)] * 2
    assert windows[1].start_ns - windows[0].start_ns == SECOND_NS // 10
    np.testing.assert_array_equal(windows[1].samples, noise(250, 2)[100:200].T)


def write_csv(folder: Path, header: str, *columns: NDArray[Any], separator: str = ",") -> Path:
    path = folder / "motor.csv"
    lines = [separator.join(f"{value:.4f}" for value in row) for row in zip(*columns, strict=True)]
    path.write_text("\n".join([header] * bool(header) + lines) + "\n")
    return path


@pytest.mark.parametrize("header", ["time,Ax", "Time [s],Ax", "t_ms,Ax", "TIMESTAMP,Ax", "sec,Ax"])
def test_a_column_named_like_a_time_is_no_channel(tmp_path: Path, header: str) -> None:
    path = write_csv(tmp_path, header, noise(200, 1)[:, 0], noise(200, 1)[:, 0])
    with pytest.raises(RecordingError, match="--columns Ax"):
        open_recording(path, DECLARED)
    assert next(iter(open_recording(path, DECLARED, columns=("Ax",)))).axes == ("Ax",)


@pytest.mark.parametrize("header", ["a,b", ""])
@pytest.mark.parametrize("rate", [1.0, 25_600.0])
def test_a_column_that_grows_evenly_is_no_channel(tmp_path: Path, header: str, rate: float) -> None:
    path = write_csv(tmp_path, header, 7 + np.arange(200) * 10 / rate, noise(200, 1)[:, 0])
    with pytest.raises(RecordingError, match="looks like a time"):
        open_recording(path, DECLARED)


@pytest.mark.parametrize("name", ["tangential", "temperature", "x", "timed", "Ax (g)"])
def test_other_columns_are_channels(tmp_path: Path, name: str) -> None:
    path = write_csv(tmp_path, name, noise(200, 1)[:, 0])
    assert len(open_recording(path, DECLARED).sensors) == 1


@pytest.mark.parametrize(
    "text",
    [
        "0,0125\n-0,5\n", "0,5;1,25\n0,1;-2,5\n", "Ax\n1,5\n2,5\n", "Ax;Ay\n1,5;2,5\n",
        "0,5\n" * 30 + "-0,5\n",
    ],
)  # fmt: skip
def test_decimal_commas_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "motor.csv"
    path.write_text(text)
    with pytest.raises(RecordingError, match=r"decimal commas; write decimal points"):
        open_recording(path, DECLARED)


def test_two_columns_of_counts_are_no_decimal_commas(tmp_path: Path) -> None:
    path = tmp_path / "motor.csv"
    path.write_text("12,7\n-3,0\n0,125\n" * 100)
    assert next(iter(open_recording(path, DECLARED))).axes == ("channel1", "channel2")


@pytest.mark.parametrize("text", ["1,abc", "1", "1,2,3", "1,", "1,inf"])
def test_a_broken_csv_line_is_named(tmp_path: Path, text: str) -> None:
    path = make_csv(tmp_path)
    spoil(path, 42, text)
    with pytest.raises(RecordingError, match=r"pump 7__drive end\.csv, line 42: ") as caught:
        list(open_recording(path, DECLARED))
    assert caught.value.line == 42


@pytest.mark.parametrize("text", ["", "   "])
def test_a_blank_line_would_shift_the_times_below_it(tmp_path: Path, text: str) -> None:
    path = make_csv(tmp_path)
    spoil(path, 42, text)
    with pytest.raises(RecordingError, match=r"end\.csv, line 42: is blank, with numbers below"):
        list(open_recording(path, DECLARED))


@pytest.mark.parametrize("end", ["\n", "\n\n\r\n", "  \n\n"])
@pytest.mark.parametrize("make", [make_csv, make_bare_csv])
def test_blank_lines_at_the_end_are_no_rows(
    tmp_path: Path, make: Callable[[Path], Path], end: str
) -> None:
    path = make(tmp_path)
    whole = [window.samples.tobytes() for window in open_recording(path, DECLARED, window_s=0.05)]
    path.write_text(path.read_text() + end)
    again = [window.samples.tobytes() for window in open_recording(path, DECLARED, window_s=0.05)]
    assert again == whole
    assert len(whole) == 5


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("Ax;Ay\n", "has a line of headings and no numbers below it"),
        ("Ax;Ay\n[g];[g]\n1;2\n", r"line 2: '\[g\];\[g\]' is a second line of headings, or of un"),
        ("\ufeffAx;Ay\n1;2\n".encode("utf-16-le"), "line 1: is UTF-16, or no text at all; save"),
        ("Ax;Ay\n1;2\n".encode("utf-16-be"), "line 1: is UTF-16, or no text at all; save"),
        (
            "0.1 0.2\n0.3 0.4\n",
            r"line 1: '0\.1 0\.2' has blanks between its columns; save the file",
        ),
        ("Ax Ay\n  1   2\n", r"line 2: '1   2' has blanks between its columns; save the file"),
        ("0,5;1,5\n", r"decimal commas; write decimal points, 0\.0125 for 0,0125$"),
        ("0,5\n-0,5\n", r"for 0,0125, and save it with semicolons"),
    ],
)
def test_what_other_programs_save_is_told_apart(
    tmp_path: Path, text: str | bytes, problem: str
) -> None:
    path = tmp_path / "motor.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(RecordingError, match=problem):
        open_recording(path, DECLARED)


def test_an_empty_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "empty.csv"
    path.touch()
    with pytest.raises(RecordingError, match="the file is empty"):
        open_recording(path, DECLARED)


@pytest.mark.parametrize("blank", ["", "  "])
def test_a_blank_first_line_is_told_as_such(tmp_path: Path, blank: str) -> None:
    path = make_csv(tmp_path)
    path.write_text(f"{blank}\n{path.read_text()}")
    with pytest.raises(RecordingError, match=r"line 1: is blank; remove it"):
        open_recording(path, DECLARED)


def test_more_headings_than_columns_are_told_with_the_line(tmp_path: Path) -> None:
    path = tmp_path / "pump.csv"
    path.write_text("x,y,z\n" + "1,2\n" * 3000)
    with pytest.raises(RecordingError, match=r"line 2: 2 fields, expected 3"):
        list(open_recording(path, Declared(sample_rate_hz=2000.0, unit="g")))


@pytest.mark.parametrize("line", [1, 3001])
@pytest.mark.parametrize("field", ["1_000", "1e308", "9" * 50])
def test_a_number_that_is_none_of_32_bits_is_told_with_its_line(
    tmp_path: Path, field: str, line: int
) -> None:
    path = tmp_path / "pump.csv"
    path.write_text("0.1\n" * (line - 1) + f"{field}\n" + "0.1\n" * 3000)
    with pytest.raises(RecordingError, match=rf"line {line}: .* is no finite number of 32 bits"):
        list(open_recording(path, Declared(sample_rate_hz=1000.0, unit="g")))


def test_a_quoted_number_is_not_to_blame(tmp_path: Path) -> None:
    path = tmp_path / "pump.csv"
    path.write_text('"0.1"\n' * 300 + "abc\n")
    with pytest.raises(RecordingError, match=r"line 301: 'abc' is no finite number"):
        list(open_recording(path, DECLARED))
