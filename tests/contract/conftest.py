"""Fixtures of the contract suites."""

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture
def foreign_sockets(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Let the Kafka client's unclosed sockets be collected while nobody minds.

    kafka-python 3.0.12 leaves the socket of a failed connection to the garbage collector, and logs
    an exception that holds on to it. Goes with the mark that ignores the warning.
    """
    yield
    caplog.get_records("call").clear()
    caplog.clear()
    gc.collect()
