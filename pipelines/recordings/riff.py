"""The chunks of a WAV file: whether it is one, and whether all of its samples are there.

SciPy answers a file that was cut short with the samples that are left, and no error. (Multimedia
Programming Interface and Data Specifications 1.0, 1991; EBU Tech 3306 for RF64.)
"""

from __future__ import annotations

import struct
from typing import IO, TYPE_CHECKING, Final

from pipelines.recordings.recording import RecordingError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_ORDERS: Final = {b"RIFF": "<", b"RF64": "<", b"RIFX": ">"}
_UNKNOWN: Final = 0xFFFF_FFFF
"""Length that a program writes which cannot go back to the header: it streamed."""
_UNFINISHED: Final = bytes(4)
_NEVER_WRITTEN: Final = (
    "its header was never finished, it tells of no length: the recorder was interrupted;"
    " save it anew with a program that repairs headers"
)


def check_whole(path: Path) -> None:
    """Raise `RecordingError` for what is no WAV file, or one without all that its header tells."""
    with path.open("rb") as file:
        found = path.stat().st_size
        order = _order(path, file.read(12))
        block = longest = 0
        for name, at, size in _chunks(file, order):
            if name == b"ds64":
                longest = struct.unpack("<8xQ", _header(path, file, 16))[0]
            if name == b"fmt ":
                block = struct.unpack(f"{order}12xH", _header(path, file, 14))[0]
            if name == b"data":
                told = longest if size == _UNKNOWN else size
                if size == 0 and found > at:
                    raise RecordingError(path, _NEVER_WRITTEN)
                _refuse_a_part(path, told, found - at, block)
                return
    raise RecordingError(path, "a WAV file without samples; was it cut short? copy it again")


def _header(path: Path, file: IO[bytes], count: int) -> bytes:
    found = file.read(count)
    if len(found) < count:
        raise RecordingError(path, "cut short within its header, before any sample; copy it again")
    return found


def _order(path: Path, head: bytes) -> str:
    order = _ORDERS.get(head[:4])
    if not head:
        raise RecordingError(path, "the file is empty, no WAV file")
    if order is None or head[8:] != b"WAVE":
        raise RecordingError(
            path, f"not a WAV file: it begins with {ascii(head[:4])[1:]}, not RIFF"
        )
    if head[4:8] == _UNFINISHED:
        raise RecordingError(path, _NEVER_WRITTEN)
    return order


def _chunks(file: IO[bytes], order: str) -> Iterator[tuple[bytes, int, int]]:
    """Yield each chunk's name, where its content begins, and how long it is told to be."""
    at = 12
    while len(head := _at(file, at, 8)) == 8:
        size = struct.unpack(f"{order}I", head[4:])[0]
        yield head[:4], at + 8, size
        at += 8 + size + size % 2  # chunks begin at even places


def _at(file: IO[bytes], at: int, count: int) -> bytes:
    file.seek(at)
    return file.read(count)


def _refuse_a_part(path: Path, told: int, here: int, block: int) -> None:
    if told <= here:
        return
    block = max(1, block)
    raise RecordingError(
        path,
        f"cut short: its header tells of {told // block} samples, {here // block} are here; "
        "copy it again",
    )
