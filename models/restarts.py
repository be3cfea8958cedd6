"""A machine back from a long stop: when it is, and what baseline may follow."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from pipelines.normalise import POWER

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.policy import RestartPolicy
    from pipelines.normalise import Baseline

    Bools = NDArray[np.bool_]
    Rows = np.ndarray[Any, Any]

GAP_CADENCES: Final = 3.0
"""A longer pause is a gap, and says nothing of how often windows come."""


def came_back(rows: Rows, start_ns: NDArray[np.int64], runs: Bools, policy: RestartPolicy) -> Bools:
    """Follow when each machine was last seen to run; return which `runs` again after long.

    A gap in the windows is a stop as well: nobody saw it run. Where windows come more rarely than
    a stop is long they say nothing of it.
    """
    longest_s = np.maximum(policy.long_stop_s, GAP_CADENCES * rows["cadence_s"])
    long = (start_ns - rows["ran_ns"]) * 1e-9 >= longest_s
    back: Bools = runs & long & (rows["ran_ns"] > 0)
    rows["ran_ns"] = np.where(runs, start_ns, rows["ran_ns"])
    return back


def resembles(new: Baseline, origin: Baseline, policy: RestartPolicy) -> bool:
    """Say whether `new` may follow on `origin` unasked: about as loud on every axis."""
    level = np.abs(new.centre[:, POWER] - origin.centre[:, POWER]) / 2
    return bool((level <= np.log10(policy.level_ratio)).all())


def follow_on(new: Baseline, origin: Baseline, spectral: int) -> Baseline:
    """Return `origin` at the level of `new`: what the first `spectral` bands of an axis share.

    A bearing that fails slowly has other bands with each stop. What was learnt of that it would
    have to rise above once more, so the shape stays that of `origin`.
    """
    centre = origin.centre.copy()
    shift = new.centre[:, :spectral] - centre[:, :spectral]
    centre[:, :spectral] += np.nanmedian(shift, axis=1, keepdims=True)
    centre[:, POWER] = new.centre[:, POWER]
    return replace(new, centre=centre, spread=origin.spread)
