"""Which reader a path belongs to."""

from __future__ import annotations

import heapq
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

import msgspec

from pipelines.mismatches import told
from pipelines.recordings import delimited, femto, ims, npz, parquet, wav
from pipelines.recordings.recording import Declared, Recording, RecordingError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from pipelines.window import SensorKey, Window

_READERS: Final[dict[str, Callable[[Path, Declared], Recording]]] = {
    ".npz": npz.open_npz,
    ".csv": delimited.open_csv,
    ".tsv": delimited.open_csv,
    ".txt": delimited.open_csv,
    ".wav": wav.open_wav,
    ".parquet": parquet.open_parquet,
}
_TEXT: Final = frozenset({".csv", ".tsv", ".txt"})
_WITH_COLUMNS: Final = _TEXT | {".parquet"}
_NOTHING_DECLARED: Final = Declared()


def open_recording(path: Path, declared: Declared = _NOTHING_DECLARED, **fields: Any) -> Recording:
    """Open a file, or a folder in the IMS or FEMTO layout.

    `fields` are those of `Declared` and go before `declared`.
    """
    declared = _with(path, declared, fields)
    if not path.exists():
        raise RecordingError(path, "no such file or folder")
    if declared.full_scale is not None and path.suffix.lower() != ".wav":
        raise RecordingError(
            path, "full_scale goes for WAV; declare scale (--scale), that of one count"
        )
    if declared.columns is not None and path.suffix.lower() not in _WITH_COLUMNS:
        raise RecordingError(
            path,
            "columns go for CSV and Parquet; of others all channels are read, and axes names them",
        )
    if path.is_dir():
        return _open_folder(path, declared)
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise RecordingError(path, f"unknown kind of file; expected {', '.join(_READERS)}")
    return reader(path, declared)


def discover(paths: Iterable[Path], declared: Declared = _NOTHING_DECLARED) -> list[Recording]:
    """Open each path, and what lies in folders that are no recording themselves.

    Text files in such a folder count only where sample rate and unit are declared: tables and
    notes often lie beside recordings. Raises `RecordingError` also where two recordings would
    give one sensor.
    """
    recordings = [recording for path in paths for recording in _discover(path, declared)]
    owners: dict[SensorKey, Recording] = {}
    for recording in recordings:
        for sensor in recording.sensors:
            other = owners.setdefault(sensor, recording)
            if other is not recording:
                raise RecordingError(
                    recording.path,
                    f"{sensor} is in {other.path} too; leave one out, or open them apart and "
                    "declare asset or sensor",
                )
    return recordings


def in_time_order(recordings: Iterable[Recording]) -> Iterator[Window]:
    """Merge the windows of all recordings by their start time; equal times keep the order."""
    return heapq.merge(*recordings, key=attrgetter("start_ns"))


def _with(path: Path, declared: Declared, fields: dict[str, Any]) -> Declared:
    if not fields:
        return declared
    try:
        return msgspec.convert(msgspec.structs.asdict(declared) | fields, Declared)
    except msgspec.ValidationError as error:
        raise RecordingError(path, f"declared: {told(str(error))}") from error


def _open_folder(path: Path, declared: Declared) -> Recording:
    if femto.is_femto(path):
        return femto.open_femto(path, declared)
    if ims.is_ims(path):
        return ims.open_ims(path, declared)
    raise RecordingError(
        path,
        "no known folder layout; expected snapshots named like 2004.02.12.10.32.39 (IMS) or "
        "acc_00001.csv (FEMTO)",
    )


def _discover(path: Path, declared: Declared) -> Iterator[Recording]:
    if not path.is_dir() or femto.is_femto(path) or ims.is_ims(path):
        yield open_recording(path, declared)
        return
    found = [child for child in sorted(path.iterdir()) if _is_recording(child, declared)]
    if not found:
        raise RecordingError(
            path,
            "holds no recording; text files count once sample_rate_hz and unit are declared "
            "(--sample-rate-hz, --unit), folders in it are named one by one",
        )
    yield from (open_recording(child, declared) for child in found)


def _is_recording(path: Path, declared: Declared) -> bool:
    if path.is_dir():
        return femto.is_femto(path) or ims.is_ims(path)
    suffix = path.suffix.lower()
    told = declared.sample_rate_hz is not None and declared.unit is not None
    return suffix in _READERS and (told or suffix not in _TEXT)
