"""Run-ups that no tachometer tells of: held while the level returns, and no damage with them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import pairwise
from typing import Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.alerts import Zone
from models.bundle import load_bundle
from models.detector import Detector, Judgement, Verdict
from models.engines import open_engine
from models.evaluation.certification.fleets import CALM, healthy_fleet
from models.policy import CommissioningPolicy, DetectorSettings, GatePolicy
from models.state import SensorState, decode_state, encode_cold, encode_hot
from pipelines.features import Observation, extract
from pipelines.simulator import Fault, FaultKind, Fleet, FleetSpec, MachineSpec, Stop
from pipelines.window import SensorKey
from tests.unit.models.fleet import KEY, detector, judge_all, observation

STOPS: Final = 120
RUNS: Final = STOPS + 10
"""The first window of the run-up; of ten, those before `AUDIBLE` are as quiet as a stop's."""
AUDIBLE: Final = RUNS + 5
AT_SPEED: Final = RUNS + 10
WINDOWS: Final = AT_SPEED + 10
SEED: Final = 9
"""Of a machine whose tones raise an alert on their way through the bands where they are charted."""
NEVER: Final = GatePolicy(started_ratio=0.01)


def tonal(level: float, fault: Fault | None = None) -> FleetSpec:
    """Return a machine whose tones carry most of its vibration, as gears and blades do."""

    def stopping(machine: MachineSpec) -> MachineSpec:
        tones = tuple(replace(tone, amplitude=4 * tone.amplitude) for tone in machine.tones)
        stop = Stop(STOPS, RUNS - STOPS, level, coast_down=0, run_up=AT_SPEED - RUNS)
        sensor = replace(machine.sensors[0], fault=fault, events=())
        return replace(machine, tones=tones, sensors=(sensor,), events=(stop,))

    spec = healthy_fleet(SEED, sensors=1, windows=WINDOWS, cadence_s=10.0, year=CALM)
    machines = tuple(map(stopping, spec.machines))
    return replace(spec, machines=machines, telemetry=False)


@cache
def seen(level: float, fault: Fault | None = None) -> list[Observation]:
    return extract(list(Fleet(tonal(level, fault)).windows()), load_bundle(None).features)


def judged(stream: list[Observation], gates: GatePolicy | None = None) -> list[Judgement]:
    """Return what the shipped bundle makes of a stream."""
    shipped = load_bundle(None)
    policies = DetectorSettings(charts=shipped.charts, gates=gates or GatePolicy())
    _, found = judge_all(Detector(shipped, open_engine(shipped), policies), stream)
    return found


def warned(found: list[Judgement]) -> int:
    return next(k for k, one in enumerate(found) if one.zone is not Zone.NORMAL)


def test_a_run_up_raises_no_alert_and_would_if_it_were_charted() -> None:
    assert RUNS < warned(judged(seen(1.0), NEVER)) < AT_SPEED
    found = judged(seen(1.0))
    assert {one.zone for one in found} == {Zone.NORMAL}
    verdicts = [one.verdict for one in found]
    assert set(verdicts[STOPS:AUDIBLE]) == {Verdict.STOPPED}
    assert verdicts[AUDIBLE : AUDIBLE + 2] == [Verdict.HELD] * 2
    assert set(verdicts[AT_SPEED - 1 :]) == {Verdict.SCORED}


@pytest.mark.parametrize("level", [0.85, 1.19])
def test_a_restart_at_another_level_is_held_no_longer_than_its_run_up(level: float) -> None:
    found = judged(seen(level))
    assert {one.zone for one in found} == {Zone.NORMAL}
    assert {one.verdict for one in found[AT_SPEED:]} == {Verdict.SCORED}


@pytest.mark.parametrize("onset", [RUNS, AUDIBLE, AT_SPEED])
def test_a_sudden_failure_during_a_run_up_or_behind_it_is_found(onset: int) -> None:
    eightfold = Fault(FaultKind.OUTER_RACE, onset, 2 * WINDOWS, start=8.0, final=8.0)
    found = judged(seen(1.0, eightfold))
    audible = next(k for k in range(onset, WINDOWS) if found[k].verdict is Verdict.SCORED)
    assert audible <= onset + 4  # half speed: damage makes up for what speed lacks
    assert warned(found) <= audible + 2
    assert Zone.ALARM in {one.zone for one in found}


@pytest.mark.parametrize("onset", [AUDIBLE, AT_SPEED])
def test_what_lasts_is_found_at_most_as_much_later_as_windows_are_held(onset: int) -> None:
    by_half = Fault(FaultKind.INNER_RACE, onset, 2 * WINDOWS, start=1.118, final=1.118)
    stream = seen(1.0, by_half)
    assert onset < warned(judged(stream)) <= AT_SPEED + 3


QUICK: Final = DetectorSettings(commissioning=CommissioningPolicy(windows=30, span_s=0.0))


def numbers(*louder: float, start: int = 40) -> list[Observation]:
    return [observation(start + k, louder=each) for k, each in enumerate(louder)]


STANDS: Final = -3.0
SLOW: Final = -0.6
"""In decades of power: half of the baseline's RMS, as STANDS is 0.03 of it."""


@cache
def monitored() -> dict[SensorKey, SensorState]:
    states, _ = judge_all(detector(QUICK), numbers(*[0.0] * 40, start=0))
    return states


def test_held_windows_neither_chart_nor_learn_nor_clear() -> None:
    alerted, found = judge_all(detector(QUICK), numbers(*[1.0] * 4, STANDS, SLOW), (), monitored())
    assert found[-1].verdict is Verdict.HELD
    after, found = judge_all(detector(QUICK), numbers(*[SLOW] * 5, start=46), (), alerted)
    assert {one.verdict for one in found} == {Verdict.HELD}
    assert {one.zone for one in found} == {alerted_zone(alerted)}
    told = ("index", "last_ns", "ran_ns", "recent_ns", "held")
    for name in set(after[KEY].row.dtype.names) - set(told):
        assert np.array_equal(after[KEY].row[name], alerted[KEY].row[name]), name
    assert after[KEY].cold is alerted[KEY].cold


def alerted_zone(states: dict[SensorKey, SensorState]) -> Zone:
    return (Zone.NORMAL, Zone.WARNING, Zone.ALARM)[int(states[KEY].row["zone"])]


@settings(max_examples=8, deadline=None)
@given(cuts=st.sets(st.integers(1, 35), max_size=8))
def test_any_split_and_any_restart_between_gives_the_same_bytes(cuts: set[int]) -> None:
    first = monitored()
    stream = numbers(0.0, STANDS, *[SLOW] * 4, 0.0, 0.0, STANDS, *[SLOW] * 20, *[0.0] * 7)
    whole, expected = judge_all(detector(QUICK), stream, (), first)
    states, found = first, []
    for begin, end in pairwise([0, *sorted(cuts), len(stream)]):
        states, part = judge_all(detector(QUICK), stream[begin:end], (), states)
        states = {k: decode_state(encode_hot(s), encode_cold(s)) for k, s in states.items()}
        found += part
    assert [one.verdict for one in found] == [one.verdict for one in expected]
    assert sum(one.verdict is Verdict.HELD for one in found) == 4 + 18
    assert encode_hot(states[KEY]) == encode_hot(whole[KEY])
    assert encode_cold(states[KEY]) == encode_cold(whole[KEY])
