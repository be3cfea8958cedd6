"""A sensor that fails and one that is loud for a moment, judged into an SQLite journal."""

from pathlib import Path

from daemon.app import build_offline
from daemon.batch import Judged
from daemon.settings import Settings
from pipelines.window import Window
from tests.plant.windows import window

FAILS_FROM = 40
WINDOWS = 60
LOUD = 30
"""The one window at which the other sensor is loud: nothing comes of it."""


def windows() -> list[Window]:
    """Return the log: the drive end fails, the free end is loud once."""
    return [
        window(index, sensor=sensor, level=_level(index, sensor))
        for index in range(WINDOWS)
        for sensor in ("drive-end", "free-end")
    ]


def _level(index: int, sensor: str) -> float:
    if sensor == "drive-end":
        return 8.0 if index >= FAILS_FROM + 6 else 4.0 if index >= FAILS_FROM else 1.0
    return 4.0 if index == LOUD else 1.0


def run(folder: Path, bundle: Path, *, evidence: bool = True, batch: int = 7) -> list[Judged]:
    """Judge the log with a settings file's wishes; return what was committed."""
    seen: list[Judged] = []
    settings = Settings.model_validate(
        {
            "source": {"kind": "memory"},
            "series": {"kind": "memory"},
            "journal": {"kind": "sqlite", "evidence": evidence},
            "sqlite": {"path": folder / "plant.db"},
            "model": {"bundle": bundle},
            "detector": {"commissioning_windows": 20, "commissioning_span_s": 0.0},
            "loop": {"batch_windows": batch},
        }
    )
    build_offline(settings, windows(), watch=seen.append).run(lambda: False)
    return seen
