"""Sequences a second through each engine, and how long loading takes.

    python -m benchmarks.engines [--bundle PATH] [--engines onnx tensorflow] [--seconds 1]

One thread. Prints a table; `us` is the time of one sequence (a window has one for each axis).
"""

from __future__ import annotations

import argparse
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Final

import numpy as np

from models.bundle import Bundle, load_bundle
from models.engines import KINDS, open_engine

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.engines import Engine

BATCHES: Final = (1, 32, 256, 2048)


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--bundle", type=Path)
    parser.add_argument("--engines", nargs="+", choices=KINDS, default=["onnx"])
    parser.add_argument("--seconds", type=float, default=1.0)
    wanted = parser.parse_args()
    start = perf_counter()
    bundle = load_bundle(wanted.bundle)
    print(f"load and verify {bundle.name} {bundle.hash}: {perf_counter() - start:.3f} s")
    print(f"{'engine':<12}{'batch':>8}{'sequences/s':>14}{'us':>10}")
    for kind in wanted.engines:
        engine = open_engine(bundle, kind)
        for batch in BATCHES:
            rate = _rate(engine, _sequences(bundle, batch), wanted.seconds)
            print(f"{kind:<12}{batch:>8}{rate:>14,.0f}{1e6 / rate:>10.1f}")


def _sequences(bundle: Bundle, n: int) -> NDArray[np.float32]:
    shape = (n, bundle.features.frames, bundle.features.width)
    return np.random.default_rng(0).normal(0, 1.5, shape).astype(np.float32)


def _rate(engine: Engine, sequences: NDArray[np.float32], seconds: float) -> float:
    """Return sequences a second, the best of three thirds of `seconds`."""
    engine.reconstruct(sequences)
    return max(_once(engine, sequences, seconds / 3) for _ in range(3))


def _once(engine: Engine, sequences: NDArray[np.float32], seconds: float) -> float:
    calls, start = 0, perf_counter()
    while (spent := perf_counter() - start) < seconds:
        engine.reconstruct(sequences)
        calls += 1
    return calls * len(sequences) / spent


if __name__ == "__main__":
    main()
