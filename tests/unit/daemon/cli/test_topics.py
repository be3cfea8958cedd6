"""`topics`: planned without a broker, and compared."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.cli.topics import was_there
from daemon.errors import ExitStatus
from tests.unit.daemon.cli.calling import bearingwatch


def test_topics_are_planned_without_a_broker(tmp_path: Path) -> None:
    path = tmp_path / "plant.toml"
    path.write_text('[kafka]\nprefix = "plant7"\n')
    done = bearingwatch("topics", "plan", "-c", path, "--partitions", 3)
    assert done.exit_code == 0, done.output
    assert done.output.count("3 partitions") == 5
    assert "plant7.state" in done.output


@pytest.mark.parametrize("option", ["--partitions", "--replication-factor"])
def test_a_number_that_no_request_to_kafka_can_hold_is_refused(option: str) -> None:
    done = bearingwatch("topics", "create", option, 10**20)
    assert done.exit_code == ExitStatus.BAD_SETTINGS
    assert f"'{option}': {10**20} is not in the range" in done.stderr


def test_a_topic_with_another_number_of_partitions_is_told() -> None:
    assert was_there("p.windows", 12, 12) == "was there  p.windows"
    fewer, more = was_there("p.state", 1, 24), was_there("p.state", 48, 24)
    assert "with 1 partitions and not 24" in fewer
    assert fewer.endswith("--alter --partitions 24 --topic p.state")
    assert "cannot be taken away" in more
    assert more.endswith("--delete --topic p.state")


def test_the_topic_of_evidence_is_not_planned_where_evidence_is_off(tmp_path: Path) -> None:
    path = tmp_path / "plant.toml"
    path.write_text("[journal]\nevidence = false\n")
    done = bearingwatch("topics", "plan", "-c", path)
    assert done.output.count("12 partitions") == 4
    assert "evidence" not in done.output
