"""The picture of an alert: its windows against the healthy baseline, and the envelope's lines.

Needs the evaluation extra (matplotlib).
"""

from __future__ import annotations

import textwrap
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from daemon.evidence import Part
from models.evaluation.spectra import spectrum_of
from pipelines.envelope import FAULT_LINES, HARMONICS, fault_lines_hz
from pipelines.features import FeatureSettings, extract

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from daemon.evidence import BaselineSpectrum, Evidence
    from pipelines.features import Machine
    from pipelines.window import Window

    Floats = NDArray[np.float64]

COLOURS: Final = {Part.FIRST: "#8aa4b8", Part.RAISED: "#24506e", Part.ESCALATED: "#d1495b"}
NAMES: Final = {
    Part.FIRST: "first exceedance",
    Part.RAISED: "confirmed",
    Part.ESCALATED: "became an alarm",
}
HEALTHY: Final = "#7fb069"
BANDS_OF_ALERT: Final = "#f0c33c"
MARGIN: Final = 1.15
"""Room to the right of the highest fault line that is marked."""
UNMARKED_HZ: Final = 350.0
"""Stands for the highest line where none is known: how much of the envelope spectrum is shown."""


def draw(
    kept: Mapping[Part, Evidence],
    windows: Mapping[Part, Window],
    machine: Machine | None,
    path: Path,
) -> None:
    """Draw one alert's windows into a PNG file."""
    from matplotlib.figure import Figure

    raised = kept.get(Part.RAISED)
    baseline = None if raised is None else raised.baseline
    settings = FeatureSettings() if baseline is None else baseline.features
    axes = next(iter(windows.values())).axes
    figure = Figure(figsize=(10.0, 2.4 + 2.9 * (len(axes) + 1)), layout="constrained", dpi=120)
    *levels, below = figure.subplots(len(axes) + 1, 1)
    for number, (axis, panel) in enumerate(zip(axes, levels, strict=True)):
        _levels(panel, number, axis, windows, baseline, settings)
        _mark_bands(panel, kept, axis)
    _envelope(below, windows, machine, settings)
    _title(figure, kept)
    _legend(figure, levels)
    figure.savefig(path, metadata={"Software": None})


def _levels(
    panel: Axes,
    number: int,
    axis: str,
    windows: Mapping[Part, Window],
    baseline: BaselineSpectrum | None,
    settings: FeatureSettings,
) -> None:
    """Draw the level of each band over the baseline's, or as it is where there is none."""
    edges = settings.edges_hz()[: settings.bands]
    usual = np.zeros(len(edges))
    if baseline is not None:
        usual = 10.0 * np.array(baseline.level[number][: len(edges)])
        spread = 10.0 * np.array(baseline.spread[number][: len(edges)])
        for times, strength in ((3.0, 0.2), (1.0, 0.35)):
            label = f"healthy, ±{times:g} spread{'s' * (times > 1)}"
            x, y = _steps(edges, times * spread)
            panel.fill_between(x, -y, y, color=HEALTHY, alpha=strength, linewidth=0, label=label)
    for part, window in windows.items():
        level = 10.0 * extract([window], settings)[0].log_bands[number].mean(axis=0)
        x, y = _steps(edges, level[: len(edges)] - usual)
        panel.plot(x, y, color=COLOURS[part], linewidth=1.4, label=_named(part, window))
    panel.axhline(0.0, color="#555555", linewidth=0.6)
    _in_hz(panel)
    unit = next(iter(windows.values())).unit
    over = f"dB re 1 ({unit})²" if baseline is None else "dB over the baseline"
    panel.set_ylabel(f"{axis}\n{over}")
    panel.margins(x=0.0)


def _steps(edges: Floats, values: Floats) -> tuple[Floats, Floats]:
    """Return a line that is level over each band."""
    return edges.ravel(), np.repeat(values, 2)


def _in_hz(panel: Axes) -> None:
    from matplotlib.ticker import FuncFormatter, NullFormatter

    panel.set_xscale("log")
    panel.set_xlabel("Hz")
    panel.set_xticks([50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000])
    panel.xaxis.set_major_formatter(FuncFormatter(lambda hz, _: f"{hz:g}"))
    panel.xaxis.set_minor_formatter(NullFormatter())
    panel.grid(which="major", color="#dddddd", linewidth=0.5)


def _named(part: Part, window: Window) -> str:
    time = datetime.fromtimestamp(window.start_ns // 10**9, UTC)
    return f"{NAMES[part]}, {time:%Y-%m-%d %H:%M:%S} UTC"


def _mark_bands(panel: Axes, kept: Mapping[Part, Evidence], axis: str) -> None:
    """Shade the bands that the last event names, on the axis that it names."""
    events = [evidence.event for evidence in kept.values() if evidence.event is not None]
    if not events or events[-1].axis != axis:
        return
    for number, band in enumerate(events[-1].bands):
        label = None if number else "bands named in the alert"
        panel.axvspan(
            band.low_hz, band.high_hz, color=BANDS_OF_ALERT, alpha=0.22, linewidth=0, label=label
        )


def _envelope(
    panel: Axes,
    windows: Mapping[Part, Window],
    machine: Machine | None,
    settings: FeatureSettings,
) -> None:
    """Draw the envelope's lines, and where those of a defect would be."""
    lines = _fault_lines(list(windows.values())[-1], machine)
    highest = MARGIN * max(HARMONICS) * max(lines.values(), default=UNMARKED_HZ)
    for part, window in windows.items():
        spectrum = spectrum_of(window, settings)
        shown = spectrum.hz <= highest
        panel.plot(
            spectrum.hz[shown], spectrum.amplitude[shown], color=COLOURS[part], linewidth=0.9
        )
    _mark_lines(panel, lines)
    panel.set_xlim(0.0, highest)
    panel.set_ylim(0.0)
    panel.grid(color="#dddddd", linewidth=0.5)
    told = (
        "; dotted: fault lines and their second harmonics"
        if lines
        else "; no fault lines marked: geometry or speed is not known"
    )
    panel.set_xlabel(f"Hz of the envelope spectrum{told}")
    panel.set_ylabel("largest over the axes,\nover the mean line")


def _mark_lines(panel: Axes, lines: Mapping[str, float]) -> None:
    """Mark each line by its name and its harmonics unnamed; neighbours stand at two heights."""
    for number, (name, hz) in enumerate(sorted(lines.items(), key=lambda line: line[1])):
        for harmonic in HARMONICS:
            width = 1.0 / harmonic
            panel.axvline(harmonic * hz, color="#333333", linewidth=width, linestyle=":")
        panel.annotate(
            name,
            (hz, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(0, 2 + 9 * (number % 2)),
            textcoords="offset points",
            fontsize="x-small",
            ha="center",
        )


def _fault_lines(window: Window, machine: Machine | None) -> dict[str, float]:
    """Return name and place in Hz of the lines that the features look at, as far as known."""
    if machine is None or machine.geometry is None:
        return {}
    rpm = machine.rated_rpm if window.rpm is None else window.rpm
    if not rpm:
        return {}
    places = fault_lines_hz(machine.geometry.fault_orders(), abs(rpm) / 60.0)
    return dict(zip(FAULT_LINES, places, strict=True))


def _legend(figure: Figure, panels: list[Axes]) -> None:
    """Explain the colours once, below: in a panel it would lie on the lines."""
    found: dict[str, Artist] = {}
    for panel in panels:
        handles, labels = panel.get_legend_handles_labels()
        found |= {str(label): handle for label, handle in zip(labels, handles, strict=True)}
    place: Any = "outside lower center"
    figure.legend(found.values(), found.keys(), loc=place, ncols=3, fontsize="small")


def _title(figure: Figure, kept: Mapping[Part, Evidence]) -> None:
    one = list(kept.values())[-1]
    text = "not confirmed" if one.event is None else one.event.text
    heading: dict[str, Any] = {"x": 0.01, "ha": "left", "fontsize": "medium"}
    wrapped = "\n".join(textwrap.wrap(text, 115))
    figure.suptitle(f"{one.asset}/{one.sensor}, alert {one.alert}\n{wrapped}", **heading)
