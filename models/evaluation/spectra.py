"""Envelope spectra of chosen windows, read from the recordings again: features keep none."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import scipy.fft

from pipelines.envelope import envelope_spectrum, plan_envelope

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from pipelines.features import FeatureSettings
    from pipelines.recordings import Recording
    from pipelines.window import SensorKey, Window


class Spectrum(NamedTuple):
    """Lines of an envelope spectrum over their mean, the largest over the axes, by frequency."""

    hz: NDArray[np.float64]
    amplitude: NDArray[np.float64]


def read_spectra(
    recordings: Iterable[Recording],
    wanted: Mapping[SensorKey, tuple[int, ...]],
    settings: FeatureSettings,
) -> dict[tuple[SensorKey, int], Spectrum]:
    """Return the spectra of the wanted windows of each sensor, counted from 0."""
    found: dict[tuple[SensorKey, int], Spectrum] = {}
    for recording in recordings:
        keys = [key for key in recording.sensors if wanted.get(key)]
        missing = {(key, index) for key in keys for index in wanted[key]}
        counts = dict.fromkeys(recording.sensors, 0)
        for window in recording if missing else ():
            place = window.key, counts[window.key]
            counts[window.key] += 1
            if place in missing:
                found[place] = spectrum_of(window, settings)
                missing.discard(place)
            if not missing:
                break
    return found


def spectrum_of(window: Window, settings: FeatureSettings) -> Spectrum:
    """Return the envelope spectrum that the product's features are made from."""
    signal = window.signal()
    plan = plan_envelope(settings, window.sample_rate_hz, signal.shape[1])
    whole = scipy.fft.rfft(signal - signal.mean(axis=1, keepdims=True), axis=-1)
    amplitude = envelope_spectrum(np.asarray(whole, np.complex64), plan).max(axis=0)
    hz = np.arange(plan.bins) * plan.bin_hz
    return Spectrum(hz.astype(np.float64), amplitude.astype(np.float64))
