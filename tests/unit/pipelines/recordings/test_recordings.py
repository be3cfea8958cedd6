"""What holds for every reader, the layouts' own rules, and what a broken file is told."""

import itertools
import struct
import wave
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from scipy.io import wavfile

from pipelines import wire
from pipelines.recordings import (
    DEFAULT_START,
    Declared,
    Recording,
    RecordingError,
    declare,
    discover,
    in_time_order,
    open_recording,
)
from pipelines.recordings.recording import nanoseconds, valid_axis, valid_name
from pipelines.window import SensorKey
from pipelines.wire import check_names

RATE = 1000.0
DECLARED = Declared(sample_rate_hz=RATE, unit="g", window_s=0.1)
SECOND_NS = 1_000_000_000


def noise(rows: int, columns: int) -> NDArray[np.int16]:
    return np.random.default_rng(7).integers(-5000, 5000, (rows, columns)).astype("<i2")


# ---- one small recording of each kind --------------------------------------------------------


def make_femto_npz(folder: Path, **changes: Any) -> Path:
    arrays = {
        "x": noise(3 * 40, 2).reshape(3, 40, 2),
        "scale_g": 0.001,
        "t_s": np.array([0.0, 10.0, 20.0]),
        "fs_hz": 25_600.0,
        "rpm": 1800.0,
        "load_n": 4000.0,
        "channels": np.array(["horizontal", "vertical"]),
    }
    path = folder / "Bearing1_1.npz"
    told = {name: value for name, value in (arrays | changes).items() if value is not None}
    np.savez_compressed(path, **told)  # type: ignore[arg-type]
    return path


def make_ims_npz(folder: Path) -> Path:
    path = folder / "test2.npz"
    x = noise(2 * 50, 4).reshape(2, 50, 4)
    times = np.array([1_076_581_959.0, 1_076_582_559.0])
    np.savez_compressed(path, x=x, scale=0.001, t_unix=times, fs_hz=20_480.0, rpm=2000.0)
    return path


def write_snapshot(path: Path, rows: NDArray[Any], separator: str) -> None:
    np.savetxt(path, rows, fmt="%g", delimiter=separator)


def make_ims_folder(folder: Path, columns: int = 4) -> Path:
    test = folder / "2nd_test"
    test.mkdir()
    for minute in (32, 42):
        write_snapshot(test / f"2004.02.12.10.{minute}.39", noise(20_480, columns) / 1000, "\t")
    return test


def femto_rows(hour: int, minute: int, second: int) -> NDArray[np.float64]:
    times = np.tile([hour, minute, second, 65_664.0], (2560, 1))
    return np.hstack([times, noise(2560, 2) / 1000])


def make_femto_folder(folder: Path) -> Path:
    bearing = folder / "Bearing2_1"
    bearing.mkdir()
    write_snapshot(bearing / "acc_00001.csv", femto_rows(23, 59, 49), ",")
    write_snapshot(bearing / "acc_00002.csv", femto_rows(23, 59, 59), ";")
    write_snapshot(bearing / "acc_00004.csv", femto_rows(0, 0, 19), ",")
    (bearing / "temp_00001.csv").write_text("23,59,49,0,71.2\n")
    return bearing


def make_csv(folder: Path) -> Path:
    path = folder / "pump 7__drive end.csv"
    np.savetxt(path, noise(250, 2), fmt="%d", delimiter=",", header="radial,axial", comments="")
    return path


def make_bare_csv(folder: Path) -> Path:
    path = folder / "bare.txt"
    np.savetxt(path, noise(250, 1), fmt="%d")
    return path


def make_wav(folder: Path) -> Path:
    path = folder / "fan.wav"
    wavfile.write(path, int(RATE), noise(250, 2))
    return path


def make_parquet(folder: Path) -> Path:
    path = folder / "gear.parquet"
    data = noise(250, 2)
    pq.write_table(pa.table({"x": data[:, 0], "y": data[:, 1]}), path, row_group_size=70)
    return path


KINDS: dict[str, Callable[[Path], Path]] = {
    "femto npz": make_femto_npz,
    "ims npz": make_ims_npz,
    "ims folder": make_ims_folder,
    "femto folder": make_femto_folder,
    "csv": make_csv,
    "bare csv": make_bare_csv,
    "wav": make_wav,
    "parquet": make_parquet,
}


# ---- the contract ----------------------------------------------------------------------------


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


# ---- layouts ---------------------------------------------------------------------------------


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


def test_an_axis_has_no_blanks() -> None:
    assert valid_axis("a x") == "a-x"


def test_an_ims_archive_is_four_sensors(tmp_path: Path) -> None:
    recording = open_recording(make_ims_npz(tmp_path))
    windows = list(recording)
    assert [str(key) for key in recording.sensors] == [
        f"ims-test2/bearing{number}" for number in (1, 2, 3, 4)
    ]
    assert windows[4].start_ns == 1_076_582_559 * SECOND_NS
    stored = noise(2 * 50, 4).reshape(2, 50, 4)
    np.testing.assert_array_equal(windows[6].samples, stored[1, :, 2][np.newaxis])


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


def test_csv_columns_are_axes_and_the_name_is_the_sensor(tmp_path: Path) -> None:
    windows = list(open_recording(make_csv(tmp_path), DECLARED))
    assert str(windows[0].key) == "pump 7/drive end"
    assert windows[0].axes == ("radial", "axial")
    assert [window.samples.shape for window in windows] == [(2, 100)] * 2
    assert windows[1].start_ns - windows[0].start_ns == SECOND_NS // 10
    np.testing.assert_array_equal(windows[1].samples, noise(250, 2)[100:200].T)


@pytest.mark.parametrize("make", [make_csv, make_parquet])
def test_declared_columns_come_in_the_declared_order(
    tmp_path: Path, make: Callable[[Path], Path]
) -> None:
    path = make(tmp_path)
    names = next(iter(open_recording(path, DECLARED))).axes
    window = next(iter(open_recording(path, DECLARED, columns=names[::-1])))
    assert window.axes == names[::-1]
    np.testing.assert_array_equal(window.samples[0], noise(250, 2)[:100, 1])


@pytest.mark.parametrize("make", [make_wav, make_parquet])
def test_integers_keep_their_type(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    recording = open_recording(make(tmp_path), DECLARED, scale=0.01)
    windows = list(recording)
    assert recording.length == 2
    np.testing.assert_array_equal(windows[1].samples, noise(250, 2)[100:200].T)
    assert windows[0].samples.dtype == np.dtype("<i2")
    assert windows[0].scale == 0.01


@pytest.mark.parametrize(
    ("dtype", "largest"), [("<i2", 32_768), ("<i4", 2**31), ("<f4", 1.0)], ids=str
)
def test_full_scale_is_the_worth_of_the_largest_wav_sample(
    tmp_path: Path, dtype: str, largest: float
) -> None:
    path = tmp_path / "fan.wav"
    wavfile.write(path, int(RATE), np.full(200, largest / 2, dtype))
    window = next(iter(open_recording(path, DECLARED, full_scale=50.0)))
    np.testing.assert_allclose(window.signal(), 25.0)


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


# ---- what must be declared, and what is broken -----------------------------------------------


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


def test_the_worth_of_a_wav_count_is_never_guessed(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="declare scale"):
        open_recording(make_wav(tmp_path), unit="g")


def spoil(path: Path, line: int, text: str) -> None:
    lines = path.read_text().splitlines()
    lines[line - 1] = text
    path.write_text("\n".join(lines) + "\n")


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


@pytest.mark.parametrize("text", ["0\t0\t0", "0\t0\t0\tx", "\x00\x01"])
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


@pytest.mark.parametrize("name", ["x.npz", "x.wav", "x.parquet"])
def test_bytes_of_another_kind_are_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"no recording " * 20)
    with pytest.raises(RecordingError, match=name):
        open_recording(path, DECLARED, scale=1.0)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "the file is empty, no WAV file"),
        (b"ID3 mp3 and so on", "not a WAV file: it begins with 'ID3 ', not RIFF"),
        (b"RIFF\x04\0\0\0WAVE", "a WAV file without samples"),
        (b"RIFF\x04\0\0\0WAVEfmt \x10\0\0\0", r"fan\.wav: cut short within its header"),
        (
            b"RIFF\x04\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\0\0\0\0\0\0",
            r"fan\.wav: cut short within its header",
        ),
        (b"RF64\xff\xff\xff\xffWAVEds64\x1c\0\0\0\0\0", r"fan\.wav: cut short within its header"),
    ],
)
def test_what_is_no_wav_file_is_told(tmp_path: Path, data: bytes, problem: str) -> None:
    path = tmp_path / "fan.wav"
    path.write_bytes(data)
    with pytest.raises(RecordingError, match=problem):
        open_recording(path, DECLARED, scale=1.0)


def make_24_bit_wav(folder: Path) -> Path:
    path = folder / "fan.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((2, 3, int(RATE), 250, "NONE", "not compressed"))
        file.writeframes(bytes(250 * 6))
    return path


@pytest.mark.parametrize(("make", "frame"), [(make_wav, 4), (make_24_bit_wav, 6)])
def test_a_wav_file_cut_short_is_refused(
    tmp_path: Path, make: Callable[[Path], Path], frame: int
) -> None:
    path = make(tmp_path)
    assert open_recording(path, DECLARED, scale=1.0).length == 2
    path.write_bytes(path.read_bytes()[: -130 * frame])
    with pytest.raises(RecordingError, match="tells of 250 samples, 120 are here; copy it again"):
        open_recording(path, DECLARED, scale=1.0)


@pytest.mark.parametrize("head", [b"RIFF", b"RF64"])
def test_a_wav_file_of_a_stream_or_beyond_4_gib_is_read(tmp_path: Path, head: bytes) -> None:
    path = make_wav(tmp_path)
    data = path.read_bytes()
    at = data.index(b"data")
    samples = data[at + 8 :]
    longer = b"ds64" + struct.pack("<IQQQI", 28, len(data) + 36, len(samples), 250, 0)
    more = longer if head == b"RF64" else b""
    unknown = b"\xff\xff\xff\xff"
    path.write_bytes(head + unknown + b"WAVE" + more + data[12:at] + b"data" + unknown + samples)
    recording = open_recording(path, DECLARED, scale=1.0)
    assert sum(1 for _ in recording) == 2
    path.write_bytes(path.read_bytes()[:-100])
    cut = open_recording(path, DECLARED, scale=1.0) if head == b"RIFF" else None
    assert cut is None or cut.length == 2


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


@pytest.mark.parametrize("unfinished", [slice(4, 8), slice(40, 44)], ids=["file", "data"])
def test_a_wav_file_whose_recorder_was_interrupted_is_refused(
    tmp_path: Path, unfinished: slice
) -> None:
    path = tmp_path / "a.wav"
    wavfile.write(path, 8_000, np.ones(16_000, np.int16))
    content = bytearray(path.read_bytes())
    assert content[36:40] == b"data"
    content[unfinished] = bytes(4)
    path.write_bytes(content)
    with pytest.raises(RecordingError, match="never finished"):
        open_recording(path, Declared(unit="g", scale=0.001))


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


# ---- several ---------------------------------------------------------------------------------


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


# ---- real recordings -------------------------------------------------------------------------


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


@pytest.mark.parametrize("asset", ["", "a/b", "pump\x1b[2J", " pump"])
def test_a_declared_name_that_could_not_travel_is_refused(asset: str) -> None:
    with pytest.raises(ValueError, match="asset"):
        Declared(asset=asset)


def test_more_headings_than_columns_are_told_with_the_line(tmp_path: Path) -> None:
    path = tmp_path / "pump.csv"
    path.write_text("x,y,z\n" + "1,2\n" * 3000)
    with pytest.raises(RecordingError, match=r"line 2: 2 fields, expected 3"):
        list(open_recording(path, Declared(sample_rate_hz=2000.0, unit="g")))


@pytest.mark.parametrize(("at", "what"), [(22, b"\0\0"), (32, b"\0\0"), (34, b"\xff\x03")])
def test_a_wav_whose_header_makes_no_sense_is_named(tmp_path: Path, at: int, what: bytes) -> None:
    path = tmp_path / "pump.wav"
    wavfile.write(path, 5120, np.zeros(5120, np.int16))
    whole = bytearray(path.read_bytes())
    whole[at : at + len(what)] = what
    path.write_bytes(whole)
    with pytest.raises(RecordingError, match=r"pump\.wav"):
        list(open_recording(path, Declared(unit="g", full_scale=50.0)))


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


@pytest.mark.parametrize("line", [1, 3001])
@pytest.mark.parametrize("field", ["1_000", "1e308", "9" * 50])
def test_a_number_that_is_none_of_32_bits_is_told_with_its_line(
    tmp_path: Path, field: str, line: int
) -> None:
    path = tmp_path / "pump.csv"
    path.write_text("0.1\n" * (line - 1) + f"{field}\n" + "0.1\n" * 3000)
    with pytest.raises(RecordingError, match=rf"line {line}: .* is no finite number of 32 bits"):
        list(open_recording(path, Declared(sample_rate_hz=1000.0, unit="g")))


def test_a_snapshot_that_is_no_file_is_named(tmp_path: Path) -> None:
    folder = make_ims_folder(tmp_path)
    (folder / "2004.02.12.23.32.39").mkdir()
    with pytest.raises(RecordingError, match=r"23\.32\.39: cannot be read: Is a directory"):
        list(open_recording(folder))
