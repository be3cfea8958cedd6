"""Evidence on a real Kafka: the upgrade of a plant that has no topic for it, then an alert's."""

import json
from pathlib import Path

import pytest

from daemon.errors import ExitStatus
from pipelines.recordings import Declared, open_recording
from pipelines.wire import decode
from tests.plant.bundles import write_bundle
from tests.plant.process import command, running
from tests.plant.readings import alert_events, evidence
from tests.plant.site import Site, new_site
from tests.plant.windows import plant_log
from tests.servers.influxdb import InfluxdbServer
from tests.servers.kafka import KafkaServer

pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")

OFF = {"journal": {"evidence": False}}


@pytest.fixture
def site(kafka_server: KafkaServer, influxdb_server: InfluxdbServer, tmp_path: Path) -> Site:
    return new_site(kafka_server, influxdb_server, tmp_path)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return write_bundle(tmp_path)


def without_topic(site: Site) -> None:
    with site.admin() as admin:
        admin.delete_topics([site.topic_settings().evidence_topic])


def test_a_plant_of_an_earlier_version_is_told_what_to_make_and_goes_on_with_it(
    site: Site, bundle: Path
) -> None:
    without_topic(site)
    ends = site.send(plant_log())
    settings = site.settings(bundle)
    with running(settings) as process:
        assert process.ended() == ExitStatus.COULD_NOT_START
        said = process.log()
    assert f"topic {site.name}.evidence does not exist" in said
    assert "`bearingwatch topics create -c FILE`; or keep no evidence" in said
    made = command("topics", "create", "-c", str(settings))
    assert f"created  {site.name}.evidence" in made.stdout
    with running(settings) as process:
        process.wait_for_commit(ends, site)
        assert process.stop() == 0
    assert list(evidence(site))


def test_a_plant_without_the_topic_runs_and_is_well_where_evidence_is_off(
    site: Site, bundle: Path
) -> None:
    without_topic(site)
    ends = site.send(plant_log())
    with running(site.settings(bundle, OFF)) as process:
        process.wait_for_commit(ends, site)
        assert process.stop() == 0
    assert alert_events(site)
    on = command("check", "--connect", "-c", str(site.settings(bundle)))
    off = command("check", "--connect", "-c", str(site.settings(bundle, OFF)))
    assert (on.returncode, off.returncode) == (ExitStatus.COULD_NOT_START, 0), off.stderr


def test_the_windows_of_an_alert_are_read_back_as_they_were_sent(site: Site, bundle: Path) -> None:
    log = plant_log()
    ends = site.send(log)
    settings = site.settings(bundle)
    with running(settings) as process:
        process.wait_for_commit(ends, site)
        assert process.stop() == 0
    told = [one for one in alert_events(site) if one.transition == "escalated"]
    listed = command("evidence", "-c", str(settings)).stdout
    assert all(f"{one.id}  {one.asset}/{one.sensor}  " in listed for one in told)
    out = site.folder / "out"
    done = command("evidence", told[0].id, "-c", str(settings), "--out", str(out))
    assert done.returncode == 0, done.stderr
    assert f"escalated: {told[0].text}" in done.stdout
    facts = json.loads((out / "alert.json").read_text())["windows"]
    assert list(facts) == ["first", "raised", "escalated"]
    for origin in facts.values():
        (window,) = open_recording(out / origin["file"], Declared())
        sent = [one for one in log if one.partition == origin["partition"]][origin["offset"]]
        assert window.start_ns == origin["start_ns"]
        expected = decode(sent.value, key=sent.key).samples
        assert (window.samples == expected).all()
