"""The log of a small plant: a few machines, one of which degrades, and what gateways get wrong."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from pipelines import wire
from pipelines.window import Window

RATE_HZ = 10_000.0
SAMPLES = 1_000
SECOND_NS = 10**9
START_NS = 1_700_000_000 * SECOND_NS
CADENCE_NS = 60 * SECOND_NS
COMMISSIONING = 20
"""Windows; the least that the settings allow."""

ASSETS = ("fan", "gearbox", "pump")
SENSORS = ("drive-end", "free-end")
SCALE = 0.001
FAILS_FROM = 40
LOUD = range(24, 32)


@dataclass(frozen=True, slots=True)
class Message:
    """What a gateway sends; `partition` is where it goes."""

    key: bytes | None
    value: bytes
    timestamp_ms: int
    partition: int
    headers: Sequence[tuple[str, bytes]] = field(default=())


def window(
    index: int, asset: str = "pump", sensor: str = "drive-end", *, level: float = 1.0
) -> Window:
    """Return window `index` of a sensor; `level` is the noise's RMS in g."""
    seed = [index, *f"{asset}/{sensor}".encode()]
    noise = np.random.default_rng(seed).standard_normal((1, SAMPLES))
    return Window(
        asset=asset,
        sensor=sensor,
        axes=("radial",),
        start_ns=START_NS + index * CADENCE_NS,
        sample_rate_hz=RATE_HZ,
        unit="g",
        samples=np.clip(np.rint(noise * level / SCALE), -32_768, 32_767).astype("<i2"),
        scale=SCALE,
    )


def message(of: Window, partition: int) -> Message:
    """Return a window as its gateway sends it, right after its end."""
    end_ms = (of.start_ns + SECOND_NS) // 1_000_000
    return Message(wire.partition_key(of), wire.encode(of), end_ms, partition)


def plant_log(windows: int = 60, assets: Sequence[str] = ASSETS) -> list[Message]:
    """Return the log of machines on one partition each; the pump's drive end fails.

    Among the good windows are records that cannot be read or are ahead of their time, duplicates
    and late ones. None is in another partition than its machine's others: which of two partitions
    is a new sensor's home depends on which is read first, and that is in no log.
    """
    homes = {asset: number for number, asset in enumerate(assets)}
    return list(_plant_log(windows, homes))


def _plant_log(windows: int, homes: Mapping[str, int]) -> Iterator[Message]:
    for index in range(windows):
        for asset, home in homes.items():
            for sensor in SENSORS:
                yield message(
                    window(index, asset, sensor, level=_level(index, asset, sensor)), home
                )
        yield from _mistakes(index, homes)


def _level(index: int, asset: str, sensor: str) -> float:
    """The pump's drive end fails for good; the fan's is loud for a while and recovers."""
    if (asset, sensor) == ("pump", "drive-end") and index >= FAILS_FROM:
        return 4.0
    if (asset, sensor) == ("fan", "drive-end") and index in LOUD:
        return 2.2
    return 1.0


def _mistakes(index: int, homes: Mapping[str, int]) -> Iterator[Message]:
    asset = list(homes)[index % len(homes)]
    home = homes[asset]
    good = message(window(index, asset), home)
    earlier = window(index, asset)
    mistakes = {
        2: replace(good, value=b"\xc1 this is no MessagePack"),
        3: good,
        5: message(replace(earlier, start_ns=earlier.start_ns - CADENCE_NS // 2), home),
        9: replace(good, value=good.value[:-100]),
        11: replace(good, timestamp_ms=good.timestamp_ms - 3_600_000),
    }
    if index % 12 in mistakes:
        yield mistakes[index % 12]
