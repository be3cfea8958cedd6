"""Random streams by name."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.simulator.streams import stream, wander


def test_a_path_always_gives_the_same_numbers() -> None:
    assert stream(1, "a", 2).random() == stream(1, "a", 2).random()


def test_paths_differ_by_seed_name_index_and_order() -> None:
    paths = [(1, "a", "b"), (2, "a", "b"), (1, "b", "a"), (1, "a", "c"), (1, "a", 0), (1, "a", 1)]
    drawn = {stream(seed, *path).random() for seed, *path in paths}  # type: ignore[arg-type]
    assert len(drawn) == len(paths)


def test_wander_has_the_variance_and_memory_asked_for() -> None:
    path = wander(np.random.default_rng(0), 50_000, 10.0)
    assert path.std() == pytest.approx(1.0, rel=0.1)
    assert np.corrcoef(path[10:], path[:-10])[0, 1] == pytest.approx(np.exp(-1), abs=0.08)


def test_a_longer_wander_begins_the_same() -> None:
    short, long = (wander(np.random.default_rng(3), count, 5.0) for count in (20, 90))
    assert np.array_equal(short, long[:20])
