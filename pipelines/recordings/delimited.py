"""Generic CSV: a row a sample, a column a channel, a header or none; `,`, `;` or tabulator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from pipelines.recordings.continuous import (
    Signal,
    axes_of,
    chosen,
    is_even_ramp,
    key_of,
    refuse_time,
    unnamed,
)
from pipelines.recordings.recording import Declared, Recording, RecordingError, undeclared
from pipelines.recordings.table import (
    first_lines,
    is_number,
    read_blocks,
    refuse_blanks,
    refuse_decimal_commas,
    separator_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pipelines.window import Window

LOOKED_AT: Final = 256
"""Lines by which a time column and decimal commas are recognised before anything is read."""


def open_csv(path: Path, declared: Declared) -> Recording:
    """Open a text file; rate and unit must be declared. Its length is known after reading."""
    lines = first_lines(path, LOOKED_AT)
    separator = separator_of(lines[0])
    refuse_decimal_commas(path, lines, separator)
    refuse_blanks(path, lines)
    fields = [field.strip().strip('"') for field in lines[0].split(separator)]
    header = not all(is_number(field) for field in fields)
    names = fields if header else unnamed(len(fields))
    if header:
        _refuse_a_header_alone(path, lines, separator)
    wanted = chosen(path, declared, names)
    if declared.columns is None and len(names) > 1:
        _refuse_a_ramp(path, names, [line.split(separator) for line in lines[int(header) :]])
    rate, unit = declared.sample_rate_hz, declared.unit
    if rate is None or unit is None:
        raise undeclared(path, declared, "sample_rate_hz", "unit")
    signal = Signal(
        path=path,
        key=key_of(path, declared),
        axes=axes_of(path, declared, wanted),
        sample_rate_hz=rate,
        unit=unit,
        scale=declared.scale or 1.0,
        declared=declared,
    )
    columns = [names.index(name) for name in wanted]

    def read() -> Iterator[Window]:
        return signal.cut(
            read_blocks(path, separator=separator, header=header, columns=columns, rows=signal.rows)
        )

    return Recording(path, (signal.key,), None, read, declared.start is not None)


def _refuse_a_header_alone(path: Path, lines: list[str], separator: str) -> None:
    """Raise `RecordingError` where nothing, or further words such as units, follow the header."""
    if len(lines) == 1:
        raise RecordingError(path, "has a line of headings and no numbers below it")
    fields = [field.strip().strip('"') for field in lines[1].split(separator)]
    if any(map(is_number, fields)) or not any(fields):
        return
    raise RecordingError(
        path,
        f"{lines[1].strip()[:40]!r} is a second line of headings, or of units, or the file is no "
        "recording; remove such a line, and declare unit (--unit)",
        line=2,
    )


def _refuse_a_ramp(path: Path, names: list[str], rows: list[list[str]]) -> None:
    for column, name in enumerate(names):
        fields = [row[column] for row in rows if column < len(row)]
        if all(map(is_number, fields)) and is_even_ramp(np.array(fields, np.float64)):
            refuse_time(path, names, name)
