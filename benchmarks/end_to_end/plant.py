"""10,000 sensors from a few templates: their commissioned states and their next windows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from daemon.app import build_judging
from daemon.journal.kafka_reader import COLD, HOT, state_key
from daemon.judging import open_model
from models.state import encode_cold, encode_hot
from pipelines.simulator import Fleet, quiet, random_fleet
from pipelines.simulator.family import WORKSHOP
from pipelines.window import SensorKey
from tests.plant.windows import Message, message

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from daemon.settings import Settings
    from models.state import SensorState
    from pipelines.window import Window

SENSORS_PER_MACHINE: Final = 4
PARTITIONS: Final = 4
TEMPLATE_MACHINES: Final = 5
COMMISSIONED_AFTER: Final = 100


@dataclass(frozen=True, slots=True)
class Template:
    """A simulated sensor: its state after commissioning, and the windows that come next."""

    state: SensorState
    windows: Sequence[Window]


def make_templates(settings: Settings, rounds: int) -> list[Template]:
    """Commission 20 simulated sensors by the detector itself, each some windows longer.

    So their counts differ, and the decimated points are as rare as they are in a plant.
    """
    spec = random_fleet(
        5,
        machines=TEMPLATE_MACHINES,
        sensors_per_machine=SENSORS_PER_MACHINE,
        degrading=0,
        windows=600,
        family=quiet(WORKSHOP),
    )
    fleet = Fleet(spec)
    told = settings.model
    judging = build_judging(settings, open_model(told.bundle, told.engine, told.threads))
    templates = []
    for number, key in enumerate(fleet.keys):
        length = 3 * COMMISSIONED_AFTER + 20 + number
        states: dict[SensorKey, SensorState] = {}
        for first in range(0, length, 64):
            batch = [fleet.window(key, i) for i in range(first, min(first + 64, length))]
            new, _ = judging.judge(states, judging.extract(batch))
            states |= new
        assert states[key].commissioned
        templates.append(
            Template(states[key], [fleet.window(key, length + i) for i in range(rounds)])
        )
    return templates


def sensor_of(number: int) -> tuple[str, str, int]:
    """Return asset, sensor and partition of sensor `number`."""
    machine, place = divmod(number, SENSORS_PER_MACHINE)
    return f"machine-{machine:05d}", f"bearing-{place + 1}", machine % PARTITIONS


def state_messages(templates: Sequence[Template], sensors: int) -> Iterator[Message]:
    """Yield the state records of all sensors, as the journal writes them."""
    encoded = [(encode_hot(one.state), encode_cold(one.state)) for one in templates]
    for number in range(sensors):
        asset, sensor, partition = sensor_of(number)
        hot, cold = encoded[number % len(encoded)]
        key = SensorKey(asset, sensor)
        yield Message(state_key(key, HOT), hot, 0, partition)
        yield Message(state_key(key, COLD), cold, 0, partition)


def window_messages(templates: Sequence[Template], sensors: int, rounds: int) -> Iterator[Message]:
    """Yield `rounds` windows of every sensor, round by round."""
    for turn in range(rounds):
        for number in range(sensors):
            asset, sensor, partition = sensor_of(number)
            window = templates[number % len(templates)].windows[turn]
            yield message(replace(window, asset=asset, sensor=sensor), partition)
