"""Structured logs: JSON in production, a readable console on a terminal, repeats limited.

Events are in the past tense with fields; there is never one line per window.
"""

from __future__ import annotations

import logging
import sys
import time
from typing import TYPE_CHECKING, Any

import structlog

from daemon.telemetry.repeats import RepeatFilter, RepeatProcessor, Repeats

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

    from structlog.typing import EventDict

    from daemon.settings import LogSettings


def configure_logs(
    settings: LogSettings,
    *,
    instance: str | None = None,
    stream: TextIO | None = None,
    suppressed: Callable[[], object] = lambda: None,
) -> None:
    """Send every log line of the process, ours and the libraries', to `stream` (stderr)."""
    out = stream or sys.stderr
    repeats = Repeats(settings.repeat_after_s, time.monotonic, suppressed)
    stamped: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *stamped,
            RepeatProcessor(repeats),
            structlog.processors.format_exc_info,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    structlog.contextvars.clear_contextvars()
    if instance:
        structlog.contextvars.bind_contextvars(instance=instance)
    _install(_handler(out, settings, stamped, repeats), settings.level)


def _handler(
    out: TextIO, settings: LogSettings, stamped: list[Any], repeats: Repeats
) -> logging.Handler:
    handler = logging.StreamHandler(out)
    handler.addFilter(RepeatFilter(repeats))
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                *stamped,
                structlog.stdlib.ExtraAdder(["suppressed"]),
                _kafkas_error,
                structlog.processors.format_exc_info,
            ],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _important_first,
                _renderer(out, settings),
            ],
        )
    )
    return handler


def _kafkas_error(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Tell an exception of Kafka's client by its name: an outage is no defect with a traceback."""
    error = event.get("exc_info")
    if str(event.get("logger", "")).startswith("kafka") and isinstance(error, tuple):
        event["error"] = repr(event.pop("exc_info")[1])
    return event


def _important_first(_logger: Any, _method: str, event: EventDict) -> EventDict:
    first = {name: event[name] for name in ("timestamp", "level", "event") if name in event}
    return {**first, **event}


def _renderer(out: TextIO, settings: LogSettings) -> Any:
    console = settings.format == "console" or (settings.format == "auto" and out.isatty())
    if console:
        return structlog.dev.ConsoleRenderer(colors=out.isatty())
    readable = (getattr(out, "encoding", None) or "utf-8").lower().replace("-", "") == "utf8"
    return structlog.processors.JSONRenderer(sort_keys=False, ensure_ascii=not readable)


def _install(handler: logging.Handler, level: str) -> None:
    root = logging.getLogger()
    for old in list(root.handlers):
        if getattr(old, "bearingwatch", False):
            root.removeHandler(old)
    handler.bearingwatch = True  # type: ignore[attr-defined]
    root.addHandler(handler)
    root.setLevel(level.upper())
    # Libraries are quieter than we are: their information is debugging to an operator. Of an outage
    # Kafka's client warns at every attempt; its errors tell why, and ours what comes of it.
    least = {"kafka": logging.ERROR, "urllib3": logging.WARNING, "influxdb_client": logging.WARNING}
    for library, level_of_it in least.items():
        quiet = logging.WARNING if root.level == logging.DEBUG else level_of_it
        logging.getLogger(library).setLevel(max(quiet, root.level))
