"""What commands that talk to people keep from them: our own chatter, and that of libraries."""

from __future__ import annotations

import logging
import os
import sys
import tempfile


def quiet_logs() -> None:
    """Let our warnings and errors through; what Kafka's client tries, our own message says."""
    from daemon.settings import LogSettings
    from daemon.telemetry.logs import configure_logs

    configure_logs(LogSettings(format="console", level="warning"))
    logging.getLogger("kafka").setLevel(logging.CRITICAL)


def load_keras() -> None:
    """Import Keras without what TensorFlow says of processors and graphics cards.

    `TF_CPP_MIN_LOG_LEVEL` decides on what comes later. What it says while it loads heeds nothing
    and goes past Python to the descriptor; it is shown only where loading fails.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as said:
        os.dup2(said.fileno(), 2)
        try:
            import keras  # noqa: F401
        except BaseException:
            said.seek(0)
            os.write(stderr, said.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
