"""Calls of the command line, and what they write."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from click.testing import CliRunner, Result
from scipy.io import wavfile

from daemon.cli import cli


def bearingwatch(*arguments: str | float | Path) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def noise(path: Path, rate_hz: int, seconds: int) -> Path:
    samples = np.random.default_rng(1).integers(-9000, 9000, rate_hz * seconds).astype("<i2")
    wavfile.write(path, rate_hz, samples)
    return path


def settings(folder: Path, bundle: Path) -> Path:
    path = folder / "plant.toml"
    path.write_text(
        '[source]\nkind = "simulator"\n[series]\nkind = "sqlite"\n[journal]\nkind = "sqlite"\n'
        f'[sqlite]\npath = "plant.db"\n[model]\nbundle = "{bundle}"\n[http]\nenabled = false\n'
    )
    return path
