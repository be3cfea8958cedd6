"""Deaths at 20 points, each followed by a restart, and two members of which one stands still.

The outcome is that of an undisturbed run.
"""

import random
import signal
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import msgspec
import pytest

from daemon.evidence import decode_evidence
from models.alerts import AlertEvent, Transition
from tests.plant.bundles import CHARTS_OF_TESTS, write_bundle
from tests.plant.process import Running, running
from tests.plant.readings import (
    Left,
    alert_events,
    alerts_as_points,
    alerts_in_influxdb,
    differences,
    left_at,
)
from tests.plant.site import Site, Tables, new_site
from tests.plant.windows import Message, plant_log
from tests.servers.influxdb import InfluxdbServer
from tests.servers.kafka import KafkaServer

JUDGES_AGAIN_WITHIN_S = 5.0

DEATHS = {
    "while commissioning": ("polled:1", "losses_written:2", "offsets_sent:1", "committed:1"),
    "between the series and the end of the transaction": (
        "losses_written:6",
        "offsets_sent:9",
        "losses_written:8",
        "offsets_sent:3",
    ),
    "before the alert points are written, or right after": (
        "alerts_committed:1",
        "alerts_written:1",
        "alerts_committed:1",
        "transaction_committed:1",
    ),
    "while restoring": (
        "committed:14",
        "offsets_restored:1",
        "states_restored:1",
        "events_restored:1",
    ),
}
"""Points of `tests.plant.dying`; each group is a chain of deaths of one instance on one log."""

RANDOM_DEATHS = 4
"""Each after a share of the log, so that however fast a run is, the next has something to do."""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("bundles"))


@pytest.fixture(scope="module")
def log() -> list[Message]:
    return plant_log()


@pytest.fixture(scope="module")
def undisturbed(
    kafka_server: KafkaServer,
    influxdb_server: InfluxdbServer,
    tmp_path_factory: pytest.TempPathFactory,
    bundle: Path,
    log: list[Message],
) -> Left:
    site = new_site(kafka_server, influxdb_server, tmp_path_factory.mktemp("undisturbed"))
    finish(site, bundle, site.send(log))
    return left_at(site)


@pytest.fixture
def site(kafka_server: KafkaServer, influxdb_server: InfluxdbServer, tmp_path: Path) -> Site:
    return new_site(kafka_server, influxdb_server, tmp_path)


def die(site: Site, bundle: Path, death: str, changes: Tables | None = None) -> None:
    with running(site.settings(bundle, changes), death=death) as process:
        assert process.ended() == -signal.SIGKILL
        judged_soon(process)


def die_after(site: Site, bundle: Path, seconds: float) -> None:
    with running(site.settings(bundle)) as process:
        process.wait_until_ready()
        time.sleep(seconds)
        process.kill()
        judged_soon(process)


def finish(
    site: Site, bundle: Path, ends: Mapping[int, int], changes: Tables | None = None
) -> None:
    """Run to the end of the log and stop."""
    with running(site.settings(bundle, changes)) as process:
        process.wait_for_commit(ends, site)
        assert process.stop() == 0
        assert judged_soon(process), "there was nothing left to judge"


def judged_soon(process: Running) -> bool:
    """Return whether a run came to its first commit, which must be soon after it was ready."""
    at = {fact["fact"]: fact["at"] for fact in reversed(process.facts())}
    if "committed" not in at:
        return False
    assert at["committed"] - at["ready"] < JUDGES_AGAIN_WITHIN_S
    return True


def test_an_undisturbed_run_raises_escalates_and_refuses(undisturbed: Left) -> None:
    transitions = [value for _, _, value in undisturbed.alerts]
    assert any(b'"raised"' in value for value in transitions)
    assert any(b'"escalated"' in value for value in transitions)
    assert len({dict(letter[3])["reason"] for letter in undisturbed.dead_letters}) == 3
    assert {dict(row)["_measurement"] for row in undisturbed.points} == {
        "reconstruction_loss",
        "vibration",
        "alerts",
    }


def test_an_undisturbed_run_keeps_the_windows_that_its_alerts_rest_on(
    undisturbed: Left, log: list[Message]
) -> None:
    events = [msgspec.json.decode(value, type=AlertEvent) for _, _, value in undisturbed.alerts]
    kept = {key: value for _, key, value in undisturbed.evidence}
    partitions = [[one.value for one in log if one.partition == n] for n in range(3)]
    told = [one for one in events if one.transition in (Transition.RAISED, Transition.ESCALATED)]
    for event in told:
        prefix = f"{event.asset}/{event.sensor}#{event.id}"
        for part, start_ns in (
            ("first", event.first_exceedance_ns),
            (str(event.transition), event.time_ns),
        ):
            evidence = decode_evidence(kept[f"{prefix}#{part}".encode()] or b"")
            assert evidence.start_ns == start_ns
            assert evidence.window == partitions[evidence.partition][evidence.offset]
    lapsed = {key for key, value in kept.items() if value is None}
    named = {one.id.encode() for one in events}
    assert all(key.endswith(b"#first") and key.split(b"#")[1] not in named for key in lapsed)


@pytest.mark.parametrize("deaths", DEATHS.values(), ids=DEATHS.keys())
def test_deaths_at_named_points_change_nothing_of_the_outcome(
    site: Site, bundle: Path, log: list[Message], undisturbed: Left, deaths: tuple[str, ...]
) -> None:
    ends = site.send(log)
    for death in deaths:
        die(site, bundle, death)
    finish(site, bundle, ends)
    assert not differences(left_at(site), undisturbed)


def test_deaths_at_random_times_change_nothing_of_the_outcome(
    site: Site, bundle: Path, log: list[Message], undisturbed: Left
) -> None:
    chance = random.Random(20)
    share = len(log) // (RANDOM_DEATHS + 1)
    for death in range(RANDOM_DEATHS):
        site.send(log[death * share : (death + 1) * share])
        die_after(site, bundle, chance.uniform(0.0, 0.4))
    site.send(log[RANDOM_DEATHS * share :])
    finish(site, bundle, site.ends())
    assert not differences(left_at(site), undisturbed)


def test_a_member_that_stands_still_is_replaced_and_comes_back_and_changes_nothing(
    site: Site, bundle: Path, log: list[Message], undisturbed: Left
) -> None:
    one, two = (site.settings(bundle, instance=name) for name in ("one", "two"))
    parts = [log[begin : begin + len(log) // 4] for begin in range(0, len(log), len(log) // 4)]
    with running(one) as first, running(two) as second:
        for process in (first, second):
            process.wait_until_ready()
        for still, awake in ((first, second), (second, first)):
            site.send(parts.pop(0))
            awake.wait_for_commit(site.ends(), site)
            before = still.events().count("partitions_released")
            with still.suspended():
                site.send(parts.pop(0))
                awake.wait_for_commit(site.ends(), site)
            still.wait_for("release", partial(has_released_more_than, still, before))
        site.send(message for part in parts for message in part)
        first.wait_for_commit(site.ends(), site)
        assert [process.stop() for process in (first, second)] == [0, 0]
    assert not differences(left_at(site), undisturbed)


def has_released_more_than(process: Running, before: int) -> bool:
    return process.events().count("partitions_released") > before


@pytest.mark.parametrize(
    "changes",
    [{"detector": {"confirm_needed": 4, "confirm_among": 5}}, {"detector": {"confirm_needed": 2}}],
    ids=["stricter", "laxer"],
)
@pytest.mark.parametrize("death", ["losses_written:20", "alerts_committed:1"])
def test_influxdb_has_the_committed_alerts_when_a_setting_changed_between_death_and_restart(
    site: Site, bundle: Path, log: list[Message], death: str, changes: Tables
) -> None:
    ends = site.send(log)
    die(site, bundle, death)
    finish(site, bundle, ends, changes)
    events = alert_events(site)
    assert events
    assert alerts_in_influxdb(site) == alerts_as_points(events)


@pytest.mark.parametrize("death", ["losses_written:20", "alerts_committed:1"])
def test_influxdb_has_the_committed_alerts_when_the_bundle_changed_between_death_and_restart(
    site: Site, bundle: Path, log: list[Message], death: str, tmp_path: Path
) -> None:
    ends = site.send(log)
    die(site, bundle, death)
    other = write_bundle(
        tmp_path, name="other", charts=replace(CHARTS_OF_TESTS, anchored_sigmas=4.0)
    )
    finish(site, other, ends)
    events = alert_events(site)
    assert events
    assert alerts_in_influxdb(site) == alerts_as_points(events)
