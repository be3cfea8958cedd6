"""kill -9, and back with a bundle of other features: no window of a commissioned sensor is lost."""

import json
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from models.state import decode_state
from pipelines.features import FeatureSettings
from tests.plant.bundles import write_bundle
from tests.plant.process import Running, running
from tests.plant.readings import (
    alert_events,
    alerts_as_points,
    alerts_in_influxdb,
    committed,
    series_points,
    states,
)
from tests.plant.site import Site, new_site
from tests.plant.windows import Message, plant_log
from tests.servers.influxdb import InfluxdbServer
from tests.servers.kafka import KafkaServer

WINDOWS = 90
"""Of each sensor: 20 for either baseline, and some more in which the charts see noise."""

Scored = set[tuple[str, str, int]]


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("old")
    return write_bundle(folder, name="old", features=FeatureSettings(bands=20))


@pytest.fixture(scope="module")
def new(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("new"), name="new")


@pytest.fixture(scope="module")
def log() -> list[Message]:
    return plant_log(WINDOWS)


@pytest.fixture(scope="module")
def scored_by_old(
    kafka_server: KafkaServer,
    influxdb_server: InfluxdbServer,
    tmp_path_factory: pytest.TempPathFactory,
    old: Path,
    log: list[Message],
) -> Scored:
    """What is scored where the bundle never changes."""
    site = new_site(kafka_server, influxdb_server, tmp_path_factory.mktemp("unchanged"))
    ends = site.send(log)
    with running(site.settings(old)) as process:
        stop_at(process, ends, site)
    return scored(site)


@pytest.fixture
def site(kafka_server: KafkaServer, influxdb_server: InfluxdbServer, tmp_path: Path) -> Site:
    return new_site(kafka_server, influxdb_server, tmp_path)


def die(settings: Path, death: str) -> None:
    with running(settings, death=death) as process:
        assert process.ended() == -signal.SIGKILL


def stop_at(process: Running, ends: Mapping[int, int], site: Site) -> None:
    process.wait_for_commit(ends, site)
    assert process.stop() == 0


def scored(site: Site) -> Scored:
    """Return asset, sensor and time of every loss point."""
    points = series_points(site, "reconstruction_loss")
    return {(one["asset"], one["sensor"], one["_time"]) for one in points}


def judged_by(site: Site) -> dict[str, str]:
    """Return the hash of the bundle that judges each sensor."""
    return {
        str(key): decode_state(state.hot, state.cold).bundle
        for sensors in states(site).values()
        for key, state in sensors.items()
    }


def since(site: Site, bundle: Path) -> dict[int, int]:
    """Return from which offset of each partition the state topic says that a bundle judges."""
    records = committed(site, site.topic_settings().state_topic)
    told = {one.partition: json.loads(one.value) for one in records if one.key == b"#basis"}
    return {n: one["since"] for n, one in told.items() if one["bundle"] == hash_of(bundle)}


def hash_of(bundle: Path) -> str:
    return str(json.loads((bundle / "manifest.json").read_text())["content"][:16])


def lines_of(process: Running, event: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in process.log().splitlines() if line.startswith("{")]
    return [line for line in lines if line.get("event") == event]


@pytest.mark.parametrize(
    "deaths",
    [("losses_written:3", "losses_written:6"), ("offsets_sent:1", "alerts_committed:1")],
)
def test_the_old_bundle_judges_on_through_deaths_until_the_new_one_has_learnt(
    site: Site,
    old: Path,
    new: Path,
    log: list[Message],
    scored_by_old: Scored,
    deaths: tuple[str, str],
) -> None:
    half = len(log) // 2
    ends = site.send(log[:half])
    with running(site.settings(old)) as process:
        stop_at(process, ends, site)
    site.send(log[half:])
    die(site.settings(old), deaths[0])
    changed = site.settings(new, {"model": {"previous": [str(old)]}})
    die(changed, deaths[1])
    with running(changed) as process:
        stop_at(process, site.ends(), site)
        waiting = lines_of(process, "sensors_judged_by_previous_bundle")
    assert waiting
    assert scored(site) == scored_by_old
    events = alert_events(site)
    assert alerts_in_influxdb(site) == alerts_as_points(events)
    by = judged_by(site)
    assert by["pump/drive-end"] == hash_of(old)  # it fails for good, and its alert stays open
    assert list(by.values()).count(hash_of(new)) >= 3
    assert {event.bundle for event in events if event.asset == "pump"} == {hash_of(old)}


def test_a_change_is_journaled_before_it_is_applied_and_told_of(
    site: Site, old: Path, new: Path, log: list[Message]
) -> None:
    half = len(log) // 2
    ends = site.send(log[:half])
    with running(site.settings(old)) as process:
        stop_at(process, ends, site)
    assert since(site, old) == {0: 0, 1: 0, 2: 0}
    site.send(log[half:])
    changed = site.settings(new, {"model": {"previous": [str(old)]}})
    die(changed, "committed:1")
    first = since(site, new)
    assert first
    assert first.items() <= ends.items()
    with running(changed) as process:
        stop_at(process, site.ends(), site)
        told = lines_of(process, "judgement_changed")
        noted = lines_of(process, "sensors_noted")
    assert since(site, new) == ends
    assert {(one["partition"], one["offset"]) for one in told} == ends.items() - first.items()
    begun = [one for one in noted if one["reason"] == "learning_for_another_bundle"]
    change = (hash_of(old), hash_of(new))
    assert {(one["bundle_before"], one["bundle"]) for one in [*told, *begun]} == {change}


def test_without_the_old_bundle_the_process_refuses_to_start_unless_told_to_begin_anew(
    site: Site, old: Path, new: Path, log: list[Message]
) -> None:
    half = len(log) // 2
    ends = site.send(log[:half])
    with running(site.settings(old)) as process:
        stop_at(process, ends, site)
    before, points = states(site), scored(site)
    site.send(log[half:])
    with running(site.settings(new)) as process:
        assert process.ended() == 3
        said = process.log()
    assert f"{hash_of(old)} (features " in said
    assert "of 6 sensors" in said
    assert "model.previous" in said
    assert (states(site), scored(site)) == (before, points)
    anew = site.settings(new, {"model": {"recommission": True}})
    with running(anew) as process:
        stop_at(process, site.ends(), site)
        noted = lines_of(process, "sensors_noted")
    reasons = {line["reason"] for line in noted}
    assert {"recommissioning_for_other_features", "commissioned"} <= reasons
    assert set(judged_by(site).values()) == {hash_of(new)}
