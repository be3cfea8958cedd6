"""What must be declared, and what may not be."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipelines.recordings import Declared, RecordingError, declare, open_recording
from pipelines.recordings.recording import valid_name
from pipelines.wire import check_names
from tests.unit.pipelines.recordings.samples import (
    DECLARED,
    KINDS,
    RATE,
    make_csv,
    make_femto_folder,
    make_femto_npz,
    make_ims_folder,
    make_parquet,
    make_wav,
    noise,
)


def test_accents_of_a_files_name_are_composed() -> None:
    assert valid_name("Ku\u0308hler") == "Kühler"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Pump 7", "Pump 7"),
        (" Pump 7 - ", "Pump 7"),
        ("a/b#c", "a-b-c"),
        ("\N{GRINNING FACE}", "recording"),
        ("x" * 63 + " y", "x" * 63),
    ],
)
def test_a_files_name_stays_as_it_is_but_for_what_cannot_travel(text: str, name: str) -> None:
    assert valid_name(text) == name
    check_names(name, name)


@pytest.mark.parametrize("make", [make_csv, make_parquet])
def test_declared_columns_come_in_the_declared_order(
    tmp_path: Path, make: Callable[[Path], Path]
) -> None:
    path = make(tmp_path)
    names = next(iter(open_recording(path, DECLARED))).axes
    window = next(iter(open_recording(path, DECLARED, columns=names[::-1])))
    assert window.axes == names[::-1]
    np.testing.assert_array_equal(window.samples[0], noise(250, 2)[:100, 1])


@pytest.mark.parametrize("make", [make_femto_npz, make_csv, make_ims_folder])
def test_full_scale_is_not_ignored_where_it_means_nothing(
    tmp_path: Path, make: Callable[[Path], Path]
) -> None:
    with pytest.raises(RecordingError, match="full_scale goes for WAV"):
        open_recording(make(tmp_path), DECLARED, full_scale=50.0)


@pytest.mark.parametrize("make", [make_femto_npz, make_wav, make_ims_folder, make_femto_folder])
def test_columns_are_not_ignored_where_there_are_none(
    tmp_path: Path, make: Callable[[Path], Path]
) -> None:
    with pytest.raises(RecordingError, match="columns go for CSV and Parquet"):
        open_recording(make(tmp_path), DECLARED, columns=("x",))


def test_scale_and_full_scale_exclude_each_other(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="not both"):
        open_recording(make_wav(tmp_path), DECLARED, scale=1.0, full_scale=1.0)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_rate_is_never_guessed(tmp_path: Path, kind: str) -> None:
    with pytest.raises(RecordingError, match="declare sample_rate_hz"):
        open_recording(KINDS[kind](tmp_path), unit="g")


@pytest.mark.parametrize("kind", ["csv", "wav", "parquet"])
def test_a_unit_is_never_guessed(tmp_path: Path, kind: str) -> None:
    with pytest.raises(RecordingError, match="declare unit"):
        open_recording(KINDS[kind](tmp_path), sample_rate_hz=RATE)


def test_all_that_is_to_be_declared_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"\(--sample-rate-hz HZ\) and unit \(--unit g, "):
        open_recording(make_csv(tmp_path))
    with pytest.raises(RecordingError, match=r"its unit and what .* full_scale \(--full-scale\)"):
        open_recording(make_wav(tmp_path))


@pytest.mark.parametrize(
    "fields",
    [
        {"unit": "ips"},
        {"sample_rate": 1.0},
        {"window_s": -1.0},
        {"asset": ""},
        {"sensor": ""},
        {"axes": ("x", "x")},
        {"scale": float("inf")},
        {"rpm": float("nan")},
        {"load": float("inf")},
        {"start": datetime(1969, 12, 31, 23, 59, tzinfo=UTC)},
        {"start": datetime(2300, 1, 1, tzinfo=UTC)},
    ],
)
def test_a_wrong_declaration_is_refused(tmp_path: Path, fields: dict[str, Any]) -> None:
    name = next(iter(fields))
    with pytest.raises(ValueError, match=name):
        declare(**fields)
    with pytest.raises(RecordingError, match=name):
        open_recording(make_csv(tmp_path), DECLARED, **fields)


@pytest.mark.parametrize("asset", ["", "a/b", "pump\x1b[2J", " pump"])
def test_a_declared_name_that_could_not_travel_is_refused(asset: str) -> None:
    with pytest.raises(ValueError, match="asset"):
        Declared(asset=asset)
