"""Numbers from delimited text, and the line that is to blame where there are none."""

from __future__ import annotations

import codecs
import re
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from pipelines.recordings.recording import RecordingError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

_SEPARATORS: Final = ("\t", ";", ",")
_DECIMAL_COMMA: Final = re.compile(r"[+-]?\d+,\d+([eE][+-]?\d+)?$")
_WHOLE_PART: Final = re.compile(r"[+-]?\d+$")
_BESIDE: Final = ", and save it with semicolons or tabulators between columns first"
_NO_COUNT: Final = re.compile(r"-0,|[+-]?\d+,0\d")


_LARGEST: Final = float(np.finfo(np.float32).max)
_PARTED_BY_BLANKS: Final = re.compile(r"\S+(\s+\S+)+")


def read_table(path: Path, *, columns: int, separator: str | None = None) -> NDArray[np.float64]:
    """Return a whole file without header, shape (rows, columns).

    Raises `RecordingError` with the first line that has not `columns` finite numbers of 32 bits.
    """
    separator = separator or separator_of(first_line(path))
    try:
        frame = pd.read_csv(path, sep=separator, header=None, dtype=np.float64)
        numbers = frame.to_numpy()
    except OSError as error:
        raise RecordingError(path, f"cannot be read: {error.strerror or error}") from error
    except ValueError as error:  # as pandas' parser errors are
        raise broken_line(path, separator, columns, error) from error
    if numbers.shape[1] != columns or not (np.abs(numbers) <= _LARGEST).all():
        raise broken_line(path, separator, columns)
    return numbers


def read_blocks(
    path: Path, *, separator: str, header: bool, columns: list[int], rows: int
) -> Iterator[NDArray[Any]]:
    """Yield blocks of up to `rows` rows, shape (rows, columns), float32, in the order asked for.

    Raises `RecordingError` for a blank line too, unless nothing but blank ones follow: the rows
    below it would be taken for earlier ones.
    """
    width = len(first_line(path).split(separator))
    # Other columns are read too, as text, so that a line of another width is noticed.
    kinds = {column: np.float32 if column in columns else str for column in range(width)}
    try:
        with np.errstate(over="ignore"), pd.read_csv(
            path, sep=separator, header=None, skiprows=int(header), dtype=kinds, chunksize=rows,
            skip_blank_lines=False, skipinitialspace=True,
        ) as chunks:  # fmt: skip
            for chunk in chunks:
                if chunk.shape[1] == width:
                    block = chunk.iloc[:, columns].to_numpy(np.float32)
                    if np.isfinite(block).all():
                        yield block
                        continue
                error = first_broken(path, separator, width, header=header, columns=columns)
                if error is not None:
                    raise error
                yield _without_blank_end(path, block)
    except RecordingError:
        raise
    except OSError as error:
        raise RecordingError(path, f"cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise broken_line(path, separator, width, error, header=header, columns=columns) from error


def _without_blank_end(path: Path, block: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the rows before the blank lines that end a file."""
    rows = np.flatnonzero(~np.isnan(block).all(axis=1))
    kept = block[: rows[-1] + 1] if rows.size else block[:0]
    if not np.isfinite(kept).all():
        raise RecordingError(path, "a number is too large for a 32 bit float")
    return kept


def first_line(path: Path) -> str:
    """Return the first line; raises `RecordingError` for an empty file."""
    try:
        with path.open("rb") as file:
            head = file.read(64)
        if head[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) or b"\0" in head:
            raise RecordingError(path, "is UTF-16, or no text at all; save it as UTF-8", line=1)
        with path.open(encoding="utf-8-sig", errors="replace") as lines:
            line = lines.readline().strip("\r\n")
    except OSError as error:
        raise RecordingError(path, f"cannot be read: {error.strerror}") from error
    if line.strip():
        return line
    if _is_blank(path):
        raise RecordingError(path, "the file is empty, or has blank lines alone")
    raise RecordingError(path, "is blank; remove it", line=1)


def _is_blank(path: Path) -> bool:
    with path.open(encoding="utf-8-sig", errors="replace") as lines:
        return not any(map(str.strip, lines))


def first_lines(path: Path, count: int) -> list[str]:
    """Return up to `count` lines that are not blank; raises `RecordingError` for an empty file."""
    first_line(path)
    with path.open(encoding="utf-8-sig", errors="replace") as lines:
        return [line.strip("\r\n") for line in islice(lines, count) if line.strip()]


def refuse_decimal_commas(path: Path, lines: list[str], separator: str) -> None:
    """Raise `RecordingError` where `0,0125` stands for 0.0125.

    Between commas two columns of counts look nearly the same; a fraction gives itself away by
    leading zeros (`0,0125`) or a negative zero before it (`-0,5`), which nobody writes for counts.
    """
    bare = separator == "," and separator not in lines[0]
    for number, line in enumerate(lines, start=1):
        fields = [field.strip().strip('"') for field in line.split(separator)]
        if bare or separator != ",":
            found = any(map(_DECIMAL_COMMA.match, [line] if bare else fields))
        else:
            found = _are_halves(fields)
        if found:
            raise RecordingError(
                path,
                f"{line.strip()[:40]!r} has decimal commas; write decimal points, 0.0125 for "
                f"0,0125{_BESIDE if separator == ',' and not bare else ''}",
                line=number,
            )


def _are_halves(fields: list[str]) -> bool:
    """Whether fields between commas are whole parts and fractions in turn, and surely so."""
    pairs = list(zip(fields[::2], fields[1::2], strict=False))
    return (
        len(fields) % 2 == 0
        and all(_WHOLE_PART.match(whole) and part.isdigit() for whole, part in pairs)
        and any(_NO_COUNT.match(f"{whole},{part}") for whole, part in pairs)
    )


def refuse_blanks(path: Path, lines: list[str]) -> None:
    """Raise `RecordingError` where blanks alone stand between numbers."""
    for number, line in enumerate(lines[:2], start=1):
        text = line.strip()
        if _PARTED_BY_BLANKS.fullmatch(text) and all(map(is_number, text.split())):
            raise RecordingError(
                path,
                f"{text[:40]!r} has blanks between its columns; save the file with commas, "
                "semicolons or tabulators between them",
                line=number,
            )


def separator_of(line: str) -> str:
    """Return tabulator, semicolon or comma, whichever the line has."""
    return next((separator for separator in _SEPARATORS if separator in line), ",")


def is_number(field: str) -> bool:
    """Whether a field is a finite number."""
    try:
        return bool(np.isfinite(float(field)))
    except ValueError:
        return False


def _fits(field: str) -> bool:
    """Whether a field is a number as pandas reads it, and none too large for 32 bits."""
    field = field.strip().strip('"')
    return is_number(field) and "_" not in field and abs(float(field)) <= _LARGEST


def broken_line(
    path: Path,
    separator: str,
    width: int,
    cause: Exception | None = None,
    *,
    header: bool = False,
    columns: list[int] | None = None,
) -> RecordingError:
    """Return what to raise for a file that could not be read."""
    found = first_broken(path, separator, width, header=header, columns=columns)
    return found or RecordingError(path, f"cannot be read as numbers: {cause}")


def first_broken(
    path: Path, separator: str, width: int, *, header: bool, columns: list[int] | None
) -> RecordingError | None:
    """Look for the first line that is to blame; slow, and only done once something is wrong."""
    blank = 0
    with path.open(encoding="utf-8-sig", errors="replace") as lines:
        for number, line in enumerate(lines, start=1):
            if header and number == 1:
                continue
            if not line.strip():
                blank = blank or number
            elif blank:
                return RecordingError(
                    path, "is blank, with numbers below it; remove the line, or fill in what is "
                    "missing", line=blank,
                )  # fmt: skip
            else:
                fields = line.strip("\r\n").split(separator)
                problem = _problem(fields, width, columns or list(range(width)))
                if problem:
                    return RecordingError(
                        path, f"{problem}; repair the line or copy the file again", line=number
                    )
    return None


def _problem(fields: list[str], width: int, columns: list[int]) -> str | None:
    if len(fields) != width:
        return f"{len(fields)} fields, expected {width}"
    bad = [fields[column] for column in columns if not _fits(fields[column])]
    return f"{bad[0][:40]!r} is no finite number of 32 bits" if bad else None
