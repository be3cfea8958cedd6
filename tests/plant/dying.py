"""``bearingwatch run`` that kills itself at the n-th passage of a named point, by SIGKILL.

    python -m tests.plant.dying SETTINGS FACTS [POINT:N]

The product knows nothing of this: methods are wrapped from outside, then the real command runs.
To FACTS goes one line per fact: `ready` when partitions are restored, `committed` per batch.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kafka import KafkaProducer

from daemon.batch import Judged
from daemon.cli import cli
from daemon.journal.kafka import KafkaJournal
from daemon.journal.kafka_reader import KafkaReader
from daemon.series.influxdb import InfluxdbSeries
from daemon.sources.kafka import KafkaSource
from daemon.telemetry.report import Report

Passed = Callable[..., bool]


def always(*_args: Any) -> bool:
    return True


def some_records(polled: Any, *_args: Any) -> bool:
    return bool(polled.records)


def some_losses(_result: Any, _series: Any, points: Any) -> bool:
    return bool(points.losses or points.vibrations)


def some_alerts(_result: Any, _self: Any, holder: Any) -> bool:
    return bool(holder.alerts)


POINTS: dict[str, tuple[type, str, Passed]] = {
    "polled": (KafkaSource, "poll", some_records),
    "losses_written": (InfluxdbSeries, "write", some_losses),
    "offsets_sent": (KafkaProducer, "send_offsets_to_transaction", always),
    "transaction_committed": (KafkaProducer, "commit_transaction", always),
    "committed": (KafkaJournal, "commit", always),
    "alerts_committed": (KafkaJournal, "commit", some_alerts),
    "alerts_written": (InfluxdbSeries, "write", some_alerts),
    "offsets_restored": (KafkaReader, "committed", always),
    "states_restored": (KafkaReader, "states", always),
    "events_restored": (KafkaReader, "events", always),
}
"""Points that lie right behind a call that returned, and which of its returns count."""


def die_behind(point: str, passage: int) -> None:
    """Let this process die at the passage `passage`, from 1 on, of `point`."""
    owner, name, counts = POINTS[point]
    original = getattr(owner, name)
    left = passage

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        nonlocal left
        result = original(*args, **kwargs)
        left -= counts(result, *args)
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, wrapped)


def stages(report: Report) -> dict[str, float]:
    """Return the seconds that the process's own metrics have per stage."""
    return {
        sample.labels["stage"]: sample.value
        for metric in report._metrics.stage_seconds.collect()
        for sample in metric.samples
        if sample.name.endswith("_total")
    }


def tell(facts: Path) -> None:
    """Append facts to a file as they come about."""
    restored, committed = Report.restored, Report.committed

    def note(**fact: Any) -> None:
        with facts.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"at": time.monotonic(), **fact}) + "\n")

    def on_restored(self: Report, *args: Any, lost: bool) -> None:
        restored(self, *args, lost=lost)
        note(fact="ready")

    def on_committed(self: Report, records: Any, judged: Judged, sensors: int) -> None:
        committed(self, records, judged, sensors)
        note(
            fact="committed",
            offsets=dict(judged.entry.next_offsets),
            windows=len(judged.judgements),
            scored=len(judged.points.losses),
            dead_letters=len(judged.entry.dead_letters),
            stages=stages(self),
            cpu=time.process_time(),
        )

    setattr(Report, "restored", on_restored)  # noqa: B010
    setattr(Report, "committed", on_committed)  # noqa: B010


def main(settings: str, facts: str, death: str = "") -> None:
    tell(Path(facts))
    point, _, passage = death.partition(":")
    if point:
        die_behind(point, int(passage))
    cli(["run", "-c", settings], prog_name="bearingwatch")


if __name__ == "__main__":
    main(*sys.argv[1:])
