"""ASGI apps that are played in the test's loop: a clock, a pod, and who asks it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from healthkit.testing._asgi import AsgiApp
from healthkit.testing._process import Answer, Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Receive, Scope, Send

    from healthkit.testing._asgi_process import AsgiProcess


class LoopClock:
    """The test's loop as a clock."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()

    def now(self) -> float:
        """Return the seconds since it was made."""
        return self._loop.time() - self._began

    def call_at(self, when: float, callback: Callable[[], object]) -> asyncio.TimerHandle:
        """Have `callback` called at a moment."""
        return self._loop.call_at(self._began + when, callback)


class Played:
    """An app in its container, and what is known of it."""

    def __init__(self, app: ASGIApp, clock: LoopClock | None = None, **options: Any) -> None:  # noqa: ANN401  # AsgiApp's own
        self.clock = clock or LoopClock()
        self.app = AsgiApp(app, **options)
        #: The exit code and its moment, of each run.
        self.exits: list[tuple[float, int]] = []
        self.process: AsgiProcess = self.start()

    def start(self) -> AsgiProcess:
        """Start a container."""
        self.process = self.app.start(self.clock, self._exited)
        return self.process

    def _exited(self, code: int) -> None:
        self.exits.append((round(self.clock.now(), 3), code))

    def send(
        self,
        path: str = "/",
        timeout: float | None = 1,
        **more: Any,  # noqa: ANN401  # Request's own
    ) -> asyncio.Future[Answer]:
        """Send a request, and do not wait."""
        got: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        more.setdefault("headers", (("Host", "10.244.0.2:8000"), ("Connection", "close")))
        self.process.request(Request(path, 8000, **more), timeout, got.set_result)
        return got

    async def ask(self, path: str = "/", timeout: float | None = 1, **more: Any) -> Answer:  # noqa: ANN401, ASYNC109  # as above
        """Send a request, and wait for what comes."""
        return await self.send(path, timeout, **more)

    async def execute(self, *command: str) -> int:
        """Run a command, and return its exit code."""
        got: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.process.execute(command, lambda code, _output: got.set_result(code))
        return await got

    async def until(self, moment: float) -> None:
        """Let time pass."""
        await asyncio.sleep(moment - self.clock.now())


def lifespan(
    app: ASGIApp, start: Callable[[], Any] = lambda: None, stop: Callable[[], Any] = lambda: None
) -> ASGIApp:
    """Give an app a lifespan, in which `start` and `stop` are called, and awaited if need be."""

    async def with_lifespan(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await app(scope, receive, send)
            return
        for what, work in (("startup", start), ("shutdown", stop)):
            assert (await receive())["type"] == f"lifespan.{what}"
            done = work()
            if done is not None:
                await done
            await send({"type": f"lifespan.{what}.complete"})

    return with_lifespan


async def sleepy(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer ``app`` after the seconds that the path names; refuse lifespans like Django does."""
    if scope["type"] != "http":
        raise ValueError(scope["type"])
    del receive
    await asyncio.sleep(float(scope["path"][1:] or 0))
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"app"})
