"""Transactions on Kafka with one identity: done, refused, or unknown - and said which."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import structlog
from kafka import errors as kafka_errors

from daemon import kafka_clients
from daemon.errors import BearingwatchError, Fenced, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from daemon.settings import KafkaSettings

UNFLUSHED_BYTES: Final = 8 << 20
"""So much is handed to the client, which has no bound of its own, before waiting for the broker."""

_BATCH_BYTES: Final = 256 << 10
_LINGER_MS: Final = 5
_RETRY_MS: Final = 20
"""The client sleeps so long when the last transaction is still being completed by the broker."""

_log = structlog.stdlib.get_logger("bearingwatch.journal")
_TOO_LARGE = (kafka_errors.MessageSizeTooLargeError, kafka_errors.RecordListTooLargeError)
_DISPLACED = (kafka_errors.ProducerFencedError, kafka_errors.FencedInstanceIdError)


class OutcomeUnknown(Exception):
    """The transaction may or may not be committed; the cause says why nobody knows."""


class Message(NamedTuple):
    """One record to send."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    """None takes away what a compacted topic has under the key."""
    headers: list[tuple[str, bytes]] | None = None


class TooLarge(Exception):
    """The broker refuses records of the transaction for their size; nothing was committed.

    `refused` are those that are known to be; others may be too large as well.
    """

    def __init__(self, refused: Sequence[Message]) -> None:
        super().__init__(f"{len(refused)} records are too large")
        self.refused = refused


class Transactions:
    """A transactional producer that is thrown away whenever it can no longer be trusted."""

    def __init__(
        self, settings: KafkaSettings, transactional_id: str, membership: Callable[[], Any]
    ) -> None:
        self._settings = settings
        self._transactional_id = transactional_id
        self._membership = membership
        self._producer: Any = None
        # A transaction that is older than its timeout is ended by the broker, with the same error
        # as if a newer process had fenced it; so ours give up before.
        self._limit_s = min(
            settings.request_timeout_s, 0.8 * settings.transaction_timeout_ms / 1000
        )

    @property
    def is_open(self) -> bool:
        """Whether there is a producer that owns the identity, as far as known."""
        return self._producer is not None

    def open(self) -> None:
        """Take the identity over: older producers are fenced, their open transaction ended.

        Raises `SettingsError`, `StartError` and `Unavailable`.
        """
        if self._producer is not None:
            return
        producer = kafka_clients.producer(
            self._settings,
            transactional_id=self._transactional_id,
            transaction_timeout_ms=self._settings.transaction_timeout_ms,
            max_block_ms=int(self._limit_s * 1000),
            retry_backoff_ms=_RETRY_MS,
            linger_ms=_LINGER_MS,
            batch_size=_BATCH_BYTES,
        )
        try:
            with kafka_clients.translated("taking over the identity", self._settings):
                kafka_clients.within(self._limit_s + 1.0, producer.init_transactions)
        except BearingwatchError:
            kafka_clients.close(producer, 0.0)
            raise
        self._producer = producer

    def run(self, messages: Sequence[Message], offsets: Mapping[Any, Any]) -> Sequence[int]:
        """Commit messages and group offsets together; return the offset of each message.

        Raises `Unavailable` and `TooLarge` (nothing was committed), `Fenced` (nor will it ever
        be), and `OutcomeUnknown`, after which there is no producer any more.
        """
        membership = self._membership()
        attempt = _Attempt(self._producer, messages, offsets, membership)
        try:
            return kafka_clients.within(self._limit_s, attempt.run)
        except TimeoutError as error:
            # The late call may still end the transaction: only a new producer can rule that out.
            self.discard()
            raise OutcomeUnknown from error
        except kafka_errors.KafkaError as error:
            self._fail(attempt, error)
            raise Unavailable(f"Kafka did not take the transaction: {error!r}") from error

    def _fail(self, attempt: _Attempt, error: Exception) -> None:
        """Clear up after `error` and raise what it means, where that is not `Unavailable`."""
        cause = attempt.cause(error)
        rebalancing = isinstance(cause, kafka_errors.CommitFailedError)
        if rebalancing:
            self._abort()
        # Only a new producer will do. After a record was refused the client's sequence numbers are
        # off, and its next transaction would fail or, worse, end without a record. Offsets that
        # were refused go with its next transaction, though this one was aborted (3.0.12,
        # transaction_manager.py, _pending_txn_offset_commits): those of partitions that are
        # another's by now, which takes its later ones back.
        self.discard()
        if rebalancing:
            # The group rebalanced since the last poll: the next one tells what is still ours.
            raise Unavailable("the consumer group is rebalancing", retry_after_s=0.0) from error
        if isinstance(cause, _DISPLACED):
            raise Fenced(
                "another process has our identity"
                f" ({self._transactional_id!r}): {cause!r}. Give each process an instance name"
                " of its own"
            ) from error
        if refused := attempt.refused(cause):
            raise TooLarge(refused) from error
        if attempt.ending:
            raise OutcomeUnknown from error

    def _abort(self) -> None:
        """End the transaction: who has no partition left opens no other producer that would."""
        try:
            kafka_clients.within(self._limit_s, self._producer.abort_transaction)
        except (kafka_errors.KafkaError, TimeoutError) as error:
            # The next producer of the same identity ends what this one leaves open.
            _log.warning("transaction_not_aborted", error=repr(error))

    def discard(self) -> None:
        """Throw the producer away without waiting for it."""
        if self._producer is not None:
            kafka_clients.close(self._producer, 0.0)
        self._producer = None

    def close(self) -> None:
        """Close the producer in peace."""
        if self._producer is not None:
            kafka_clients.close(self._producer)
        self._producer = None


class _Attempt:
    """One transaction under way, and how far it is."""

    def __init__(
        self,
        producer: Any,
        messages: Sequence[Message],
        offsets: Mapping[Any, Any],
        membership: Any,
    ) -> None:
        self._producer = producer
        self._messages = messages
        self._offsets = offsets
        self._membership = membership
        self._futures: list[Any] = []
        self.ending = False
        """The end of the transaction was asked for: it may happen, whatever is heard of it."""

    def run(self) -> Sequence[int]:
        """Do the steps in their order: records, offsets, and the end once all records are there.

        The client itself ends a transaction also when a batch of it was lost to a wrong sequence
        number (3.0.12: it changes its epoch in the middle and goes on), hence the check.
        """
        self._producer.begin_transaction()
        self._send()
        self._producer.send_offsets_to_transaction(self._offsets, self._membership)
        self._flush()
        self.ending = True
        self._producer.commit_transaction()
        return [future.value.offset for future in self._futures]

    def _send(self) -> None:
        unflushed = 0
        for message in self._messages:
            if unflushed > UNFLUSHED_BYTES:
                self._flush()
                unflushed = 0
            unflushed += len(message.value or b"")
            self._futures.append(
                self._producer.send(
                    message.topic,
                    message.value,
                    key=message.key,
                    headers=message.headers,
                    partition=message.partition,
                )
            )

    def _flush(self) -> None:
        """Wait for every record, and raise what one was refused for: none may be left out.

        A batch that is too large as a whole is sent again in parts, of which flushing knows nothing
        (3.0.12, record_accumulator.py, await_flush_completion: "Future not done").
        """
        with suppress(kafka_errors.UnknownError):
            self._producer.flush()
        for future in self._futures:
            future.get()

    def cause(self, error: Exception) -> BaseException:
        """Return what began the trouble; the client wraps it as text in later errors."""
        manager = self._producer._transaction_manager
        first: BaseException | None = manager.last_error
        return first if first is not None else error

    def refused(self, cause: BaseException) -> Sequence[Message]:
        """Return the records that, or a batch of them, are over what the broker takes.

        Where the client only says that there are such, it may be any.
        """
        found = [
            message
            for message, future in zip(self._messages, self._futures, strict=False)
            if future.is_done and future.failed() and isinstance(future.exception, _TOO_LARGE)
        ]
        if isinstance(cause, _TOO_LARGE) and not found:
            return self._messages
        return found
