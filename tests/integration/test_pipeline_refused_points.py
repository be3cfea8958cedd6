"""What InfluxDB refuses for good is kept in the dead letters: exactly once, whatever dies."""

import re
from pathlib import Path

import pytest

from pipelines.wire import InvalidRecord, decode
from tests.plant.bundles import write_bundle
from tests.plant.process import running
from tests.plant.readings import alert_events, committed, series_points
from tests.plant.site import Site, new_site
from tests.plant.windows import START_NS, Message, plant_log
from tests.servers.influxdb import InfluxdbServer
from tests.servers.kafka import KafkaServer

pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")

WINDOWS = 60
_LOSS = re.compile(r"reconstruction_loss,asset=([^,]+),sensor=(\S+) .* (\d+)")

Point = tuple[str, str, int]
"""Asset, sensor and time."""


def make_types_conflict(site: Site) -> None:
    """Write points of another program, whose fields have the names of ours and other types."""
    lines = [
        f'reconstruction_loss,asset=other,sensor=other loss="much" {START_NS}',
        f"alerts,asset=other,sensor=other,zone=other text=1.0 {START_NS}",
    ]
    with site.influxdb_client() as client, client.write_api() as writer:
        writer.write(site.name, site.influxdb.org, "\n".join(lines))


def letters(site: Site) -> list[tuple[dict[str, str], str]]:
    """Return headers and line of every refused point."""
    found = [
        ({name: value.decode() for name, value in one.headers}, one)
        for one in committed(site, site.topic_settings().dead_letters_topic)
    ]
    return [(told, one.value.decode()) for told, one in found if told["reason"] == "series_refused"]


def losses(lines: list[str]) -> list[Point]:
    matches = [_LOSS.fullmatch(line) for line in lines]
    return sorted((m[1], m[2], int(m[3])) for m in matches if m)


@pytest.fixture(scope="module")
def taken(
    kafka_server: KafkaServer,
    influxdb_server: InfluxdbServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Site:
    """A plant whose points were all taken."""
    site = new_site(kafka_server, influxdb_server, tmp_path_factory.mktemp("taken"))
    with running(site.settings(write_bundle(site.folder))) as process:
        process.wait_for_commit(site.send(plant_log(WINDOWS)), site)
        assert process.stop() == 0
    return site


@pytest.fixture(scope="module")
def refused(
    kafka_server: KafkaServer,
    influxdb_server: InfluxdbServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Site:
    """The same plant with types in conflict; its process died between alert and alert point."""
    site = new_site(kafka_server, influxdb_server, tmp_path_factory.mktemp("refused"))
    make_types_conflict(site)
    settings = site.settings(write_bundle(site.folder))
    ends = site.send(plant_log(WINDOWS))
    with running(settings, death="alerts_committed:1") as process:
        assert process.ended() == -9
    with running(settings) as process:
        process.wait_for_commit(ends, site)
        assert process.stop() == 0
        assert "point_refused" in process.events()
    return site


def test_every_refused_loss_is_in_the_dead_letters_once(taken: Site, refused: Site) -> None:
    expected = {
        (one["asset"], one["sensor"], one["_time"])
        for one in series_points(taken, "reconstruction_loss")
    }
    assert losses([line for _, line in letters(refused)]) == sorted(expected)


def test_every_refused_alert_is_in_the_dead_letters_once(refused: Site) -> None:
    events = alert_events(refused)
    kept = [told for told, line in letters(refused) if line.startswith("alerts,")]
    assert events
    assert sorted(
        (one["source-alert"], one["source-transition"], int(one["source-time-ns"])) for one in kept
    ) == sorted((event.id, str(event.transition), event.time_ns) for event in events)


def test_a_refused_alert_is_kept_though_no_window_follows_and_only_once(
    taken: Site, kafka_server: KafkaServer, influxdb_server: InfluxdbServer, tmp_path: Path
) -> None:
    site = new_site(kafka_server, influxdb_server, tmp_path)
    make_types_conflict(site)
    event = alert_events(taken)[0]
    log = plant_log(WINDOWS)
    times = [(one.key, start_of(one)) for one in log]
    ends = site.send(log[: times.index((event.asset.encode(), event.time_ns)) + 2])
    settings = site.settings(write_bundle(site.folder))
    with running(settings) as process:
        process.wait_for_commit(ends, site)
        process.wait_for("the alert's dead letter", lambda: bool(kept_alerts(site)))
        process.kill()
    with running(settings) as process:
        process.wait_until_ready()
        assert process.stop() == 0
    assert kept_alerts(site) == [event.id]


def start_of(one: Message) -> int:
    """Return the start time in a message, 0 where it cannot be read."""
    try:
        return decode(one.value, content_type=None, key=one.key).start_ns
    except InvalidRecord:
        return 0


def kept_alerts(site: Site) -> list[str]:
    """Return which alert each refused alert point is of."""
    return [told["source-alert"] for told, _ in letters(site) if "source-alert" in told]


def test_the_dead_letters_have_the_servers_words_and_the_record(refused: Site) -> None:
    told, line = next(one for one in letters(refused) if one[1].startswith("reconstruction_loss"))
    assert "field type conflict" in told["detail"]
    assert told["source-topic"] == refused.topic_settings().windows_topic
    record = next(
        one
        for one in committed(refused, told["source-topic"])
        if (one.partition, one.offset)
        == (int(told["source-partition"]), int(told["source-offset"]))
    )
    assert f"asset={record.key.decode()}," in line


def test_alerts_and_the_other_points_are_as_if_nothing_was_refused(
    taken: Site, refused: Site
) -> None:
    assert alert_events(refused) == alert_events(taken)
    assert series_points(refused, "vibration") == series_points(taken, "vibration")
