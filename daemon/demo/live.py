"""The live view in a terminal: machines, their losses, and alerts as they happen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rich.console import Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from daemon.demo.board import Board, SensorBoard, sparkline, worst
from daemon.demo.wording import clock, told
from models.alerts import Zone
from models.judgement import Status

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from rich.console import Console, RenderableType

    from models.alerts import AlertEvent

COLOURS: Final = {Zone.NORMAL: "green", Zone.WARNING: "yellow", Zone.ALARM: "bold red"}
ALERTS_SHOWN: Final = 7
WIDEST: Final = 96
"""Columns of the panel, in a terminal that has so many."""
COLUMNS: Final = (("machine", 11), ("state", 14), ("loss/limit", 10), ("worst", 9))
TREND: Final = "loss against its limit"


@dataclass(frozen=True, slots=True)
class Scene:
    """What the view knows from the start: `ends_ns` has the failure of each machine that fails."""

    title: str
    about: str
    windows: int
    machines: tuple[str, ...]
    ends_ns: Mapping[str, int]


class LiveView:
    """Draws the board a few times a second; used as a context manager."""

    def __init__(self, console: Console, board: Board, scene: Scene) -> None:
        self._console, self._board, self._scene = console, board, scene
        self._live = Live(
            console=console, get_renderable=self.draw, refresh_per_second=6, transient=False
        )

    def __enter__(self) -> LiveView:
        self._live.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.__exit__(kind, error, trace)

    def show(self, _new: list[AlertEvent]) -> None:
        """Do nothing: the view looks at the board by itself."""

    def draw(self) -> RenderableType:
        """Return the panel; its size depends on the terminal's alone, so that nothing jumps."""
        width = min(self._console.width, WIDEST)
        done = self._board.windows / self._scene.windows
        heading = _line(f"{clock(self._board.time_ns)}  {done:4.0%}   {self._scene.about}")
        body = Group(heading, Text(), self._table(width), Text(), *self._alerts())
        return Panel(body, title=self._scene.title, width=width)

    def _table(self, width: int) -> Table:
        table = Table(box=None, pad_edge=False)
        for name, size in COLUMNS:
            table.add_column(name, width=size, no_wrap=True)
        # Border and padding of the panel, and two spaces after each column.
        room = max(1, width - 4 - sum(size + 2 for _, size in COLUMNS))
        table.add_column(TREND, width=room, no_wrap=True)
        for name in self._scene.machines:
            table.add_row(name, *self._row(name, room))
        return table

    def _row(self, name: str, room: int) -> tuple[Text, str, str, Text]:
        # The view is drawn by another thread than the loop's, which may add a sensor meanwhile.
        machine = dict(self._board.machines.get(name, {}))
        if not machine:
            return Text("-"), "-", "-", Text()
        sensor = worst(machine)
        ratios = list(sensor.ratios)
        end_ns = self._scene.ends_ns.get(name)
        failed = end_ns is not None and self._board.time_ns >= end_ns
        ratio = f"{ratios[-1]:.2f}" if ratios else "-"
        trend = Text(sparkline(ratios[-room:]), style=COLOURS[sensor.zone])
        return state(sensor, failed=failed), ratio, sensor.name, trend

    def _alerts(self) -> list[Text]:
        recent = self._board.events[-ALERTS_SHOWN:]
        lines = [_line(told(event), COLOURS[event.zone]) for event in recent]
        return lines + [Text()] * (ALERTS_SHOWN - len(lines))


def state(sensor: SensorBoard, *, failed: bool) -> Text:
    """Return what a person should think of a machine, by its worst sensor."""
    if failed:
        before = "" if sensor.zone is Zone.NORMAL else f"{sensor.zone}→"
        return Text(f"{before}failed", style="bold magenta")
    if sensor.status is Status.COMMISSIONING:
        return Text(f"learning {sensor.windows}", style="cyan")
    if sensor.status is Status.STOPPED:
        return Text("stopped", style="dim")
    return Text(str(sensor.zone), style=COLOURS[sensor.zone])


def _line(text: str = "", style: str = "") -> Text:
    return Text(text, style=style, no_wrap=True, overflow="ellipsis")
