"""What is mended in the Kafka client and needs no broker to be seen."""

import pytest
from kafka.errors import KafkaTimeoutError
from kafka.producer.transaction_manager import TransactionalRequestResult

from daemon import kafka_clients


def test_who_waits_for_a_step_that_the_client_forgot_gives_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kafka_clients, "ABANDONED_S", 0.01)
    with pytest.raises(KafkaTimeoutError, match=r"no answer within 0\.01 s"):
        TransactionalRequestResult().wait()


def test_a_deadline_of_its_own_is_for_the_caller_to_judge() -> None:
    assert not TransactionalRequestResult().wait(timeout_ms=1)


def test_the_outcome_of_a_step_is_told() -> None:
    done, failed = TransactionalRequestResult(), TransactionalRequestResult()
    done.done()
    failed.done(KeyError("lost"))
    assert done.wait()
    with pytest.raises(KeyError, match="lost"):
        failed.wait()
