"""Commands as people call them: demo without a terminal, topics and produce on a real Kafka."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np
import pytest
from kafka import TopicPartition
from scipy.io import wavfile

from daemon import kafka_clients
from daemon.errors import ExitStatus
from daemon.settings import KafkaSettings
from pipelines.wire import decode

if TYPE_CHECKING:
    from tests.servers.kafka import KafkaServer

ROOT = Path(__file__).parents[2]
CALL = [sys.executable, "-c", "from daemon.entry import main; main()"]


def bearingwatch(*arguments: str | Path, timeout_s: float = 240.0) -> tuple[int, str]:
    done = subprocess.run(
        [*CALL, *map(str, arguments)],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    return done.returncode, done.stdout


# ---- demo -------------------------------------------------------------------------------------


def test_the_demo_shows_something_soon_and_ends_with_a_summary() -> None:
    began = time.monotonic()
    with subprocess.Popen(
        [*CALL, "demo", "--fast"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "TERM": "dumb"},
        text=True,
    ) as child:
        assert child.stdout is not None
        first = child.stdout.readline()
        soon_s = time.monotonic() - began
        rest = child.stdout.read()
    assert first.startswith("bearingwatch demo")
    assert soon_s < 10.0
    assert child.returncode == ExitStatus.STOPPED, rest
    assert "of 10800 windows judged" in rest
    assert "4 of 4 failing bearings flagged before failure" in rest


def interrupted_after(text: str, *arguments: str | Path) -> tuple[int, str]:
    """Return status and words of a command that Ctrl-C ends once it has said `text`."""
    child = subprocess.Popen(
        [*CALL, *map(str, arguments)],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={**os.environ, "TERM": "dumb", "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    with child:
        assert child.stdout is not None
        assert any(text in line for line in child.stdout)
        child.send_signal(signal.SIGINT)
        said = child.stdout.read()
    return child.returncode, said


def test_an_interrupted_demo_does_not_end_as_if_all_was_flagged() -> None:
    status, said = interrupted_after("windows judged", "demo")
    assert status == ExitStatus.FATAL
    assert "interrupted: what was flagged before failure is told at the end only" in said


def test_another_seed_is_another_fleet_and_the_same_seed_the_same() -> None:
    outputs = [bearingwatch("demo", "--fast", "--seed", seed)[1] for seed in ("3", "3", "4")]
    summaries = [
        [line for line in output.splitlines() if line.startswith("flagged")] for output in outputs
    ]
    assert summaries[0] == summaries[1] != summaries[2]


# ---- train ------------------------------------------------------------------------------------


@pytest.mark.training
def test_train_reads_recordings_as_they_are_declared(tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "small"
    folder.mkdir()
    for number in range(3):
        noise = np.random.default_rng(number).integers(-9000, 9000, 2560 * 24).astype("<i2")
        wavfile.write(folder / f"pump{number}.wav", 2560, noise)
    declared = ["--unit", "g", "--full-scale", "50", "--window-s", "0.1", "--sensor", "drive-end"]
    healthy = ["--healthy-windows", "220", "--epochs", "1"]
    status, said = bearingwatch("train", folder, "--out", out, *healthy, *declared)
    assert status == 0, said
    assert "read 220 healthy windows of pump0/drive-end" in said
    assert "660 healthy windows of 3 recorded sensors" in said
    status, said = bearingwatch("models", "verify", out)
    assert status == 0, said


# ---- Kafka ------------------------------------------------------------------------------------


@pytest.fixture
def plant(kafka_server: KafkaServer, tmp_path: Path) -> tuple[Path, KafkaSettings]:
    prefix = f"commands-{uuid4().hex[:8]}"
    path = tmp_path / "plant.toml"
    path.write_text(
        f'[kafka]\nbootstrap_servers = ["{kafka_server.bootstrap}"]\nprefix = "{prefix}"\n'
    )
    return path, KafkaSettings(bootstrap_servers=(kafka_server.bootstrap,), prefix=prefix)


def everything(settings: KafkaSettings, expected: int) -> list[Any]:
    consumer = kafka_clients.consumer(settings, auto_offset_reset="earliest")
    try:
        topic = settings.windows_topic
        partitions = kafka_clients.topic_partitions(consumer, topic, settings)
        consumer.assign([TopicPartition(topic, number) for number in partitions])
        found: list[Any] = []
        deadline = time.monotonic() + 30
        while len(found) < expected and time.monotonic() < deadline:
            for records in consumer.poll(timeout_ms=500).values():
                found += records
        return found
    finally:
        kafka_clients.close(consumer)


def test_topics_are_missing_then_made_then_as_planned(plant: tuple[Path, KafkaSettings]) -> None:
    path, settings = plant
    status, said = bearingwatch("topics", "check", "-c", path)
    assert status == ExitStatus.COULD_NOT_START
    assert "bearingwatch topics create" in said
    status, said = bearingwatch("topics", "create", "-c", path, "--partitions", "3")
    assert (status, said.count("created")) == (0, 5), said
    status, said = bearingwatch("topics", "create", "-c", path, "--partitions", "3")
    assert (status, said.count("was there")) == (0, 5), said
    assert bearingwatch("topics", "check", "-c", path) == (0, "all topics are as planned\n")
    assert settings.windows_topic in bearingwatch("topics", "plan", "-c", path)[1]


def test_an_interrupted_produce_says_how_much_is_there(plant: tuple[Path, KafkaSettings]) -> None:
    path, settings = plant
    assert bearingwatch("topics", "create", "-c", path, "--partitions", "1")[0] == 0
    status, said = interrupted_after(
        "windows confirmed", "produce", "--simulate", "1", "--rate", "5", "-c", path
    )
    assert status == ExitStatus.FATAL, said
    (told,) = re.findall(r"^interrupted: (\d+) windows are in", said, re.MULTILINE)
    assert int(told) > 5
    assert len(everything(settings, int(told) + 1)) == int(told)


def test_produce_sends_what_a_gateway_should(plant: tuple[Path, KafkaSettings]) -> None:
    path, settings = plant
    assert bearingwatch("topics", "create", "-c", path, "--partitions", "4")[0] == 0
    status, said = bearingwatch("produce", "--simulate", "1", "--limit", "54", "-c", path)
    assert status == 0, said
    assert f"54 windows are in {settings.windows_topic}" in said
    records = everything(settings, 54)
    assert len(records) == 54
    homes: dict[bytes, set[int]] = {}
    for record in records:
        assert record.headers == [("content-type", b"application/msgpack")]
        window = decode(record.value, content_type="application/msgpack", key=record.key)
        assert record.timestamp >= window.start_ns / 1e6 + window.duration_s * 1e3
        homes.setdefault(record.key, set()).add(record.partition)
    assert all(len(partitions) == 1 for partitions in homes.values())
    assert len(homes) == 6


def test_produce_says_that_the_topic_is_missing(plant: tuple[Path, KafkaSettings]) -> None:
    path, _ = plant
    status, said = bearingwatch("produce", "--simulate", "1", "--limit", "1", "-c", path)
    assert status == ExitStatus.COULD_NOT_START
    assert "make it with `bearingwatch topics create -c FILE`" in said
    assert "Traceback" not in said


def test_produce_says_that_no_broker_is_there() -> None:
    status, said = bearingwatch(
        "produce", "--simulate", "1", "--limit", "1", "--bootstrap-servers", "127.0.0.1:1"
    )
    assert status == ExitStatus.COULD_NOT_START
    assert "127.0.0.1:1" in said
    assert "Traceback" not in said
