"""Operators' commands on a real Kafka: given, followed once whatever dies when, and told."""

import signal
from dataclasses import replace
from pathlib import Path

import pytest

from models.alerts import Transition
from models.state import decode_state
from pipelines.commands import Kind
from pipelines.window import SensorKey
from pipelines.wire import COMMAND_TYPE
from tests.plant.bundles import write_bundle
from tests.plant.commands import command as order
from tests.plant.commands import messages
from tests.plant.process import command, running
from tests.plant.readings import (
    Left,
    alert_events,
    alerts_as_points,
    alerts_in_influxdb,
    committed,
    differences,
    left_at,
    states,
)
from tests.plant.site import Site, new_site
from tests.plant.windows import Message, plant_log
from tests.servers.influxdb import InfluxdbServer
from tests.servers.kafka import KafkaServer

pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")

PUMP = SensorKey("pump", "drive-end")
FAILED = 50
"""Windows of each sensor before the commands come; the pump's drive end alarms then."""


def orders() -> list[Message]:
    """Return a new baseline for the pump, an end for a fan's sensor, and a command of tomorrow."""
    everywhere = range(3)
    rebaselined = messages(order(Kind.REBASELINE), everywhere, 0)
    forgotten = messages(order(Kind.FORGET, "fan", "free-end"), everywhere, 0)
    unknown = replace(rebaselined[2], value=rebaselined[2].value.replace(b"rebaseline", b"paint"))
    return [replace(one, timestamp_ms=late()) for one in (*rebaselined, *forgotten, unknown)]


def late() -> int:
    return plant_log()[-1].timestamp_ms


def before() -> list[Message]:
    return plant_log(FAILED)


def behind() -> list[Message]:
    return plant_log(FAILED + 30)[len(before()) :]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("bundles"))


def finish(site: Site, bundle: Path) -> list[str]:
    with running(site.settings(bundle)) as process:
        process.wait_for_commit(site.ends(), site)
        assert process.stop() == 0
        return process.events()


def die(site: Site, bundle: Path, death: str) -> None:
    with running(site.settings(bundle), death=death) as process:
        assert process.ended() == -signal.SIGKILL


@pytest.fixture(scope="module")
def undisturbed(
    kafka_server: KafkaServer,
    influxdb_server: InfluxdbServer,
    tmp_path_factory: pytest.TempPathFactory,
    bundle: Path,
) -> Left:
    site = new_site(kafka_server, influxdb_server, tmp_path_factory.mktemp("undisturbed"))
    site.send([*before(), *orders(), *behind()])
    assert finish(site, bundle).count("command_applied") == 2
    return left_at(site)


@pytest.fixture
def site(kafka_server: KafkaServer, influxdb_server: InfluxdbServer, tmp_path: Path) -> Site:
    return new_site(kafka_server, influxdb_server, tmp_path)


def test_commands_are_followed_in_their_place(undisturbed: Left) -> None:
    pump = undisturbed.states[2][PUMP]
    state = decode_state(pump.hot, pump.cold)
    assert state.cold.old_baseline_id
    assert state.commissioned
    index = [
        int(decode_state(one.hot, one.cold).row["index"])
        for key, one in sorted(undisturbed.states[0].items())
    ]
    assert index[0] - index[1] >= FAILED - 10
    assert b"closed by the command rebaseline of ann@desk" in undisturbed.alerts[-1][2]
    reasons = [dict(letter[3])["reason"] for letter in undisturbed.dead_letters]
    assert b"unknown_command" in reasons


@pytest.mark.parametrize("death", ["polled:1", "offsets_sent:1", "transaction_committed:1"])
def test_a_kill_between_a_command_and_its_commit_changes_nothing(
    site: Site, bundle: Path, undisturbed: Left, death: str
) -> None:
    site.send(before())
    finish(site, bundle)
    site.send(orders())
    die(site, bundle, death)
    site.send(behind())
    finish(site, bundle)
    assert not differences(left_at(site), undisturbed)
    events = alert_events(site)
    assert alerts_in_influxdb(site) == alerts_as_points(events)


def test_what_an_operator_gives_is_in_every_partition_and_is_followed(
    site: Site, bundle: Path
) -> None:
    site.send(before())
    finish(site, bundle)
    settings = str(site.settings(bundle))
    given = command("rebaseline", "pump/drive-end", "-c", settings, "--reason", "new bearing")
    assert given.returncode == 0, given.stderr
    assert f"rebaseline of pump/drive-end is in {site.name}.windows" in given.stdout
    assert "in each of 3 partitions" in given.stdout
    sent = [
        one
        for one in committed(site, site.topic_settings().windows_topic)
        if ("content-type", COMMAND_TYPE.encode()) in one.headers
    ]
    assert [one.partition for one in sent] == [0, 1, 2]
    assert {one.key for one in sent} == {b"pump"}
    with running(site.settings(bundle)) as process:
        process.wait_for_commit(site.ends(), site)
        assert process.stop() == 0
        assert given.stdout.split()[-1] in process.log()
    closed = alert_events(site)[-1]
    assert (closed.transition, closed.sensor) == (Transition.CLEARED, "drive-end")
    assert closed.text.endswith(": new bearing.")
    assert command("forget", "pump", "-c", settings).returncode == 0
    finish(site, bundle)
    assert not states(site)[2]
