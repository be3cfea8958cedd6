"""The server of /healthz, /readyz and /metrics, in a thread of its own."""

from __future__ import annotations

import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from daemon.errors import StartError

if TYPE_CHECKING:
    from daemon.telemetry.metrics import Metrics
    from daemon.telemetry.progress import Progress

Answer = tuple[HTTPStatus, str, bytes]
_TEXT = "text/plain; charset=utf-8"

_log: Any = structlog.get_logger("bearingwatch.http")


class HttpServer:
    """Answers from what the loop left in `Progress` and `Metrics`; touches nothing else."""

    def __init__(self, host: str, port: int, progress: Progress, metrics: Metrics) -> None:
        try:
            self._server = _Server((host, port), _Handler)
        except OSError as error:
            raise StartError(
                f"cannot listen on {host}:{port} ({error.strerror}); "
                "set http.host to an address of this machine and http.port to a free one, or "
                "http.enabled = false"
            ) from error
        self._server.progress, self._server.metrics = progress, metrics
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="bearingwatch-http", daemon=True
        )

    @property
    def port(self) -> int:
        """The port listened on."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()
        _log.info("http_listening", host=self._server.server_address[0], port=self.port)

    def close(self) -> None:
        """Stop answering; may be called twice."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    progress: Progress
    metrics: Metrics


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = 5.0

    def do_GET(self) -> None:
        """Answer one question."""
        status, kind, body = self._answer(self.path.partition("?")[0])
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _answer(self, path: str) -> Answer:
        progress = self.server.progress
        if path == "/healthz":
            return _yes_or_no(progress.alive, "alive", "the loop stands still")
        if path == "/readyz":
            return _yes_or_no(progress.ready, progress.told, progress.told)
        if path == "/metrics":
            body = generate_latest(self.server.metrics.registry)
            return HTTPStatus.OK, CONTENT_TYPE_LATEST, body
        return HTTPStatus.NOT_FOUND, _TEXT, b"there are /healthz, /readyz and /metrics\n"

    def log_message(self, *_args: Any) -> None:
        """Say nothing: a scrape every few seconds is no news."""


def _yes_or_no(well: bool, yes: str, no: str) -> Answer:
    if well:
        return HTTPStatus.OK, _TEXT, f"{yes}\n".encode()
    return HTTPStatus.SERVICE_UNAVAILABLE, _TEXT, f"{no}\n".encode()
