"""WAV files: what a sample is worth, and headers that lie."""

import struct
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile

from pipelines.recordings import Declared, RecordingError, open_recording
from tests.unit.pipelines.recordings.samples import DECLARED, RATE, make_wav


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


def test_the_worth_of_a_wav_count_is_never_guessed(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="declare scale"):
        open_recording(make_wav(tmp_path), unit="g")


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


@pytest.mark.parametrize(("at", "what"), [(22, b"\0\0"), (32, b"\0\0"), (34, b"\xff\x03")])
def test_a_wav_whose_header_makes_no_sense_is_named(tmp_path: Path, at: int, what: bytes) -> None:
    path = tmp_path / "pump.wav"
    wavfile.write(path, 5120, np.zeros(5120, np.int16))
    whole = bytearray(path.read_bytes())
    whole[at : at + len(what)] = what
    path.write_bytes(whole)
    with pytest.raises(RecordingError, match=r"pump\.wav"):
        list(open_recording(path, Declared(unit="g", full_scale=50.0)))
