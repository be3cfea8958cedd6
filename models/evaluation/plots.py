"""Plots as SVG text, to be put into a page. Needs the evaluation extra (matplotlib)."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING, Final

import numpy as np

from models.evaluation import ALARM, FIRST_WINDOWS, WARNING
from models.evaluation.outcomes import episodes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from models.evaluation.lives import Life
    from models.evaluation.outcomes import Outcome
    from models.evaluation.spectra import Spectrum
    from pipelines.features import FeatureSettings

WIDTH, HEIGHT = 9.0, 3.6
WARNING_COLOUR: Final = "#f0c33c"
ALARM_COLOUR: Final = "#d1495b"
INK: Final = "#24506e"
LARGEST_LINE: Final = 2_000
"""Points of a line; more are thinned to the largest of each stretch, so that no peak is lost."""


def life_plot(one: Outcome) -> str:
    """Return loss against threshold over a bearing's life, zones behind it, RMS below."""
    figure = _figure(HEIGHT)
    axes, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    index = np.arange(FIRST_WINDOWS, len(one.life))
    _line(axes, index, one.track.value, colour=INK, label="loss")
    _line(axes, index, one.track.limit, colour="#888888", label="threshold")
    if np.nanmin(one.track.value, initial=1.0) > 0:
        axes.set_yscale("log")
    axes.set_ylabel("loss")
    for zone, colour in ((WARNING, WARNING_COLOUR), (ALARM, ALARM_COLOUR)):
        for episode in episodes(one.track.zones == zone, merged_within=1):
            first, last = (k + FIRST_WINDOWS for k in episode)
            axes.axvspan(first, last + 1, color=colour, alpha=0.3, linewidth=0)
    _marks(axes, one)
    axes.legend(loc="upper left", fontsize="small", framealpha=0.8)
    rms = one.life.rms().max(axis=1)
    _line(below, np.arange(len(rms)), rms, colour=INK, label="RMS")
    below.set_ylabel(f"RMS, {one.life.observations[-1].unit}")
    below.set_xlabel("window")
    return _svg(figure)


def _marks(axes: Axes, one: Outcome) -> None:
    label = one.life.label
    for first, last in label.disputed:
        axes.axvspan(first, last, color="#6a8caf", alpha=0.15, linewidth=0, label="disputed")
    if one.detected is not None:
        axes.axvline(one.detected, color=ALARM_COLOUR, linewidth=1.2, label="first alert")
    for place, name, style in (
        (label.earliest, "earliest", ":"),
        (label.latest, "latest", "--"),
    ):
        if place is not None:
            axes.axvline(place, color="#333333", linewidth=0.8, linestyle=style, label=name)


def bands_plot(life: Life, alert: int, features: FeatureSettings, axis: str = "") -> str:
    """Return the levels of the spectral bands in health and at the alert, in dB.

    Of `axis`, or where none is given of that on which one rose most; health is the mean of what
    every method learns from.
    """
    logs = np.stack([one.log_bands[..., : features.bands] for one in life.observations])
    levels = 10.0 * logs.mean(axis=2, dtype=np.float64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a band that no window knows
        healthy = np.nanmean(levels[:FIRST_WINDOWS], axis=0)
    risen = np.nan_to_num(levels[alert] - healthy, nan=-np.inf)
    names = life.observations[alert].axes
    place = names.index(axis) if axis in names else int(risen.max(axis=1).argmax())
    centres_hz = np.sqrt(np.prod(features.edges_hz()[: features.bands], axis=1))
    figure = _figure(2.6)
    axes = figure.subplots()
    shown = {"healthy": (healthy, "#9aa5ae"), f"first alert, window {alert}": (levels[alert], INK)}
    for name, (level, colour) in shown.items():
        axes.plot(centres_hz, level[place], color=colour, linewidth=1.2, marker=".", label=name)
    axes.set_xscale("log")
    axes.set_xlabel(f"Hz, centre of the band; axis {names[place]}")
    axes.set_ylabel("dB")
    axes.legend(loc="lower left", fontsize="small")
    return _svg(figure)


def spectrum_plot(
    spectra: Mapping[str, Spectrum], fault_lines_hz: Mapping[str, float], highest_hz: float = 800.0
) -> str:
    """Return envelope spectra over each other, fault lines marked where they are known."""
    figure = _figure(2.6)
    axes = figure.subplots()
    for (name, spectrum), colour in zip(
        spectra.items(), ("#9aa5ae", INK, ALARM_COLOUR), strict=False
    ):
        shown = spectrum.hz <= highest_hz
        _line(axes, spectrum.hz[shown], spectrum.amplitude[shown], colour=colour, label=name)
    for place, (name, hz) in enumerate(sorted(fault_lines_hz.items(), key=lambda one: one[1])):
        axes.axvline(hz, color="#333333", linewidth=0.7, linestyle=":")
        # Neighbours may lie a few Hz apart: their names are on lines of their own.
        axes.annotate(
            name, (hz, 1.0), (0, 2 + 8 * (place % 2)), xycoords=("data", "axes fraction"),
            textcoords="offset points", fontsize="x-small", ha="center", va="bottom",
        )  # fmt: skip
    axes.set_xlabel("Hz of the envelope spectrum")
    axes.set_ylabel("over the mean")
    axes.legend(loc="upper right", fontsize="small")
    return _svg(figure)


def _line(
    axes: Axes, x: Sequence[float] | np.ndarray, y: np.ndarray, *, colour: str, label: str
) -> None:
    x, y = _thinned(np.asarray(x, np.float64), np.asarray(y, np.float64))
    axes.plot(x, y, color=colour, linewidth=0.8, label=label)


def _thinned(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Keep the largest value of each stretch."""
    step = -(-len(y) // LARGEST_LINE)
    if step <= 1:
        return x, y
    starts = np.arange(0, len(y), step)
    return x[starts], np.fmax.reduceat(y, starts)


def _figure(height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(WIDTH, height), layout="constrained")


def _svg(figure: Figure) -> str:
    import matplotlib as mpl

    out = io.StringIO()
    # A fixed salt and no date: the same numbers give the same bytes.
    with mpl.rc_context({"svg.hashsalt": "bearingwatch", "svg.fonttype": "none"}):
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    return text[text.index("<svg") :]
