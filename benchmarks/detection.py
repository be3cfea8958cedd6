"""When the failing bearings are flagged: first warning, first alarm, false alerts.

`BEARINGWATCH_DATA=FOLDER python -m benchmarks.detection [--no-geometry] [--from N] [--bundle B]`:

IMS test 2 and the FEMTO learning bearings through features, shipped bundle and default settings,
each bearing judged from its window N on (default 0).
"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from models.alerts import Transition
from models.bundle import load_bundle
from models.detector import Detector
from models.engines import open_engine
from pipelines.fault_orders import BearingGeometry
from pipelines.features import extract
from pipelines.recordings import open_recording

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from models.alerts import AlertEvent
    from models.bundle import Bundle
    from models.detector import Judgement
    from models.state import SensorState
    from pipelines.features import Machine
    from pipelines.window import SensorKey, Window

BATCH: Final = 128


@dataclass(frozen=True)
class Rig:
    """What is known of the bearings of a test rig."""

    geometry: BearingGeometry | None
    rated_rpm: float | None


IMS: Final = Rig(BearingGeometry(16, 0.331, 2.815, 15.17), 2000.0)
FEMTO: Final = BearingGeometry(13, 3.5, 25.6)
SPEEDS: Final = {"1": 1800.0, "2": 1650.0, "3": 1500.0}


@dataclass(frozen=True)
class Label:
    """Earliest and latest sensible onset, and windows in which a warning is disputed."""

    earliest: int
    latest: int
    disputed: tuple[int, int] = (-1, -1)


FEMTO_LABELS: Final = {
    "Bearing1_1": Label(1281, 1460),
    "Bearing1_2": Label(811, 828),
    "Bearing2_1": Label(836, 876, (121, 835)),
    "Bearing2_2": Label(745, 790, (175, 744)),
    "Bearing3_1": Label(483, 495),
    "Bearing3_2": Label(1436, 1586),
}
IMS_LABEL: Final = Label(532, 703)
NEIGHBOUR: Final = Label(600, 10**9)
"""The other bearings of the shaft: cross-talk is no alert of theirs before 600."""


@dataclass(frozen=True)
class Row:
    """What became of one bearing; indices are windows of the recording."""

    name: str
    label: Label
    windows: int
    raised: tuple[int, ...]
    alarms: tuple[int, ...]
    open_at_earliest: bool
    first: AlertEvent | None

    @property
    def detected(self) -> int | None:
        """First alert in time that is not false, or None."""
        return next((index for index in self.raised if index >= self.label.earliest), None)

    def false(self) -> int:
        return sum(not self._is_disputed(i) for i in self.raised if i < self.label.earliest)

    def disputed(self) -> int:
        return sum(self._is_disputed(index) for index in self.raised)

    def _is_disputed(self, index: int) -> bool:
        first, last = self.label.disputed
        return first <= index <= last

    def cells(self) -> list[str]:
        alarm = next(iter(self.alarms), None)
        early_alarms = sum(index < self.label.earliest for index in self.alarms)
        on = " (already on)" if self.open_at_earliest else ""
        latest = str(self.label.latest) if self.label.latest < 10**9 else "-"
        link = "-" if self.first is None else self.first.link.split()[0]
        return [
            self.name,
            str(self.windows),
            f"{self.label.earliest}-{latest}",
            f"{self.detected if self.detected is not None else '-'}{on}",
            str(alarm if alarm is not None else "-"),
            str(self.false()),
            str(self.disputed()),
            str(early_alarms),
            "-" if self.first is None else line(self.first),
            link,
        ]


HEADINGS: Final = (
    "bearing",
    "windows",
    "onset",
    "warning",
    "alarm",
    "false",
    "disputed",
    "early alarms",
    "line",
    "link",
)


def line(event: AlertEvent) -> str:
    """Return the fault line that an alert names, and where it was seen."""
    if event.fault is None:
        return "no line"
    return event.fault if event.fault_hz is None else f"{event.fault} {event.fault_hz:.1f} Hz"


def machine(key: SensorKey, *, geometry: bool) -> Machine:
    if not key.asset.startswith("Bearing"):
        return Rig(IMS.geometry if geometry else None, IMS.rated_rpm)
    return Rig(FEMTO if geometry else None, SPEEDS[key.asset[len("Bearing")]])


def windows_from(path: Path, first: int, sensors: int) -> Iterator[Window]:
    return islice(open_recording(path), first * sensors, None)


def batches(windows: Iterable[Window]) -> Iterator[list[Window]]:
    rest = iter(windows)
    while batch := list(islice(rest, BATCH)):
        yield batch


def judge(
    windows: Iterable[Window], bundle: Bundle, judging: Detector, *, geometry: bool
) -> list[Judgement]:
    states: dict[SensorKey, SensorState] = {}
    judged: list[Judgement] = []
    for batch in batches(windows):
        observations = extract(batch, bundle.features, lambda key: machine(key, geometry=geometry))
        new, part = judging.judge(states, observations)
        states.update(new)
        judged += part
    return judged


def row(key: SensorKey, name: str, label: Label, judged: list[Judgement], first: int) -> Row:
    own = [one for one in judged if one.observation.key == key]
    events = [(one.index + first, event) for one in own for event in one.events]
    raised = [(k, event) for k, event in events if event.transition is Transition.RAISED]
    before = [event for k, event in events if k < label.earliest]
    return Row(
        name=name,
        label=label,
        windows=len(own) + first,
        raised=tuple(k for k, _ in raised),
        alarms=tuple(k for k, event in events if event.transition is Transition.ESCALATED),
        open_at_earliest=bool(before) and before[-1].transition is not Transition.CLEARED,
        first=next((event for k, event in raised if k >= label.earliest), None),
    )


def table(rows: list[list[str]]) -> str:
    widths = [max(len(cells[k]) for cells in rows) for k in range(len(rows[0]))]
    lines = [
        "| "
        + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        + " |"
        for cells in rows
    ]
    return "\n".join([lines[0], "|" + "|".join("-" * (w + 2) for w in widths) + "|", *lines[1:]])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--no-geometry", dest="geometry", action="store_false")
    parser.add_argument("--from", dest="first", type=int, default=0)
    parser.add_argument("--bundle", type=Path, default=None)
    asked = parser.parse_args()
    folder = Path(os.environ["BEARINGWATCH_DATA"])
    bundle = load_bundle(asked.bundle)
    judging = Detector(bundle, open_engine(bundle))
    rows = [list(HEADINGS)]
    for name, label in FEMTO_LABELS.items():
        path = folder / "femto" / f"{name}.npz"
        windows = windows_from(path, asked.first, 1)
        judged = judge(windows, bundle, judging, geometry=asked.geometry)
        if judged:
            rows.append(row(judged[0].observation.key, name, label, judged, asked.first).cells())
    windows = windows_from(folder / "ims" / "test2.npz", asked.first, 4)
    judged = judge(windows, bundle, judging, geometry=asked.geometry)
    for k, key in enumerate(sorted({one.observation.key for one in judged})):
        label = NEIGHBOUR if k else IMS_LABEL
        rows.append(row(key, f"IMS {key.sensor}", label, judged, asked.first).cells())
    print(table(rows))


if __name__ == "__main__":
    main()
