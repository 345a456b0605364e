"""A well-behaved ASGI server, without sockets: uvicorn 0.54 (uvicorn/server.py), in virtual time.

It binds its ports when the lifespan's start-up is complete. At SIGTERM, which it notices at its
next tick of 0.1 s, it closes its ports, lets the requests in flight end, speaks the lifespan's
shutdown, and is done. A start-up that has failed ends it with 3. What differs from uvicorn:

1. A request comes whole and has no body; WebSockets, pipelining and ``Expect`` are not played. The
   answer's headers are the app's, without uvicorn's ``date`` and ``server``.
2. https is answered as if there were a certificate.
3. Every request has a connection of its own. One that is kept alive is not closed when it is idle.
4. No proxy headers are believed, and there are no limits (``--limit-concurrency``, ...).
5. `send` after the client has gone does nothing, but waits now and then (see `_exchange`).
6. The ticks are counted from the moment at which the ports are bound, and take no time themselves.
7. It handles its process's own signals (see `_pod_signals`), and does not raise them again.
"""

from __future__ import annotations

import asyncio
import logging
import math
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from healthkit.testing._lifespan import Lifespan
from healthkit.testing._pod_signals import HANDLED, watched

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from types import FrameType

    from healthkit.testing._exchange import Asgi3, Exchange
    from healthkit.testing._lifespan import Mode
    from healthkit.testing._pod_signals import PodSignals

    #: Starts a task of the process, with a name.
    Spawn: TypeAlias = Callable[[Coroutine[Any, Any, None], str], asyncio.Task[None]]

#: Seconds between two looks of uvicorn's main loop, and of its shutdown.
TICK: Final = 0.1
#: uvicorn's STARTUP_FAILURE.
STARTUP_FAILED: Final = 3

logger: Final = logging.getLogger("healthkit.testing")


@dataclass(frozen=True, slots=True)
class Options:
    """uvicorn's command line."""

    lifespan: Mode = "auto"
    #: In seconds; None waits for ever.
    timeout_graceful_shutdown: float | None = None


class Server:
    """One run of the server. On the loop's thread."""

    def __init__(self, app: Asgi3, options: Options, signals: PodSignals, spawn: Spawn) -> None:
        """Make a server that handles signals already, and has yet to `serve`.

        Args:
            app: what it serves.
            options: its own.
            signals: those of its process.
            spawn: starts a task of its process.
        """
        self._app = app
        self._options = options
        self._signals = signals
        self._spawn = spawn
        self._lifespan = Lifespan(app, options.lifespan)
        #: Whether connections are accepted.
        self.listening = False
        self._terminated = asyncio.Event()
        self._forced = False
        #: Set when a request has ended, or none is waited for any more.
        self._changed = asyncio.Event()
        self._exchanges: dict[asyncio.Task[None], Exchange] = {}
        for number in HANDLED:
            signals.signal(number, self.handle_exit)

    def __repr__(self) -> str:
        return f"<Server {self}>"

    def __str__(self) -> str:
        state = "listening" if self.listening else "starting"
        state = "ending" if self._terminated.is_set() else state
        return f"{state} in_flight={len(self._exchanges)}"

    @property
    def state(self) -> dict[str, Any]:
        """What the lifespan keeps for the requests."""
        return self._lifespan.state

    def take(self, exchange: Exchange, what: str) -> None:
        """Serve a request that has come in."""
        task = self._spawn(exchange.run(self._app), what)
        self._exchanges[task] = exchange
        task.add_done_callback(self._ended)

    async def serve(self) -> int:
        """Serve, from the lifespan's start-up to its shutdown; return the exit code."""
        if self._options.lifespan != "off":
            self._spawn(self._run_lifespan(), "lifespan")
        if not await self._lifespan.startup():
            return STARTUP_FAILED
        if not self._terminated.is_set():
            await self._listen()
        await self._shut_down()
        return 0

    def handle_exit(self, number: int, _frame: FrameType | None) -> None:
        """Handle SIGTERM and SIGINT, as uvicorn's Server.handle_exit does."""
        if self._terminated.is_set() and number == signal.SIGINT:
            self._forced = True
            self._changed.set()
        self._terminated.set()

    def die(self) -> None:
        """Be no more: nobody who still waits gets an answer, and the app hears of nothing."""
        self.listening = False
        self._lifespan.die()
        for exchange in self._exchanges.values():
            exchange.die()

    async def _run_lifespan(self) -> None:
        await watched(self._lifespan.run(), self._signals)

    async def _listen(self) -> None:
        """Serve until the tick after the signal."""
        bound = asyncio.get_running_loop().time()
        self.listening = True
        await self._terminated.wait()
        await _next_tick(bound)
        self.listening = False

    async def _shut_down(self) -> None:
        """Let the requests in flight end, then the app, as uvicorn's Server.shutdown does."""
        for exchange in self._exchanges.values():
            exchange.close_after()
        await asyncio.sleep(TICK)
        try:
            async with asyncio.timeout(self._options.timeout_graceful_shutdown):
                await self._requests_ended()
        except TimeoutError:
            logger.warning("%r: timeout_graceful_shutdown exceeded, requests are cancelled", self)
            for task in tuple(self._exchanges):
                task.cancel()
        if not self._forced:
            await self._lifespan.shutdown()

    async def _requests_ended(self) -> None:
        since = asyncio.get_running_loop().time()
        while self._exchanges and not self._forced:
            self._changed.clear()
            await self._changed.wait()
            await _next_tick(since)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._exchanges[task]
        self._changed.set()


async def _next_tick(since: float) -> None:
    """Sleep until uvicorn looks again, which it has done every 0.1 s since a moment.

    What happens at the very moment of a look is seen by the next.
    """
    ticks = round((asyncio.get_running_loop().time() - since) / TICK, 6)
    await asyncio.sleep((math.floor(ticks) + 1 - ticks) * TICK)
