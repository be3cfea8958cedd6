"""The same bundle on other data: other rate, shorter windows, fewer axes, another cadence.

`BEARINGWATCH_DATA=FOLDER python -m benchmarks.elsewhere [--bundle B]`:

IMS test 2 and the FEMTO learning bearings, changed before they are judged with default settings
and geometry given. One row per change: when each failing bearing is flagged, what is false.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.signal import resample_poly

from benchmarks.detection import (
    FEMTO_LABELS,
    IMS_LABEL,
    NEIGHBOUR,
    Row,
    judge,
    row,
    table,
    windows_from,
)
from models.bundle import load_bundle
from models.detector import Detector
from models.engines import open_engine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from models.bundle import Bundle
    from pipelines.window import SensorKey, Window

    Change = Callable[[Iterator[Window]], Iterator[Window]]


def resampled(up: int, down: int) -> Change:
    """Return the change of rate by `up / down`, through SciPy's linear-phase low-pass."""

    def change(windows: Iterator[Window]) -> Iterator[Window]:
        for window in windows:
            samples = resample_poly(window.signal().astype(np.float64), up, down, axis=1)
            yield replace(
                window,
                samples=samples.astype("<f4"),
                scale=1.0,
                sample_rate_hz=window.sample_rate_hz * up / down,
            )

    return change


def cut(duration_s: float) -> Change:
    """Return the change to the first part of each window."""

    def change(windows: Iterator[Window]) -> Iterator[Window]:
        for window in windows:
            count = round(duration_s * window.sample_rate_hz)
            yield replace(window, samples=window.samples[:, :count])

    return change


def one_axis(number: int) -> Change:
    def change(windows: Iterator[Window]) -> Iterator[Window]:
        for window in windows:
            yield replace(
                window,
                axes=window.axes[number : number + 1],
                samples=window.samples[number : number + 1],
            )

    return change


def cadence(seconds: float) -> Change:
    """Return the change to one window each so many seconds, whatever they were."""

    def change(windows: Iterator[Window]) -> Iterator[Window]:
        counts: dict[SensorKey, int] = {}
        for window in windows:
            count = counts[window.key] = counts.get(window.key, -1) + 1
            yield replace(window, start_ns=int(count * seconds * 1e9))

    return change


def as_is(windows: Iterator[Window]) -> Iterator[Window]:
    return windows


FEMTO_CHANGES: Final[dict[str, Change]] = {
    "native (25.6 kHz, 0.1 s, 10 s, 2 axes)": as_is,
    "horizontal axis": one_axis(0),
    "vertical axis": one_axis(1),
    "every 1 s": cadence(1.0),
    "every 10 min": cadence(600.0),
}
IMS_CHANGES: Final[dict[str, Change]] = {
    "native (20.48 kHz, 1 s, 10 min)": as_is,
    "10.24 kHz": resampled(1, 2),
    "48 kHz": resampled(75, 32),
    "cut to 0.1 s": cut(0.1),
    "every 1 s": cadence(1.0),
    "every 10 s": cadence(10.0),
}


def said(one: Row) -> str:
    """Return when a bearing was flagged, and behind it what was false or disputed."""
    found = "-" if one.detected is None else str(one.detected)
    if one.open_at_earliest:
        found = f"{found} (on before)"
    extra = [f"{count} {what}" for count, what in _extras(one) if count]
    return found + (f" ({', '.join(extra)})" if extra else "")


def _extras(one: Row) -> list[tuple[int, str]]:
    return [(one.false(), "false"), (one.disputed(), "disputed")]


def femto(folder: Path, bundle: Bundle, judging: Detector) -> list[list[str]]:
    rows = [["FEMTO", *(name.removeprefix("Bearing") for name in FEMTO_LABELS)]]
    for title, change in FEMTO_CHANGES.items():
        cells = [title]
        for name, label in FEMTO_LABELS.items():
            windows = change(windows_from(folder / "femto" / f"{name}.npz", 0, 1))
            judged = judge(windows, bundle, judging, geometry=True)
            cells.append(said(row(judged[0].observation.key, name, label, judged, 0)))
        rows.append(cells)
    return rows


def ims(folder: Path, bundle: Bundle, judging: Detector) -> list[list[str]]:
    rows = [["IMS test 2", *(f"bearing {k}" for k in range(1, 5))]]
    for title, change in IMS_CHANGES.items():
        windows = change(windows_from(folder / "ims" / "test2.npz", 0, 4))
        judged = judge(windows, bundle, judging, geometry=True)
        keys = sorted({one.observation.key for one in judged})
        labels = (IMS_LABEL, NEIGHBOUR, NEIGHBOUR, NEIGHBOUR)
        rows.append(
            [title]
            + [
                said(row(key, key.sensor, label, judged, 0))
                for key, label in zip(keys, labels, strict=True)
            ]
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, default=None)
    asked = parser.parse_args()
    folder = Path(os.environ["BEARINGWATCH_DATA"])
    bundle = load_bundle(asked.bundle)
    judging = Detector(bundle, open_engine(bundle))
    print(table(femto(folder, bundle, judging)), flush=True)
    print()
    print(table(ims(folder, bundle, judging)))


if __name__ == "__main__":
    main()
