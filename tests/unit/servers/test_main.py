"""What `make servers` prints for people."""

from pathlib import Path

from daemon.settings_reading import load_settings
from tests.servers.__main__ import plant
from tests.servers.influxdb import InfluxdbServer
from tests.servers.kafka import KafkaServer
from tests.servers.plan import NotOurs


def test_the_printed_plant_is_ready_to_run(tmp_path: Path) -> None:
    kafka = KafkaServer(bootstrap="127.0.0.1:19092", lifecycle=NotOurs(""))
    influx = InfluxdbServer("http://127.0.0.1:18086", "t0ken", "tests", NotOurs(""))
    path = tmp_path / "plant.toml"
    path.write_text(plant(kafka, influx))
    settings = load_settings(path)
    assert settings.kafka.bootstrap_servers == (kafka.bootstrap,)
    assert settings.influxdb is not None
    assert settings.influxdb.token.get_secret_value() == "t0ken"
