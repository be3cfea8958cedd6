"""What a plant would know of simulated machines."""

from __future__ import annotations

from pipelines.assets import parse
from pipelines.simulator import assets_toml, random_fleet


def test_each_sensor_has_its_own_bearing() -> None:
    spec = random_fleet(3, machines=4, sensors_per_machine=3, degrading=2, windows=50)
    assets = parse(assets_toml(spec))
    sensors = [(machine.asset, sensor) for machine in spec.machines for sensor in machine.sensors]
    assert len(assets) == len(sensors) == 12
    assert len({sensor.bearing for _, sensor in sensors}) > 1
    for asset, sensor in sensors:
        assert assets.lookup(asset, sensor.sensor).bearing == sensor.bearing
