"""Real servers and recordings for the tests that need them, and what may be skipped.

A test that uses ``kafka_server`` or ``influxdb_server``, or that bears the marker ``kafka`` or
``influxdb`` because it runs its own, is skipped when a tool for the server is missing. With
``CI=true`` such a skip fails the run; only missing recordings may skip there.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import plan
from tests.servers.cache import BuildFailed
from tests.servers.influxdb import InfluxdbServer
from tests.servers.kafka import KafkaServer
from tests.servers.process import ServerFailed
from tests.skips import DATA_VARIABLE, NO_DATA, SkipGuard

TESTS = Path(__file__).parent
FAST_KINDS = ("unit", "contract")
SERVER_MARKERS = {server.name: f"{server.name}_server" for server in plan.SERVERS}

_servers = pytest.StashKey[dict[str, plan.Step | Exception]]()


@pytest.fixture(scope="session")
def kafka_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaServer]:
    """Broker shared by the session; a test that stops a broker runs one with ``running_kafka``."""
    with plan.kafka_for_tests(tmp_path_factory.mktemp("kafka")) as server:
        yield server


@pytest.fixture(scope="session")
def influxdb_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InfluxdbServer]:
    """InfluxDB shared by the session; each test makes a bucket of its own."""
    with plan.influxdb_for_tests(tmp_path_factory.mktemp("influxdb")) as server:
        yield server


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder of the real recordings."""
    named = os.environ.get(DATA_VARIABLE)
    if not named:
        pytest.skip(NO_DATA)
    folder = Path(named)
    if not folder.is_dir():
        pytest.fail(f"{DATA_VARIABLE}={named} is not a folder")
    return folder


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_servers] = {}
    config.pluginmanager.register(SkipGuard(strict=os.environ.get("CI") == "true"))


@pytest.hookimpl(tryfirst=True)  # before -m selects by marker
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for marker, fixture in SERVER_MARKERS.items():
            if fixture in getattr(item, "fixturenames", ()):
                item.add_marker(marker)
        if _is_fast(item):
            item.add_marker("fast")


def _is_fast(item: pytest.Item) -> bool:
    kind = item.path.relative_to(TESTS).parts[0]
    return kind in FAST_KINDS and not any(map(item.get_closest_marker, SERVER_MARKERS))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Fetch and build what the selected tests need, before the time limit of a test runs."""
    if session.config.option.collectonly:
        return
    for name in SERVER_MARKERS:
        if any(item.get_closest_marker(name) for item in session.items):
            session.config.get_terminal_writer().line(str(plan.step_for(name)))
            session.config.stash[_servers][name] = _ensured(name)


def _ensured(name: str) -> plan.Step | Exception:
    try:
        return plan.ensure(name)
    except (BuildFailed, ServerFailed) as error:
        return error


def pytest_runtest_setup(item: pytest.Item) -> None:
    for name, step in item.config.stash[_servers].items():
        if item.get_closest_marker(name) is None:
            continue
        if isinstance(step, Exception):
            pytest.fail(str(step), pytrace=False)
        if step.way is plan.Way.SKIP:
            pytest.skip(f"{name}: {step.why}")
