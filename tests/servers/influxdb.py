"""An InfluxDB 2 server for tests: loopback, set up with one organisation, one bucket, one token."""

import json
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers.builds import INFLUXDB
from tests.servers.container import ContainerServer, holder
from tests.servers.process import Lifecycle, ServerProcess, free_ports

IMAGE = "influxdb:2.7"
ORG = "tests"
BUCKET = "tests"
TOKEN = "token-of-the-tests"
_HTTP_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class InfluxdbServer:
    """A server at `url`; `token` may do anything in `org`, whose first bucket is ``tests``.

    ``stop`` and ``start`` keep its data and its port.
    """

    url: str
    token: str
    org: str
    lifecycle: Lifecycle

    def start(self) -> None:
        self.lifecycle.start()

    def stop(self) -> None:
        self.lifecycle.stop()

    def kill(self) -> None:
        self.lifecycle.kill()


@contextmanager
def running_influxdb(directory: Path, *, port: int | None = None) -> Iterator[InfluxdbServer]:
    """Run a fresh server with its data in `directory`."""
    port = port or free_ports(1)[0]
    url = f"http://127.0.0.1:{port}"
    directory.mkdir(parents=True, exist_ok=True)
    command = holder(IMAGE)
    lifecycle = _container(command, port) if command else _process(directory, port)
    try:
        lifecycle.start()
        _set_up(url)
        yield InfluxdbServer(url=url, token=TOKEN, org=ORG, lifecycle=lifecycle)
    finally:
        lifecycle.discard()


def answers(url: str) -> bool:
    """Whether an InfluxDB at `url` says that it is well."""
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=_HTTP_TIMEOUT_S) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def _process(directory: Path, port: int) -> Lifecycle:
    return ServerProcess(
        "influxd",
        command=[
            INFLUXDB.ensure() / "bin" / "influxd",
            "run",
            f"--bolt-path={directory / 'influxd.bolt'}",
            f"--sqlite-path={directory / 'influxd.sqlite'}",
            f"--engine-path={directory / 'engine'}",
            f"--http-bind-address=127.0.0.1:{port}",
            "--reporting-disabled",
            "--log-level=error",
        ],
        directory=directory,
        is_ready=lambda: answers(f"http://127.0.0.1:{port}"),
    )


def _container(command: str, port: int) -> Lifecycle:
    return ContainerServer(
        command,
        image=IMAGE,
        ports=(port, 8086),
        environment={"INFLUXD_REPORTING_DISABLED": "true", "INFLUXD_LOG_LEVEL": "error"},
        is_ready=lambda: answers(f"http://127.0.0.1:{port}"),
    )


def _set_up(url: str) -> None:
    """Create the first user, organisation, bucket and token, unless an earlier start did."""
    if not _get(f"{url}/api/v2/setup")["allowed"]:
        return
    _post(
        f"{url}/api/v2/setup",
        {"username": "tests", "password": TOKEN, "org": ORG, "bucket": BUCKET, "token": TOKEN},
    )


def _get(url: str) -> dict[str, object]:
    with urllib.request.urlopen(url, timeout=_HTTP_TIMEOUT_S) as response:
        answer: dict[str, object] = json.load(response)
    return answer


def _post(url: str, body: Mapping[str, str]) -> None:
    request = urllib.request.Request(
        url, data=json.dumps(body).encode(), headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=_HTTP_TIMEOUT_S):
        pass
