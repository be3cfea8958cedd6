"""What a commit costs: states of one batch to a journal, with offsets and now and then an alert.

python benchmarks/journal.py --kafka localhost:9092     (makes topics of its own)
python benchmarks/journal.py                            (memory and SQLite only)
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from daemon import topics
from daemon.journal import Entry, Journal, StateRecord
from daemon.journal.kafka import KafkaJournal
from daemon.journal.memory import MemoryJournal
from daemon.journal.sqlite import SqliteJournal
from daemon.settings import KafkaSettings, SqliteSettings
from daemon.sources.kafka import KafkaSource
from pipelines.window import SensorKey

PARTITIONS = 4


def entries(count: int, states: int, size: int) -> list[Entry]:
    """Return batches as the loop makes them: other bytes each time, spread over the partitions."""
    keys = [SensorKey(f"asset-{n:05d}", "drive-end") for n in range(states)]
    made = []
    for batch in range(1, count + 1):
        spread: dict[int, dict[SensorKey, StateRecord]] = {n: {} for n in range(PARTITIONS)}
        for n, key in enumerate(keys):
            spread[n % PARTITIONS][key] = StateRecord(os.urandom(size), None)
        offsets = dict.fromkeys(range(PARTITIONS), batch * states)
        made.append(Entry(states=spread, next_offsets=offsets))
    return made


def measure(name: str, journal: Journal, batches: list[Entry], pause_s: float) -> None:
    journal.start()
    journal.restore(frozenset(range(PARTITIONS)))
    journal.commit(batches[0])
    walls, began_cpu = [], time.process_time()
    for entry in batches[1:]:
        time.sleep(pause_s)
        began = time.perf_counter()
        journal.commit(entry)
        walls.append(time.perf_counter() - began)
    cpu_s = (time.process_time() - began_cpu) / len(walls)
    states = sum(len(part) for part in batches[0].states.values())
    wall_s = statistics.median(walls)
    slow_s = sorted(walls)[len(walls) * 9 // 10]
    print(
        f"{name:8} {wall_s * 1e3:8.2f} ms {wall_s / states * 1e6:8.1f} us/state"
        f" {cpu_s / states * 1e6:8.1f} us CPU/state   (90 %: {slow_s * 1e3:.1f} ms)"
    )
    began = time.perf_counter()
    journal.restore(frozenset(range(PARTITIONS)))
    print(f"{'':8} restored in {time.perf_counter() - began:.2f} s")
    journal.close()


def on_kafka(servers: str) -> tuple[Journal, Callable[[], None]]:
    name = f"bench-{time.time_ns()}"
    settings = KafkaSettings(bootstrap_servers=(servers,), prefix=name, group=name)
    topics.create(settings, PARTITIONS)
    source = KafkaSource(settings, "bench")
    source.start()
    while not source.poll(0.5).assigned:
        pass
    return KafkaJournal(settings, "bench", source.group_metadata), source.close


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kafka", metavar="SERVER")
    parser.add_argument("--states", type=int, default=256)
    parser.add_argument("--bytes", type=int, default=700)
    parser.add_argument("--commits", type=int, default=60)
    parser.add_argument("--pause", type=float, default=0.1, help="seconds between two commits")
    chosen = parser.parse_args()
    batches = entries(chosen.commits, chosen.states, chosen.bytes)
    print(f"{chosen.commits} commits of {chosen.states} states of {chosen.bytes} bytes, median")
    measure("memory", MemoryJournal(), batches, 0.0)
    with tempfile.TemporaryDirectory() as folder:
        file = SqliteSettings(path=Path(folder) / "journal.db")
        measure("sqlite", SqliteJournal(file, "bench"), batches, 0.0)
    if chosen.kafka:
        journal, close = on_kafka(chosen.kafka)
        measure("kafka", journal, batches, chosen.pause)
        close()


if __name__ == "__main__":
    main()
