"""Evidence of one alert as files: windows to be read again, what was known, and a picture."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

import msgspec

from daemon.evidence import Part
from pipelines.features import Unfit
from pipelines.recordings.npz import save_window
from pipelines.wire import DEFAULT_LIMITS, decode

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from daemon.evidence import Evidence
    from pipelines.features import Machine
    from pipelines.window import Window

WITHOUT_PLOT: Final = (
    "no picture: that takes matplotlib; in a checkout: pip install '.[evaluation]'"
)


def write(
    kept: Mapping[Part, Evidence], machine: Machine | None, folder: Path
) -> tuple[list[str], str | None]:
    """Write the evidence of one alert into `folder`; return the files, and what is missing."""
    windows = {part: window_of(evidence) for part, evidence in kept.items()}
    files = [f"{part}.npz" for part in windows]
    for part, window in windows.items():
        save_window(folder / f"{part}.npz", window)
    (folder / "alert.json").write_bytes(_facts(kept))
    files.append("alert.json")
    if find_spec("matplotlib") is None:
        return files, WITHOUT_PLOT
    from daemon.evidence.plot import draw

    try:
        draw(kept, windows, machine, folder / "spectrum.png")
    except Unfit as error:  # without a baseline nothing says which features could be had
        return files, f"no picture: {error}"
    return [*files, "spectrum.png"], None


def missing(kept: Mapping[Part, Evidence]) -> str | None:
    """Say why windows that every alert has are not there, and the baseline with them."""
    if Part.RAISED not in kept and Part.ESCALATED not in kept:
        return None  # an exceedance that may become an alert
    lacking = [str(part) for part in (Part.FIRST, Part.RAISED) if part not in kept]
    if not lacking:
        return None
    baseline = ", and so is the baseline" if Part.RAISED not in kept else ""
    return (
        f"not kept: {' and '.join(lacking)}{baseline}: evidence was not kept then (an earlier"
        " version, or journal.evidence), is over a year old, or was too large for its record"
    )


def window_of(evidence: Evidence) -> Window:
    """Return the window as the daemon decoded it."""
    limits = DEFAULT_LIMITS
    return decode(evidence.window, content_type=evidence.content_type, key=None, limits=limits)


def _facts(kept: Mapping[Part, Evidence]) -> bytes:
    """Return what is no samples, as JSON for people and programs; unknown numbers are null."""
    one = next(iter(kept.values()))
    raised = kept.get(Part.RAISED)
    facts: dict[str, Any] = {
        "alert": one.alert,
        "asset": one.asset,
        "sensor": one.sensor,
        "events": [each.event for each in kept.values() if each.event is not None],
        "windows": {part: _origin(part, evidence) for part, evidence in kept.items()},
        "baseline": None if raised is None else raised.baseline,
        "missing": missing(kept),
    }
    return msgspec.json.format(msgspec.json.encode(facts), indent=2)


def _origin(part: Part, evidence: Evidence) -> dict[str, Any]:
    names = ("start_ns", "topic", "partition", "offset", "timestamp_ms")
    return {"file": f"{part}.npz", **{name: getattr(evidence, name) for name in names}}
