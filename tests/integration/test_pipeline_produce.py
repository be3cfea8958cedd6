"""`produce` puts recordings where `run` will still find them."""

import time
from pathlib import Path

import pytest

from daemon.cli.sending import send
from tests.plant.readings import committed
from tests.plant.site import new_site
from tests.plant.windows import window
from tests.servers.influxdb import InfluxdbServer
from tests.servers.kafka import KafkaServer

pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")


def test_a_recording_of_long_ago_is_not_old_for_retention(
    kafka_server: KafkaServer, influxdb_server: InfluxdbServer, tmp_path: Path
) -> None:
    site = new_site(kafka_server, influxdb_server, tmp_path)
    began_ms = time.time() * 1e3 - 1
    assert send([window(index) for index in range(3)], site.topic_settings()) == 3
    sent = committed(site, site.topic_settings().windows_topic)
    assert len(sent) == 3
    assert all(one.timestamp >= began_ms for one in sent)
