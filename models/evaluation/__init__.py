"""Recordings in; lead times and false alerts out, of our detector and of simple ones beside it.

Contract (`Method`)
-------------------
* `fit(first, seed)` sees the first `FIRST_WINDOWS` windows of one sensor and nothing else of it.
* `Fitted.judge(rest)` answers for the windows behind them, one zone each, chronologically: what is
  said of a window depends on that one and on earlier ones only. It may be called once.
* Both are pure: no clock, no files; randomness comes from `seed` alone.
* A method that is `random` is run with several seeds. One that judges the `whole_rig` cannot tell
  its bearings apart and is asked about failing ones only.

Features are computed once (`lives`) and shared by all methods.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from models.evaluation.lives import Life

FIRST_WINDOWS: Final = 100
"""Windows that every method may learn from; alerts are counted behind them."""

NORMAL, WARNING, ALARM = range(3)


class EvaluationError(Exception):
    """An evaluation cannot be made; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Track:
    """What a method said of each window, all (windows,).

    `zones` are `NORMAL`, `WARNING`, `ALARM`; `value` is what was compared with `limit`, NaN where
    nothing was.
    """

    zones: NDArray[np.int8]
    value: NDArray[np.float64]
    limit: NDArray[np.float64]


class Fitted(Protocol):
    """A method that has learnt one sensor's health."""

    def judge(self, rest: Life) -> Track:
        """Return what is said of the windows that follow those it was fitted on."""
        ...


class Method(Protocol):
    """One way to find a failing bearing."""

    @property
    def name(self) -> str:
        """Word by which `--methods` chooses it."""
        ...

    @property
    def about(self) -> str:
        """What it does, for the report."""
        ...

    @property
    def random(self) -> bool:
        """Whether another seed gives another answer."""
        ...

    @property
    def whole_rig(self) -> bool:
        """Whether it looks at all sensors of the asset at once."""
        ...

    @property
    def alarms(self) -> bool:
        """Whether it tells an alarm from a warning."""
        ...

    def fit(self, first: Life, seed: int) -> Fitted:
        """Learn what the sensor is like; raises `EvaluationError`."""
        ...
