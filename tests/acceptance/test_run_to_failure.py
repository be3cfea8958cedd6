"""Real run-to-failure recordings through real Kafka into real InfluxDB: `produce`, then `run`."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.alerts import AlertEvent
from tests.plant.process import command, running
from tests.plant.readings import (
    alert_events,
    alerts_as_points,
    alerts_in_influxdb,
    series_points,
)
from tests.plant.site import Site, new_site
from tests.servers.influxdb import InfluxdbServer
from tests.servers.kafka import KafkaServer

pytestmark = [
    pytest.mark.data,
    pytest.mark.timeout(900),
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]

ASSETS = """
[[rule]]
match = "ims-*"
bearing = "Rexnord ZA-2115"
rated_rpm = 2000

[[rule]]
match = "Bearing*"
bearing = "NSK 6804RS"
"""

IMS, FAILING = "ims-test2", "bearing1"
EARLIEST, LATEST = 532, 607
"""Snapshots of IMS test 2: the outer race's line is clear from the first on."""
BPFO_HZ = 236.4
FEMTO = ("Bearing1_1", "Bearing1_2", "Bearing2_1", "Bearing2_2", "Bearing3_1", "Bearing3_2")
TIME_LIMIT_S = 600.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was sent, what the process said of it, what is there afterwards."""

    sent: int
    facts: list[dict[str, Any]]
    losses: list[dict[str, Any]]
    events: list[AlertEvent]
    alerts_written: set[tuple[Any, ...]]


@pytest.fixture(scope="module")
def outcome(
    kafka_server: KafkaServer,
    influxdb_server: InfluxdbServer,
    tmp_path_factory: pytest.TempPathFactory,
    data_dir: Path,
) -> Outcome:
    site = new_site(kafka_server, influxdb_server, tmp_path_factory.mktemp("acceptance"))
    (site.folder / "assets.toml").write_text(ASSETS, encoding="utf-8")
    plain = {"loop": {"batch_windows": 256}, "kafka": {"fetch_min_bytes": 65_536}}
    settings = site.settings(None, plain, without=["detector"])
    return replayed(site, settings, recordings(data_dir))


def recordings(data_dir: Path) -> list[Path]:
    return [data_dir / "ims" / "test2.npz", *(data_dir / "femto" / f"{b}.npz" for b in FEMTO)]


def replayed(site: Site, settings: Path, paths: list[Path]) -> Outcome:
    done = command("produce", *map(str, paths), "-c", str(settings), timeout_s=TIME_LIMIT_S)
    assert done.returncode == 0, done.stderr
    ends = site.ends()
    with running(settings) as process:
        process.wait_for_commit(ends, site, timeout_s=TIME_LIMIT_S)
        assert process.stop() == 0
        facts = process.facts()
    events = alert_events(site)
    return Outcome(
        sent=sum(ends.values()),
        facts=facts,
        losses=series_points(site, "reconstruction_loss"),
        events=events,
        alerts_written=alerts_in_influxdb(site),
    )


def snapshots(data_dir: Path) -> Mapping[int, int]:
    """Snapshot of IMS test 2 by its time in ns."""
    with np.load(data_dir / "ims" / "test2.npz") as arrays:
        times = arrays["t_unix"].tolist()
    return {round(time * 1e6) * 1000: index for index, time in enumerate(times)}


def test_every_window_was_committed_and_none_refused(outcome: Outcome, data_dir: Path) -> None:
    lengths = []
    for path in recordings(data_dir):
        with np.load(path) as arrays:
            lengths.append(len(arrays["t_unix" if "t_unix" in arrays else "t_s"]))
    assert outcome.sent == 4 * lengths[0] + sum(lengths[1:])
    assert sum(fact.get("windows", 0) for fact in outcome.facts) == outcome.sent
    assert sum(fact.get("dead_letters", 0) for fact in outcome.facts) == 0


def test_influxdb_has_exactly_one_loss_point_per_scored_window(outcome: Outcome) -> None:
    scored = sum(fact.get("scored", 0) for fact in outcome.facts)
    assert scored > outcome.sent // 2
    places = Counter((one["asset"], one["sensor"], one["_time"]) for one in outcome.losses)
    assert len(places) == scored
    assert set(places.values()) == {1}


def test_influxdb_has_the_alert_events_of_the_topic(outcome: Outcome) -> None:
    assert outcome.events
    assert outcome.alerts_written == alerts_as_points(outcome.events)


def test_the_failing_bearing_of_the_shaft_is_flagged_first_and_in_time(
    outcome: Outcome, data_dir: Path
) -> None:
    index = snapshots(data_dir)
    flagged = sorted(
        (index[event.time_ns], event.sensor) for event in outcome.events if event.asset == IMS
    )
    assert [sensor for when, sensor in flagged if when == flagged[0][0]] == [FAILING]
    assert EARLIEST <= flagged[0][0] <= LATEST


def test_the_alert_names_the_outer_race_and_where_its_line_lies(outcome: Outcome) -> None:
    first = next(one for one in outcome.events if (one.asset, one.sensor) == (IMS, FAILING))
    assert first.fault == "BPFO"
    assert first.fault_hz == pytest.approx(BPFO_HZ, rel=0.02)
