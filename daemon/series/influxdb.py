"""Points in InfluxDB 2 (or 3): one synchronous write of one blob, and what its answers mean.

The client's batching mode is never used: it drops points on errors, in silence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import structlog
from influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.rest import ApiException
from urllib3.exceptions import HTTPError

from daemon.errors import StartError, Unavailable
from daemon.series import Rejected
from daemon.series.line_protocol import LineEncoder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from daemon.series import Points
    from daemon.settings import InfluxdbSettings

_MALFORMED: Final = frozenset({400, 422})
_TOO_LARGE: Final = 413
_PROBE: Final = "# bearingwatch asks whether it may write here"
_REFUSED: Final = {
    401: "the token is not known: check influxdb.token",
    403: "the token may not write to the bucket: give it write access",
    404: "there is no such organisation or bucket: make it, or check influxdb.org and .bucket",
}

_log = structlog.stdlib.get_logger("bearingwatch.series")


class InfluxdbSeries:
    """Writes to one bucket; durable once InfluxDB answered 204."""

    def __init__(self, settings: InfluxdbSettings) -> None:
        self._settings = settings
        self._encoder = LineEncoder()
        self._client: Any = None
        self._api: Any = None

    def start(self) -> None:
        """Ask whether writing is allowed, by a write that holds nothing but a comment."""
        self._connect()
        try:
            self._post([_PROBE])
        except ApiException as error:
            raise self._start_error(error) from error
        except (HTTPError, OSError) as error:
            raise self._away(error) from error

    def _connect(self) -> None:
        if self._client is None:
            settings = self._settings
            self._client = InfluxDBClient(
                settings.url,
                token=settings.token.get_secret_value(),
                org=settings.org,
                timeout=int(settings.timeout_s * 1000),
                # gzip would be level 9 and cost 20 times what the write itself costs
                enable_gzip=False,
            )
            self._api = self._client.write_api(write_options=SYNCHRONOUS)

    def _start_error(self, error: ApiException) -> StartError | Unavailable:
        reason = _REFUSED.get(error.status)
        if reason is None:
            return self._away(error)
        where = f"bucket {self._settings.bucket!r} of organisation {self._settings.org!r}"
        return StartError(f"InfluxDB at {self._settings.url} refuses writing to {where}: {reason}")

    def write(self, points: Points) -> None:
        """Write everything at once; lines that are refused for good are found by halving."""
        lines = self._encoder.encode(points)
        if not lines:
            return
        refused = self._write(lines)
        if refused:
            raise Rejected(refused)

    def _write(self, lines: Sequence[str]) -> list[tuple[str, str]]:
        """Write `lines`; return those that the server refuses, each with what it says."""
        try:
            self._post(lines)
        except ApiException as error:
            if error.status not in _MALFORMED and error.status != _TOO_LARGE:
                raise self._away(error) from error
            if len(lines) == 1:
                return [(lines[0], _message(error))]
        except (HTTPError, OSError) as error:
            raise self._away(error) from error
        else:
            return []
        middle = len(lines) // 2
        return self._write(lines[:middle]) + self._write(lines[middle:])

    def _post(self, lines: Sequence[str]) -> None:
        body = "\n".join(lines).encode()
        self._api.write(self._settings.bucket, self._settings.org, body)

    def _away(self, error: Exception) -> Unavailable:
        """Return what is to be waited for; what an operator must see to is logged loudly."""
        status = getattr(error, "status", None)
        if status in _REFUSED:
            _log.error("influxdb_refused", status=status, reason=_REFUSED[status])
        return Unavailable(
            f"InfluxDB at {self._settings.url} is away: {_message(error)}",
            retry_after_s=_retry_after_s(error),
        )

    def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            self._client.close()
        self._client = self._api = None


def _message(error: Exception) -> str:
    if isinstance(error, ApiException):
        # ApiException prints all headers; the server's own words are in its body.
        said = error.message if error.body else error.reason
        return f"{error.status} {said}"
    return repr(error)


def _retry_after_s(error: Exception) -> float | None:
    headers = getattr(error, "headers", None) or {}
    wish = str(headers.get("Retry-After", ""))
    return float(wish) if wish.isdigit() else None
