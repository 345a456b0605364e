"""Servers whose end is tested in many situations, and the requests that are made meanwhile."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from healthkit._state_dir import StateDir
from tests.integration.endings_servers import SERVERS, WSGI_SERVERS, Gate, Server
from tests.integration.pods import Look, Pod, Process, ask, free_port, until

if TYPE_CHECKING:
    import signal
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_APP: Final = "tests.integration.ends_app"

#: Seconds that everybody may take beside what is known of his server: two cores, many tests.
SLACK: Final = 2.0
#: How many answers in a row say that the pod is ready; several workers answer in turn.
IN_A_ROW: Final = 6


@dataclass(frozen=True, slots=True, eq=False)
class Setup:
    """One way to run one server."""

    name: str
    server: Server
    workers: int
    loop: str

    def __str__(self) -> str:
        return self.name

    @property
    def gate(self) -> bool:
        """Whether SIGTERM alone begins a drain."""
        return self.server.gate is Gate.HERE

    @property
    def master(self) -> bool:
        """Whether the process that is started is not the one that serves."""
        return self.workers > 1 or self.server.name not in {"uvicorn", "hypercorn -w 0", "daphne"}

    @property
    def exit_code(self) -> int:
        """What it ends with after SIGTERM."""
        return self.server.exit_code(self.workers, run=False)

    @property
    def own(self) -> float:
        """What the server takes for itself, from SIGTERM to the end of an idle process."""
        return self.server.hears.seconds + self.server.ends.seconds


def _setups() -> list[Setup]:
    found: list[Setup] = []
    wanted = {
        "uvicorn": (1, 2),
        "gunicorn asgi": (2,),
        "gunicorn UvicornWorker": (2,),
        "hypercorn -w 0": (1,),
        "hypercorn -w 1": (1,),
        "granian": (1, 2),
        "daphne": (1,),
        "gunicorn gthread": (2,),
    }
    for server in (*SERVERS, *WSGI_SERVERS):
        for workers in wanted.get(server.name, ()):
            # One worker on uvloop, if the server can: several on asyncio. Each has its turn.
            loops = list(server.loops)
            loop = loops[min(1, len(loops) - 1)] if workers == 1 else loops[0]
            name = f"{server.name} x{workers}" if len(wanted[server.name]) > 1 else server.name
            found.append(Setup(name, server, workers, loop))
    return found


SETUPS: Final[Mapping[str, Setup]] = {setup.name: setup for setup in _setups()}


class Serving(Pod):
    """A server of the table, with an app of its own. It never outlives its block.

    Args:
        setup: how it is run.
        state: its state directory, if it has one.
        plain: whether the app is without healthkit.
        before: what stands before the server's command.
        options: more of the server's own.
        settings: environment variables for it.
    """

    def __init__(  # noqa: PLR0913  # all by keyword
        self,
        setup: Setup,
        state: Path | None = None,
        *,
        plain: bool = False,
        before: Sequence[str] = (),
        options: Sequence[str] = (),
        settings: Mapping[str, str] | None = None,
    ) -> None:
        line = setup.server.line(setup.loop, setup.workers, free_port())
        kind = "wsgi" if setup.server.wsgi else ""
        target = "_".join(filter(None, [kind, "plain" if plain else ""])) or "app"
        command = [*before, sys.executable, "-m", *line, *options, f"{_APP}:{target}"]
        own: dict[str, str] = {}
        if state is not None and not plain:
            own = {"HEALTHKIT_STATE_DIR": str(state), "HEALTHKIT_WORKERS": str(setup.workers)}
        Process.__init__(self, command, {**own, **(settings or {})})
        self.setup = setup
        self.workers = setup.workers
        self.directory = StateDir(str(state or "/nowhere"))
        self._path = "/sleep/0" if plain else "/readyz"
        self.sent: float = 0.0

    async def serves(self, status: int = 200, path: str | None = None) -> None:
        """Wait until it has answered this a few times in a row."""
        await self.listens()
        row = 0
        deadline = time.monotonic() + 40
        while row < IN_A_ROW * self.workers:
            assert time.monotonic() < deadline, "it does not serve"
            look = await self.ask(path or self._path)
            row = row + 1 if look.status == status else 0
            await asyncio.sleep(0.01)

    async def says(self, line: str, times: int | None = None) -> None:
        """Wait until each worker has written a line with this."""
        await until(line, lambda: self.said(line) >= (times or self.workers))

    def said(self, line: str) -> int:
        """Count the lines with this."""
        return sum(line in one for one in tuple(self.log))

    def kill_with(self, number: signal.Signals, *, group: bool = False) -> None:
        """Send a signal to the first process, or to all at the same time."""
        self.sent = self.sent or time.monotonic()
        (os.killpg if group else os.kill)(self.pid, number)

    async def over(self, within: float = 40.0) -> tuple[int, float]:
        """Wait for the end; return the exit code, and the seconds since the first signal."""
        code = await self.ends(within)
        assert self.ended_at is not None
        return code, self.ended_at - self.sent

    async def asks_until(self, moment: float) -> list[int]:
        """Ask on one new connection after another until then; return the statuses."""
        found: list[int] = []
        while time.monotonic() < moment:
            found.append((await self.ask_for_long("/sleep/0")).status)
            await asyncio.sleep(0.03)
        return found

    def asking(self, path: str) -> asyncio.Task[Look]:
        """Ask once, beside what else happens."""
        return asyncio.create_task(self.ask_for_long(path))

    async def ask_for_long(self, path: str) -> Look:
        """Ask once, and wait for longer than a kubelet."""
        assert self.port is not None
        return await ask(self.port, path, within=20)
