"""The producer of `docs/wire-format.md`, run as it is printed there against a real Kafka."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines import wire
from tests.contract.builders import poll_until, records_of
from tests.contract.kafka_bench import with_topics
from tests.servers.kafka import KafkaServer

pytestmark = pytest.mark.usefixtures("foreign_sockets")

PAGE = Path(__file__).parents[2] / "docs" / "wire-format.md"


def test_the_documented_producer_runs_as_it_is_printed(
    kafka_server: KafkaServer, tmp_path: Path
) -> None:
    from daemon.sources.kafka import KafkaSource

    settings = with_topics(kafka_server.bootstrap)
    (text,) = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    text = text.replace("localhost:9092", kafka_server.bootstrap)
    text = text.replace("bearingwatch.windows", settings.windows_topic)
    script = tmp_path / "producer.py"
    script.write_text(text, "utf-8")
    source = KafkaSource(settings, "one")
    producer = subprocess.Popen([sys.executable, script])
    try:
        source.start()
        polled = poll_until(source, lambda seen: len(records_of(seen)) >= 2)
        assert producer.poll() is None
    finally:
        producer.kill()
        producer.wait()
        source.close()
    for record in records_of(polled):
        content_type = record.header("content-type")
        assert isinstance(record.value, bytes)
        window = wire.decode(record.value, content_type=content_type, key=record.key)
        assert window.duration_s == 1.0
