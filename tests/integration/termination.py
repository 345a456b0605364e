"""End a real uvicorn under a real load, and note everything that clients and probes saw of it.

The Service is modelled with the delay that was measured on a real cluster: new connections reach
the pod for 1.1 s after its SIGTERM, kept ones until they are closed.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import httpx

from examples.pod.app import SLOW
from examples.pod.load import Load, Tally
from examples.pod.server import Server

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Seconds: longer than the Service takes, shorter than what is in flight.
DRAIN_DELAY: Final = 1.5
WITHDRAWN_AFTER: Final = 1.1
#: A request for /slow that arrives then is in flight when the delay is over.
LATE: Final = 0.9
#: Between two looks at the endpoints, in seconds.
PROBE_EVERY: Final = 0.05
ENDS_WITHIN: Final = 20.0

SETTINGS: Final = {"HEALTHKIT_DRAIN_DELAY": str(DRAIN_DELAY), "CATALOGUE_SECONDS": "0.1"}
PATHS: Final = ["/products/1", "/products/4999"]


@dataclass
class Ending:
    """What was seen of one termination. Moments are seconds after SIGTERM."""

    tally: Tally | None = None
    exit_code: int | None = None
    #: When the process was gone.
    took: float = 0.0
    #: When uvicorn was heard to begin its own shutdown.
    handed_over: float | None = None
    #: What /livez answered, and when the answer, or the refusal (0), had come.
    liveness: list[tuple[float, int]] = field(default_factory=list[tuple[float, int]])
    #: What /readyz answered, and when it was asked.
    readiness: list[tuple[float, int]] = field(default_factory=list[tuple[float, int]])
    log: list[str] = field(default_factory=list[str])

    def liveness_failures(self) -> list[tuple[float, int]]:
        """Return the looks at liveness that failed while the port should have been open.

        It must be until the late request has its answer. Then uvicorn closes it, and nobody is
        there to answer any more: what is refused from then on is refused to the end.
        """
        failed = [look for look in self.liveness if look[1] != 200]
        tail = self.liveness[self.liveness.index(failed[0]) :] if failed else []
        if tail != failed:
            return failed
        return [look for look in failed if look[0] < LATE + SLOW or look[1] != 0]

    def unready_after(self) -> float:
        """Return the moment of the last answer that said ready."""
        return max((moment for moment, status in self.readiness if status == 200), default=-1.0)


class Termination:
    """One server, from its start to its end under load."""

    def __init__(self, target: str, options: Sequence[str]) -> None:
        self.ending = Ending()
        self._server = Server(target, SETTINGS, self._heard, options)
        self._sent: float | None = None

    async def run(self) -> Ending:
        """Start, load, terminate; return what was seen."""
        async with self._server as server, httpx.AsyncClient(trust_env=False, timeout=5) as http:
            url = await server.url()
            await self._ready(http, url)
            async with Load(url, paths=PATHS, new=2, keep_alive=3, pause=0.03) as load:
                probing = asyncio.create_task(self._probe(http, url))
                await asyncio.sleep(0.3)
                load.send("/stream")
                await asyncio.sleep(0.2)
                await self._terminate(load)
                self.ending.tally = await load.finish()
                self.ending.exit_code = await server.ended(ENDS_WITHIN)
                self.ending.took = self._since()
                probing.cancel()
                await asyncio.wait([probing])
        return self.ending

    async def _terminate(self, load: Load) -> None:
        """Delete the pod; a process group would deliver the signal twice."""
        self._sent = time.monotonic()
        self._server.terminate()
        self._server.terminate()
        await asyncio.sleep(LATE)
        load.send("/slow")
        await asyncio.sleep(WITHDRAWN_AFTER - LATE)
        load.withdraw()
        await asyncio.sleep(DRAIN_DELAY - WITHDRAWN_AFTER)

    async def _ready(self, http: httpx.AsyncClient, url: str) -> None:
        """Wait for readiness; the plain app is ready when it listens."""
        async with asyncio.timeout(ENDS_WITHIN):
            while await _ask(http, f"{url}/readyz") == 503:  # noqa: ASYNC110  # another process
                await asyncio.sleep(PROBE_EVERY)

    async def _probe(self, http: httpx.AsyncClient, url: str) -> None:
        """Look at the endpoints like the kubelet: a new connection each time."""
        while True:
            status = await _ask(http, f"{url}/livez")
            self.ending.liveness.append((self._since(), status))
            asked = self._since()
            self.ending.readiness.append((asked, await _ask(http, f"{url}/readyz")))
            await asyncio.sleep(PROBE_EVERY)

    def _since(self) -> float:
        """Return the seconds since SIGTERM; negative before."""
        return -1.0 if self._sent is None else time.monotonic() - self._sent

    def _heard(self, line: str) -> None:
        self.ending.log.append(line)
        if "Shutting down" in line:
            self.ending.handed_over = self._since()


async def _ask(http: httpx.AsyncClient, url: str) -> int:
    """Return the status of an answer, 0 without one."""
    try:
        return (await http.get(url, headers={"connection": "close"})).status_code
    except httpx.TransportError:
        return 0


async def terminate(target: str, *options: str, times: int) -> list[Ending]:
    """Terminate as many servers, each under its own load, a few at a time."""
    at_once = asyncio.Semaphore(4)

    async def one() -> Ending:
        async with at_once:
            return await Termination(target, options).run()

    return await asyncio.gather(*(one() for _ in range(times)))
