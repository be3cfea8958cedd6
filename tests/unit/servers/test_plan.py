from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import plan
from tests.servers.builds import HERE, INFLUXDB_VERSION, KAFKA, KAFKA_VERSION
from tests.servers.cache import cache_root
from tests.servers.container import engine, holder
from tests.servers.kafka import IMAGE
from tests.servers.plan import Way


@pytest.fixture
def bare_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A machine with an empty cache and an empty folder as its PATH, which it yields."""
    tools = tmp_path / "tools"
    tools.mkdir()
    monkeypatch.setenv("PATH", str(tools))
    monkeypatch.setenv("BEARINGWATCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv(plan.KAFKA_VARIABLE, raising=False)
    monkeypatch.delenv(plan.INFLUXDB_VARIABLE, raising=False)
    engine.cache_clear()
    yield tools
    engine.cache_clear()


def put_tool(directory: Path, name: str, *, status: int = 0) -> None:
    tool = directory / name
    tool.write_text(f"#!/bin/sh\nexit {status}\n")
    tool.chmod(0o755)


def test_a_missing_tool_skips_and_says_which_package_brings_it(bare_machine: Path) -> None:
    kafka, influxdb = plan.plan()
    assert kafka.way is influxdb.way is Way.SKIP
    assert "apt-get install openjdk-17-jre-headless maven" in kafka.why
    assert "golang-go cargo pkg-config gcc" in influxdb.why


def test_with_the_tools_there_a_server_is_built(bare_machine: Path) -> None:
    put_tool(bare_machine, "java")
    put_tool(bare_machine, "mvn")
    assert plan.step_for("kafka").way is Way.BUILD


def test_what_the_cache_has_needs_no_build_tools(bare_machine: Path) -> None:
    put_tool(bare_machine, "java")
    (cache_root() / KAFKA.entry).mkdir(parents=True)
    assert plan.step_for("kafka").way is Way.FOUND


def test_an_engine_counts_when_it_answers(bare_machine: Path) -> None:
    put_tool(bare_machine, "docker", status=1)
    put_tool(bare_machine, "podman")
    assert plan.step_for("kafka").way is Way.ENGINE
    assert "podman" in plan.step_for("kafka").why


def test_an_engine_that_cannot_have_the_image_is_as_good_as_none(bare_machine: Path) -> None:
    tool = bare_machine / "podman"
    tool.write_text('#!/bin/sh\ntest "$1" = info\n')
    tool.chmod(0o755)
    put_tool(bare_machine, "java")
    (cache_root() / KAFKA.entry).mkdir(parents=True)
    assert plan.step_for("kafka").way is Way.ENGINE
    assert plan.ensure("kafka").way is Way.FOUND
    assert holder(IMAGE) is None


def test_an_engine_without_its_daemon_does_not_count(bare_machine: Path) -> None:
    put_tool(bare_machine, "docker", status=1)
    assert plan.step_for("kafka").way is Way.SKIP


def test_the_environment_comes_first(bare_machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_tool(bare_machine, "docker")
    monkeypatch.setenv(plan.KAFKA_VARIABLE, "127.0.0.1:9092")
    assert plan.step_for("kafka").way is Way.GIVEN


@pytest.mark.parametrize(
    ("version", "file"),
    [(KAFKA_VERSION, "kafka_maven/pom.xml"), (INFLUXDB_VERSION, "influxdb_go/go.mod")],
)
def test_the_version_in_the_cache_is_the_one_that_is_fetched(version: str, file: str) -> None:
    assert version in (HERE / file).read_text(encoding="utf-8")
