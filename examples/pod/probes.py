"""The kubelet of the play: asks the four endpoints, each time on a new connection.

A real kubelet asks once a second at most; this one asks ten times, so that each change is seen. It
only watches: what it sees is handed on, and kept as the last `Sight`.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

import httpx

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

#: As the table shows them: in the order in which a starting pod passes them.
ENDPOINTS: Final = ("/startupz", "/livez", "/readyz", "/healthz")

#: Seconds between two looks.
PERIOD: Final = 0.1
#: The kubelet's default ``timeoutSeconds``.
TIMEOUT: Final = 1.0

#: As in a request of the kubelet.
HEADERS: Final = {"User-Agent": "kube-probe/1.36", "Accept": "*/*", "Connection": "close"}

_PERCENT: Final = re.compile(r"(\d+) %")


@dataclass(frozen=True, slots=True)
class Sight:
    """What the endpoints answered at one look."""

    #: Status codes in the order of `ENDPOINTS`; None is no answer.
    statuses: tuple[int | None, ...] = (None,) * len(ENDPOINTS)
    #: The line that /readyz answered.
    line: str = ""

    @property
    def phase(self) -> str:
        """What to call this: the first words of what /readyz says."""
        said = self.line.partition(":")[0]
        by_status = {None: "no answer", 200: "serving", 503: said}
        return by_status.get(self.status("/readyz"), "no endpoints")

    @property
    def percent(self) -> int | None:
        """How far the work is that /readyz names."""
        found = _PERCENT.search(self.line)
        return int(found[1]) if found else None

    def status(self, endpoint: str) -> int | None:
        """Return what one endpoint answered."""
        return self.statuses[ENDPOINTS.index(endpoint)]


class Kubelet:
    """Looks at one pod until its block ends.

    Args:
        url: where the pod listens.
        seen: called after each look.
    """

    def __init__(self, url: str, seen: Callable[[Sight], None]) -> None:
        self._seen = seen
        self._task: asyncio.Task[None] | None = None
        self._looked = asyncio.Condition()
        self.sight = Sight()
        self._http = httpx.AsyncClient(
            base_url=url,
            headers=HEADERS,
            timeout=TIMEOUT,
            limits=httpx.Limits(max_keepalive_connections=0),
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._watch())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._http.aclose()

    async def sees(self, phase: str, within: float) -> bool:
        """Wait until the pod is in `phase`; return False if it is not so within so many seconds."""
        try:
            async with asyncio.timeout(within), self._looked:
                await self._looked.wait_for(lambda: self.sight.phase == phase)
        except TimeoutError:
            return False
        return True

    async def _watch(self) -> None:
        while True:
            self.sight = await self._look()
            self._seen(self.sight)
            async with self._looked:
                self._looked.notify_all()
            await asyncio.sleep(PERIOD)

    async def _look(self) -> Sight:
        """Ask all endpoints at once."""
        answers = await asyncio.gather(*[self._ask(endpoint) for endpoint in ENDPOINTS])
        ready = answers[ENDPOINTS.index("/readyz")]
        line = ready.text.strip() if ready is not None else ""
        return Sight(tuple(None if a is None else a.status_code for a in answers), line)

    async def _ask(self, endpoint: str) -> httpx.Response | None:
        try:
            return await self._http.get(endpoint)
        except httpx.HTTPError:
            return None
