"""The load on a Service: what is sent, answered, and lost.

Runs in the cluster, with the standard library only. Some clients open a connection for each
request; some keep theirs, as a proxy does; one sends requests that take long, so that something is
in flight whenever a pod ends.

A request is lost unless its whole answer came, with status 200. One exception is every client's
own: a *kept* connection may be found closed when the next request is sent, before a byte of an
answer. RFC 9110 (9.2.2) lets a client repeat a GET then, on another connection, and that is what
happens here; it is counted as stale. If that one fails too, the request is lost.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from tests.cluster.http1 import Answer, BadAnswerError, Connection, NoAnswerError, Target

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

#: How many clients of each kind there are.
FRESH: Final = 3
KEPT: Final = 3
#: Seconds between two requests of one client: 6 clients send some 100 a second.
PAUSE: Final = 0.05
#: A request that takes long, and for how long.
SLOW: Final = "/sleep/2"
#: How many losses are told with their reasons.
TOLD: Final = 20

#: What makes a request lost.
FAILURES: Final = (OSError, TimeoutError, NoAnswerError, BadAnswerError)


@dataclass(slots=True)
class Tally:
    """What became of the requests so far."""

    sent: int = 0
    answered: int = 0
    lost: int = 0
    #: Kept connections that were found closed; their requests were repeated.
    stale: int = 0
    #: Answers that told a kept connection to close.
    told_to_close: int = 0
    #: Answers by the version of the app.
    versions: Counter[str] = field(default_factory=Counter[str])
    #: Of the first losses: seconds since the load began, kind, reason.
    reasons: list[str] = field(default_factory=list[str])

    def as_json(self) -> dict[str, object]:
        """Return it for the wire and the log."""
        return {
            "sent": self.sent,
            "answered": self.answered,
            "lost": self.lost,
            "stale": self.stale,
            "told_to_close": self.told_to_close,
            "versions": dict(self.versions),
            "reasons": self.reasons,
        }


class Load:
    """Puts load on a URL until it is stopped. Use it in one event loop."""

    def __init__(
        self, url: str, slow: str = SLOW, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._target = Target.of(url)
        self._slow_path = slow
        self._clock = clock
        self._began = clock()
        self._stopping = False
        self._clients: list[asyncio.Task[None]] = []
        self.tally = Tally()

    def start(self) -> None:
        """Begin. Returns at once."""
        for number in range(FRESH):
            self._begin(f"fresh-{number}", self._fresh())
        for number in range(KEPT):
            self._begin(f"kept-{number}", self._kept())
        self._begin("slow", self._slow())

    async def stop(self) -> Tally:
        """Send no more, wait for the answers that are still to come, and return the tally."""
        self._stopping = True
        await asyncio.gather(*self._clients)
        return self.tally

    async def cancel(self) -> None:
        """End at once, whatever is in flight."""
        for client in self._clients:
            client.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)

    def _begin(self, name: str, client: Coroutine[object, object, None]) -> None:
        self._clients.append(asyncio.get_running_loop().create_task(client, name=name))

    async def _fresh(self) -> None:
        """Open a connection for each request."""
        while not self._stopping:
            await self._alone("fresh", self._target.path)
            await asyncio.sleep(PAUSE)

    async def _slow(self) -> None:
        """Have a long request in flight, always."""
        while not self._stopping:
            await self._alone("slow", self._slow_path)

    async def _alone(self, kind: str, path: str) -> None:
        self.tally.sent += 1
        connection = Connection(self._target)
        try:
            self._count(kind, await connection.get(path, close=True))
        except FAILURES as exc:
            self._lose(kind, exc)
            await asyncio.sleep(PAUSE)
        finally:
            connection.close()

    async def _kept(self) -> None:
        """Send one request after the other on one connection, until it is told to close."""
        connection = Connection(self._target)
        try:
            while not self._stopping:
                await self._next(connection)
                await asyncio.sleep(PAUSE)
        finally:
            connection.close()

    async def _next(self, connection: Connection) -> None:
        self.tally.sent += 1
        try:
            await self._on(connection)
        except FAILURES as exc:
            self._lose("kept", exc)
            connection.close()

    async def _on(self, connection: Connection) -> None:
        try:
            answer = await connection.get()
        except (NoAnswerError, ConnectionResetError, BrokenPipeError):
            if not connection.answered:
                raise
            self.tally.stale += 1
            connection.close()
            answer = await connection.get()
        self._count("kept", answer)
        if answer.closes:
            self.tally.told_to_close += 1
            connection.close()

    def _count(self, kind: str, answer: Answer) -> None:
        if answer.status != 200:
            self._lose(kind, f"status {answer.status}")
            return
        self.tally.answered += 1
        self.tally.versions[json.loads(answer.body)["version"]] += 1

    def _lose(self, kind: str, reason: object) -> None:
        self.tally.lost += 1
        if len(self.tally.reasons) < TOLD:
            at = self._clock() - self._began
            name = type(reason).__name__ if isinstance(reason, Exception) else ""
            self.tally.reasons.append(f"{at:.2f} s, {kind}: {name} {reason}".strip())
