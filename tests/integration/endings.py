"""End a real server under a real load, and note everything that clients and probes saw of it.

The Service is modelled with the delay that was measured on a real cluster: new connections reach
the pod for 1.1 s after it is told to end, kept ones until they are closed. Every kind of request is
in flight when that happens, and some outlast the drain delay: when SIGTERM reaches the server, too.

All moments are seconds after the trigger: SIGTERM, or the start of whatever comes before it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import httpx

from examples.pod.load import Load, Tally
from examples.pod.server import ROOT
from healthkit._state_dir import StateDir
from tests.integration.endings_cells import DRAIN_DELAY, GOODBYE, TOKEN, Trigger
from tests.integration.endings_load import Callers
from tests.integration.pods import Process, ask, until

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from types import TracebackType

    from tests.integration.endings_cells import Cell

#: Before the trigger begin the uploads and the stream, which are there when SIGTERM comes.
LEAD: Final = 0.3
UPLOAD: Final = 2.8
STREAM: Final = 2.7
#: A slow request that arrives then is in flight when the delay is over.
LATE: Final = 1.0
SLOW: Final = 1.6
WITHDRAWN_AFTER: Final = 1.1
#: Before then not everything that was in flight has its answer.
LAST_ANSWER: Final = LATE + SLOW

#: Between two looks at the endpoints, and two at this process's own clock.
PROBE_EVERY: Final = 0.05
TICK: Final = 0.01
#: For machines on which a lot else is going on.
STARTS_WITHIN: Final = 60.0
ENDS_WITHIN: Final = 40.0
PATIENCE: Final = 20.0

#: So many terminations go on at once, on two cores.
AT_ONCE: Final = 4

_LISTENS: Final = re.compile(
    r"(?:running on http://|listening at: http://|listening on tcp address )"
    r"127\.0\.0\.1:([1-9]\d*)",
    re.IGNORECASE,
)


@dataclass
class Ending:
    """What was seen of one termination."""

    cell: Cell
    tally: Tally | None = None
    exit_code: int | None = None
    #: When the process was gone.
    took: float = 0.0
    #: When the hook had returned and SIGTERM was sent.
    signalled: float = 0.0
    #: When the workers were told to drain, if it was a command that told them.
    told: float = 0.0
    close_code: int | None = None
    messages: int = 0
    #: By how much this machine let a sleep of `TICK` be too long, at worst.
    lag: float = 0.0
    #: What /livez and /readyz answered, 0 for nothing, and when they were asked.
    liveness: list[tuple[float, int]] = field(default_factory=list[tuple[float, int]])
    readiness: list[tuple[float, int]] = field(default_factory=list[tuple[float, int]])
    log: list[str] = field(default_factory=list[str])


class Served(Process):
    """A server that is started as a cell says."""

    def __init__(self, cell: Cell, state: Path) -> None:
        super().__init__(cell.command(), {**cell.settings(state), "PYTHONPATH": str(ROOT)})
        self._cell = cell
        self.port = 0

    async def begun(self) -> None:
        """Wait until it serves, and is ready if it can say so."""
        async with asyncio.timeout(STARTS_WITHIN):
            while self.port == 0:
                assert self.ended_at is None, "the server has ended"
                await asyncio.sleep(PROBE_EVERY)
                said = [found for line in self.log if (found := _LISTENS.search(line))]
                self.port = int(said[0][1]) if said else 0
            path, looks = ("/quick" if self._cell.plain else "/readyz"), 0
            # A few in a row: several workers answer in turn.
            while looks < 3 * self._cell.workers:
                looks = looks + 1 if (await ask(self.port, path)).status == 200 else 0
                await asyncio.sleep(TICK)

    async def kill(self) -> None:
        """Kill the whole session: `healthkit run` has its server in a process group of its own."""
        for pid in _session(self.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        await self.ends()


def _session(leader: int) -> list[int]:
    """Return the processes of a session (proc(5), /proc/pid/stat, 6)."""
    found: list[int] = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            session = path.read_text().rpartition(")")[2].split()[3]
            found += [int(path.parent.name)] * (int(session) == leader)
    return found


class Termination:
    """One server, from its start to its end under load."""

    def __init__(self, cell: Cell) -> None:
        self.ending = Ending(cell)
        self._cell = cell
        self._sent: float | None = None

    async def run(self) -> Ending:
        """Start, load, terminate; return what was seen."""
        with tempfile.TemporaryDirectory() as place:
            state = Path(place, "state")
            async with Served(self._cell, state) as served:
                self.ending.log = served.log
                await self._under_load(served, state)
        return self.ending

    async def _under_load(self, served: Served, state: Path) -> None:
        url = f"http://127.0.0.1:{served.port}"
        kept = 3 if self._cell.server.keeps_alive else 0
        async with Load(
            url, paths=["/quick"], new=2, keep_alive=kept, pause=0.03, patience=PATIENCE
        ) as load:
            callers = Callers(load, served.port)
            looking = [asyncio.create_task(one) for one in (self._probe(served), self._tick())]
            try:
                await self._begin(callers)
                await self._terminate(served, state, load, callers)
                await callers.finish()
                self.ending.exit_code = await served.ends(ENDS_WITHIN)
                self.ending.tally = await load.finish()
                assert served.ended_at is not None
                self.ending.took = served.ended_at - (self._sent or 0.0)
            finally:
                await callers.abandon()
                for task in looking:
                    task.cancel()
                await asyncio.wait(looking)
            self.ending.close_code, self.ending.messages = callers.close_code, callers.messages

    async def _begin(self, callers: Callers) -> None:
        """Put into flight what is there before the trigger."""
        await asyncio.sleep(0.2)
        if self._cell.sends_websocket:
            callers.websocket()
        if self._cell.sends_uploads:
            callers.uploads(UPLOAD)
        if self._cell.server.concurrent:
            callers.stream(STREAM)
        await asyncio.sleep(LEAD)

    async def _terminate(self, served: Served, state: Path, load: Load, callers: Callers) -> None:
        """Tell the server to end, in the way of the cell, while the load changes around it."""
        self._sent = time.monotonic()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._world(load, callers))
            group.create_task(self._hook(served, state))

    async def _world(self, load: Load, callers: Callers) -> None:
        """Be what happens anyway: one more slow request, and the Service that forgets the pod."""
        await asyncio.sleep(LATE)
        callers.slow(SLOW)
        await asyncio.sleep(WITHDRAWN_AFTER - LATE)
        load.withdraw()

    async def _hook(self, served: Served, state: Path) -> None:
        """Be the kubelet: run what comes before SIGTERM, and send it."""
        match self._cell.trigger:
            case Trigger.DRAIN:
                await self._drain(state)
            case Trigger.PRESTOP:
                await _ask_to_drain(served.port)
            case Trigger.SLEEP:
                await asyncio.sleep(DRAIN_DELAY - GOODBYE)
            case Trigger.SIGTERM | Trigger.RUN:
                pass
        self.ending.signalled = self._since()
        with contextlib.suppress(ProcessLookupError):
            os.kill(served.pid, signal.SIGTERM)

    async def _drain(self, state: Path) -> None:
        """Run the command; note when it was heard."""
        command = [sys.executable, "-m", "healthkit", "drain"]
        directory = StateDir(str(state))
        async with Process(command, {"HEALTHKIT_STATE_DIR": str(state)}) as drain:
            await until("the request for the drain", lambda: directory.look().told)
            self.ending.told = (directory.look().told or 0.0) - (self._sent or 0.0)
            code = await drain.ends(ENDS_WITHIN)
            self.ending.log += drain.log
            assert code == 0, drain.log

    async def _probe(self, served: Served) -> None:
        """Look at the endpoints like the kubelet: a new connection each time."""
        while True:
            for path, looks in (
                ("/livez", self.ending.liveness),
                ("/readyz", self.ending.readiness),
            ):
                asked = self._since()
                looks.append((asked, (await ask(served.port, path)).status))
            await asyncio.sleep(PROBE_EVERY)

    async def _tick(self) -> None:
        """Find out how late things happen here, whatever the server does."""
        while True:
            before = time.monotonic()
            await asyncio.sleep(TICK)
            late = time.monotonic() - before - TICK
            self.ending.lag = max(self.ending.lag, late)

    def _since(self) -> float:
        """Return the seconds since the trigger; negative before."""
        return -1.0 if self._sent is None else time.monotonic() - self._sent


async def _ask_to_drain(port: int) -> None:
    """Be the kubelet with an httpGet hook: it waits for the answer."""
    headers = {"authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(trust_env=False, timeout=ENDS_WITHIN) as http:
        answer = await http.get(f"http://127.0.0.1:{port}/prestop", headers=headers)
    assert answer.status_code == 200, answer


class Queue:
    """Terminations that wait for their turn: a few go on at once, whoever asked for them.

    Use it in one event loop; it never outlives its block.
    """

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._room = asyncio.Semaphore(at_once)
        self._tasks: list[asyncio.Task[Ending]] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def add(self, cell: Cell, times: int) -> Awaitable[list[Ending]]:
        """Terminate a cell so many times, each under its own load. Returns at once."""
        tasks = [asyncio.create_task(self._one(cell), name=str(cell)) for _ in range(times)]
        self._tasks += tasks
        return asyncio.gather(*tasks)

    async def _one(self, cell: Cell) -> Ending:
        async with self._room:
            return await Termination(cell).run()


async def terminate(*wanted: Cell, times: int) -> list[Ending]:
    """Terminate each of these cells so many times, a few at a time."""
    async with Queue() as queue:
        found = await asyncio.gather(*(queue.add(cell, times) for cell in wanted))
    return [ending for endings in found for ending in endings]
