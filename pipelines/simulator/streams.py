"""Random streams named by what they are for, so that none depends on another."""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np
from scipy.signal import lfilter

if TYPE_CHECKING:
    from numpy.typing import NDArray


@lru_cache(maxsize=65_536)
def _word(name: str) -> int:
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "little")


def stream(seed: int, *path: str | int) -> np.random.Generator:
    """Return the generator that belongs to a path such as (asset, sensor, 'noise', 17).

    Equal seed and path give equal numbers, whatever else was drawn before; different paths give
    independent ones (NumPy's `SeedSequence` with the path as its spawn key).
    """
    key = tuple(_word(step) if isinstance(step, str) else step for step in path)
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=key)))


def wander(rng: np.random.Generator, count: int, memory: float) -> NDArray[np.float64]:
    """Return a stationary process of mean 0, variance 1 and correlation exp(-lag / memory).

    x[k] = a x[k-1] + sqrt(1 - a^2) e[k] with a = exp(-1 / memory) and x[0] = e[0]; shape (count,).
    A longer run begins with the same values.
    """
    decay = np.exp(-1.0 / memory)
    shocks = rng.standard_normal(count)
    shocks[1:] *= np.sqrt(1.0 - decay**2)
    return np.asarray(lfilter([1.0], [1.0, -decay], shocks), dtype=np.float64)
