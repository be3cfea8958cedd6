"""`produce` puts recordings where `run` will still find them."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from daemon.cli.sending import send
from daemon.errors import SettingsError
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


def test_a_recording_in_the_future_is_told_as_that(
    kafka_server: KafkaServer, influxdb_server: InfluxdbServer, tmp_path: Path
) -> None:
    site = new_site(kafka_server, influxdb_server, tmp_path)
    tomorrow_ns = time.time_ns() + 86_400 * 10**9
    with pytest.raises(SettingsError, match=r"lies in the future.*--start"):
        send([replace(window(0), start_ns=tomorrow_ns)], site.topic_settings())
