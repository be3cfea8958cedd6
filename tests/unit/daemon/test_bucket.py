"""How long a bucket should keep points, without a server."""

import math

import pytest

from daemon.bucket import Bucket, compare, duration
from daemon.topics import Severity

DAY_S = 86_400.0


@pytest.mark.parametrize(
    ("kept_s", "needed_s", "well"),
    [
        (math.inf, math.inf, True),
        (math.inf, 7 * DAY_S, True),
        (7 * DAY_S, 7 * DAY_S, True),
        (7 * DAY_S - 1, 7 * DAY_S, False),
        (365 * DAY_S, math.inf, False),
    ],
)
def test_points_must_be_kept_as_long_as_windows_may_be_read_again(
    kept_s: float, needed_s: float, well: bool
) -> None:
    assert (compare(Bucket("b", "id", kept_s), needed_s, "why") is None) is well


@pytest.mark.parametrize(("needed_s", "retention"), [(math.inf, "0"), (7 * DAY_S + 1, "169h")])
def test_the_finding_says_what_to_do(needed_s: float, retention: str) -> None:
    finding = compare(Bucket("vibration", "f00d", 3600.0), needed_s, "as long as windows are kept")
    assert finding is not None
    assert finding.severity is Severity.WARNING
    assert finding.subject == "bucket vibration"
    assert finding.found == "1 h"
    assert finding.expected.endswith("as long as windows are kept")
    assert finding.advice.endswith(f"influx bucket update --id f00d --retention {retention}")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(math.inf, "for ever"), (7 * DAY_S, "7 days"), (DAY_S, "24 h"), (5400.0, "1.5 h")],
)
def test_durations_are_told_as_people_do(seconds: float, said: str) -> None:
    assert duration(seconds) == said
