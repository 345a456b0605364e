"""What the reader sees: rows, remarks, and one line at the bottom that moves.

On a terminal the moving line is drawn in place. Anywhere else there is no such place: then each
tenth of a progress and each second of load is a line of its own.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from examples.pod.probes import ENDPOINTS, Sight

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from examples.pod.load import Tally

WIDTHS: Final = (7, 13, 10, 8, 9, 9)
STEP: Final = 10
BAR: Final = 40

_COLOURS: Final = {200: "green", 503: "yellow"}


class Stage:
    """Prints the play on `console`, and counts its time from now on."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began = time.monotonic()
        self._live: Live | None = None
        self._row: tuple[str, tuple[int | None, ...]] | None = None
        self._step = -1
        self._second = -1

    def say(self, line: str, style: str = "") -> None:
        """Print a remark."""
        self._print(Text(line, style=style))

    def heard(self, line: str) -> None:
        """Print a line of the app's own log."""
        self._print(Text(f"        log  {line}", style="dim"))

    def heading(self) -> None:
        """Print the head of the table."""
        titles = ("seconds", "phase", *ENDPOINTS)
        self._print(Text("".join(_cells(titles)), style="bold"))

    def show(self, sight: Sight) -> None:
        """Print what the endpoints answer, if that has changed; move the progress on."""
        row = (sight.phase, sight.statuses)
        if row != self._row:
            self._row = row
            self._print(self._as_row(sight))
        if sight.percent is not None:
            self._progress(sight.line, sight.percent)
        elif self._step >= 0:
            self._step = -1
            self.clear()

    def count(self, tally: Tally) -> None:
        """Show the running count of the load."""
        line = (
            f"load: {tally.requests} requests, {tally.lost} lost, {tally.in_flight} in flight, "
            f"{tally.connections} connections"
        )
        second = int(self._now())
        if self._console.is_interactive:
            self._draw(Text(line, style="cyan"))
        elif second != self._second:
            self._second = second
            self.say(f"        {line}")

    def clear(self) -> None:
        """Take the moving line away."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _progress(self, line: str, percent: int) -> None:
        if self._console.is_interactive:
            grid = Table.grid(padding=(0, 1))
            grid.add_row("       ", ProgressBar(100, percent, BAR), line)
            self._draw(grid)
        elif percent // STEP != self._step:
            self.say(f"        /readyz says: {line}")
        self._step = percent // STEP

    def _draw(self, what: RenderableType) -> None:
        if self._live is None:
            self._live = Live(console=self._console, transient=True, refresh_per_second=10)
            self._live.start()
        self._live.update(what)

    def _as_row(self, sight: Sight) -> Text:
        codes = ["-" if status is None else str(status) for status in sight.statuses]
        time_, phase, *cells = _cells((f"{self._now():5.1f}", sight.phase, *codes))
        row = Text(time_).append(phase, style="bold")
        for cell, status in zip(cells, sight.statuses, strict=True):
            row.append(cell, style=_COLOURS.get(status or 0, "dim"))
        return row

    def _now(self) -> float:
        return time.monotonic() - self._began

    def _print(self, text: Text) -> None:
        """Print one line whole: where nobody looks, a line is not cut at 80 columns."""
        text.rstrip()
        self._console.print(text, soft_wrap=True)


def _cells(values: tuple[str, ...]) -> list[str]:
    """Pad each value to its column."""
    return [f"{value:<{width}}  " for value, width in zip(values, WIDTHS, strict=True)]
