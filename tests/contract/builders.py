"""Values for the contract suites; every argument that matters is named by the test."""

import itertools
import math
import time
from collections.abc import Callable, Iterable

import numpy as np

from daemon.sources import Polled, Record, Source
from models.alerts import AlertEvent, Transition, Zone
from models.judgement import Judgement, Status, Verdict
from pipelines.features import Observation
from pipelines.quality import Quality
from pipelines.window import SensorKey, Window

PATIENCE_S = 30.0
_numbers = itertools.count(1)


def fresh_name(what: str) -> str:
    """Return a name that no other test uses on the same server."""
    return f"{what}-{next(_numbers)}-{time.time_ns()}"


def window(asset: str = "pump", start_ns: int = 0) -> Window:
    samples = np.zeros((1, 100), np.int16)
    return Window(asset, "de", ("x",), start_ns, 1000.0, "g", samples)


def observation(
    asset: str = "pump", sensor: str = "de", *, start_ns: int = 1, axes: tuple[str, ...] = ("x",)
) -> Observation:
    ones = np.ones(len(axes), np.float32)
    return Observation(
        key=SensorKey(asset, sensor),
        start_ns=start_ns,
        axes=axes,
        duration_s=0.1,
        sample_rate_hz=20_000.0,
        unit="g",
        log_bands=np.zeros((len(axes), 8, 24), np.float32),
        rms=ones,
        peak=ones * 4,
        crest=ones * 4,
        kurtosis=ones * 3,
        velocity_rms=ones * np.float32(math.nan),
        quality=Quality(),
    )


def judgement(
    asset: str = "pump",
    sensor: str = "de",
    *,
    start_ns: int = 1,
    index: int = 0,
    loss: float = 0.5,
    verdict: Verdict = Verdict.SCORED,
    axes: tuple[str, ...] = ("x",),
) -> Judgement:
    return Judgement(
        observation=observation(asset, sensor, start_ns=start_ns, axes=axes),
        index=index,
        verdict=verdict,
        status=Status.MONITORING,
        zone=Zone.NORMAL,
        loss=loss,
        threshold=1.5,
        anchored=0.25,
        adaptive=0.75,
        louder=True,
        axis_loss=tuple(loss for _ in axes),
        departures=tuple(tuple(float(band) for band in range(16)) for _ in axes),
        provisional=False,
        suspicious=False,
        events=(),
    )


def event(
    id_: str = "alert-1",
    *,
    asset: str = "pump",
    sensor: str = "de",
    time_ns: int = 5,
    zone: Zone = Zone.WARNING,
    transition: Transition = Transition.RAISED,
    text: str = "louder than its baseline",
) -> AlertEvent:
    return AlertEvent(
        id=id_,
        asset=asset,
        sensor=sensor,
        transition=transition,
        zone=zone,
        time_ns=time_ns,
        first_exceedance_ns=3,
        confirmed_ns=4,
        loss=2.5,
        threshold=1.5,
        louder=True,
        axis="x",
        bands=(),
        fault=None,
        link="primary",
        provisional=False,
        baseline="baseline-1",
        bundle="bundle-1",
        text=text,
    )


def poll_until(source: Source, done: Callable[[list[Polled]], bool]) -> list[Polled]:
    """Poll until `done` says so; what was polled, and a failure after `PATIENCE_S`."""
    return poll_all_until([source], lambda polled: done(polled[0]))[0]


def poll_all_until(
    sources: Iterable[Source], done: Callable[[list[list[Polled]]], bool]
) -> list[list[Polled]]:
    """Poll several sources in turn, as several processes would."""
    sources = list(sources)
    polled: list[list[Polled]] = [[] for _ in sources]
    deadline = time.monotonic() + PATIENCE_S
    while not done(polled):
        assert time.monotonic() < deadline, f"it did not come, but {_summary(polled)}"
        for source, of_source in zip(sources, polled, strict=True):
            of_source.append(source.poll(0.1))
    return polled


def _summary(polled: list[list[Polled]]) -> str:
    return "; ".join(f"{[one for one in part if one != Polled()]}" for part in polled)


def records_of(polled: Iterable[Polled]) -> list[Record]:
    return [record for one in polled for record in one.records]


def assigned_in(polled: Iterable[Polled]) -> set[int]:
    """Return the partitions held after all of `polled`."""
    held: set[int] = set()
    for one in polled:
        held = (held - one.revoked - one.lost) | one.assigned
    return held
