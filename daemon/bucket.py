"""How long the InfluxDB bucket keeps points, compared with what may be written to it.

InfluxDB refuses a point that is older than its bucket keeps any. Windows are read again after an
outage or when offsets are set back, as far back as their topic goes: a bucket that keeps points for
less time would refuse theirs, for good.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from influxdb_client import InfluxDBClient
from influxdb_client.rest import ApiException
from urllib3.exceptions import HTTPError

from daemon.errors import Unavailable
from daemon.topics import Finding, Severity

if TYPE_CHECKING:
    from daemon.settings import InfluxdbSettings

_NOT_TOLD: Final = frozenset({401, 403, 404})
"""No right to read, or no such question: InfluxDB 3 has only the writing in common with 2."""
_HOUR_S: Final = 3600.0
_DAY_S: Final = 24 * _HOUR_S


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket as the server tells it; `kept_s` is inf where points are kept for ever."""

    name: str
    id: str
    kept_s: float


def read_bucket(settings: InfluxdbSettings) -> Bucket | None:
    """Ask for the bucket; None where the token may not read it, as none needs to for `run`.

    Raises `Unavailable`.
    """
    client = InfluxDBClient(
        settings.url,
        token=settings.token.get_secret_value(),
        org=settings.org,
        timeout=int(settings.timeout_s * 1000),
    )
    with client:
        try:
            answer = client.buckets_api().find_buckets(name=settings.bucket, org=settings.org)
        except ApiException as error:
            if error.status in _NOT_TOLD:
                return None
            raise Unavailable(f"InfluxDB at {settings.url} is away: {error.status}") from error
        except (HTTPError, OSError) as error:
            raise Unavailable(f"InfluxDB at {settings.url} is away: {error!r}") from error
    for found in getattr(answer, "buckets", None) or ():
        # 0 is for ever, and so is no rule.
        kept_s = max((rule.every_seconds for rule in found.retention_rules), default=0)
        return Bucket(found.name, found.id, float(kept_s) or math.inf)
    return None


def compare(bucket: Bucket, needed_s: float, because: str) -> Finding | None:
    """Say what is wrong with how long `bucket` keeps points, if anything is."""
    if bucket.kept_s >= needed_s:
        return None
    retention = "0" if math.isinf(needed_s) else f"{math.ceil(needed_s / _HOUR_S)}h"
    return Finding(
        f"bucket {bucket.name}",
        Severity.WARNING,
        "the retention",
        duration(bucket.kept_s),
        f"{duration(needed_s)}, {because}",
        f"older points are refused; influx bucket update --id {bucket.id} --retention {retention}",
    )


def duration(seconds: float) -> str:
    """Return a duration as people say it."""
    if math.isinf(seconds):
        return "for ever"
    return f"{seconds / _DAY_S:g} days" if seconds >= 2 * _DAY_S else f"{seconds / _HOUR_S:g} h"
