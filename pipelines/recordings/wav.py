"""WAV: integer or float samples with their rate; the unit of a count must be declared."""

from __future__ import annotations

import struct
import warnings
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy.io import wavfile

from pipelines.recordings.continuous import Signal, axes_of, key_of, unnamed
from pipelines.recordings.recording import Declared, Recording, RecordingError, undeclared
from pipelines.recordings.riff import check_whole
from pipelines.window import DTYPES

# The last three are SciPy's answer to a header of nonsense.
_BROKEN: Final = (
    OSError, ValueError, EOFError, struct.error, ArithmeticError, TypeError, UnboundLocalError
)  # fmt: skip

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from pipelines.window import Window


def open_wav(path: Path, declared: Declared) -> Recording:
    """Open a WAV file; 16, 24 and 32 bit integers and 32 bit floats keep their type."""
    rate, samples = _read(path)
    scale = _scale(declared, samples)
    if declared.unit is None or scale is None:
        raise undeclared(path, declared, "unit", *(["scale"] if scale is None else []))
    signal = Signal(
        path=path,
        key=key_of(path, declared),
        axes=axes_of(path, declared, unnamed(samples.shape[1])),
        sample_rate_hz=declared.sample_rate_hz or float(rate),
        unit=declared.unit,
        scale=scale,
        declared=declared,
    )

    def read() -> Iterator[Window]:
        _, again = _read(path)
        return signal.cut(again[i : i + signal.rows] for i in range(0, len(again), signal.rows))

    return Recording(
        path, (signal.key,), len(samples) // signal.rows, read, declared.start is not None
    )


def _read(path: Path) -> tuple[int, NDArray[Any]]:
    """Return rate and samples, shape (rows, channels), mapped from the file where it can be."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", wavfile.WavFileWarning)  # unknown chunks are no concern
        try:
            check_whole(path)
            rate, samples = _mapped(path)
        except RecordingError:
            raise
        except _BROKEN as error:
            raise RecordingError(path, f"cannot be read as WAV: {error}; copy it again") from error
    if samples.dtype.str[1:] not in DTYPES:
        raise RecordingError(
            path, f"samples are {samples.dtype}; save as 16, 24 or 32 bit PCM or 32 bit float"
        )
    return rate, samples[:, np.newaxis] if samples.ndim == 1 else samples


def _mapped(path: Path) -> tuple[int, NDArray[Any]]:
    try:
        return wavfile.read(path, mmap=True)
    except ValueError:  # 24 bit cannot be mapped
        return wavfile.read(path)


def _scale(declared: Declared, samples: NDArray[Any]) -> float | None:
    """Return the worth of a count; None where it is needed and not declared."""
    integers = samples.dtype.kind == "i"
    if declared.full_scale is not None:
        # SciPy widens 24 bits to the upper ones of 32, so the type alone tells the largest count.
        return declared.full_scale / (2.0 ** (8 * samples.dtype.itemsize - 1) if integers else 1.0)
    return declared.scale or (None if integers else 1.0)
