"""The cells of the matrix: a server, its workers, its loop, and what tells it to end.

Owns which cells there are, what their command lines and settings are, and which of them can't work
yet, or ever, and why. How a cell is ended is `endings`' business.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from tests.integration.endings_servers import SERVERS, WSGI_SERVERS, Gate, Server
from tests.integration.pods import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Seconds: longer than the Service takes to forget the pod, by as much as a busy machine needs to
#: answer what has arrived; shorter than what is in flight.
DRAIN_DELAY: Final = 2.2
#: What is left for the drain after ``preStop.sleep``. The new connections have stopped, but clients
#: that keep theirs must be told to go, and are when they ask the next time. Without it a worker
#: with nothing in flight ends at once, and what they ask at that instant is lost.
GOODBYE: Final = 0.5
TOKEN: Final = "not-a-secret-at-all"  # noqa: S105  # it is none

_ASGI: Final = "tests.integration.endings_app"
_WSGI: Final = "tests.integration.endings_wsgi"


class Trigger(StrEnum):
    """What tells the pod to end."""

    #: SIGTERM alone, held back inside the process; by `healthkit run` where that can't be.
    SIGTERM = "sigterm"
    #: SIGTERM to `healthkit run`.
    RUN = "run"
    #: ``healthkit drain`` as preStop hook, then SIGTERM.
    DRAIN = "drain"
    #: A request to the preStop path, then SIGTERM.
    PRESTOP = "prestop"
    #: ``preStop.sleep``, then SIGTERM, and a delay for goodbyes only.
    SLEEP = "sleep"


@dataclass(frozen=True, slots=True)
class Cell:
    """One way to end one server."""

    server: Server
    workers: int
    loop: str
    trigger: Trigger
    #: Whether the app is served without healthkit, for comparison.
    plain: bool = False

    def __str__(self) -> str:
        words = [self.server.name, f"{self.workers} of {self.loop}", self.trigger.value]
        return ", ".join([*words, *["plain"] * self.plain])

    @property
    def row(self) -> str:
        """What it is called in tables, without its trigger."""
        several = self.workers > 1 and f"-w {self.workers}" not in self.server.name
        return f"{self.server.name}, {self.workers} workers" if several else self.server.name

    @property
    def runs(self) -> bool:
        """Whether `healthkit run` stands before the server."""
        if self.plain or self.trigger in {Trigger.DRAIN, Trigger.PRESTOP}:
            return False
        if self.trigger is Trigger.SIGTERM:
            return self.server.gate is Gate.NEVER
        return self.trigger is Trigger.RUN or self.server.gate is Gate.NEVER

    @property
    def stateful(self) -> bool:
        """Whether it has a state directory of its own."""
        return not self.plain and (self.workers > 1 or self.trigger is Trigger.DRAIN)

    @property
    def sends_websocket(self) -> bool:
        """Whether a WebSocket is in the load."""
        return not self.server.wsgi

    @property
    def sends_uploads(self) -> bool:
        """Whether uploads are. None that nobody knows of can be waited for."""
        return self.server.concurrent and not self.server.buffers

    @property
    def remarks(self) -> list[str]:
        """Say what is different about it in a table: the remedy that it takes, what is not sent."""
        found: list[str] = []
        if self.runs and self.trigger is not Trigger.RUN:
            found.append("behind `healthkit run`")
        if not self.server.concurrent:
            found.append("small requests and a slow one: a worker serves one at a time")
            if self.trigger is Trigger.PRESTOP:
                found.append("the hook is answered at once, and SIGTERM waits for the rest")
        elif not self.sends_uploads:
            found.append(f"without uploads: {self.server.buffers}")
        return found

    def command(self) -> list[str]:
        """Return the command line. Its port is a new one each time."""
        line = self.server.line(self.loop, self.workers, free_port())
        before = ["-m", "healthkit", "run", "--", sys.executable] if self.runs else []
        target = f"{_WSGI if self.server.wsgi else _ASGI}:{'plain' if self.plain else 'app'}"
        return [sys.executable, *before, "-m", *line, target]

    def settings(self, state: Path) -> dict[str, str]:
        """Return the environment variables; `state` is where its state directory would be."""
        delay = GOODBYE if self.trigger is Trigger.SLEEP else DRAIN_DELAY
        found = {"HEALTHKIT_DRAIN_DELAY": f"{delay:g}"}
        if self.stateful:
            found |= {"HEALTHKIT_STATE_DIR": str(state)}
        if self.stateful or self.runs:
            found |= {"HEALTHKIT_WORKERS": str(self.workers)}
        if self.trigger is Trigger.PRESTOP:
            found |= {"HEALTHKIT_PRESTOP_TOKEN": TOKEN}
        return {} if self.plain else found


def cells() -> Iterator[Cell]:
    """Return every cell."""
    for server in (*SERVERS, *WSGI_SERVERS):
        for workers in server.workers:
            for loop in server.loops:
                for trigger in Trigger:
                    yield Cell(server, workers, loop, trigger)


def diagonal() -> Iterator[Cell]:
    """Return a cell for each server: of its cells, the one least like the others.

    So every trigger, loop and number of workers has its turn.
    """
    chosen: list[Cell] = []

    def likeness(cell: Cell) -> list[int]:
        return [
            sum(cell.trigger is other.trigger for other in chosen),
            sum(cell.loop == other.loop for other in chosen),
            sum(cell.workers == other.workers for other in chosen),
        ]

    for server in (*SERVERS, *WSGI_SERVERS):
        cell = min((cell for cell in cells() if cell.server is server), key=likeness)
        chosen.append(cell)
        yield cell
