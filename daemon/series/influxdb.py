"""Points in InfluxDB 2 (or 3): one synchronous write of one blob, and what its answers mean.

The client's batching mode is never used: it drops points on errors, in silence.

Of a blob with bad lines the server tells the first one's fault only. Which lines it refuses is
found by halving, and not from its words, which differ between versions; lines that were taken are
written once more on the way, which changes nothing. One word is used, where it is there: a write
that dropped as many points as it had lines was refused whole, so a bucket with a short retention
costs one request and not two for each line.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import structlog
from influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.rest import ApiException
from urllib3.exceptions import HTTPError

from daemon.errors import StartError, Unavailable
from daemon.series import Refused, Rejected
from daemon.series.line_protocol import LineEncoder, told_by

if TYPE_CHECKING:
    from collections.abc import Sequence

    from daemon.series import Points
    from daemon.settings import InfluxdbSettings
    from models.alerts import AlertEvent
    from models.judgement import Judgement

    Line = tuple[str, Judgement | AlertEvent]

HALVINGS: Final = 64
"""Refused writes of one call that are halved: enough to find 5 scattered lines among 2,000. What
is still in doubt then is written line by line, so a call takes at most two requests for each of
these and one for each line."""

_DROPPED: Final = re.compile(r"partial write: .*?dropped[= ](\d+)", re.DOTALL)
"""`... dropped=3` where types conflict, `dropped 3 points outside retention policy ...`."""

_MALFORMED: Final = frozenset({400, 422})
_TOO_LARGE: Final = 413
_PROBE: Final = "# bearingwatch asks whether it may write here"
_REFUSED: Final = {
    401: "the token is not known: check influxdb.token",
    403: "the token may not write to the bucket: give it write access",
    404: "there is no such organisation or bucket: make it, or check influxdb.org and .bucket",
}

_log = structlog.stdlib.get_logger("bearingwatch.series")


class NoInfluxdb(OSError):
    """The server answers, and not as InfluxDB does."""


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
        except NoInfluxdb as error:
            url = self._settings.url
            raise StartError(f"{url} is no InfluxDB: {error}; check influxdb.url") from error
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
        """Write everything at once; lines that are refused for good are found by trying."""
        lines = list(zip(self._encoder.encode(points), told_by(points), strict=True))
        if not lines:
            return
        refused = self._write(lines)
        if refused:
            raise Rejected(refused)

    def _write(self, lines: Sequence[Line]) -> list[Refused]:
        """Write `lines`; return those that the server refuses, each with what it says."""
        refused: list[Refused] = []
        halvings, waiting = 0, [lines]
        while waiting:
            group = waiting.pop()
            error = self._refusal(group)
            if error is None:
                continue
            if len(group) == 1 or _dropped(error) == len(group):
                refused += [Refused(line, _message(error), of) for line, of in group]
                continue
            # What is only too large says nothing of its lines: to halve it is no search.
            halvings += error.status != _TOO_LARGE
            search_on = halvings <= HALVINGS or error.status == _TOO_LARGE
            size = (len(group) + 1) // 2 if search_on else 1
            waiting += [group[at : at + size] for at in range(0, len(group), size)][::-1]
        return refused

    def _refusal(self, lines: Sequence[Line]) -> ApiException | None:
        """Write `lines` in one request; return why some of them will never be taken, if so."""
        try:
            self._post([line for line, _ in lines])
        except ApiException as error:
            if error.status not in _MALFORMED and error.status != _TOO_LARGE:
                raise self._away(error) from error
            return error
        except (HTTPError, OSError) as error:
            raise self._away(error) from error
        return None

    def _post(self, lines: Sequence[str]) -> None:
        body = "\n".join(lines).encode()
        self._api.write(self._settings.bucket, self._settings.org, body)
        status = self._client.api_client.last_response.status
        if status != HTTPStatus.NO_CONTENT:
            raise NoInfluxdb(f"HTTP status {status} to a write, expected 204")

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


def _dropped(error: ApiException) -> int | None:
    """Return how many points the server says it dropped."""
    found = _DROPPED.search(_message(error))
    return int(found[1]) if found else None


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
