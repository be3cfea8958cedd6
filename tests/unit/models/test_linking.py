"""Which of several alerts on one asset leads."""

from __future__ import annotations

from dataclasses import replace

import pytest

from models.alerts import Transition
from models.linking import OpenAlert, OpenAlerts
from models.policy import ChartPolicy, LinkPolicy
from pipelines.window import SensorKey
from tests.unit.models.fleet import KEY, NEIGHBOUR, QUICK, detector, healthy, judge_all, observation

MINUTE_NS = 60 * 10**9
OWN, OTHER, ELSEWHERE = SensorKey("a", "1"), SensorKey("a", "2"), SensorKey("b", "1")
POLICY = LinkPolicy(close_windows=5)


def alert(name: str, minute: int, size: float = 2.0) -> OpenAlert:
    return OpenAlert(name, minute * MINUTE_NS, size, 60.0)


def link(own: OpenAlert, **others: OpenAlert) -> str:
    alerts = OpenAlerts()
    for name, other in others.items():
        alerts.put({"other": OTHER, "elsewhere": ELSEWHERE, "itself": OWN}[name], other)
    return alerts.link(OWN, own, POLICY)


@pytest.mark.parametrize(
    ("own", "other", "outcome"),
    [
        (alert("x", 100), alert("y", 50), "follows y"),
        (alert("x", 50), alert("y", 100), "primary"),
        (alert("x", 52, size=9.0), alert("y", 50), "primary"),
        (alert("x", 52, size=1.0), alert("y", 50), "follows y"),
        (alert("x", 50, size=1.0), alert("y", 52, size=9.0), "follows y"),
    ],
)
def test_the_earlier_leads_and_when_close_the_larger(
    own: OpenAlert, other: OpenAlert, outcome: str
) -> None:
    assert link(own, other=other) == outcome


@pytest.mark.parametrize("rarer", ["own", "other"])
@pytest.mark.parametrize(("minute", "outcome"), [(5, "primary"), (6, "follows y")])
def test_how_close_is_close_is_told_by_the_sensor_that_sends_more_rarely(
    rarer: str, minute: int, outcome: str
) -> None:
    cadences = {"own": 1.0, "other": 1.0} | {rarer: 60.0}
    larger = replace(alert("x", minute, size=9.0), cadence_s=cadences["own"])
    earlier = replace(alert("y", 0, size=2.0), cadence_s=cadences["other"])
    assert link(larger, other=earlier) == outcome


def test_other_assets_and_itself_do_not_matter() -> None:
    assert link(alert("x", 100), elsewhere=alert("y", 50), itself=alert("x", 100)) == "primary"


def test_of_two_equal_alerts_exactly_one_leads() -> None:
    first, second = alert("x", 50), alert("y", 50)
    assert {link(first, other=second), link(second, other=first)} == {"primary", "follows x"}


def test_a_cleared_alert_leads_no_more() -> None:
    alerts = OpenAlerts()
    alerts.put(OTHER, alert("y", 50))
    alerts.put(OTHER, None)
    assert alerts.link(OWN, alert("x", 100), POLICY) == "primary"


def test_named_is_an_alert_that_follows_none_itself() -> None:
    alerts = OpenAlerts()
    alerts.put(OTHER, alert("first", 0, size=1.0))
    alerts.put(SensorKey("a", "3"), alert("larger", 4, size=5.0))
    assert alerts.link(OTHER, alert("first", 0, size=1.0), POLICY) == "follows larger"
    assert alerts.link(OWN, alert("late", 30), POLICY) == "follows larger"


def test_of_alerts_that_lead_each_other_in_a_ring_the_earliest_is_named() -> None:
    alerts = OpenAlerts()
    for place, size in enumerate((1.0, 2.0, 3.0)):
        alerts.put(SensorKey("a", f"r{place}"), alert(f"r{place}", 4 * place, size))
    assert alerts.link(OWN, alert("late", 30), POLICY) == "follows r0"


@pytest.mark.parametrize(
    ("charted", "policy"),
    [
        ("anchored", ChartPolicy(anchored_sigmas=1.0)),
        ("adaptive", ChartPolicy(adaptive_sigmas=1.0)),
    ],
)
def test_the_size_of_an_alert_is_the_highest_of_its_charts(
    charted: str, policy: ChartPolicy
) -> None:
    judging = detector(replace(QUICK, charts=policy))
    states, _ = judge_all(judging, healthy(60))
    loud = [observation(60 + k, louder=2.0) for k in range(3)]
    after, judged = judge_all(judging, loud, states=states)
    assert judged[-1].events
    assert after[KEY].row["alert_size"] == getattr(judged[-1], charted)


@pytest.mark.parametrize(
    ("first", "second", "link"), [(2.0, 1.0, "follows {}"), (1.0, 2.0, "primary")]
)
def test_of_two_alerts_at_about_the_same_time_the_larger_leads(
    first: float, second: float, link: str
) -> None:
    judging = detector(QUICK)
    stream = [observation(k, key=key) for k in range(60) for key in (KEY, NEIGHBOUR)]
    for k in range(60, 66):
        stream.append(observation(k, key=KEY, louder=first))
        stream.append(observation(k, key=NEIGHBOUR, louder=second * (k > 61)))
    _, judged = judge_all(judging, stream)
    raised = [e for one in judged for e in one.events if e.transition is Transition.RAISED]
    assert [event.sensor for event in raised] == [KEY.sensor, NEIGHBOUR.sensor]
    assert raised[1].link == link.format(raised[0].id)
