"""A baseline is compared with those of its peers, once, in the order of the log."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.commanding import rebaseline
from models.detector import Detector, DetectorSettings, Judgement, Note, Previous, Verdict
from models.peers import Standing, stands_out
from models.policy import ChartPolicy, CommissioningPolicy, PeerPolicy
from models.state import COMPARED, STANDS_OUT, SensorState, decode_state, encode_cold, encode_hot
from pipelines.features import FeatureSettings, Observation
from pipelines.normalise import EXTRAS, POWER
from pipelines.window import SensorKey
from tests.unit.models.fleet import (
    CADENCE_NS,
    FEATURES,
    START_NS,
    ZeroEngine,
    bundle,
    judge_all,
    observation,
)

NEEDED = 20
SETTINGS = DetectorSettings(
    commissioning=CommissioningPolicy(windows=NEEDED, span_s=0.0), charts=ChartPolicy()
)
POLICY = PeerPolicy()
NAMES = ("a", "b", "c", "d", "e")
HIGH = FEATURES.high_bands()
BANDS = FEATURES.bands


def key(name: str) -> SensorKey:
    return SensorKey(f"conveyor-{name}", "idler")


def comparing(group_of: object = None) -> Detector:
    """Return a detector to which all sensors are peers, unless it is told otherwise."""
    group = group_of if callable(group_of) else lambda _: "idlers"
    return Detector(bundle(), ZeroEngine(), SETTINGS, group_of=group)


def hissing(one: Observation, decades: float) -> Observation:
    """Return a window whose high bands stand out by so much more."""
    bands = one.log_bands.copy()
    bands[:, :, HIGH] += decades
    return replace(one, log_bands=bands)


def stream(
    count: int, hiss: dict[str, float], starts: dict[str, int] | None = None
) -> list[Observation]:
    """Return windows of the five sensors by time; a sensor may start later than the others."""
    first = starts or {}
    return [
        hissing(observation(k, key=key(name)), hiss.get(name, 0.0))
        for k in range(count)
        for name in NAMES
        if k >= first.get(name, 0)
    ]


def told(judged: list[Judgement], note: Note) -> dict[str, int]:
    """Return the sensors that a note was told of, with the index of the first window."""
    found: dict[str, int] = {}
    for one in judged:
        if note in one.notes:
            found.setdefault(one.observation.key.asset[-1], one.index)
    return found


def test_a_sensor_that_hisses_among_its_peers_is_suspected() -> None:
    _, judged = judge_all(comparing(), stream(30, {"c": 0.9}))
    assert told(judged, Note.STANDS_OUT) == {"c": NEEDED - 1 + 2}  # a tenth of what it took
    assert set(told(judged, Note.COMMISSIONED_WITH_SUSPICION)) == {"c"}
    later = [one.suspicious for one in judged if one.observation.key == key("c")]
    assert not later[0]
    assert later[-1]


def test_a_louder_sensor_is_suspected() -> None:
    windows = [
        observation(k, key=key(name), louder=1.5 * (name == "b"))
        for k in range(30)
        for name in NAMES
    ]
    _, judged = judge_all(comparing(), windows)
    assert set(told(judged, Note.STANDS_OUT)) == {"b"}


@pytest.mark.parametrize("hiss", [{}, {"c": 0.2}, {"c": -0.9}])
def test_the_like_and_the_quieter_are_not(hiss: dict[str, float]) -> None:
    _, judged = judge_all(comparing(), stream(30, hiss))
    assert not told(judged, Note.STANDS_OUT)


def test_the_first_of_a_group_waits_for_three_peers() -> None:
    starts = {"b": 10, "d": 20, "e": 30}
    _, judged = judge_all(comparing(), stream(60, {"a": 0.9}, starts))
    # Its third peer, d, has a baseline 20 windows later than it.
    assert told(judged, Note.COMMISSIONED)["a"] == NEEDED - 1
    assert told(judged, Note.STANDS_OUT) == {"a": 20 + NEEDED}


def test_suspected_peers_are_no_measure() -> None:
    detector = comparing(lambda one: None if one == key("e") else "idlers")
    states, judged = judge_all(detector, stream(30, {"a": 0.9}))
    assert set(told(judged, Note.STANDS_OUT)) == {"a"}
    states[key("b")] = rebaseline(states[key("b")])
    again = [
        one for one in stream(60, {"a": 0.9}) if one.start_ns > states[key("a")].row["last_ns"]
    ]
    states, _ = judge_all(detector, again, states=states)
    assert states[key("b")].commissioned
    assert not int(states[key("b")].row["flags"]) & COMPARED


def test_only_sensors_of_one_group_are_peers() -> None:
    groups = {key("c"): "others"}
    detector = comparing(lambda one: groups.get(one, "idlers"))
    _, judged = judge_all(detector, stream(30, {"c": 0.9}))
    assert not told(judged, Note.STANDS_OUT)


def test_only_sensors_of_one_log_are_peers() -> None:
    states: dict[SensorKey, SensorState] = {}
    windows = stream(30, {"c": 0.9})
    _, judged = comparing().judge(states, windows, lambda one: int(one == key("c")))
    assert not told(judged, Note.STANDS_OUT)


def test_without_a_group_nothing_is_compared() -> None:
    states, judged = judge_all(comparing(lambda _: None), stream(30, {"c": 0.9}))
    assert not told(judged, Note.STANDS_OUT)
    assert not any(int(state.row["flags"]) & COMPARED for state in states.values())


def test_other_axes_units_or_rates_are_no_peers() -> None:
    slow = [
        replace(one, sample_rate_hz=10_240.0) if one.key == key("c") else one
        for one in stream(30, {"c": 0.9})
    ]
    _, judged = judge_all(comparing(), slow)
    assert not told(judged, Note.STANDS_OUT)


def test_a_new_baseline_is_compared_anew() -> None:
    detector = comparing()
    states, _ = judge_all(detector, stream(30, {"c": 0.9}))
    states[key("c")] = rebaseline(states[key("c")])
    healed = [one for one in stream(60, {}) if one.start_ns > states[key("a")].row["last_ns"]]
    states, judged = judge_all(detector, healed, states=states)
    assert not told(judged, Note.STANDS_OUT)
    flags = int(states[key("c")].row["flags"])
    assert flags & COMPARED
    assert not flags & STANDS_OUT
    assert not judged[-3].suspicious


@settings(max_examples=8, deadline=None)
@given(st.lists(st.integers(0, 250), max_size=6), st.integers(0, 3))
def test_any_split_gives_the_same(cuts: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    starts = dict(zip(NAMES, rng.integers(0, 25, len(NAMES)).tolist(), strict=True))
    windows = stream(48, {"c": 0.9, "e": 0.7}, starts)
    whole, at_once = judge_all(comparing(), windows)
    edges = sorted({0, *(min(cut, len(windows)) for cut in cuts)})
    sizes = [after - before for before, after in pairwise(edges)]
    states, parts = judge_all(comparing(), windows, sizes)
    assert [(one.notes, one.suspicious) for one in parts] == [
        (one.notes, one.suspicious) for one in at_once
    ]
    assert {k: encode_hot(s) for k, s in states.items()} == {
        k: encode_hot(s) for k, s in whole.items()
    }


def test_it_is_kept_between_windows() -> None:
    detector = comparing()
    states: dict[SensorKey, SensorState] = {}
    judged = []
    for one in stream(30, {"c": 0.9}):
        new, (judgement,) = detector.judge(states, [one])
        states |= {k: decode_state(encode_hot(s), encode_cold(s)) for k, s in new.items()}
        judged.append(judgement)
    _, at_once = judge_all(detector, stream(30, {"c": 0.9}))
    assert [one.notes for one in judged] == [one.notes for one in at_once]
    assert [one.suspicious for one in judged] == [one.suspicious for one in at_once]


def centres(count: int, spread: float, seed: int = 3) -> NDArray[np.float64]:
    """Return what so many peers of one axis look like; every band differs by itself."""
    noise = np.random.default_rng(seed).standard_normal((count, 1, BANDS + EXTRAS))
    return spread * noise


def raised(bands: slice, decades: float) -> NDArray[np.float64]:
    own = np.zeros((1, BANDS + EXTRAS))
    own[:, bands] += decades
    return own


@pytest.mark.parametrize(
    ("bands", "decades", "spread", "expected"),
    [
        (slice(7, 12), 0.5, 0.02, True),
        (slice(7, 12), 0.5, 0.3, False),  # its peers differ as much
        (slice(7, 12), 0.25, 0.02, False),
        (slice(8, 12), -0.9, 0.02, False),
        (slice(6, 7), 0.9, 0.02, False),  # one band is a tone
        (slice(0, BANDS), 0.9, 0.02, False),  # a gain of the bands alone
    ],
)
def test_neighbouring_bands_stand_out(
    bands: slice, decades: float, spread: float, expected: bool
) -> None:
    assert stands_out(raised(bands, decades), centres(6, spread), BANDS, POLICY) == expected


@pytest.mark.parametrize(
    ("decades", "spread", "expected"), [(1.0, 0.1, True), (0.7, 0.1, False), (1.0, 0.7, False)]
)
def test_a_level_stands_out(decades: float, spread: float, expected: bool) -> None:
    level = slice(BANDS + EXTRAS + POWER, BANDS + EXTRAS + POWER + 1)
    assert stands_out(raised(level, decades), centres(6, spread), BANDS, POLICY) == expected


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("columns", [slice(7, 12), slice(POWER, POWER + 1)])
def test_one_axis_that_stands_out_is_enough(axis: int, columns: slice) -> None:
    own = np.zeros((2, BANDS + EXTRAS))
    peers = np.concatenate([centres(6, 0.02), centres(6, 0.02, seed=4)], axis=1)
    assert not stands_out(own, peers, BANDS, POLICY)
    own[axis, columns] += 1.0
    assert stands_out(own, peers, BANDS, POLICY)


def test_what_is_not_known_is_no_suspicion() -> None:
    own, peers = raised(slice(7, 12), 0.5), centres(4, 0.02)
    own[:, 9:BANDS] = np.nan
    assert not stands_out(own, peers, BANDS, POLICY)
    assert stands_out(raised(slice(5, 9), 0.5), np.where(np.isnan(own), own, peers), BANDS, POLICY)
    peers[:, :, :BANDS] = np.nan
    assert not stands_out(own, peers, BANDS, POLICY)


def test_so_many_peers_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def counting(own: NDArray[np.float64], peers: NDArray[np.float64], *_: object) -> bool:
        asked.append(len(peers))
        return False

    monkeypatch.setattr("models.peers.stands_out", counting)
    policies = replace(SETTINGS, peers=replace(POLICY, most=3))
    judging = Detector(bundle(), ZeroEngine(), policies, group_of=lambda _: "idlers")
    judge_all(judging, stream(30, {}))
    assert asked == [3] * len(NAMES)


def test_two_of_a_group_may_be_damaged_at_once() -> None:
    _, judged = judge_all(comparing(), stream(30, {"b": 0.9, "d": 0.6}))
    assert set(told(judged, Note.STANDS_OUT)) == {"b", "d"}


def test_a_sensor_that_is_suspected_already_is_not_so_twice() -> None:
    windows = [
        replace(one, kurtosis=one.kurtosis + 4 * (one.key == key("c")))
        for one in stream(30, {"c": 0.9})
    ]
    _, judged = judge_all(comparing(), windows)
    notes = [note for one in judged if one.observation.key == key("c") for note in one.notes]
    assert notes == [
        Note.COMMISSIONED,
        Note.COMMISSIONED_WITH_SUSPICION,
        Note.STANDS_OUT,
    ]


def test_peers_that_are_suspected_by_themselves_are_no_measure() -> None:
    ill = {key("d"), key("e")}
    windows = [
        replace(one, kurtosis=one.kurtosis + 4 * (one.key in ill)) for one in stream(30, {"a": 0.9})
    ]
    states, judged = judge_all(comparing(), windows)
    assert not told(judged, Note.STANDS_OUT)  # two sound peers are left, three are needed
    assert not states[key("a")].flags & COMPARED


def test_a_late_window_compares_nothing() -> None:
    states, _ = judge_all(comparing(lambda _: None), stream(30, {"a": 0.9}))
    late = replace(
        hissing(observation(29, key=key("a")), 0.9), start_ns=START_NS + 28 * CADENCE_NS + 1
    )
    now = hissing(observation(30, key=key("a")), 0.9)
    _, judged = judge_all(comparing(), [late, now], states=states)
    assert [one.verdict for one in judged] == [Verdict.LATE, Verdict.SCORED]
    assert [Note.STANDS_OUT in one.notes for one in judged] == [False, True]


def test_peers_that_an_earlier_bundle_judges_are_waited_for() -> None:
    other = FeatureSettings(frames=3, bands=10, envelope_bands=4, lowest_hz=50.0)
    states, _ = judge_all(comparing(lambda _: None), stream(30, {}, {"a": 30}))
    earlier = [Previous(bundle(), ZeroEngine(), SETTINGS)]
    made = bundle("cccccccccccccccc", other)
    judging = Detector(made, ZeroEngine(), SETTINGS, previous=earlier, group_of=lambda _: "idlers")
    alone = [observation(30 + k, key=key("a"), features=other, louder=1.5) for k in range(30)]
    states, judged = judge_all(judging, alone, states=states)
    assert states[key("a")].commissioned
    together = [
        replace(
            observation(60 + k, key=key(name), features=other, louder=1.5 * (name == "a")),
            former=observation(60 + k, key=key(name)) if name != "a" else None,
        )
        for k in range(NEEDED + 4)
        for name in NAMES
    ]
    _, later = judge_all(judging, together, states=states)
    assert not told(judged, Note.STANDS_OUT)
    assert told(later, Note.STANDS_OUT)["a"] >= 30 + NEEDED - 1


def test_what_was_said_of_a_baseline_ends_with_it() -> None:
    states, (*_, last) = judge_all(comparing(), stream(30, {"e": 0.9}))
    standing = Standing.of(states[key("e")])
    assert standing.flags == COMPARED | STANDS_OUT
    standing.go_on(last)
    assert standing.flags == COMPARED | STANDS_OUT
    standing.go_on(msgspec.structs.replace(last, baseline=states[key("a")].cold.baseline))
    assert standing.flags == 0


def test_a_sensor_that_learnt_densely_finds_peers_that_come_when_windows_are_rare() -> None:
    dense = [hissing(observation(k, key=key("a")), 0.9) for k in range(NEEDED)]
    rare = [
        hissing(observation(NEEDED + 60 * k, key=key(name)), 0.9 * (name == "a"))
        for k in range(300)
        for name in NAMES
        if name == "a" or k >= 200
    ]
    _, judged = judge_all(comparing(), [*dense, *rare])
    assert told(judged, Note.STANDS_OUT)["a"] < NEEDED + 200 + NEEDED + 32


def test_a_group_that_comes_later_is_compared_then() -> None:
    ungrouped, grouped = comparing(lambda _: None), comparing()
    states, _ = judge_all(grouped, stream(30, {"c": 0.9}))
    states[key("c")] = rebaseline(states[key("c")])
    windows = stream(90, {"c": 0.0})
    healed = [one for one in windows if one.start_ns > states[key("a")].row["last_ns"]]
    states, judged = judge_all(ungrouped, healed[:150], states=states)
    assert not any(one.suspicious for one in judged)
    assert states[key("c")].commissioned
    states, judged = judge_all(grouped, healed[150:], states=states)
    assert not any(one.suspicious for one in judged)
    assert int(states[key("c")].row["flags"]) & (COMPARED | STANDS_OUT) == COMPARED


def test_who_waits_for_peers_looks_for_them_ever_more_rarely() -> None:
    looked: list[SensorKey] = []

    def group(one: SensorKey) -> str:
        looked.append(one)
        return one.asset

    def looks(first: int, last: int) -> int:
        """Return how often a window was not its own group's only one that was looked up."""
        looked.clear()
        for at in range(first, last):
            new, _ = detector.judge(states, [observation(at, key=key("a"))])
            states.update(new)
        return len(looked)

    detector = comparing(group)
    states: dict[SensorKey, SensorState] = {}
    early, late = looks(0, 100) - 100, looks(100, 400) - 300
    assert late < 2 * early


def test_fault_lines_that_are_learnt_later_ask_for_no_other_comparison() -> None:
    judging = comparing()
    states, judged = judge_all(judging, stream(60, {"c": 0.9}))
    assert told(judged, Note.STANDS_OUT).keys() == {"c"}
    more = [
        hissing(observation(k, key=key(name), lines=(0.1, 0.2, 0.15, 0.1)), 0.9 * (name == "c"))
        for k in range(60, 120)
        for name in NAMES
    ]
    states, judged = judge_all(judging, more, (), states)
    assert told(judged, Note.LINES_LEARNT).keys() == set(NAMES)
    assert told(judged, Note.STANDS_OUT) == {}
    assert all(one.suspicious == (one.observation.key == key("c")) for one in judged)
    assert states[key("c")].flags & (COMPARED | STANDS_OUT) == COMPARED | STANDS_OUT
