"""What a network is trained on: recordings, how far each is healthy, and what the card must say."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import msgspec

from models.learning_set import TrainingError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pipelines.window import SensorKey

CHUNK_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Recipe:
    """How far recordings are healthy, where they come from, and remarks for the card.

    `healthy_until` maps a sensor (`asset/sensor`) or an asset to its number of healthy windows;
    `rest` holds for all that it does not name, None meaning that they are not learnt from.
    """

    healthy_until: dict[str, int] = field(default_factory=dict)
    rest: int | None = None
    source: str = "not stated"
    terms: str = "not stated"
    remarks: str = ""

    def windows_of(self, key: SensorKey) -> int:
        """Return how many of a sensor's windows are healthy, from the first; 0 for none."""
        known = self.healthy_until
        return known.get(str(key), known.get(key.asset, self.rest or 0))


def read_recipe(healthy_until: Path | int) -> Recipe:
    """Return the recipe in a TOML file, or the one that takes so many windows of each sensor.

    The file has a table `healthy_until` and the texts `source`, `terms` and `remarks`. Raises
    `TrainingError`.
    """
    if isinstance(healthy_until, int):
        return Recipe(rest=healthy_until)
    try:
        return msgspec.toml.decode(healthy_until.read_bytes(), type=Recipe)
    except (OSError, msgspec.MsgspecError) as error:
        raise TrainingError(
            f"{healthy_until}: {error}; expected TOML with a table healthy_until "
            '("asset" or "asset/sensor" = number of healthy windows) and texts source, terms'
        ) from error


def fingerprint(path: Path) -> dict[str, str | int]:
    """Return name, size and SHA-256 of a recording; a folder's go over its files in order."""
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    return _fingerprint(path.name, [file for file in files if file.is_file()])


def _fingerprint(name: str, files: Sequence[Path]) -> dict[str, str | int]:
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            while chunk := stream.read(CHUNK_BYTES):
                digest.update(chunk)
    size = sum(file.stat().st_size for file in files)
    return {"name": name, "bytes": size, "sha256": digest.hexdigest()}
