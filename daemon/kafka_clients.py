"""Kafka clients: built and used under a deadline, closed for sure, with errors translated.

Nothing here waits longer than it was told. That takes a thread: the client has no time limit for a
TLS handshake nor for the end of a transaction. What is late goes on in its thread and is thrown
away when it comes.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka import errors as kafka_errors
from kafka.net.compat import KafkaNetClient
from kafka.producer.transaction_manager import TransactionalRequestResult
from kafka.record.default_records import DefaultRecordBatch
from kafka.record.util import crc32c_c

from daemon.errors import Fatal, StartError, Unavailable
from daemon.timeouts import refused_by

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from daemon.settings import KafkaSettings

CONNECT_S: Final = 10.0
"""Longest time to build one client."""

CONNECTING: Final = "connecting"

CLOSE_S: Final = 5.0
"""Time to close one client in peace."""

ABANDONED_S: Final = 600.0
"""No step of a transaction takes so long; who waits longer was forgotten by the client."""

_REFUSED = (
    kafka_errors.AuthorizationError,
    kafka_errors.KafkaConfigurationError,
    kafka_errors.SaslAuthenticationFailedError,
    kafka_errors.UnsupportedVersionError,
    kafka_errors.UnsupportedSaslMechanismError,
)

T = TypeVar("T")


class _Call(Generic[T]):
    """One call in a thread of its own, and who wants its result."""

    def __init__(self, action: Callable[[], T], discard: Callable[[T], None] | None) -> None:
        self._action = action
        self._discard = discard
        self._lock = threading.Lock()
        self._finished = threading.Event()
        self._abandoned = False
        self._result: T | None = None
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            self._result = self._action()
        except BaseException as error:
            self._error = error
        with self._lock:
            self._finished.set()
            unwanted = self._abandoned and self._error is None
        if unwanted and self._discard:
            self._discard(self._result)  # type: ignore[arg-type]

    def outcome(self, timeout_s: float) -> T:
        self._finished.wait(timeout_s)
        with self._lock:
            self._abandoned = not self._finished.is_set()
        if self._abandoned:
            raise TimeoutError
        if self._error is not None:
            raise self._error
        return self._result  # type: ignore[return-value]


def within(
    timeout_s: float, action: Callable[[], T], discard: Callable[[T], None] | None = None
) -> T:
    """Return what `action` returns, or raise TimeoutError; a late result goes to `discard`."""
    call = _Call(action, discard)
    threading.Thread(target=call.run, name="bearingwatch-kafka-call", daemon=True).start()
    return call.outcome(timeout_s)


@contextmanager
def translated(doing: str, settings: KafkaSettings) -> Iterator[None]:
    """Turn the client's errors into ours: refused -> `StartError`, the rest -> `Unavailable`.

    A timeout that is refused is a `SettingsError`.
    """
    servers = ",".join(settings.bootstrap_servers)
    try:
        yield
    except _REFUSED as error:
        raise StartError(f"Kafka at {servers} refused {doing}: {error!r}") from error
    except (kafka_errors.KafkaError, TimeoutError, OSError) as error:
        if timeout := refused_by(error, settings):
            raise timeout from error
        advice = "; does it run, and is it kafka.bootstrap_servers?" if doing == CONNECTING else ""
        raise Unavailable(f"Kafka at {servers} is away, {doing}: {error!r}{advice}") from error


class _Lenient(bytearray):
    """Record bytes whose parts decode whatever they hold."""

    def __getitem__(self, at: Any) -> Any:
        found = super().__getitem__(at)
        return _Lenient(found) if isinstance(at, slice) else found

    def decode(self, encoding: str = "utf-8", errors: str = "replace") -> str:
        return super().decode(encoding, errors)


def _read_any_name(batch: Any, strict: Callable[[Any], Any] = DefaultRecordBatch._read_msg) -> Any:
    """Read the next record of a batch, though the name of a header be no UTF-8.

    Brokers take such a record; the client (kafka-python 3.0.12) never gets past it.
    """
    try:
        return strict(batch)
    except UnicodeDecodeError:
        batch._buffer = _Lenient(batch._buffer)
        return strict(batch)


DefaultRecordBatch._read_msg = _read_any_name


def _wait(
    result: Any,
    timeout_ms: float | None = None,
    wait: Callable[[Any, float], bool] = TransactionalRequestResult.wait,
) -> bool:
    """Wait for a step of a transaction, and give it up at some time.

    A producer that is closed in the midst of a step (kafka-python 3.0.12) leaves whoever waits for
    it waiting for ever: with each outage a thread, and the batch that it was to commit.
    """
    done = wait(result, ABANDONED_S * 1000 if timeout_ms is None else timeout_ms)
    if timeout_ms is None and not done:
        raise kafka_errors.KafkaTimeoutError(f"no answer within {ABANDONED_S} s")
    return done


TransactionalRequestResult.wait = _wait


def consumer(settings: KafkaSettings, **options: Any) -> Any:
    """Return a consumer that never commits by itself; raises `StartError`, `Unavailable`."""
    check_crc32c()
    return _connected(
        KafkaConsumer,
        settings,
        metrics_enabled=False,
        enable_auto_commit=False,
        isolation_level="read_committed",
        allow_auto_create_topics=False,
        fetch_min_bytes=settings.fetch_min_bytes,
        fetch_max_wait_ms=settings.fetch_max_wait_ms,
        fetch_max_bytes=settings.fetch_max_bytes,
        max_partition_fetch_bytes=settings.max_partition_fetch_bytes,
        **options,
    )


def producer(settings: KafkaSettings, **options: Any) -> Any:
    """Return a producer; raises `StartError`, `Unavailable`."""
    check_crc32c()
    return _connected(
        KafkaProducer, settings, metrics_enabled=False, allow_auto_create_topics=False, **options
    )


def admin(settings: KafkaSettings) -> Any:
    """Return an admin client; raises `StartError`, `Unavailable`."""
    return _connected(KafkaAdminClient, settings)


def _connected(kind: Any, settings: KafkaSettings, **options: Any) -> Any:
    def build() -> Any:
        try:
            return kind(**_connection(settings), kafka_client=network, **options)
        except BaseException:
            network.close()
            raise

    network = _Network()
    with translated(CONNECTING, settings):
        # The client gives up by itself; the second more is for a handshake that would never end.
        return within(_connect_s(settings) + 1.0, build, discard=close)


class _Network:
    """Makes the network part of a client, and ends it for a client that was never finished.

    A client that cannot connect leaves its thread and its sockets running (kafka-python 3.0.12):
    an outage of a day would end in "too many open files".
    """

    def __init__(self) -> None:
        self._client: Any = None

    def __call__(self, **options: Any) -> Any:
        # While we load, a step of the client's loop may take longer than its threshold of 0.1 s: it
        # tells users of a defect of theirs that is none. What hangs is noticed elsewhere.
        self._client = KafkaNetClient(**{**options, "slow_task_threshold_secs": 0})
        return self._client

    def close(self) -> None:
        if self._client is not None:
            self._client.close()


def _connect_s(settings: KafkaSettings) -> float:
    return min(CONNECT_S, settings.request_timeout_s)


def _connection(settings: KafkaSettings) -> dict[str, Any]:
    return {
        "bootstrap_servers": list(settings.bootstrap_servers),
        "bootstrap_timeout_ms": int(_connect_s(settings) * 1000),
        "client_id": "bearingwatch",
        "request_timeout_ms": int(settings.request_timeout_s * 1000),
        "reconnect_backoff_max_ms": 5_000,
    }


def close(client: Any, timeout_s: float = CLOSE_S) -> None:
    """Close a client; what cannot be closed in time is left to die with the process."""
    with suppress(kafka_errors.KafkaError, TimeoutError, OSError):
        within(timeout_s, lambda: _close(client, timeout_s))


def _close(client: Any, timeout_s: float) -> None:
    if isinstance(client, KafkaProducer):
        close_producer(client, timeout_s)
    elif isinstance(client, KafkaConsumer):
        client.close(autocommit=False, timeout_ms=int(timeout_s * 1000))
    else:
        client.close()


def close_producer(client: Any, timeout_s: float) -> None:
    """Stop a producer's thread, also with batches that can no longer be sent."""
    try:
        client.close(timeout=timeout_s)
    except kafka_errors.KafkaError:
        # close() flushes first and leaves its thread running when that takes too long.
        client._sender.force_close()


def check_crc32c() -> None:
    """Raise `StartError` without the C checksum: an 80 KB message costs 30 times more then."""
    if crc32c_c is None:
        raise StartError(
            "the package crc32c is missing, without which Kafka's checksums are computed in"
            " Python: install 'kafka-python[crc32c]'"
        )


def topic_partitions(client: Any, topic: str, settings: KafkaSettings) -> frozenset[int]:
    """Return the partitions of a topic that must exist; raises `StartError`, `Unavailable`."""
    with translated(f"asking for topic {topic}", settings):
        found = within(settings.request_timeout_s, lambda: client.partitions_for_topic(topic))
    if not found:
        raise StartError(
            f"topic {topic} does not exist at {','.join(settings.bootstrap_servers)}:"
            " make it with `bearingwatch topics create -c FILE`"
        )
    return frozenset(found)


def impossible(error: BaseException, doing: str) -> Fatal:
    """Wrap an error that the client should never raise here."""
    return Fatal(f"kafka client failed while {doing}: {error!r}")
