"""Microseconds to write and to read one window, by dtype, axes and encoding.

python -m benchmarks.wire
"""

import timeit

import numpy as np

from pipelines import wire
from pipelines.window import Window

SAMPLES = 20_480
REPEATS = 5
CALLS = 500


def build_window(dtype: str, axes: int) -> Window:
    noise = np.random.default_rng(1).normal(scale=1000, size=(axes, SAMPLES))
    return Window(
        asset="pump 1",
        sensor="drive end",
        axes=("x", "y", "z")[:axes],
        start_ns=1_764_012_345_678_900_000,
        sample_rate_hz=20_480.0,
        unit="g",
        samples=noise.astype("<" + dtype),
        scale=0.001,
        rpm=1500.0,
    )


def main() -> None:
    print(f"{'dtype':6}{'axes':>5}  {'content type':20}{'bytes':>9}{'write us':>10}{'read us':>10}")
    for dtype in ("i2", "i4", "f4"):
        for axes in (1, 3):
            for content_type in (wire.MSGPACK, wire.JSON):
                _measure(dtype, axes, content_type)


def _measure(dtype: str, axes: int, content_type: str) -> None:
    window = build_window(dtype, axes)
    value, key = wire.encode(window, content_type), wire.partition_key(window)
    write = timeit.repeat(lambda: wire.encode(window, content_type), number=CALLS, repeat=REPEATS)
    read = timeit.repeat(
        lambda: wire.decode(value, content_type=content_type, key=key), number=CALLS, repeat=REPEATS
    )
    costs = "".join(f"{min(times) / CALLS * 1e6:10.1f}" for times in (write, read))
    print(f"{dtype:6}{axes:5}  {content_type:20}{len(value):9}{costs}")


if __name__ == "__main__":
    main()
