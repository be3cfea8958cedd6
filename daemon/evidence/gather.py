"""Evidence of a batch: what is to be kept, and what of earlier batches is to be taken away."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from daemon.evidence import BaselineSpectrum, Evidence, Part
from daemon.journal import Exhibit
from models.alerts import Transition
from models.explain import alert_id
from pipelines.normalise import LINES
from pipelines.window import Window
from pipelines.wire import CONTENT_TYPE_HEADER, InvalidRecord, encode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from daemon.batch import Judged
    from daemon.sources import Record
    from models.alerts import AlertEvent
    from models.commanding import Lapse
    from models.judgement import Grounds, Judgement
    from pipelines.normalise import Baseline

KEPT_OF = {Transition.RAISED: Part.RAISED, Transition.ESCALATED: Part.ESCALATED}
"""Transitions whose window is kept; of several of a kind the last one is."""


def with_evidence(judged: Judged) -> Judged:
    """Return `judged` with its evidence in what is committed; a function of the batch alone."""
    evidence = list(_gathered(judged))
    return replace(judged, entry=replace(judged.entry, evidence=evidence)) if evidence else judged


def _gathered(judged: Judged) -> Iterator[tuple[int, Exhibit]]:
    """Yield the evidence of windows and commands, in their order."""
    effects = (*judged.effects, None)
    for (stretch, _), effect in zip(judged.sorted.stretches(), effects, strict=True):
        pairs = zip(judged.sorted.records[stretch], judged.judgements[stretch], strict=True)
        for record, judgement in pairs:
            for exhibit in _exhibits(record, judgement):
                yield record.partition, exhibit
        if effect is not None:
            for lapse in effect.lapsed:
                yield effect.order.record.partition, _taken_away(lapse)


def _taken_away(lapse: Lapse) -> Exhibit:
    alert = alert_id(lapse.key, lapse.first_ns)
    return Exhibit(lapse.key, alert, Part.FIRST, lapse.time_ns, None)


def _exhibits(record: Record, judgement: Judgement) -> Iterator[Exhibit]:
    """Yield what one window adds and takes away, in the order in which it is to be done."""
    key, run = judgement.observation.key, judgement.run
    if run is not None and run.lapsed_ns:
        yield _exhibit(judgement, alert_id(key, run.lapsed_ns), Part.FIRST, None)
    if run is not None and run.began_ns:
        yield from _kept(record, judgement, alert_id(key, run.began_ns), Part.FIRST)
    for event in judgement.events:
        if event.transition in KEPT_OF:
            yield from _kept(record, judgement, event.id, KEPT_OF[event.transition], event)


def _kept(
    record: Record,
    judgement: Judgement,
    alert: str,
    part: Part,
    event: AlertEvent | None = None,
) -> Iterator[Exhibit]:
    value = _value(record)
    if value is None:
        return
    evidence = Evidence(
        alert=alert,
        part=part,
        asset=judgement.observation.key.asset,
        sensor=judgement.observation.key.sensor,
        start_ns=judgement.observation.start_ns,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        timestamp_ms=record.timestamp_ms,
        content_type=record.header(CONTENT_TYPE_HEADER),
        window=value,
        event=event,
        baseline=_spectrum(judgement.grounds) if part is Part.RAISED else None,
    )
    yield _exhibit(judgement, alert, part, evidence.encode())


def _exhibit(judgement: Judgement, alert: str, part: Part, value: bytes | None) -> Exhibit:
    observation = judgement.observation
    return Exhibit(observation.key, alert, part, observation.start_ns, value)


def _value(record: Record) -> bytes | None:
    """Return a window as it came; None of one that no record could hold, long as it is."""
    if not isinstance(record.value, Window):
        return record.value
    try:
        return encode(record.value)
    except InvalidRecord:
        return None


def _spectrum(grounds: Grounds | None) -> BaselineSpectrum | None:
    if grounds is None or grounds.baseline is None:
        return None
    baseline, bands = grounds.baseline, grounds.features.width
    departures = grounds.departures
    return BaselineSpectrum(
        features=grounds.features,
        axes=baseline.axes,
        unit=baseline.unit,
        sample_rate_hz=baseline.sample_rate_hz,
        windows=baseline.count,
        first_ns=baseline.first_ns,
        last_ns=baseline.last_ns,
        edges_hz=[(low, high) for low, high in _rounded(grounds.features.edges_hz())],
        **_figures(baseline, bands),
        departures=[] if departures is None else _rounded(departures),
    )


def _figures(baseline: Baseline, bands: int) -> dict[str, list[list[float]]]:
    return {
        "level": _rounded(baseline.centre[:, :bands]),
        "spread": _rounded(baseline.spread[:, :bands]),
        "fault_line_level": _rounded(baseline.centre[:, -LINES:]),
        "fault_line_spread": _rounded(baseline.spread[:, -LINES:]),
    }


def _rounded(values: Any) -> list[list[float]]:
    """Return rows of numbers that people can read: a ten-thousandth of a decade is 0.001 dB."""
    rows: list[list[float]] = np.round(np.asarray(values, np.float64), 4).tolist()
    return rows
