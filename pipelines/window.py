"""The record that travels between the stages: one sensor's samples over one short time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

UNITS: Final = ("g", "m/s2", "mm/s", "V")
"""Units a signal may be declared in; never guessed."""

DTYPES: Final = ("i2", "i4", "f4")
"""Sample types a window may be stored in, little-endian."""


class SensorKey(NamedTuple):
    """Names one measuring point of one machine; orders and hashes like the pair it is."""

    asset: str
    sensor: str

    def __str__(self) -> str:
        return f"{self.asset}/{self.sensor}"


@dataclass(frozen=True, slots=True)
class Window:
    """The samples of one message, in the dtype they were stored in.

    `samples` has shape (axes, n) and one of `DTYPES`; the physical value is `samples * scale`
    in `unit`. `start_ns` is the time of the first sample in ns since the epoch.
    """

    asset: str
    sensor: str
    axes: tuple[str, ...]
    start_ns: int
    sample_rate_hz: float
    unit: str
    samples: NDArray[Any]
    scale: float = 1.0
    rpm: float | None = None
    load: float | None = None
    temperature: float | None = None
    sequence: int | None = None

    @property
    def key(self) -> SensorKey:
        """The sensor that this window belongs to."""
        return SensorKey(self.asset, self.sensor)

    @property
    def duration_s(self) -> float:
        """Length of the window in seconds."""
        return float(self.samples.shape[1] / self.sample_rate_hz)

    def signal(self) -> NDArray[np.float32]:
        """Return the physical values, shape (axes, n), float32, in `unit`."""
        values: NDArray[np.float32] = np.multiply(
            self.samples, np.float32(self.scale), dtype=np.float32
        )
        return values
