"""Simulated health beside recorded health, and features beside waveforms."""

from __future__ import annotations

from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.detector import Detector
from models.evaluation.certification.degrading import known
from models.evaluation.certification.fleets import healthy_fleet
from models.evaluation.certification.likeness import likeness
from models.judgement import Verdict
from models.loss import LOSS_FLOOR
from pipelines.features import extract
from pipelines.recordings import open_recording
from pipelines.simulator import Fleet
from pipelines.simulator.feature_fleet import FeatureFleet

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from models.bundle import Bundle
    from models.engines import Engine
    from models.evaluation.certification.likeness import Likeness
    from models.judgement import Judgement
    from pipelines.features import FeatureSettings, Observation
    from pipelines.window import SensorKey

FIRST, LONGEST = 100, 700
"""Windows are compared behind the first ones, which wear in most."""

SENSORS: Final = 48
FEMTO: Final = {"Bearing1_1": 1150, "Bearing1_2": 740, "Bearing3_1": 440, "Bearing3_2": 1300}
"""Healthy windows; the two whose healthy part is short are left out."""

IMS_HEALTHY: Final = 500


def simulated(cadence_s: float, settings: FeatureSettings, seed: int) -> list[Likeness]:
    """Return the figures of simulated sensors with all that happens to them."""
    spec = healthy_fleet(seed, sensors=SENSORS, windows=LONGEST, cadence_s=cadence_s)
    fleet = FeatureFleet(spec, settings)
    return [likeness(_running(_whole(fleet, key))[FIRST:], 0, settings.bands) for key in fleet.keys]


def _whole(fleet: FeatureFleet, key: SensorKey) -> list[Observation]:
    return [one for number in range(fleet.blocks) for one in fleet.block(key, number)]


def _running(seen: Sequence[Observation]) -> list[Observation]:
    """Leave out what gates would: standing machines and lost signals."""
    level = np.median([float(one.rms[0]) for one in seen])
    return [one for one in seen if one.quality.fault == "none" and one.rms[0] > 0.3 * level]


def recorded(folder: Path, settings: FeatureSettings) -> dict[str, list[Likeness]]:
    """Return the figures of the recordings' healthy parts, axis by axis."""
    femto: list[Likeness] = []
    for name, healthy in FEMTO.items():
        windows = list(islice(open_recording(folder / "femto" / f"{name}.npz"), healthy))
        seen = extract(windows, settings)
        femto += [likeness(seen[FIRST:], axis, settings.bands) for axis in (0, 1)]
    return {"FEMTO (10 s)": femto, "IMS (10 min)": list(_ims(folder, settings))}


def _ims(folder: Path, settings: FeatureSettings) -> Iterator[Likeness]:
    windows = iter(open_recording(folder / "ims" / "test2.npz"))
    seen: dict[SensorKey, list[Observation]] = {}
    for _ in range(IMS_HEALTHY):
        for one in extract(list(islice(windows, 4)), settings):
            seen.setdefault(one.key, []).append(one)
    for own in seen.values():
        yield likeness(own[FIRST:], 0, settings.bands)


def two_ways(bundle: Bundle, engine: Engine, *, seed: int, sensors: int) -> dict[str, Any]:
    """Judge the same fleet from waveforms and from features; return figures of both."""
    spec = healthy_fleet(seed, sensors=sensors, windows=384, cadence_s=600.0)
    run, short = Fleet(spec), FeatureFleet(spec, bundle.features)
    found: dict[str, Any] = {}
    lookup = partial(known, run)
    waveforms = [
        extract([run.window(key, k) for k in range(spec.windows)], bundle.features, lookup)
        for key in run.keys
    ]
    features = [_whole(short, key) for key in short.keys]
    for name, seen in (("waveforms", waveforms), ("features", features)):
        judged = [_judge(bundle, engine, own) for own in seen]
        found[name] = _figures(judged)
    return found


def _judge(bundle: Bundle, engine: Engine, seen: Sequence[Observation]) -> list[Judgement]:
    return Detector(bundle, engine).judge({}, seen)[1]


def _figures(judged: Sequence[Sequence[Judgement]]) -> dict[str, float]:
    logs = [
        np.log10([one.loss + LOSS_FLOOR for one in own if one.verdict is Verdict.SCORED])
        for own in judged
    ]
    pooled = np.concatenate(logs)
    return {
        "scored": float(pooled.size),
        "mean": float(pooled.mean()),
        "between": float(np.std([own.mean() for own in logs])),
        "within": float(np.median([own.std() for own in logs])),
        "lag-1": float(np.median([np.corrcoef(own[:-1], own[1:])[0, 1] for own in logs])),
        **{f"{q:g}": float(np.quantile(pooled, q)) for q in (0.5, 0.9, 0.99, 0.999)},
        "over half the limit": _over(judged, 0.5),
        "over the limit": _over(judged, 1.0),
        "alerts": float(
            sum(
                len(one.events) > 0 and "raised" in {e.transition for e in one.events}
                for own in judged
                for one in own
            )
        ),
    }


def _over(judged: Sequence[Sequence[Judgement]], limit: float) -> float:
    """Return how many windows in 1,000 have a chart over this part of its limit."""
    highest = [
        max(one.anchored, one.adaptive)
        for own in judged
        for one in own
        if one.verdict is Verdict.SCORED
    ]
    return 1_000.0 * float(np.mean(np.array(highest) > limit))
