"""`score` and the daemon through Kafka say the same, at any batch size, as text."""

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tests.plant.process import command, running
from tests.plant.readings import series_points
from tests.plant.site import new_site
from tests.servers.influxdb import InfluxdbServer
from tests.servers.kafka import KafkaServer

pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")

BATCH_SIZES = (1, 7, 256)
WINDOWS, MACHINES, SENSORS = 360, 2, 2

Line = tuple[str, str, str, str, str, str]
"""asset, sensor, time, loss, threshold, zone"""


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recordings") / "fleet"
    arguments = (
        "--machines", str(MACHINES), "--degrading", "1", "--sensors", str(SENSORS), "--seed", "4"
    )  # fmt: skip
    small = ("--windows", str(WINDOWS), "--window-s", "0.25")
    done = command("simulate", str(folder), *arguments, *small)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def scored(recordings: Path) -> list[Line]:
    return score(recordings, 256)


def score(recordings: Path, batch: int) -> list[Line]:
    out = recordings.parent / f"scores-{batch}.csv"
    done = command(
        "score", str(recordings), "--out", str(out), "--batch-windows", str(batch), timeout_s=120
    )
    assert done.returncode == 0, done.stderr
    with out.open(newline="", encoding="utf-8") as file:
        return sorted(scored_rows(csv.DictReader(file)))


def scored_rows(rows: Iterable[dict[str, str]]) -> Iterator[Line]:
    columns = ("asset", "sensor", "time", "loss", "threshold", "zone")
    for row in rows:
        asset, sensor, time, loss, threshold, zone = (row[column] for column in columns)
        yield from [(asset, sensor, time, loss, threshold, zone)] if loss else []


@pytest.mark.parametrize("batch", BATCH_SIZES)
def test_score_writes_the_same_text_at_any_batch_size(
    recordings: Path, scored: list[Line], batch: int
) -> None:
    assert {line[5] for line in scored} == {"normal", "warning", "alarm"}
    assert score(recordings, batch) == scored


@pytest.mark.parametrize("batch", BATCH_SIZES)
def test_the_daemon_writes_to_influxdb_what_score_writes_to_its_file(
    kafka_server: KafkaServer,
    influxdb_server: InfluxdbServer,
    tmp_path: Path,
    recordings: Path,
    scored: list[Line],
    batch: int,
) -> None:
    site = new_site(kafka_server, influxdb_server, tmp_path)
    settings = site.settings(None, {"loop": {"batch_windows": batch}}, without=["detector"])
    done = command("produce", str(recordings), "-c", str(settings))
    assert done.returncode == 0, done.stderr
    with running(settings) as process:
        process.wait_for_commit(site.ends(), site, timeout_s=120)
        assert process.stop() == 0
    points = series_points(site, "reconstruction_loss")
    assert sorted(map(as_text, points)) == scored


def as_text(point: dict[str, object]) -> Line:
    return (
        str(point["asset"]),
        str(point["sensor"]),
        str(point["_time"]),
        f"{point['loss']:.6g}",
        f"{point['threshold']:.6g}",
        str(point["zone"]),
    )
