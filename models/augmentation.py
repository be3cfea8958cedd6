"""What healthy running may do, shown to the network before a sensor does it; and what it may not.

Each epoch sees other variants of the same windows. Level and tilt of a spectrum wander in healthy
life (load, temperature, wear-in, which is mostly downwards), so the network learns to reconstruct
them; independent noise is added to the input only, so it learns to take it away. The order of
frames within a window carries nothing in steady running, so it is turned round and reversed.
Tones and the envelope move as by other speeds; resonances may move as well, and do not by default.

An autoencoder that has seen level changes goes on to reconstruct large ones, faults included
(measured: docs/models.md). So some inputs are *spoiled*: a louder spectrum, as a whole or around
some bands, is added to the input and not to the target, and the network learns to answer with
what the window was before. This is a denoising autoencoder (Vincent et al., ICML 2008) whose noise
looks like damage.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipelines.normalise import CLIP

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.learning_set import Flat


@dataclass(frozen=True, slots=True)
class AugmentationSettings:
    """How far variants go, in robust standard deviations of a band."""

    wander: float = 0.4
    """Standard deviation of a smooth change over the bands."""
    wander_downwards: float = 0.3
    """Mean of that change, downwards: wear-in."""
    smooth_terms: int = 4
    """Cosine terms of the change: so many half waves over the spectrum at most."""
    noise: float = 0.5
    """Standard deviation of the noise that is to be taken away."""
    spoiled: float = 0.4
    """Share of sequences that are made louder in the input only."""
    spoiled_least: float = 2.0
    spoiled_most: float = 12.0
    """How much louder the loudest band gets; the input is clipped as features are."""
    top_masked: float = 0.3
    """Share of sequences whose highest bands are hidden, as at a lower sample rate."""
    most_masked: float = 0.4
    """Share of the spectral bands that are hidden at most."""
    speed: float = 0.1
    """Standard deviation of a shift of tones and envelope, in octaves: another speed (0.1: 7 %)."""
    resonance: float = 0.0
    """Standard deviation of a shift of the spectrum around one place, in octaves: another mount."""


def augment(
    healthy: Flat,
    *,
    settings: AugmentationSettings,
    spectral_bands: int,
    rng: np.random.Generator,
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
    """Return (input, target, mask) of one variant of each sequence, shapes as given."""
    sequences, mask, slopes = healthy
    turned = _turn(sequences, rng)
    change = _smooth_change(len(sequences), sequences.shape[2], settings, rng)
    mask = mask & _visible(mask.shape, spectral_bands, settings, rng)
    noise = rng.standard_normal(turned.shape, np.float32) * np.float32(settings.noise)
    louder = _louder(turned.shape, settings, rng)
    if settings.speed or settings.resonance:
        change -= _moved(slopes, spectral_bands, settings, rng)
    target = (turned + change[:, np.newaxis]) * mask[:, np.newaxis]
    source = np.clip(target + noise + louder, -CLIP, CLIP).astype(np.float32)
    return source * mask[:, np.newaxis], target, mask


def _turn(sequences: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Start each sequence at another frame, and run half of them backwards."""
    count, frames = sequences.shape[:2]
    steps = np.where(rng.random((count, 1)) < 0.5, 1, -1) * np.arange(frames)
    order = (rng.integers(frames, size=(count, 1)) + steps) % frames
    return np.take_along_axis(sequences, order[:, :, np.newaxis], axis=1)


def _smooth_change(
    count: int, bands: int, settings: AugmentationSettings, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Draw smooth changes over the bands (count, bands): a cosine series with falling terms."""
    terms = np.arange(settings.smooth_terms)
    waves = np.cos(np.pi * np.outer(terms, np.arange(bands) + 0.5) / bands) / (1 + terms)[:, None]
    # Some windows stay as they are: the size of the change is drawn as well.
    size = settings.wander * rng.exponential(size=(count, 1))
    change = size * rng.standard_normal((count, len(terms))) @ waves
    change -= settings.wander_downwards * rng.exponential(size=(count, 1))
    return change.astype(np.float32)


def _moved(
    slopes: NDArray[np.float32],
    spectral_bands: int,
    settings: AugmentationSettings,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Draw what spectra that move up lose (count, bands): to first order, octaves times slope.

    What stood so far below is there instead. `slopes` are (count, 2, bands).
    """
    count, _, bands = slopes.shape
    centre = rng.uniform(0, spectral_bands, (count, 1))
    width = rng.uniform(0.05, 0.3, (count, 1)) * spectral_bands
    around = np.exp(-0.5 * ((np.arange(bands) - centre) / width) ** 2)
    octaves = rng.standard_normal((count, 2, 1)) * [[settings.speed], [settings.resonance]]
    moved = octaves * slopes
    return np.asarray(moved[:, 0] + moved[:, 1] * around, np.float32)


def _louder(
    shape: tuple[int, ...], settings: AugmentationSettings, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Draw what spoils (count, frames, bands): bumps of any width, pulsing over the frames."""
    count, frames, bands = shape
    size = rng.uniform(settings.spoiled_least, settings.spoiled_most, (count, 1, 1))
    size *= rng.random((count, 1, 1)) < settings.spoiled
    centre = rng.uniform(0, bands, (count, 1, 1))
    width = np.exp(rng.uniform(np.log(0.5), np.log(2 * bands), (count, 1, 1)))
    bump = np.exp(-0.5 * ((np.arange(bands) - centre) / width) ** 2)
    pulsing = rng.uniform(0, 0.5, (count, 1, 1)) * rng.standard_normal((count, frames, 1))
    uneven = 1 + 0.3 * rng.standard_normal((count, 1, bands))
    return (size * bump * np.maximum(1 + pulsing, 0) * np.maximum(uneven, 0)).astype(np.float32)


def _visible(
    shape: tuple[int, ...],
    spectral_bands: int,
    settings: AugmentationSettings,
    rng: np.random.Generator,
) -> NDArray[np.bool_]:
    """Draw masks (count, bands) that hide the highest spectral bands of some sequences."""
    count, bands = shape
    hidden = rng.integers(int(spectral_bands * settings.most_masked) + 1, size=(count, 1))
    hidden = np.where(rng.random((count, 1)) < settings.top_masked, hidden, 0)
    band = np.arange(bands)
    return (band < spectral_bands - hidden) | (band >= spectral_bands)
