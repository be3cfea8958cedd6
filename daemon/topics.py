"""The topics that bearingwatch needs: planned, made, and compared with what is there.

`docs/topics.md` has the same table for people; a test compares the two.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from kafka import errors as kafka_errors
from kafka.admin import ConfigResource, ConfigResourceType

from daemon import kafka_clients
from daemon.errors import SettingsError, StartError
from daemon.journal import EVIDENCE_KEPT_S

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from daemon.settings import KafkaSettings

_TOPICS: Final = "kafka-topics.sh --bootstrap-server HOST:PORT"
_DELETE: Final = f"{_TOPICS} --delete --topic"
_MIB: Final = 1 << 20
_DAY_MS: Final = 24 * 3600 * 1000


class Compare(StrEnum):
    """How a configuration value is compared with the planned one."""

    EQUAL = "equal"
    AT_LEAST = "at_least"
    AT_MOST = "at_most"


@dataclass(frozen=True, slots=True)
class Rule:
    """One configuration value of a topic; -1 means without limit, for retention."""

    value: str
    compare: Compare = Compare.EQUAL

    def accepts(self, found: str) -> bool:
        """Whether `found` will do."""
        if self.compare is Compare.EQUAL or found == self.value:
            return _listed(found) == _listed(self.value)
        number, wanted = float(found), float(self.value)
        if self.compare is Compare.AT_LEAST:
            return number < 0 or 0 <= wanted <= number
        return number <= wanted


@dataclass(frozen=True, slots=True)
class TopicPlan:
    """What one topic should be like."""

    name: str
    partitions: int
    rules: Mapping[str, Rule]
    holds: str

    def configuration(self) -> dict[str, str]:
        """Return what the topic is made with."""
        return {key: rule.value for key, rule in self.rules.items()}


class Severity(StrEnum):
    """What a finding means."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference between what is there and what is planned; `advice` says what to do."""

    subject: str
    """The topic, or the bucket."""
    severity: Severity
    what: str
    found: str
    expected: str
    advice: str

    def __str__(self) -> str:
        return (
            f"{self.subject}: {self.what} is {self.found}, expected {self.expected}: {self.advice}"
        )


@dataclass(frozen=True, slots=True)
class Created:
    """What `create` did; `present` has the partitions of topics that were there.

    `partitions` is how many each topic should have.
    """

    made: tuple[str, ...]
    present: Mapping[str, int]
    partitions: int


PARTITIONS: Final = 12
"""Partitions of a new plant's topics; more cost little, and are hard to have later."""

LOG_RULES: Final = {
    "cleanup.policy": Rule("delete"),
    "retention.ms": Rule(str(7 * _DAY_MS), Compare.AT_LEAST),
    "max.message.bytes": Rule(str(_MIB), Compare.AT_LEAST),
}
EVENT_RULES: Final = {**LOG_RULES, "retention.ms": Rule(str(365 * _DAY_MS), Compare.AT_LEAST)}
EVIDENCE_RULES: Final = {
    "cleanup.policy": Rule("compact,delete"),
    "retention.ms": Rule(str(EVIDENCE_KEPT_S * 1000), Compare.AT_LEAST),
    "segment.bytes": Rule(str(32 * _MIB), Compare.AT_MOST),
    "max.message.bytes": Rule(str(_MIB), Compare.AT_LEAST),
}
DEAD_LETTER_RULES: Final = {**LOG_RULES, "retention.ms": Rule(str(30 * _DAY_MS), Compare.AT_LEAST)}
COMPACTED_RULES: Final = {
    "cleanup.policy": Rule("compact"),
    "segment.bytes": Rule(str(32 * _MIB), Compare.AT_MOST),
    "min.cleanable.dirty.ratio": Rule("0.1", Compare.AT_MOST),
    "max.message.bytes": Rule(str(_MIB), Compare.AT_LEAST),
}


def plan(
    settings: KafkaSettings, partitions: int, *, evidence: bool = True
) -> tuple[TopicPlan, ...]:
    """Return the topics for so many partitions; all have equally many.

    Without `evidence` (journal.evidence) there is no topic for it.
    """
    table = (
        (
            settings.windows_topic,
            LOG_RULES,
            "windows and operators' commands, keyed by asset",
        ),
        (settings.alerts_topic, EVENT_RULES, "alert events, keyed by asset"),
        (settings.evidence_topic, EVIDENCE_RULES, "windows that alerts rest on, keyed by alert"),
        (settings.state_topic, COMPACTED_RULES, "the latest state of each sensor"),
        (settings.dead_letters_topic, DEAD_LETTER_RULES, "records that could not be judged"),
    )
    return tuple(
        TopicPlan(name, partitions, rules, holds)
        for name, rules, holds in table
        if evidence or name != settings.evidence_topic
    )


def create(
    settings: KafkaSettings,
    partitions: int | None = None,
    replication_factor: int = -1,
    *,
    evidence: bool = True,
) -> Created:
    """Make the topics that are missing and leave the others alone.

    Without `partitions` they get as many as the windows have, else `PARTITIONS`. A replication
    factor of -1 is the cluster's default. Raises `StartError`, `Unavailable`, and `SettingsError`
    where the windows have another number of partitions: nothing could run with what was made.
    """
    client = kafka_clients.admin(settings)
    try:
        with kafka_clients.translated("making topics", settings):
            there = _partition_counts(client, settings, plan(settings, 1, evidence=evidence))
            partitions = _as_many(settings, there.get(settings.windows_topic), partitions)
            plans = plan(settings, partitions, evidence=evidence)
            missing = [topic for topic in plans if topic.name not in there]
            _make(client, settings, missing, replication_factor)
    finally:
        kafka_clients.close(client)
    return Created(tuple(topic.name for topic in missing), there, partitions)


def _as_many(settings: KafkaSettings, found: int | None, wanted: int | None) -> int:
    """Return how many partitions topics get where the windows have `found`, None if missing."""
    if found is None or wanted in {None, found}:
        return found or wanted or PARTITIONS
    raise SettingsError(
        f"--partitions {wanted}: {settings.windows_topic} is there with {found}, and all topics"
        f" need as many: leave --partitions out to follow it. To have {wanted}, use another prefix;"
        f" or delete the topic with what it holds: {_DELETE} {settings.windows_topic}"
    )


def _make(
    client: Any, settings: KafkaSettings, missing: Sequence[TopicPlan], replication_factor: int
) -> None:
    wanted = {
        topic.name: {
            "num_partitions": topic.partitions,
            "replication_factor": replication_factor,
            "configs": topic.configuration(),
        }
        for topic in missing
    }
    if wanted:
        _ask(settings, lambda: _send(client, wanted))


def _send(client: Any, wanted: Mapping[str, Any]) -> None:
    try:
        client.create_topics(wanted, wait_for_metadata=True)
    except kafka_errors.TopicAlreadyExistsError:
        client.wait_for_topics(list(wanted))  # another process makes them at the same time
    except (kafka_errors.InvalidReplicationFactorError, kafka_errors.PolicyViolationError) as error:
        raise StartError(f"the cluster refuses to make {', '.join(wanted)}: {error}") from error


def check(settings: KafkaSettings, *, evidence: bool = True) -> tuple[Finding, ...]:
    """Compare the topics with the plan for as many partitions as the windows have.

    Raises `StartError`, `Unavailable`.
    """
    client = kafka_clients.admin(settings)
    try:
        with kafka_clients.translated("describing topics", settings):
            return tuple(_check(client, settings, evidence))
    finally:
        kafka_clients.close(client)


def _check(client: Any, settings: KafkaSettings, evidence: bool) -> Iterator[Finding]:
    counts = _partition_counts(client, settings, plan(settings, 1, evidence=evidence))
    plans = plan(settings, counts.get(settings.windows_topic, 1), evidence=evidence)
    found = _configurations(
        client, settings, [topic.name for topic in plans if topic.name in counts]
    )
    for topic in plans:
        if topic.name not in counts:
            yield _missing(topic)
            continue
        if counts[topic.name] != topic.partitions:
            yield _wrong_count(topic, counts[topic.name])
        if not found[topic.name]:
            yield _untold(topic)
        yield from _wrong_values(topic, found[topic.name])


def refuse_to_lose_states(settings: KafkaSettings) -> None:
    """Raise `StartError` where states are deleted by age; brokers that do not tell are believed."""
    topic = next(one for one in plan(settings, 1) if one.name == settings.state_topic)
    for one in _wrong_values(topic, _configuration(settings, topic.name)):
        if one.severity is Severity.ERROR:
            raise StartError(str(one))


def windows_kept_s(settings: KafkaSettings) -> float | None:
    """Return how long the windows are kept, inf for ever, None where we may not know.

    Raises `StartError`, `Unavailable`.
    """
    found = _configuration(settings, settings.windows_topic)
    if not found:
        return None
    retention_ms = float(found["retention.ms"])
    return math.inf if retention_ms < 0 else retention_ms / 1000


def _missing(topic: TopicPlan) -> Finding:
    return Finding(
        topic.name,
        Severity.ERROR,
        "the topic",
        "missing",
        "there",
        "make it with `bearingwatch topics create -c FILE`",
    )


def _untold(topic: TopicPlan) -> Finding:
    """Return that brokers do not tell; the client says nothing of it (kafka-python 3.0.12)."""
    return Finding(
        topic.name,
        Severity.WARNING,
        "its configuration",
        "not told",
        "read",
        "it is not compared; give us the right DESCRIBE_CONFIGS on the topic",
    )


def _wrong_count(topic: TopicPlan, count: int) -> Finding:
    return Finding(
        topic.name,
        Severity.ERROR,
        "the number of partitions",
        str(count),
        f"{topic.partitions}, as many as the windows have",
        cure_of_count(topic.name, count, topic.partitions),
    )


def cure_of_count(name: str, count: int, wanted: int) -> str:
    """Return how a topic, not that of the windows, gets as many partitions as are wanted.

    More do no harm there: records go to the number of their window's partition, not by their key.
    """
    if count < wanted:
        return f"{_TOPICS} --alter --partitions {wanted} --topic {name}"
    return (
        "partitions cannot be taken away, so delete the topic with what it holds, then"
        f" `bearingwatch topics create -c FILE`: {_DELETE} {name}"
    )


def _wrong_values(topic: TopicPlan, found: Mapping[str, str]) -> Iterator[Finding]:
    for key, rule in topic.rules.items():
        value = found.get(key, "")
        if not value or rule.accepts(value):
            continue
        grave = key == "cleanup.policy"
        expected = rule.value if rule.compare is Compare.EQUAL else f"{_WORDS[rule.compare]} "
        expected += "" if rule.compare is Compare.EQUAL else rule.value
        yield Finding(
            topic.name,
            Severity.ERROR if grave else Severity.WARNING,
            key,
            value,
            expected,
            "kafka-configs.sh --bootstrap-server HOST:PORT --alter "
            f"--topic {topic.name} --add-config {key}={rule.value}",
        )


_WORDS: Final = {Compare.AT_LEAST: "at least", Compare.AT_MOST: "at most"}


def _partition_counts(
    client: Any, settings: KafkaSettings, plans: Sequence[TopicPlan]
) -> dict[str, int]:
    """Return the number of partitions of those topics that are there."""
    names = [topic.name for topic in plans]
    described = _ask(settings, lambda: client.describe_topics(names))
    return {
        topic["name"]: len(topic["partitions"]) for topic in described if topic["error_code"] == 0
    }


def _configuration(settings: KafkaSettings, name: str) -> dict[str, str]:
    """Ask for one topic's configuration; raises `StartError`, `Unavailable`."""
    client = kafka_clients.admin(settings)
    try:
        with kafka_clients.translated("describing topics", settings):
            return _configurations(client, settings, [name])[name]
    finally:
        kafka_clients.close(client)


def _configurations(
    client: Any, settings: KafkaSettings, names: Sequence[str]
) -> dict[str, dict[str, str]]:
    if not names:
        return {}
    wanted = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    found = _ask(settings, lambda: client.describe_configs(wanted, config_filter="all"))
    return {
        name: {key: entry["value"] for key, entry in entries.items()}
        for name, entries in found["topic"].items()
    }


def _ask(settings: KafkaSettings, question: Any) -> Any:
    return kafka_clients.within(settings.request_timeout_s, question)


def _listed(value: str) -> frozenset[str]:
    return frozenset(part.strip() for part in value.split(","))
