"""An alert in words and figures."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from models import explain
from models.alerts import Transition, Zone
from models.explain import Incident, Line
from models.policy import ChartPolicy, Limits
from models.scoring import Detail
from pipelines.features import Observation
from pipelines.normalise import LINES, BaselineSummary
from pipelines.window import SensorKey
from tests.unit.models.fleet import FEATURES, KEY, QUICK, detector, healthy, judge_all, observation

EDGES = FEATURES.edges_hz()[: FEATURES.bands]
POLICY = ChartPolicy()
FLAT = np.zeros((1, 4), np.float32)
NOTHING: dict[str, Any] = {"fault": None, "bands": (), "baseline": "b"}


def detail(departures: dict[tuple[int, int], float], axes: int = 1) -> Detail:
    """Return the detail of a window whose (axis, band) depart so far; the loss is their square."""
    summary = BaselineSummary()
    for one in healthy(10):
        summary = summary.add(one)
    values = np.zeros((axes, FEATURES.width))
    for place, value in departures.items():
        values[place] = value
    return Detail(summary.baseline(), (1.0,) * axes, ((0.0,) * 16,) * axes, values, values**2)


def incident(transition: Transition = Transition.RAISED, *, provisional: bool = False) -> Incident:
    return Incident("0123", transition, Zone.WARNING, 1, 2, 5.0, 2.0, provisional, "bundle")


def test_an_id_is_that_of_sensor_and_first_exceedance() -> None:
    assert explain.alert_id(KEY, 1) == explain.alert_id(KEY, 1)
    others = [explain.alert_id(KEY, 2), explain.alert_id(SensorKey("pump", "x"), 1)]
    assert explain.alert_id(KEY, 1) not in others
    assert len(explain.alert_id(KEY, 1)) == 16


def test_louder_bands_lead_by_their_share_of_the_loss() -> None:
    bands = explain.leading_bands(detail({(0, 2): 3.0, (0, 5): 6.0, (0, 7): -9.0}), EDGES)
    assert [band.low_hz for band in bands] == [EDGES[5][0], EDGES[2][0]]
    assert [band.departure for band in bands] == [6.0, 3.0]


def test_bands_of_the_envelope_are_no_bands_of_the_spectrum() -> None:
    assert explain.leading_bands(detail({(0, FEATURES.bands): 9.0}), EDGES) == ()


def test_the_worst_axis_is_where_loud_bands_carry_the_loss() -> None:
    assert explain.worst_axis(detail({(0, 1): -9.0, (1, 1): 4.0}, axes=2)) == 1


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        ([2.0, 0.1, 0.0, 0.1], "BPFO"),
        ([0.0, 0.1, 1.5, 0.1], "2xBSF"),
        ([0.0, 0.1, 0.0, 0.1], None),
        ([0.4, 0.1, 0.0, 0.1], None),
        (None, None),
    ],
)
def test_the_closest_fault(lines: list[float] | None, fault: str | None) -> None:
    summary = BaselineSummary()
    for k in range(30):
        summary = summary.add(observation(k, lines=[0.0, 0.1, 0.0, 0.1]))
    window = observation(31, lines=lines)
    found = explain.closest_fault(window, summary.baseline(), POLICY)
    assert (found and found.order) == fault


@pytest.mark.parametrize(("sigmas", "fault"), [(0.98, None), (1.02, "BPFO")])
def test_a_line_is_named_from_the_limit_of_its_chart_on(sigmas: float, fault: str | None) -> None:
    summary = BaselineSummary()
    for k in range(30):
        summary = summary.add(observation(k, lines=[0.5, 0.1, 0.0, 0.1]))
    usual = summary.baseline()
    spread = max(float(usual.spread[0, -LINES]), POLICY.line_scale_floor)
    risen = float(usual.centre[0, -LINES]) + sigmas * POLICY.line_sigmas * spread
    lines = np.array([[risen, 0.1, 0.0, 0.1]], np.float32)
    found = explain.closest_fault(replace(observation(31), fault_lines=lines), usual, POLICY)
    assert (found and found.order) == fault


def test_a_line_is_told_with_the_place_where_it_was_seen() -> None:
    summary = BaselineSummary()
    for k in range(30):
        summary = summary.add(observation(k, lines=[0.0, 0.1, 0.0, 0.1]))
    seen = np.array([[235.96, 296.0, 280.0, 15.0]], np.float32)
    window = replace(observation(31, lines=[2.0, 0.1, 0.0, 0.1]), fault_lines_hz=seen)
    line = explain.closest_fault(window, summary.baseline(), POLICY)
    event = explain.tell(incident(), window, detail({}), **NOTHING | {"fault": line})
    assert event.fault_hz == pytest.approx(235.96)
    assert "the outer race (BPFO) line has risen at 236.0 Hz" in event.text


def test_the_place_of_a_line_is_that_of_its_axis() -> None:
    summary = BaselineSummary()
    for k in range(30):
        summary = summary.add(observation(k, lines=[0.0, 0.1, 0.0, 0.1], axes=("x", "y")))
    window = observation(31, lines=[0.0, 0.1, 0.0, 0.1], axes=("x", "y"))
    lines = np.array([[0.0, 0.1, 0.0, 0.1], [2.5, 0.1, 0.0, 0.1]], np.float32)
    seen = np.array([[np.nan] * 4, [236.0, np.nan, np.nan, np.nan]], np.float32)
    found = explain.closest_fault(
        replace(window, fault_lines=lines, fault_lines_hz=seen), summary.baseline(), POLICY
    )
    assert found == Line("BPFO", 1, resolved=True, hz=236.0)


def test_lines_that_short_windows_cannot_tell_apart_are_named_together() -> None:
    summary = BaselineSummary()
    for k in range(30):
        summary = summary.add(observation(k, lines=[0.0, 0.1, 0.0, 0.1], axes=("x", "y")))
    window = observation(31, lines=[0.0, 1.8, 2.5, 0.1], axes=("x", "y"))
    lines = {
        duration_s: explain.closest_fault(
            replace(window, duration_s=duration_s), summary.baseline(), POLICY
        )
        for duration_s in (0.1, 1.0)
    }
    words = {seconds: line.words(("x", "y")) for seconds, line in lines.items() if line}
    assert words[1.0].startswith("the ball (2 x BSF) line has risen on axis ")
    assert words[0.1].startswith("the inner race (BPFI) or ball (2 x BSF) line has risen on axis ")


def test_without_a_baseline_no_fault_is_named() -> None:
    assert explain.closest_fault(observation(0, lines=[3.0] * 4), None, POLICY) is None


def test_the_sentence_says_where_how_much_and_what() -> None:
    found = detail({(0, 2): 3.0})
    bands = explain.leading_bands(found, EDGES)
    event = explain.tell(
        incident(provisional=True),
        observation(3),
        found,
        fault=Line("BPFO", 0, resolved=True),
        bands=bands,
        baseline="b",
    )
    for words in ("pump/drive-end axis x", "loss 5 against a limit of 2", "outer race (BPFO)"):
        assert words in event.text
    assert f"{bands[0].low_hz:.0f}-{bands[0].high_hz:.0f} Hz" in event.text
    assert "provisional" in event.text
    assert event.bands == bands


@pytest.mark.parametrize(
    ("lines", "learnt", "said"),
    [
        (FLAT, FLAT, "no fault line found."),
        (None, None, "no fault line found, since its bearing or its speed is not known."),
        (FLAT, None, "no fault line found, since its baseline knows none yet."),
    ],
)
def test_without_a_line_the_sentence_says_so_and_whether_one_was_looked_for(
    lines: NDArray[np.float32] | None, learnt: NDArray[np.float32] | None, said: str
) -> None:
    seen, known = (replace(observation(3), fault_lines=each) for each in (lines, learnt))
    by = detail({})._replace(baseline=BaselineSummary().add(known).baseline())
    event = explain.tell(incident(), seen, by, fault=None, bands=(), baseline="b")
    assert event.text.endswith(said)


def test_an_alert_by_absolute_limits_alone_has_no_loss_to_tell() -> None:
    limited = Incident("0123", Transition.RAISED, Zone.WARNING, 1, 2, 0.0, 0.0, False, "bundle")
    event = explain.tell(limited, observation(3), None, fault=None, bands=(), baseline="")
    assert "loss" not in event.text
    assert event.axis == "x"


def test_an_alert_by_a_declared_limit_names_it_and_its_axis() -> None:
    told = (1, "RMS 2.3 g over the declared alarm limit of 2 g")
    limited = replace(incident(), loss=0.3, limit=told)
    window = observation(3, axes=("x", "y"))
    event = explain.tell(limited, window, detail({(0, 2): 3.0}, axes=2), **NOTHING)
    assert event.axis == "y"
    assert event.text.startswith(f"pump/drive-end axis y is over a declared limit; {told[1]}; loss")


def test_an_alert_by_a_line_names_the_axis_of_the_line() -> None:
    lined = replace(incident(), loss=0.3, line_alone=True)
    found = detail({(0, 2): 3.0}, axes=2)
    about = NOTHING | {"fault": Line("BPFO", 1, resolved=True)}
    event = explain.tell(lined, observation(3, axes=("x", "y")), found, **about)
    assert event.axis == "y"
    assert event.fault == "BPFO"
    assert "the outer race (BPFO) line has risen on axis y" in event.text


def lined(index: int, louder: float = 0.0, line: float = 0.0) -> Observation:
    """Return a window with two bands of x so much louder, and a fault line of y so much higher."""
    one = observation(index, axes=("x", "y"))
    bands = one.log_bands.copy()
    bands[0, :, 1:3] += louder
    lines = np.tile(np.array([0.0, 0.1, 0.0, 0.1], np.float32), (2, 1))
    lines[1, 0] += line
    return replace(one, log_bands=bands, fault_lines=lines)


@pytest.mark.parametrize(("louder", "axis"), [(0.2, "y"), (2.0, "x")])
def test_an_alert_is_by_a_line_alone_where_the_loss_is_not_over_as_well(
    louder: float, axis: str
) -> None:
    judging = detector(QUICK)
    states, _ = judge_all(judging, [lined(k) for k in range(60)])
    stream = [lined(60 + k, louder, line=1.5) for k in range(3)]
    _, judged = judge_all(judging, stream, states=states)
    (event,) = [event for one in judged for event in one.events]
    assert (event.fault, event.axis) == ("BPFO", axis)


def test_what_is_over_speaks_no_more_of_bands_and_lines() -> None:
    found = detail({(0, 2): 3.0})
    about = NOTHING | {"bands": explain.leading_bands(found, EDGES)}
    cleared = replace(incident(Transition.CLEARED), loss=0.3)
    text = explain.tell(cleared, observation(3), found, **about).text
    assert text == "pump/drive-end axis x is back at its baseline; loss 0.3 within its limit of 2."


def test_an_alarm_by_a_limit_that_is_lowered_is_over_it_no_more() -> None:
    lowered = Incident("0123", Transition.LOWERED, Zone.WARNING, 1, 2, 0.0, 0.0, False, "bundle")
    text = explain.tell(lowered, observation(3), None, **NOTHING).text
    assert "is no longer over its declared alarm limit" in text


def test_an_alarm_tells_the_level() -> None:
    severe = replace(incident(Transition.ESCALATED), level=6.13)
    text = explain.tell(severe, observation(3), detail({(0, 2): 3.0}), **NOTHING).text
    assert "; RMS 6.1 times that of the baseline; " in text


@pytest.mark.parametrize(
    ("transition", "level", "told"),
    [
        (Transition.RAISED, 2.1, True),
        (Transition.RAISED, 1.9, False),
        (Transition.ESCALATED, 6.0, True),
        (Transition.LOWERED, 6.0, False),
        (Transition.CLEARED, 6.0, False),
    ],
)
def test_the_level_is_told_where_an_alert_rises_and_it_is_notable(
    transition: Transition, level: float, *, told: bool
) -> None:
    moved = replace(incident(transition), level=level)
    text = explain.tell(moved, observation(3), detail({(0, 2): 3.0}), **NOTHING).text
    assert (f"RMS {level:.1f} times that of the baseline" in text) is told


def test_the_limit_that_is_over_is_told_with_its_axis() -> None:
    limits = Limits(unit="g", rms_warning=0.4, rms_alarm=2.0, velocity_warning=4.5)
    window = replace(observation(3, axes=("x", "y")), rms=np.array([0.1, 0.5], np.float32))
    assert limits.told(window) == (1, "RMS 0.5 g over the declared warning limit of 0.4 g")
    louder = replace(window, rms=np.array([2.5, np.nan], np.float32))
    assert limits.told(louder) == (0, "RMS 2.5 g over the declared alarm limit of 2 g")
    assert limits.told(replace(window, unit="m/s2")) is None
