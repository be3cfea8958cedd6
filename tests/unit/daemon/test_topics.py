"""The topics' plan and how values are compared, without a broker."""

import re
from pathlib import Path

import pytest

from daemon.settings import KafkaSettings
from daemon.topics import Compare, Rule, plan

DOCUMENT = Path(__file__).parents[3] / "docs" / "topics.md"


@pytest.mark.parametrize(
    ("rule", "found", "accepted"),
    [
        (Rule("delete"), "delete", True),
        (Rule("delete"), "compact", False),
        (Rule("compact,delete"), "delete,compact", True),
        (Rule("100", Compare.AT_LEAST), "100", True),
        (Rule("100", Compare.AT_LEAST), "101", True),
        (Rule("100", Compare.AT_LEAST), "99", False),
        (Rule("100", Compare.AT_LEAST), "-1", True),
        (Rule("-1", Compare.AT_LEAST), "100", False),
        (Rule("-1", Compare.AT_LEAST), "-1", True),
        (Rule("0.1", Compare.AT_MOST), "0.05", True),
        (Rule("0.1", Compare.AT_MOST), "0.5", False),
    ],
)
def test_a_rule_accepts_what_is_no_worse(rule: Rule, found: str, accepted: bool) -> None:
    assert rule.accepts(found) is accepted


def test_all_topics_have_equally_many_partitions() -> None:
    assert {topic.partitions for topic in plan(KafkaSettings(), 12)} == {12}


def test_topics_bear_the_prefix() -> None:
    names = {topic.name for topic in plan(KafkaSettings(prefix="north"), 1)}
    ends = ("windows", "alerts", "evidence", "state", "dead-letters")
    assert names == {f"north.{end}" for end in ends}


def documented() -> set[tuple[str, str, str]]:
    """Return topic, key and value of each row of the document's table of configuration."""
    rows = re.findall(
        r"^\| `([\w.-]+)` \| `([\w.]+)` \| `([\w.,-]+)` \|", DOCUMENT.read_text(), re.M
    )
    return set(rows)


def test_the_documented_table_is_the_plan() -> None:
    planned = {
        (topic.name, key, rule.value)
        for topic in plan(KafkaSettings(), 1)
        for key, rule in topic.rules.items()
    }
    assert documented() == planned
