"""Topics on a real Kafka: made as planned, and compared with the plan."""

import time

import pytest
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType

from daemon import broker_timeouts, topics
from daemon.errors import SettingsError, Unavailable
from daemon.settings import KafkaSettings
from tests.contract.kafka_bench import kafka_settings, with_topics
from tests.servers.kafka import KafkaServer

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.usefixtures("foreign_sockets"),
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]


def found(settings: KafkaSettings) -> set[tuple[str, str, topics.Severity]]:
    return {
        (finding.subject.rpartition(".")[2], finding.what, finding.severity)
        for finding in topics.check(settings)
    }


def make_windows(settings: KafkaSettings, partitions: int) -> None:
    """Make the topic of windows alone, as a broker does for the first who sends."""
    wanted = {settings.windows_topic: {"num_partitions": partitions, "replication_factor": 1}}
    admin = KafkaAdminClient(bootstrap_servers=list(settings.bootstrap_servers))
    admin.create_topics(wanted, wait_for_metadata=True)
    admin.close()


def test_topics_that_were_made_are_as_planned(kafka_server: KafkaServer) -> None:
    settings = kafka_settings(kafka_server.bootstrap)
    made = topics.create(settings, 3).made
    assert set(made) == {plan.name for plan in topics.plan(settings, 3)}
    assert topics.check(settings) == ()


def test_making_topics_again_leaves_them_alone(kafka_server: KafkaServer) -> None:
    settings = kafka_settings(kafka_server.bootstrap)
    topics.create(settings, 2)
    again = topics.create(settings, 2)
    assert again.made == ()
    assert len(again.present) == 5
    assert topics.check(settings) == ()


def test_nothing_is_made_that_would_not_go_with_the_windows(kafka_server: KafkaServer) -> None:
    settings = kafka_settings(kafka_server.bootstrap)
    make_windows(settings, 1)
    with pytest.raises(SettingsError, match=r"--partitions 5: .*\.windows is there with 1,"):
        topics.create(settings, 5)
    assert len([one for one in topics.check(settings) if one.found == "missing"]) == 4


def test_without_evidence_its_topic_is_neither_made_nor_missed(kafka_server: KafkaServer) -> None:
    settings = kafka_settings(kafka_server.bootstrap)
    made = topics.create(settings, 1, evidence=False).made
    assert len(made) == 4
    assert settings.evidence_topic not in made
    assert topics.check(settings, evidence=False) == ()
    assert [one.subject for one in topics.check(settings)] == [settings.evidence_topic]


def test_what_is_missing_gets_as_many_partitions_as_the_windows_have(
    kafka_server: KafkaServer,
) -> None:
    settings = kafka_settings(kafka_server.bootstrap)
    make_windows(settings, 3)
    created = topics.create(settings)
    assert (len(created.made), created.partitions) == (4, 3)
    counts = topics.create(settings, 3).present
    assert set(counts.values()) == {3}


def test_a_new_plant_gets_twelve_partitions(kafka_server: KafkaServer) -> None:
    settings = kafka_settings(kafka_server.bootstrap)
    assert topics.create(settings).partitions == 12
    assert set(topics.create(settings).present.values()) == {12}


def test_missing_topics_are_found_each_by_its_name(kafka_server: KafkaServer) -> None:
    settings = kafka_settings(kafka_server.bootstrap)
    findings = topics.check(settings)
    assert {finding.subject for finding in findings} == {p.name for p in topics.plan(settings, 1)}
    assert all("topics create" in str(finding) for finding in findings)


def test_unequal_partitions_and_wrong_values_are_found(kafka_server: KafkaServer) -> None:
    settings = kafka_settings(kafka_server.bootstrap)
    admin = KafkaAdminClient(bootstrap_servers=kafka_server.bootstrap)
    wrong = {"cleanup.policy": "delete", "max.message.bytes": "1000"}
    admin.create_topics(
        {settings.state_topic: {"num_partitions": 3, "replication_factor": 1, "configs": wrong}},
        wait_for_metadata=True,
    )
    admin.close()
    topics.create(settings, 2)
    assert found(settings) == {
        ("state", "the number of partitions", topics.Severity.ERROR),
        ("state", "cleanup.policy", topics.Severity.ERROR),
        ("state", "max.message.bytes", topics.Severity.WARNING),
        ("state", "segment.bytes", topics.Severity.WARNING),
        ("state", "min.cleanable.dirty.ratio", topics.Severity.WARNING),
    }


def test_the_advice_of_a_finding_is_a_command_that_cures_it(kafka_server: KafkaServer) -> None:
    settings = kafka_settings(kafka_server.bootstrap)
    topics.create(settings, 1)
    alter(settings, "retention.ms", "1000")
    (finding,) = topics.check(settings)
    key, value = finding.advice.rpartition(" ")[2].split("=")
    alter(settings, key, value)
    assert topics.check(settings) == ()


def alter(settings: KafkaSettings, key: str, value: str) -> None:
    """Change a value of the alerts topic and wait until the broker tells it."""
    admin = KafkaAdminClient(bootstrap_servers=list(settings.bootstrap_servers))
    topic = ConfigResource(ConfigResourceType.TOPIC, settings.alerts_topic, {key: value})
    admin.alter_configs([topic])
    deadline = time.monotonic() + 10.0
    asked = ConfigResource(ConfigResourceType.TOPIC, settings.alerts_topic)
    while time.monotonic() < deadline:
        told = admin.describe_configs([asked], config_filter="all")
        if told["topic"][settings.alerts_topic][key]["value"] == value:
            break
        time.sleep(0.1)
    admin.close()


def test_timeouts_are_compared_with_what_the_broker_takes(kafka_server: KafkaServer) -> None:
    usual = kafka_settings(kafka_server.bootstrap)
    assert "such as the brokers take" in broker_timeouts.check(usual)
    odd = {"session_timeout_ms": 2_000_000, "transaction_timeout_ms": 1_000_000}
    with pytest.raises(SettingsError) as caught:
        broker_timeouts.check(kafka_settings(kafka_server.bootstrap, **odd))
    session, transaction = str(caught.value).splitlines()
    assert session.startswith("kafka.session_timeout_ms: the brokers at ")
    assert "refuse 2000000, allowed are 6000 to 1800000 (group.min.session" in session
    assert "refuse 1000000, allowed are 1 to 900000 (transaction.max.timeout.ms)" in transaction


def test_a_broker_that_is_away_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        topics.check(kafka_settings("127.0.0.1:1", request_timeout_s=1.0))


def test_a_configuration_that_brokers_do_not_tell_is_named_and_believed(
    kafka_server: KafkaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = with_topics(kafka_server.bootstrap)

    def untold(_client: object, _settings: object, names: list[str]) -> dict[str, dict[str, str]]:
        """Answer like the client (kafka-python 3.0.12) where DESCRIBE_CONFIGS is denied."""
        return {name: {} for name in names}

    monkeypatch.setattr(topics, "_configurations", untold)
    findings = topics.check(settings)
    assert len(findings) == 5
    assert {(one.severity, one.found) for one in findings} == {
        (topics.Severity.WARNING, "not told")
    }
    assert topics.windows_kept_s(settings) is None
    topics.refuse_to_lose_states(settings)
