"""The live view in a terminal: machines, their losses, and alerts as they happen."""

from __future__ import annotations

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
    from types import TracebackType

    from rich.console import Console, RenderableType

    from models.alerts import AlertEvent

COLOURS: Final = {Zone.NORMAL: "green", Zone.WARNING: "yellow", Zone.ALARM: "bold red"}
ALERTS_SHOWN: Final = 7


class LiveView:
    """Draws the board a few times a second; used as a context manager."""

    def __init__(self, console: Console, board: Board, total: int, title: str) -> None:
        self._board, self._total, self._title = board, total, title
        self._live = Live(
            console=console, get_renderable=self._draw, refresh_per_second=6, transient=False
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

    def _draw(self) -> RenderableType:
        done = self._board.windows / self._total
        heading = f"{self._title}   {clock(self._board.time_ns)}   {done:4.0%}"
        return Panel(Group(self._table(), Text(), *self._alerts()), title=heading, expand=False)

    def _table(self) -> Table:
        table = Table(box=None, pad_edge=False)
        for name, width in (("machine", 12), ("zone", 8), ("loss/limit", 10), ("worst", 14)):
            table.add_column(name, min_width=width)
        table.add_column("its loss over time, against the limit", min_width=42)
        for name, machine in sorted(self._copy().items()):
            table.add_row(*_row(name, worst(machine)))
        return table

    def _copy(self) -> dict[str, dict[str, SensorBoard]]:
        # The view is drawn by another thread than the loop's, which may add a machine meanwhile.
        return {name: dict(machine) for name, machine in list(self._board.machines.items())}

    def _alerts(self) -> list[Text]:
        recent = self._board.events[-ALERTS_SHOWN:]
        lines = [Text(told(event), style=COLOURS[event.zone]) for event in recent]
        return lines + [Text()] * (ALERTS_SHOWN - len(lines))


def _row(name: str, sensor: SensorBoard) -> tuple[str, Text, str, str, Text]:
    colour = COLOURS[sensor.zone]
    ratios = list(sensor.ratios)
    ratio = f"{ratios[-1]:.2f}" if ratios else "-"
    if sensor.status is Status.COMMISSIONING:
        zone = Text(f"learning {sensor.windows}", style="cyan")
    elif sensor.status is Status.STOPPED:
        zone = Text("stopped", style="dim")
    else:
        zone = Text(str(sensor.zone), style=colour)
    return name, zone, ratio, sensor.name, Text(sparkline(ratios), style=colour)
