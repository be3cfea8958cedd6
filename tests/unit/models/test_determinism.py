"""Judgement is a function of the stream: batches, and stops between two windows, change nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from models.detector import Judgement
from models.policy import BudgetPolicy, ChartPolicy, DetectorSettings
from models.state import SensorState, decode_state
from pipelines.features import Observation
from pipelines.quality import Quality, SensorFault
from pipelines.window import SensorKey
from tests.unit.models.fleet import (
    CADENCE_NS,
    FAULTY,
    KEY,
    NEIGHBOUR,
    QUICK,
    STUCK_Y,
    comparable,
    detector,
    judge_all,
    observation,
    stored,
)


def trouble(noise: np.random.Generator, key: SensorKey) -> Quality | None:
    """Draw what is wrong with a window, if anything; only the neighbour has an axis to spare."""
    lost = STUCK_Y if key == NEIGHBOUR else FAULTY
    kinds = {0: FAULTY, 1: lost, 2: Quality(SensorFault.CLIPPED, 0.03)}
    return kinds.get(int(noise.integers(40)))


def life(seed: int, cadence_ns: int = CADENCE_NS) -> list[Observation]:
    """Return a stream of three sensors with everything that can happen in it."""
    noise = np.random.default_rng(seed)
    stream: list[Observation] = []
    for index in range(70):
        for key in (KEY, NEIGHBOUR, SensorKey("fan", "x")):
            failing = key.asset == "pump" and index > 50
            one = observation(
                index,
                key=key,
                louder=1.0 if failing else 0.0,
                seed=seed,
                cadence_ns=cadence_ns,
                quality=trouble(noise, key),
                axes=("x", "y") if key == NEIGHBOUR else ("x",),
                lines=[1.5 if failing else 0.0, 0.1, 0.0, 0.1] if key == KEY else None,
                rpm=1500.0 if index % 20 else 1200.0,
            )
            stream.append(one)
            if noise.random() < 0.1:
                old = max(0, index - (12 if index % 2 else 3))  # late, or sent again
                sent = observation(
                    old, key=key, axes=one.axes, cadence_ns=cadence_ns, seed=seed + 1
                )
                stream.append(sent)
    return stream


SHORT_DAY = replace(
    QUICK,
    charts=ChartPolicy(
        reference_windows=2, reference_span_s=120.0, prior_windows=0.1, prior_scale=0.01
    ),
    budget=BudgetPolicy(correlation_windows=4.0),
)
"""A day of twelve windows against a reference of two: limits are widened within a life."""

RARE_NS = 600 * 10**9
"""Five of six windows confirm there, or three of four that are far over a limit."""

SEEDS = st.integers(0, 5)
POLICIES = st.sampled_from((QUICK, SHORT_DAY))
CADENCES = st.sampled_from((CADENCE_NS, RARE_NS))


def test_limits_are_widened_within_a_short_day() -> None:
    states, judged = judge_all(detector(SHORT_DAY), life(0))
    assert [one for one in judged if "limit_widened" in one.notes]
    assert all(state.row["correlation_count"] > 4.0 for state in states.values())


def test_in_a_life_of_rare_windows_some_are_far_over_a_limit() -> None:
    states, judged = judge_all(detector(QUICK), life(0, RARE_NS))
    assert states[KEY].row["far_bits"] != 0
    assert [one for one in judged if one.events]


@settings(max_examples=15, deadline=None)
@given(
    seed=SEEDS,
    cadence_ns=CADENCES,
    sizes=st.lists(st.integers(1, 40), max_size=20),
    policy=POLICIES,
)
def test_any_split_into_batches_gives_the_same_bytes(
    seed: int, cadence_ns: int, sizes: list[int], policy: DetectorSettings
) -> None:
    stream = life(seed, cadence_ns)
    whole_states, whole = judge_all(detector(policy), stream)
    split_states, split = judge_all(detector(policy), stream, sizes)
    assert [comparable(one) for one in split] == [comparable(one) for one in whole]
    assert stored(split_states) == stored(whole_states)


@settings(max_examples=15, deadline=None)
@given(
    seed=SEEDS,
    cadence_ns=CADENCES,
    cuts=st.lists(st.integers(1, 60), max_size=8),
    policy=POLICIES,
)
def test_saving_and_loading_between_windows_changes_nothing(
    seed: int, cadence_ns: int, cuts: list[int], policy: DetectorSettings
) -> None:
    stream = life(seed, cadence_ns)
    _, whole = judge_all(detector(policy), stream)
    states: dict[SensorKey, SensorState] = {}
    judged: list[Judgement] = []
    first = 0
    for size in (*cuts, len(stream)):
        states, part = judge_all(detector(policy), stream[first : first + size], states=states)
        states = {key: decode_state(*pair) for key, pair in stored(states).items()}
        judged += part
        first += size
    assert [comparable(one) for one in judged] == [comparable(one) for one in whole]
