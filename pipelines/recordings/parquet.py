"""Parquet: a row a sample, a column a channel. Needs the `parquet` extra."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.recordings.continuous import Signal, axes_of, chosen, key_of, refuse_time
from pipelines.recordings.recording import (
    Declared,
    Recording,
    RecordingError,
    undeclared,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from pipelines.window import Window


def open_parquet(path: Path, declared: Declared) -> Recording:
    """Open a Parquet file; rate and unit must be declared."""
    with _parquet_file(path) as file:
        schema, rows = file.schema_arrow, int(file.metadata.num_rows)
    wanted = _numeric(path, declared, schema)
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

    def read() -> Iterator[Window]:
        return signal.cut(_blocks(path, wanted, signal.rows))

    return Recording(path, (signal.key,), rows // signal.rows, read, declared.start is not None)


def _numeric(path: Path, declared: Declared, schema: Any) -> list[str]:
    """Return the columns to read; a time or another thing that is no number is refused by name."""
    from pyarrow import types

    kinds = dict(zip(schema.names, schema.types, strict=True))
    channels = [name for name in schema.names if _is_number(kinds[name])]
    if declared.columns is None:
        for name in schema.names:
            if types.is_temporal(kinds[name]):
                refuse_time(path, channels, name)
    wanted = chosen(path, declared, list(schema.names))
    for name in wanted:
        if not _is_number(kinds[name]):
            others = ",".join(channels) or "NAME,..."
            raise RecordingError(
                path,
                f"column {name!r} is {kinds[name]}, which is no number; declare columns "
                f"(--columns {others})",
            )
    return wanted


def _is_number(kind: Any) -> bool:
    from pyarrow import types

    return bool(types.is_integer(kind) or types.is_floating(kind))


def _parquet_file(path: Path) -> Any:
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ImportError as error:
        raise RecordingError(path, "needs pyarrow: pip install pyarrow") from error
    try:
        return ParquetFile(path)
    except (OSError, ArrowException) as error:
        raise RecordingError(path, f"cannot be read as Parquet: {error}") from error


def _blocks(path: Path, columns: list[str], rows: int) -> Iterator[NDArray[Any]]:
    """Yield blocks, shape (rows, columns); int16 and int32 are kept, other numbers are float32."""
    from pyarrow import ArrowException

    first = 0
    try:
        with _parquet_file(path) as file:
            for batch in file.iter_batches(batch_size=rows, columns=columns):
                channels = [batch.column(name).to_numpy(zero_copy_only=False) for name in columns]
                block = np.stack(channels, axis=1)
                yield _stored(path, block, first)
                first += len(block)
    except (OSError, ArrowException) as error:
        why = " ".join(str(error).split())  # Arrow tells it over several lines
        raise RecordingError(path, f"broken after row {first}: {why}; copy it again") from error


def _stored(path: Path, block: NDArray[Any], first: int) -> NDArray[Any]:
    if block.dtype in (np.int16, np.int32):
        return block
    if not np.isfinite(block).all():
        row = first + int(np.argmin(np.isfinite(block).all(axis=1)))
        raise RecordingError(path, f"row {row} holds no finite number")
    return block.astype("<f4")
