"""Generic CSV: a row a sample, a column a channel, a header or none; `,`, `;` or tabulator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.recordings.continuous import Signal, axes_of, chosen, key_of, unnamed
from pipelines.recordings.recording import Declared, Recording, need_sample_rate, need_unit
from pipelines.recordings.table import first_line, is_number, read_blocks, separator_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pipelines.window import Window


def open_csv(path: Path, declared: Declared) -> Recording:
    """Open a text file; rate and unit must be declared. Its length is known after reading."""
    line = first_line(path)
    separator = separator_of(line)
    fields = [field.strip().strip('"') for field in line.split(separator)]
    header = not all(is_number(field) for field in fields)
    names = fields if header else unnamed(len(fields))
    wanted = chosen(path, declared, names)
    signal = Signal(
        path=path,
        key=key_of(path, declared),
        axes=axes_of(path, declared, wanted),
        sample_rate_hz=need_sample_rate(path, declared),
        unit=need_unit(path, declared),
        scale=declared.scale or 1.0,
        declared=declared,
    )
    columns = [names.index(name) for name in wanted]

    def read() -> Iterator[Window]:
        return signal.cut(
            read_blocks(path, separator=separator, header=header, columns=columns, rows=signal.rows)
        )

    return Recording(path, (signal.key,), None, read)
