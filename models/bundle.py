"""A bundle: everything that was learnt, in one immutable, content-hashed directory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.calibration import Calibration
from pipelines.features import FeatureSettings

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Bundle:
    """A loaded and verified bundle.

    `hash` and `features_hash` are 16 hexadecimal digits, the beginning of a SHA-256.
    """

    path: Path
    name: str
    hash: str
    features: FeatureSettings
    features_hash: str
    calibration: Calibration
