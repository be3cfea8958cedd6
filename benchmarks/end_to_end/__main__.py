"""Windows a second from Kafka to InfluxDB and journal, its parts alone, and the obvious build.

    python -m benchmarks.end_to_end [--runs 5] [--windows 20000] [--sensors 10000]

One `bearingwatch run`, a broker and an InfluxDB on the same cores (`taskset -c 0,1` where there are
more). The topic is filled before; every sensor is commissioned before, so that every window is
scored. The time runs from the first to the last commit.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from kafka import KafkaProducer

from benchmarks.end_to_end.parts import measure_parts
from benchmarks.end_to_end.plant import (
    PARTITIONS,
    Template,
    make_templates,
    state_messages,
    window_messages,
)
from daemon.settings_reading import load_settings
from tests.plant.process import running
from tests.plant.site import QUICK, Site, Tables, new_site
from tests.servers import plan

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.plant.windows import Message

STAGES = ("consume", "decode", "extract", "judge", "write", "commit")
GOAL_SHARE, GOAL_RATIO, GOAL_MB = 0.80, 15.0, 400.0
OBVIOUS_WINDOWS = 300
ASSETS = '[[rule]]\nmatch = "*"\nbearing = "SKF 6205-2RS"\nrated_rpm = 1500\n'


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the process."""

    windows_per_s: float
    started_s: float
    stages_us: dict[str, float]
    cpu_us: float
    peak_mb: float


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.end_to_end")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--windows", type=int, default=20_000)
    parser.add_argument("--sensors", type=int, default=10_000)
    told = parser.parse_args()
    rounds = told.windows // told.sensors
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="end-to-end-")))
        kafka = stack.enter_context(plan.kafka_for_tests(folder / "kafka"))
        influxdb = stack.enter_context(plan.influxdb_for_tests(folder / "influxdb"))
        templates: list[Template] = []
        runs, parts, obvious = [], [], 0.0
        for number in range(told.runs):
            place = folder / f"run-{number}"
            place.mkdir()
            (place / "assets.toml").write_text(ASSETS, encoding="utf-8")
            site = new_site(kafka, influxdb, place, partitions=PARTITIONS)
            path = settings_file(site, site.name)
            templates = templates or make_templates(load_settings(path), rounds)
            fill(site, templates, told.sensors, rounds)
            runs.append(measure(site, path))
            say(f"run {number + 1}: {runs[-1].windows_per_s:.0f} windows/s")
            parts.append(measure_alone(site, templates, told.sensors, told.windows))
            if number == told.runs - 1:
                obvious = measure_obvious(site)
            drop(site)
        show(runs, parts, obvious)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def settings_file(site: Site, group: str) -> Path:
    """Write settings that are the product's own but for the addresses."""
    quiet: Tables = {
        "kafka": {"group": group},
        "influxdb": {"bucket": group},
        "http": {"enabled": False},
        "log": {"level": "warning"},
    }
    return site.settings(None, quiet, without=QUICK)


# ---- the process ------------------------------------------------------------------------------


def fill(site: Site, templates: list[Template], sensors: int, rounds: int) -> None:
    names = site.topic_settings()
    append(site, names.state_topic, state_messages(templates, sensors))
    append(site, names.windows_topic, window_messages(templates, sensors, rounds))


def append(site: Site, topic: str, messages: Iterable[Message]) -> None:
    producer = KafkaProducer(bootstrap_servers=site.kafka.bootstrap, linger_ms=5)
    for number, one in enumerate(messages):
        producer.send(
            topic,
            one.value,
            key=one.key,
            partition=one.partition,
            timestamp_ms=one.timestamp_ms or None,
        )
        if number % 500 == 499:  # the client bounds no memory
            producer.flush()
    producer.flush()
    producer.close()


def measure(site: Site, settings: Path) -> Run:
    with running(settings) as process:
        process.wait_for_commit(site.ends(), site, timeout_s=300)
        peak_mb = peak_of(process.child.pid)
        assert process.stop() == 0
        commits = [fact for fact in process.facts() if fact["fact"] == "committed"]
        started_s = commits[0]["at"] - process.began
    first, last = commits[0], commits[-1]
    windows = sum(fact["windows"] for fact in commits[1:])
    assert sum(fact["scored"] for fact in commits) == sum(fact["windows"] for fact in commits)
    spent = last["at"] - first["at"]
    stages = {
        stage: 1e6 * (total - first["stages"][stage]) / windows
        for stage, total in last["stages"].items()
    }
    stages["consume"] = 1e6 * spent / windows - sum(stages.values())
    cpu_us = 1e6 * (last["cpu"] - first["cpu"]) / windows
    return Run(windows / spent, started_s, stages, cpu_us, peak_mb)


def peak_of(pid: int) -> float:
    """Return the peak resident memory of a process in MB."""
    status = Path(f"/proc/{pid}/status").read_text("utf-8")
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024 / 1e6


# ---- beside it --------------------------------------------------------------------------------


def measure_alone(
    site: Site, templates: list[Template], sensors: int, windows: int
) -> dict[str, float]:
    """Measure the parts on the same topic, with the states as they were before the run."""
    append(site, site.topic_settings().state_topic, state_messages(templates, sensors))
    other = f"{site.name}-alone"
    with site.influxdb_client() as client:  # new series cost more than points of known ones
        client.buckets_api().create_bucket(bucket_name=other, org=site.influxdb.org)
    return measure_parts(load_settings(settings_file(site, other)), windows)


def measure_obvious(site: Site) -> float:
    arguments: list[Any] = [
        site.kafka.bootstrap,
        site.topic_settings().windows_topic,
        site.influxdb.url,
        site.influxdb.token,
        site.influxdb.org,
        site.name,
        OBVIOUS_WINDOWS,
    ]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.end_to_end.obvious", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=600,
        check=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""},
    )
    (line,) = [one for one in done.stdout.splitlines() if one.startswith("windows_per_second")]
    return float(line.split()[1])


def drop(site: Site) -> None:
    """Give the disk back."""
    with site.admin() as admin:
        admin.delete_topics([site.topic_settings().windows_topic])


# ---- the table --------------------------------------------------------------------------------


def show(runs: list[Run], parts: list[dict[str, float]], obvious: float) -> None:
    rates = sorted(run.windows_per_s for run in runs)
    rate = median(rates)
    named = (*STAGES, "entry")
    alone = {part: median(one.get(part, 0.0) for one in parts) for part in named}
    # A machine that is shared is faster at one time than another, so each run has its own parts.
    allowed = [1e6 / sum(one.get(part, 0.0) for part in named) for one in parts]
    shares = sorted(run.windows_per_s / most for run, most in zip(runs, allowed, strict=True))
    print(f"{'stage':10}{'in the process, us':>20}{'alone, us':>12}")
    for stage in STAGES:
        inside = median(run.stages_us[stage] for run in runs)
        print(f"{stage:10}{inside:20.1f}{alone[stage]:12.1f}")
    print(f"{'entry':10}{'(in consume)':>20}{alone['entry']:12.1f}")
    print(f"{'sum':10}{1e6 / rate:20.1f}{sum(alone.values()):12.1f}")
    cpu, cpu_alone = median(run.cpu_us for run in runs), median(one["cpu"] for one in parts)
    print(f"{'processor':10}{cpu:20.1f}{cpu_alone:12.1f}")
    print(f"windows/s: {rate:.0f} (median of {', '.join(f'{one:.0f}' for one in rates)})")
    share, peak = median(shares), max(run.peak_mb for run in runs)
    print(f"share of what the parts allow: {verdict(share, GOAL_SHARE, '.0%')}")
    print(f"  (median of {', '.join(f'{one:.0%}' for one in shares)})")
    ratio = rate / obvious
    print(f"over the obvious build ({obvious:.1f}/s): {verdict(ratio, GOAL_RATIO, '.0f')} times")
    print(f"peak resident: {peak:.0f} MB, {'met' if peak < GOAL_MB else 'MISSED'}")
    print(f"start to first commit: {median(run.started_s for run in runs):.1f} s")


def verdict(value: float, goal: float, form: str) -> str:
    return f"{value:{form}}, goal {goal:{form}}, {'met' if value >= goal else 'MISSED'}"


if __name__ == "__main__":
    main()
