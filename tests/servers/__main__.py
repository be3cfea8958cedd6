"""``python -m tests.servers``: plan, ensure or start the servers of the tests by hand."""

import argparse
import os
import signal
import sys
import tempfile
from contextlib import ExitStack, suppress
from pathlib import Path

from tests.servers import plan
from tests.servers.cache import BuildFailed, cache_root
from tests.servers.influxdb import BUCKET, InfluxdbServer
from tests.servers.kafka import KafkaServer
from tests.servers.process import ServerFailed


def main() -> int:
    """Run one command; the exit status says whether the tests can have their servers."""
    parser = argparse.ArgumentParser(prog="python -m tests.servers", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("plan", help="say where each server would come from")
    commands.add_parser("ensure", help="fetch and build what is not there")
    commands.add_parser("start", help="run the servers until interrupted, print their addresses")
    command = parser.parse_args().command
    return {"plan": show_plan, "ensure": ensure, "start": start}[command]()


def show_plan() -> int:
    """Print the plan; with ``CI=true`` a skip in it is a failure."""
    steps = plan.plan()
    print(f"servers for the tests (cache: {cache_root()})", flush=True)
    for step in steps:
        print(f"  {step}", flush=True)
    return _verdict(steps)


def ensure() -> int:
    """Carry the plan out."""
    show_plan()
    try:
        return _verdict(_ensured())
    except (BuildFailed, ServerFailed) as error:
        print(error, file=sys.stderr)
        return 1


def _ensured() -> list[plan.Step]:
    """Carry the plan out, one server after the other since each build uses every core."""
    steps = []
    for server in plan.SERVERS:
        steps.append(plan.ensure(server.name))
        print(f"  {steps[-1]}", flush=True)
    return steps


def start() -> int:
    """Run what can be run until a signal comes."""
    if ensure():
        return 1
    skipped = {step.server for step in _ensured() if step.way is plan.Way.SKIP}
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt):
        _run_until_interrupted(skipped)
    return 0


def _run_until_interrupted(skipped: set[str]) -> None:
    kafka = influx = None
    with tempfile.TemporaryDirectory(prefix="bearingwatch-") as directory, ExitStack() as stack:
        if "kafka" not in skipped:
            kafka = stack.enter_context(plan.kafka_for_tests(Path(directory) / "kafka"))
            print(f"export {plan.KAFKA_VARIABLE}={kafka.bootstrap}")
        if "influxdb" not in skipped:
            influx = stack.enter_context(plan.influxdb_for_tests(Path(directory) / "influxdb"))
            print(f"export {plan.INFLUXDB_VARIABLE}={influx.url}")
            print(f"export {plan.INFLUXDB_VARIABLE}_TOKEN={influx.token}")
            print(f"export {plan.INFLUXDB_VARIABLE}_ORG={influx.org}")
        if kafka and influx:
            print(f"\n# plant.toml for them\n{plant(kafka, influx)}")
        print("running, Ctrl-C stops them", flush=True)
        signal.pause()


def plant(kafka: KafkaServer, influx: InfluxdbServer) -> str:
    """Return settings for `bearingwatch run` on these servers.

    The bucket is there where we started the server; in one that the environment names it must be
    made first.
    """
    return f"""instance = "line-1"

[kafka]
bootstrap_servers = ["{kafka.bootstrap}"]
prefix = "plant-7"
group = "plant-7"

[influxdb]
url = "{influx.url}"
org = "{influx.org}"
bucket = "{BUCKET}"
token = "{influx.token}"
"""


def _verdict(steps: list[plan.Step]) -> int:
    skipped = [step for step in steps if step.way is plan.Way.SKIP]
    if skipped and os.environ.get("CI") == "true":
        print("CI=true: no server may be skipped", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
