"""What every series promises: on the fake, on SQLite and CSV files, and on a real InfluxDB."""

import csv
import math
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Protocol

import pytest
from influxdb_client import InfluxDBClient
from pydantic import SecretStr

from daemon.errors import StartError, Unavailable
from daemon.series import Points, Rejected, Series
from daemon.series.csv import CsvSeries
from daemon.series.influxdb import InfluxdbSeries
from daemon.series.memory import MemorySeries
from daemon.series.sqlite import SqliteSeries
from daemon.settings import CsvSettings, InfluxdbSettings, SqliteSettings
from models.alerts import Zone
from models.judgement import Verdict
from tests.contract.builders import event, fresh_name, judgement
from tests.servers.influxdb import InfluxdbServer

Row = tuple[str, str, int]
"""Asset, sensor and time of a point."""


class Bench(Protocol):
    """Opens a series and tells what is in its store."""

    def open(self) -> Series: ...

    def losses(self) -> dict[Row, float]: ...

    def close(self) -> None: ...


class Queries(Bench, Protocol):
    """A store that holds all three measurements."""

    def axes(self) -> set[str]: ...

    def alerts(self) -> dict[tuple[str, str, str, int], str]: ...


class MemoryBench:
    def __init__(self) -> None:
        self.series = MemorySeries()

    def open(self) -> Series:
        self.series.start()
        return self.series

    def losses(self) -> dict[Row, float]:
        return {
            (key[0], key[1], time_ns): float(str(fields["loss"]))
            for (key, time_ns), fields in self.series.losses.items()
        }

    def axes(self) -> set[str]:
        return {key[2] for key, _ in self.series.vibrations}

    def alerts(self) -> dict[tuple[str, str, str, int], str]:
        return {
            (key[0], key[1], key[2], time_ns): str(fields["id"])
            for (key, time_ns), fields in self.series.alerts.items()
        }

    def close(self) -> None:
        self.series.close()


class SqliteBench:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._series = SqliteSeries(SqliteSettings(path=path))

    def open(self) -> Series:
        self._series.start()
        return self._series

    def _query(self, text: str) -> list[tuple[str, ...]]:
        with closing(sqlite3.connect(self._path)) as connection:
            return list(connection.execute(text))

    def losses(self) -> dict[Row, float]:
        rows = self._query("SELECT asset, sensor, time_ns, loss FROM reconstruction_loss")
        return {(asset, sensor, int(time)): float(loss) for asset, sensor, time, loss in rows}

    def axes(self) -> set[str]:
        return {axis for (axis,) in self._query("SELECT DISTINCT axis FROM vibration")}

    def alerts(self) -> dict[tuple[str, str, str, int], str]:
        rows = self._query("SELECT asset, sensor, zone, time_ns, id FROM alerts")
        return {(asset, sensor, zone, int(time)): id_ for asset, sensor, zone, time, id_ in rows}

    def close(self) -> None:
        self._series.close()


class CsvBench:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._series = CsvSeries(CsvSettings(path=path))

    def open(self) -> Series:
        self._series.start()
        return self._series

    def losses(self) -> dict[Row, float]:
        self._series.complete()
        self._series.close()
        if not self._path.exists():  # without a row there is none
            return {}
        with self._path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        found = {(r["asset"], r["sensor"], int(r["time"])): float(r["loss"]) for r in rows}
        assert len(found) == len(rows)
        return found

    def close(self) -> None:
        self._series.close()


class InfluxdbBench:
    def __init__(self, server: InfluxdbServer) -> None:
        self._client = InfluxDBClient(server.url, token=server.token, org=server.org)
        self._bucket = fresh_name("bucket")
        self._client.buckets_api().create_bucket(bucket_name=self._bucket, org=server.org)
        self.settings = InfluxdbSettings(
            url=server.url, org=server.org, bucket=self._bucket, token=SecretStr(server.token)
        )
        self._series = InfluxdbSeries(self.settings)

    def open(self) -> Series:
        self._series.start()
        return self._series

    def _query(self, measurement: str, field: str) -> list[dict[str, str]]:
        tables = self._client.query_api().query(
            f'from(bucket: "{self._bucket}") |> range(start: 1970-01-01T00:00:00Z)'
            f' |> filter(fn: (r) => r._measurement == "{measurement}" and r._field == "{field}")'
            " |> map(fn: (r) => ({r with time_ns: int(v: r._time)}))"
        )
        return [record.values for table in tables for record in table.records]

    def losses(self) -> dict[Row, float]:
        rows = self._query("reconstruction_loss", "loss")
        return {(r["asset"], r["sensor"], int(r["time_ns"])): float(r["_value"]) for r in rows}

    def axes(self) -> set[str]:
        return {row["axis"] for row in self._query("vibration", "rms")}

    def alerts(self) -> dict[tuple[str, str, str, int], str]:
        rows = self._query("alerts", "id")
        return {(r["asset"], r["sensor"], r["zone"], int(r["time_ns"])): r["_value"] for r in rows}

    def close(self) -> None:
        self._series.close()
        self._client.close()


@pytest.fixture
def memory_bench() -> MemoryBench:
    return MemoryBench()


@pytest.fixture
def sqlite_bench(tmp_path: Path) -> Iterator[SqliteBench]:
    bench = SqliteBench(tmp_path / "series.db")
    yield bench
    bench.close()


@pytest.fixture
def csv_bench(tmp_path: Path) -> Iterator[CsvBench]:
    bench = CsvBench(tmp_path / "scores.csv")
    yield bench
    bench.close()


@pytest.fixture
def influxdb_bench(request: pytest.FixtureRequest) -> Iterator[InfluxdbBench]:
    bench = InfluxdbBench(request.getfixturevalue("influxdb_server"))
    yield bench
    bench.close()


INFLUXDB = pytest.param("influxdb_bench", marks=pytest.mark.influxdb)


@pytest.fixture(params=["memory_bench", "sqlite_bench", "csv_bench", INFLUXDB])
def bench(request: pytest.FixtureRequest) -> Bench:
    made: Bench = request.getfixturevalue(request.param)
    return made


@pytest.fixture(params=["memory_bench", "sqlite_bench", INFLUXDB])
def store(request: pytest.FixtureRequest) -> Queries:
    made: Queries = request.getfixturevalue(request.param)
    return made


def losses(count: int, *, loss: float = 0.5, asset: str = "pump") -> Points:
    judgements = [judgement(asset, start_ns=1 + n, index=n, loss=loss) for n in range(count)]
    return Points(losses=judgements, rows=judgements)


def test_points_are_there_once_write_returned(bench: Bench) -> None:
    bench.open().write(losses(3, loss=0.25))
    assert bench.losses() == {("pump", "de", n): 0.25 for n in (1, 2, 3)}


def test_writing_the_same_points_again_changes_nothing(bench: Bench) -> None:
    series = bench.open()
    series.write(losses(3))
    series.write(losses(3))
    assert len(bench.losses()) == 3


def test_sensors_and_times_are_kept_apart(bench: Bench) -> None:
    series = bench.open()
    series.write(losses(2, asset="pump"))
    series.write(losses(2, asset="fan"))
    assert set(bench.losses()) == {(a, "de", t) for a in ("pump", "fan") for t in (1, 2)}


def test_a_large_batch_is_written_whole(bench: Bench) -> None:
    bench.open().write(losses(2_000))
    assert len(bench.losses()) == 2_000


def test_nothing_to_write_is_no_error(bench: Bench) -> None:
    bench.open().write(Points())
    assert not bench.losses()


@pytest.mark.parametrize("name", ["pump 1", "pump.north-2", "Pümpe_3:x"])
def test_identifiers_that_are_allowed_come_back_unchanged(bench: Bench, name: str) -> None:
    bench.open().write(losses(1, asset=name))
    assert set(bench.losses()) == {(name, "de", 1)}


def test_start_and_close_may_be_called_twice(bench: Bench) -> None:
    series = bench.open()
    bench.open()
    series.close()
    series.close()


def test_a_later_value_of_the_same_point_wins(store: Queries) -> None:
    series = store.open()
    series.write(losses(1, loss=0.25))
    series.write(losses(1, loss=0.75))
    assert store.losses() == {("pump", "de", 1): 0.75}


def test_every_axis_has_its_own_vibration_point(store: Queries) -> None:
    store.open().write(Points(vibrations=[judgement(axes=("x", "y"))]))
    assert store.axes() == {"x", "y"}


def test_numbers_that_do_not_exist_are_left_out(store: Queries) -> None:
    unscored = judgement(loss=math.nan, verdict=Verdict.LEARNT)
    store.open().write(Points(vibrations=[unscored]))
    assert store.axes() == {"x"}


def test_alert_events_become_points_with_their_zone(store: Queries) -> None:
    raised = event("a-1", time_ns=7)
    cleared = event("a-1", time_ns=9, zone=Zone.NORMAL, text='back,\n"quiet" = well\\')
    store.open().write(Points(alerts=[raised, cleared]))
    assert store.alerts() == {
        ("pump", "de", "warning", 7): "a-1",
        ("pump", "de", "normal", 9): "a-1",
    }


def test_a_refused_point_is_named_and_the_others_are_durable() -> None:
    bench = MemoryBench()
    bench.series.refused = {"fan"}
    good, bad = judgement("pump"), judgement("fan")
    alert = event(asset="fan")
    points = Points(losses=[good, bad], vibrations=[good, bad], alerts=[alert])
    with pytest.raises(Rejected) as caught:
        bench.open().write(points)
    assert all("fan" in one.point and "fan" in one.message for one in caught.value.refused)
    assert [one.of for one in caught.value.refused] == [bad, bad, alert]
    assert {asset for asset, _, _ in bench.losses()} == {"pump"}
    assert bench.axes() == {"x"}
    assert bench.alerts() == {}


def test_an_outage_is_waited_for_and_the_same_call_works_later() -> None:
    bench = MemoryBench()
    series = bench.open()
    bench.series.outage = True
    with pytest.raises(Unavailable):
        series.write(losses(1))
    bench.series.outage = False
    series.write(losses(1))
    assert len(bench.losses()) == 1


def test_a_file_that_a_newer_version_wrote_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "series.db"
    SqliteBench(path).open().close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE rooms SET version = 9")
        connection.commit()
    before = path.read_bytes()
    with pytest.raises(StartError, match="upgrade"):
        SqliteBench(path).open()
    assert path.read_bytes() == before
