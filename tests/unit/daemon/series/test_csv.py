"""The CSV series: columns, blanks, and a file that appears when it is complete."""

import csv
import math
import os
from pathlib import Path

import pytest

from daemon.errors import StartError
from daemon.series import Points
from daemon.series.csv import COLUMNS, CsvSeries
from daemon.settings import CsvSettings
from models.judgement import Verdict
from tests.contract.builders import judgement


def written(path: Path, *batches: Points) -> list[dict[str, str]]:
    series = CsvSeries(CsvSettings(path=path))
    series.start()
    for batch in batches:
        series.write(batch)
    series.complete()
    series.close()
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_row_has_the_documented_columns(tmp_path: Path) -> None:
    (row,) = written(tmp_path / "s.csv", Points(rows=[judgement(start_ns=5, index=3, loss=0.25)]))
    assert tuple(row) == COLUMNS
    assert list(row.values()) == [
        "pump",
        "de",
        "3",
        "5",
        "0.25",
        "1.5",
        "normal",
        "monitoring",
        "1",
    ]


def test_a_window_that_was_not_scored_has_no_loss(tmp_path: Path) -> None:
    learnt = judgement(loss=math.nan, verdict=Verdict.LEARNT)
    (row,) = written(tmp_path / "s.csv", Points(rows=[learnt]))
    assert row["loss"] == ""


def test_several_axes_make_one_row(tmp_path: Path) -> None:
    batch = Points(rows=[judgement(axes=("x", "y"))])
    assert len(written(tmp_path / "s.csv", batch)) == 1


def test_late_windows_and_duplicates_have_rows_of_their_own_once(tmp_path: Path) -> None:
    rows = [
        judgement(start_ns=9),
        judgement(start_ns=4, index=-1, verdict=Verdict.LATE),
        judgement(start_ns=9, index=-1, verdict=Verdict.DUPLICATE),
    ]
    batch = Points(rows=rows)
    assert [row["time"] for row in written(tmp_path / "s.csv", batch, batch)] == ["9", "4", "9"]


def test_a_first_window_has_a_row_whatever_its_time(tmp_path: Path) -> None:
    batch = Points(rows=[judgement(start_ns=-9), judgement(start_ns=-1), judgement(start_ns=0)])
    found = written(tmp_path / "s.csv", batch, batch)
    assert [row["time"] for row in found] == ["-9", "-1", "0"]


def test_the_file_is_not_there_before_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    series = CsvSeries(CsvSettings(path=path))
    series.start()
    series.write(Points(rows=[judgement()]))
    assert not path.exists()
    series.complete()
    series.close()
    assert [file.name for file in path.parent.iterdir()] == ["s.csv"]


def test_a_file_that_is_not_complete_replaces_none(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_text("good\n")
    series = CsvSeries(CsvSettings(path=path))
    series.start()
    series.write(Points(rows=[judgement()]))
    series.close()
    assert path.read_text() == "good\n"
    assert (tmp_path / ".s.csv.unfinished").read_text().count("\n") == 2


def test_a_series_that_was_only_tried_leaves_nothing(tmp_path: Path) -> None:
    series = CsvSeries(CsvSettings(path=tmp_path / "s.csv"))
    series.start()
    series.close()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_a_start_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StartError, match="cannot be written"):
        CsvSeries(CsvSettings(path=tmp_path / "file" / "s.csv")).start()


def test_no_folder_is_made(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="No such file or directory"):
        CsvSeries(CsvSettings(path=tmp_path / "mistyped" / "s.csv")).start()
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_file_is_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "s.csv")
    with pytest.raises(StartError, match="is no file but a folder, a pipe or a device"):
        CsvSeries(CsvSettings(path=tmp_path / "s.csv")).start()
    assert (tmp_path / "s.csv").is_fifo()
