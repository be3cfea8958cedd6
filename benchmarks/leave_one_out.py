"""Does the network help? Each learning bearing scored by a network that did not learn from it.

    BEARINGWATCH_DATA=... python -m benchmarks.leave_one_out [--only Bearing1_1 ...]

Beside the network stands the *plain* loss: that of a network which reconstructs nothing, so the
mean squared departure of the louder bands. Of each, what is charted is log10(1 + loss / 3).
Columns: mean of the healthy part after 100 windows; mean of the first 30 windows from the latest
sensible onset on; their distance in healthy standard deviations; and the gap, which is how many of
those lie between the loudest healthy window (after 100 more) and the tenth percentile of the first
30. The settings are those of the shipped bundle, without simulated sensors. Needs the training
extra; about a minute a bearing.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from models.fleet_training import Request, read_healthy
from models.learning_set import SensorSequences, normalised
from models.loss import charted_loss, reconstruction_loss
from models.recipe import Recipe, read_recipe
from models.training import Trainer, TrainingSettings, log_loss
from pipelines.features import unknown

if TYPE_CHECKING:
    from numpy.typing import NDArray

ONSETS: Final = {
    "Bearing1_1": (1281, 1460),
    "Bearing1_2": (811, 828),
    "Bearing2_1": (836, 876),
    "Bearing2_2": (745, 790),
    "Bearing3_1": (483, 495),
    "Bearing3_2": (1436, 1586),
}
"""Earliest and latest sensible onset, by snapshot."""

DISPUTED: Final = {"Bearing2_1": 121, "Bearing2_2": 175}
"""From here to the onset it is not agreed whether the bearing is healthy: left out."""

RECIPE: Final = Path(__file__).parents[1] / "models" / "bundles" / "fleet-1.toml"
FIRST: Final = 30
ALL: Final = 1_000_000


def main() -> None:
    """Print a table, a row a bearing."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--only", nargs="+", choices=list(ONSETS), default=list(ONSETS))
    only = parser.parse_args().only
    whole = _whole_lives()
    healthy = read_recipe(RECIPE)
    learning = {
        name: sensor.split(1 - healthy.healthy_until[name] / len(sensor))[0]
        for name, sensor in whole.items()
    }
    trainer = Trainer(next(iter(whole.values())), Request((), healthy).features.bands, _settings())
    print("| bearing | network: healthy | first 30 | distance | gap ", end="")
    print("| plain: healthy | first 30 | distance | gap |\n|---|---|---|---|---|---|---|---|---|")
    for name in only:
        trainer.fit([sensor for other, sensor in learning.items() if other != name])
        found = _row(name, 10.0 ** log_loss(trainer.network, whole[name]))
        print(f"| {name} {found} {_row(name, _plain(whole[name]))} |", flush=True)


def _whole_lives() -> dict[str, SensorSequences]:
    """Return all windows of each bearing, measured by its first 100."""
    folder = Path(os.environ["BEARINGWATCH_DATA"]) / "femto"
    paths = tuple(folder / f"{name}.npz" for name in ONSETS)
    request = Request(paths, Recipe(rest=ALL))
    observed = read_healthy(request, unknown, lambda _: None)
    names = {name: name.split("/")[0] for name in observed}
    return {
        names[name]: normalised(name, seen, 100, request.features)
        for name, seen in observed.items()
    }


def _settings() -> TrainingSettings:
    return Request((), Recipe()).settings


def _plain(sensor: SensorSequences) -> NDArray[np.float64]:
    """Return the louder part of the mean squared departure (windows,), the worst axis."""
    sequences, mask, _ = sensor.flat()
    _, band_loss = reconstruction_loss(sequences, np.zeros_like(sequences), mask)
    louder = charted_loss(sequences, band_loss, mask).reshape(sensor.mask.shape[:2])
    return np.asarray(louder.max(axis=1), np.float64)


def _row(name: str, loss: NDArray[np.float64]) -> str:
    earliest, latest = ONSETS[name]
    charted = np.log10(1 + loss / 3)
    healthy = charted[100 : DISPUTED.get(name, earliest)]
    failing = charted[latest : latest + FIRST]
    # A short healthy part must not pass for a steady one.
    spread = max(float(healthy.std()), 0.02)
    later = healthy[100:] if len(healthy) > 200 else healthy
    distance = (failing.mean() - healthy.mean()) / spread
    gap = (np.quantile(failing, 0.1) - later.max()) / spread
    return f"| {healthy.mean():.3f} | {failing.mean():.3f} | {distance:.1f} | {gap:.1f}"


if __name__ == "__main__":
    main()
