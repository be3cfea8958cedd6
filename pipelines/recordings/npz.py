"""Our `.npz` layouts: snapshots in one array `x` (snapshots, samples, channels) of integers.

With `scale_g` and `t_s` it is a FEMTO bearing, whose channels are axes of one sensor; with
`scale` and `t_unix` it is an IMS test, whose channels are sensors of one axis. `asset` and, for
one sensor, `sensor` name what it is of; without them the file's name does. With `start_ns` and
`unit` a FEMTO archive tells its date, and that it is of no acceleration in g. The array is
streamed out of the archive snapshot by snapshot, never loaded whole.
"""

from __future__ import annotations

import math
import tokenize
import zipfile
import zlib
from dataclasses import dataclass
from functools import partial
from typing import IO, TYPE_CHECKING, Any, Final

import numpy as np

from pipelines.recordings.recording import (
    DEFAULT_START,
    Declared,
    Recording,
    RecordingError,
    nanoseconds,
    valid_name,
)
from pipelines.window import DTYPES, UNITS, SensorKey, Window
from pipelines.wire import InvalidRecord, check_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

# The last three are NumPy's answer to a header of nonsense.
_BROKEN: Final = (
    OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error,
    SyntaxError, TypeError, tokenize.TokenError,
)  # fmt: skip
_FEMTO: Final = frozenset({"x", "scale_g", "t_s", "fs_hz", "channels"})
_IMS: Final = frozenset({"x", "scale", "t_unix", "fs_hz"})


@dataclass(frozen=True, slots=True)
class _Header:
    """Shape (snapshots, samples, channels) and dtype of `x`, read without its data."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]


@dataclass(frozen=True, slots=True)
class _Sensor:
    """Which channels of a snapshot belong to one sensor."""

    name: str
    axes: tuple[str, ...]
    channels: slice


def open_npz(path: Path, declared: Declared) -> Recording:
    """Open a FEMTO or IMS archive."""
    try:
        header, arrays = _look_into(path)
    except RecordingError:
        raise
    except _BROKEN as error:
        raise RecordingError(path, f"broken .npz: {error}; copy it again") from error
    femto = arrays.keys() | {"x"} >= _FEMTO
    sensors = _femto_sensors(arrays, declared) if femto else _ims_sensors(header, declared)
    return _open(path, declared, header, arrays, sensors)


def save_window(path: Path, window: Window) -> None:
    """Write one window as an archive that `open_npz` reads; the file's name ends in `.npz`."""
    np.savez(
        path,
        x=np.ascontiguousarray(window.samples.T)[None],
        scale_g=window.scale,
        t_s=np.zeros(1),
        start_ns=window.start_ns,
        fs_hz=window.sample_rate_hz,
        unit=window.unit,
        channels=np.array(window.axes),
        asset=window.asset,
        sensor=window.sensor,
        rpm=math.nan if window.rpm is None else window.rpm,
        load_n=math.nan if window.load is None else window.load,
    )


def _unknown(path: Path, names: set[str]) -> RecordingError:
    return RecordingError(
        path,
        f"unknown .npz layout with {', '.join(sorted(names))}; known are "
        f"{', '.join(sorted(_FEMTO))} (one sensor, see docs/recordings.md) and "
        f"{', '.join(sorted(_IMS))} (a sensor a channel)",
    )


def _look_into(path: Path) -> tuple[_Header, dict[str, NDArray[Any]]]:
    with zipfile.ZipFile(path) as archive:
        names = {name.removesuffix(".npy") for name in archive.namelist()}
        if not (names >= _FEMTO or names >= _IMS):
            raise _unknown(path, names)
        with archive.open("x.npy") as stream:
            header = _read_header(path, stream)
    with np.load(path, allow_pickle=False) as archive_of_arrays:
        small = {n: archive_of_arrays[n] for n in archive_of_arrays.files if n != "x"}
    return header, small


def _read_header(path: Path, stream: IO[bytes]) -> _Header:
    version = np.lib.format.read_magic(stream)
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }[version]
    shape, fortran_order, dtype = read(stream)
    if fortran_order or len(shape) != 3 or dtype.str[1:] not in DTYPES:
        raise RecordingError(
            path,
            f"x is {dtype} {shape}, expected one of {', '.join(DTYPES)} in the order (snapshots, "
            "samples, channels); see docs/recordings.md",
        )
    return _Header(shape, dtype)


def _femto_sensors(arrays: dict[str, NDArray[Any]], declared: Declared) -> list[_Sensor]:
    axes = declared.axes or tuple(str(name) for name in arrays["channels"])
    return [_Sensor(declared.sensor or _name(arrays, "sensor") or "bearing", axes, slice(None))]


def _ims_sensors(header: _Header, declared: Declared) -> list[_Sensor]:
    prefix = declared.sensor or "bearing"
    axes = declared.axes or ("x",)
    return [_Sensor(f"{prefix}{i + 1}", axes, slice(i, i + 1)) for i in range(header.shape[2])]


def _open(
    path: Path,
    declared: Declared,
    header: _Header,
    arrays: dict[str, NDArray[Any]],
    sensors: list[_Sensor],
) -> Recording:
    snapshots, _, channels = header.shape
    if len(sensors) == 1 and len(sensors[0].axes) != channels:
        raise RecordingError(path, f"{len(sensors[0].axes)} axes for {channels} channels")
    starts = _starts(path, declared, arrays, snapshots)
    ims = "t_unix" in arrays
    asset = declared.asset or _name(arrays, "asset")
    asset = asset or valid_name(f"ims-{path.stem}" if ims else path.stem)
    _check_names(path, asset, sensors)
    telling = _Telling(
        asset=asset,
        # An IMS file does not say; see docs/recordings.md on why volts.
        unit=declared.unit or _unit(path, arrays, "V" if ims else "g"),
        sample_rate_hz=declared.sample_rate_hz or float(arrays["fs_hz"]),
        scale=declared.scale or float(arrays["scale" if ims else "scale_g"]),
        rpm=_number(declared.rpm, arrays, "rpm"),
        load=_number(declared.load, arrays, "load_n"),
    )
    return Recording(
        path=path,
        sensors=tuple(SensorKey(asset, sensor.name) for sensor in sensors),
        length=snapshots * len(sensors),
        read=partial(_windows, path, header, starts, sensors, telling),
        dated=ims or "start_ns" in arrays or declared.start is not None,
    )


@dataclass(frozen=True, slots=True)
class _Telling:
    """What all windows of an archive share."""

    asset: str
    unit: str
    sample_rate_hz: float
    scale: float
    rpm: float | None
    load: float | None


def _number(told: float | None, arrays: dict[str, NDArray[Any]], name: str) -> float | None:
    """Return a number that goes for all windows; NaN in the file says that it is not known."""
    number = float(arrays[name]) if told is None and name in arrays else told
    return None if number is None or math.isnan(number) else number


def _unit(path: Path, arrays: dict[str, NDArray[Any]], otherwise: str) -> str:
    unit = str(arrays.get("unit", otherwise))
    if unit not in UNITS:
        raise RecordingError(path, f"unit is {unit!r}, expected one of {', '.join(UNITS)}")
    return unit


def _check_names(path: Path, asset: str, sensors: Sequence[_Sensor]) -> None:
    try:
        for sensor in sensors:
            check_names(asset, sensor.name)
    except InvalidRecord as error:
        raise RecordingError(path, error.detail) from error


def _name(arrays: dict[str, NDArray[Any]], name: str) -> str | None:
    """Return a name as it is in the file: evidence is of the sensor that it was taken from."""
    return str(arrays[name]) if name in arrays else None


def _starts(
    path: Path, declared: Declared, arrays: dict[str, NDArray[Any]], snapshots: int
) -> list[int]:
    """Return the start of each snapshot in ns."""
    absolute = "t_unix" in arrays
    times = arrays["t_unix" if absolute else "t_s"]
    _check_times(path, "t_unix" if absolute else "t_s", times, snapshots)
    first = nanoseconds(DEFAULT_START)
    if absolute:
        first = round(float(times[0]) * 1e6) * 1000
    elif "start_ns" in arrays:
        first = int(arrays["start_ns"])
    first = first if declared.start_ns is None else declared.start_ns
    return [first + round(float(t - times[0]) * 1e6) * 1000 for t in times]


def _check_times(path: Path, name: str, times: NDArray[Any], snapshots: int) -> None:
    if times.shape != (snapshots,):
        raise RecordingError(
            path, f"{name} has the shape {times.shape}, expected {snapshots} times, one a snapshot"
        )
    if times.dtype.kind not in "iuf" or not np.isfinite(times).all():
        raise RecordingError(path, f"{name} holds what is no time; expected seconds")
    falls = np.flatnonzero(np.diff(times.astype(np.float64)) <= 0)
    if falls.size:
        at = int(falls[0])
        raise RecordingError(
            path,
            f"{name} does not grow: snapshot {at + 1} is at {times[at + 1]:g} s, the one before at "
            f"{times[at]:g} s; sort the snapshots by time",
        )


def _windows(
    path: Path,
    header: _Header,
    starts: list[int],
    sensors: list[_Sensor],
    telling: _Telling,
) -> Iterator[Window]:
    for index, snapshot in enumerate(_snapshots(path, header)):
        for sensor in sensors:
            yield Window(
                asset=telling.asset,
                sensor=sensor.name,
                axes=sensor.axes,
                start_ns=starts[index],
                sample_rate_hz=telling.sample_rate_hz,
                unit=telling.unit,
                samples=np.ascontiguousarray(snapshot[:, sensor.channels].T),
                scale=telling.scale,
                rpm=telling.rpm,
                load=telling.load,
            )


def _snapshots(path: Path, header: _Header) -> Iterator[NDArray[Any]]:
    """Yield each snapshot, shape (samples, channels)."""
    snapshots, *shape = header.shape
    size = int(np.prod(shape)) * header.dtype.itemsize
    try:
        with zipfile.ZipFile(path) as archive, archive.open("x.npy") as stream:
            _read_header(path, stream)
            for _ in range(snapshots):
                yield np.frombuffer(stream.read(size), header.dtype).reshape(shape)
    except _BROKEN as error:
        raise RecordingError(path, f"broken .npz: {error}; copy it again") from error
