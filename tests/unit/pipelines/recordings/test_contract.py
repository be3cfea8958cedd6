"""What holds for every reader."""

import itertools
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from pipelines import wire
from pipelines.recordings import DEFAULT_START, Recording, RecordingError, open_recording
from pipelines.recordings.recording import nanoseconds
from tests.unit.pipelines.recordings.samples import (
    DECLARED,
    KINDS,
    SECOND_NS,
    make_csv,
    make_parquet,
    make_wav,
    noise,
)


@pytest.fixture(params=KINDS)
def recording(request: pytest.FixtureRequest, tmp_path: Path) -> Recording:
    return open_recording(KINDS[request.param](tmp_path), DECLARED, scale=0.001)


def test_windows_are_of_the_sensors_told_before(recording: Recording) -> None:
    assert {window.key for window in recording} == set(recording.sensors)


def test_the_length_is_told_or_unknown(recording: Recording) -> None:
    assert recording.length_known is (recording.length is not None)
    assert recording.length in {None, len(list(recording.read()))}


def test_windows_come_in_order_of_time(recording: Recording) -> None:
    windows = sorted(recording, key=lambda window: window.sensor)
    for _, group in itertools.groupby(windows, key=lambda window: window.key):
        starts = [window.start_ns for window in group]
        assert starts == sorted(set(starts))
    starts = [window.start_ns for window in recording]
    assert starts == sorted(starts)


def test_a_recording_may_be_read_again(recording: Recording) -> None:
    first, second = (
        [(window.start_ns, window.samples.tobytes()) for window in recording] for _ in range(2)
    )
    assert first == second


def test_windows_fit_the_wire(recording: Recording) -> None:
    for window in recording:
        np.testing.assert_array_equal(wire.decode(wire.encode(window)).samples, window.samples)


def test_a_recording_without_a_date_says_so(recording: Recording) -> None:
    first = next(iter(recording)).start_ns
    assert recording.dated is (first >= nanoseconds(DEFAULT_START) + 2 * 86_400 * SECOND_NS)
    assert open_recording(recording.path, DECLARED, scale=1.0, start=datetime.now(UTC)).dated


def test_declarations_go_before_what_the_file_says(recording: Recording) -> None:
    other = open_recording(
        recording.path,
        DECLARED,
        scale=0.5,
        asset="other",
        start=datetime(2020, 1, 1, tzinfo=UTC),
        rpm=900.0,
    )
    window = next(iter(other))
    assert (window.asset, window.scale, window.rpm) == ("other", 0.5, 900.0)
    assert window.start_ns == nanoseconds(datetime(2020, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize("make", [make_wav, make_parquet])
def test_integers_keep_their_type(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    recording = open_recording(make(tmp_path), DECLARED, scale=0.01)
    windows = list(recording)
    assert recording.length == 2
    np.testing.assert_array_equal(windows[1].samples, noise(250, 2)[100:200].T)
    assert windows[0].samples.dtype == np.dtype("<i2")
    assert windows[0].scale == 0.01


@pytest.mark.parametrize("name", ["x.npz", "x.wav", "x.parquet"])
def test_bytes_of_another_kind_are_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"no recording " * 20)
    with pytest.raises(RecordingError, match=name):
        open_recording(path, DECLARED, scale=1.0)


@pytest.mark.parametrize("name", ["notes.doc", "absent.npz"])
def test_an_unknown_or_missing_file_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "notes.doc").touch()
    with pytest.raises(RecordingError, match=name):
        open_recording(tmp_path / name)


def test_a_signal_under_one_window_says_what_to_declare(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="declare a shorter window_s"):
        list(open_recording(make_csv(tmp_path), DECLARED, window_s=10.0))


@pytest.mark.parametrize("make", [make_csv, make_wav])
@pytest.mark.parametrize(
    ("window_s", "problem"),
    [
        (1e-9, "1e-09 s hold no sample at .* declare a longer window_s"),
        (1e308, "samples are less than one window of 1e.308 s"),
    ],
)
def test_a_window_of_any_length_is_refused_as_what_it_is(
    tmp_path: Path, make: Callable[[Path], Path], window_s: float, problem: str
) -> None:
    path = make(tmp_path)
    with pytest.raises(RecordingError, match=problem):
        list(open_recording(path, DECLARED, window_s=window_s, scale=1.0))
