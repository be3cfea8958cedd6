"""What the Kafka client leaves lying about in the test's own process."""

import gc
import warnings
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def foreign_sockets(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Let the client's unclosed sockets be collected while nobody minds.

    kafka-python 3.0.12 leaves the socket of a failed connection to the garbage collector, and logs
    an exception that holds on to it.
    """
    yield
    for phase in ("setup", "call"):
        caplog.get_records(phase).clear()
    caplog.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
