"""Where each server of the tests comes from, decided before anything is fetched or started.

In this order: environment variables, a container engine that answers, the cache, a build. Only a
missing tool or a missing network may end in a skip; a build or a start that fails is a failure. An
engine that cannot have the image, as without a registry, is as good as none.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from tests.servers import influxdb, kafka
from tests.servers.builds import INFLUXDB, KAFKA, Recipe
from tests.servers.cache import NetworkMissing
from tests.servers.container import engine, pull
from tests.servers.process import ServerFailed, port_answers
from tests.servers.toolchain import missing_tools_message

KAFKA_VARIABLE = "BEARINGWATCH_TEST_KAFKA"
INFLUXDB_VARIABLE = "BEARINGWATCH_TEST_INFLUXDB"


class Way(Enum):
    """How a server comes to be there; the value is what the plan prints."""

    GIVEN = "given"
    ENGINE = "will run in a container"
    FOUND = "found"
    BUILD = "will build"
    SKIP = "will skip"


@dataclass(frozen=True, slots=True)
class Step:
    """The way to one server and why."""

    server: str
    way: Way
    why: str

    def __str__(self) -> str:
        return f"{self.server:<9} {self.way.value}: {self.why}"


@dataclass(frozen=True, slots=True)
class _Server:
    name: str
    variable: str
    image: str
    recipe: Recipe


SERVERS = (
    _Server("kafka", KAFKA_VARIABLE, kafka.IMAGE, KAFKA),
    _Server("influxdb", INFLUXDB_VARIABLE, influxdb.IMAGE, INFLUXDB),
)


def plan() -> list[Step]:
    """One step for each server, in the order of ``SERVERS``."""
    return [step_for(server.name) for server in SERVERS]


def step_for(name: str) -> Step:
    """Say where the server `name` would come from, without doing anything about it."""
    server = _named(name)
    if given := os.environ.get(server.variable):
        return Step(server.name, Way.GIVEN, f"{server.variable}={given}")
    if command := engine():
        return Step(server.name, Way.ENGINE, f"{server.image} with {command}")
    return _without_engine(server)


def _without_engine(server: _Server) -> Step:
    recipe = server.recipe
    if missing := recipe.missing():
        return Step(server.name, Way.SKIP, missing_tools_message(missing))
    if recipe.built():
        return Step(server.name, Way.FOUND, f"{recipe.entry} in the cache")
    return Step(server.name, Way.BUILD, f"{recipe.entry}, {recipe.duration}")


def ensure(name: str) -> Step:
    """Fetch and build what the plan says for `name`; the step that then holds.

    Raises ``BuildFailed`` or ``ServerFailed``; a missing network turns into a skip.
    """
    server, step = _named(name), step_for(name)
    if step.way is Way.ENGINE:
        problem = pull(server.image)
        if problem is None:
            return step
        print(problem, file=sys.stderr, flush=True)
        step = _without_engine(server)
    if step.way is not Way.BUILD:
        return step
    try:
        server.recipe.ensure()
    except NetworkMissing as error:
        return Step(name, Way.SKIP, str(error))
    return _without_engine(server)


def _named(name: str) -> _Server:
    return next(server for server in SERVERS if server.name == name)


@contextmanager
def kafka_for_tests(directory: Path) -> Iterator[kafka.KafkaServer]:
    """Yield the broker that the environment names, else a fresh one in `directory`."""
    given = os.environ.get(KAFKA_VARIABLE)
    if given is None:
        with kafka.running_kafka(directory) as server:
            yield server
        return
    host, _, port = given.rpartition(":")
    if not port_answers(int(port), host):
        raise ServerFailed(f"{KAFKA_VARIABLE}={given}: nothing answers there")
    yield kafka.KafkaServer(bootstrap=given, lifecycle=NotOurs(given))


@contextmanager
def influxdb_for_tests(directory: Path) -> Iterator[influxdb.InfluxdbServer]:
    """Yield the server that the environment names, else a fresh one in `directory`."""
    given = os.environ.get(INFLUXDB_VARIABLE)
    if given is None:
        with influxdb.running_influxdb(directory) as server:
            yield server
        return
    if not influxdb.answers(given):
        raise ServerFailed(f"{INFLUXDB_VARIABLE}={given}: no InfluxDB answers there")
    token = os.environ.get(f"{INFLUXDB_VARIABLE}_TOKEN", influxdb.TOKEN)
    org = os.environ.get(f"{INFLUXDB_VARIABLE}_ORG", influxdb.ORG)
    yield influxdb.InfluxdbServer(url=given, token=token, org=org, lifecycle=NotOurs(given))


class NotOurs:
    """Lifecycle of a server that somebody else runs: it is neither started nor stopped here."""

    def __init__(self, address: str) -> None:
        self._address = address

    def _refuse(self) -> None:
        raise ServerFailed(f"{self._address} was given by the environment, it is not ours to stop")

    start = stop = kill = freeze = thaw = discard = _refuse
