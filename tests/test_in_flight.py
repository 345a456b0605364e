"""The count of what is in flight comes back to zero, whatever happens in between.

A random sequence of steps (requests that begin, end well, end badly, are cancelled, lose their
client, take holds; drains, settling, lifespans) is played against the real middleware; a set of
names is the slow, obvious model.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Literal

import anyio
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from healthkit import Health, HealthMiddleware
from tests.servers import http_scope, lifespan_of, receive_nothing
from tests.virtual import VirtualLoop

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from starlette.types import Message, Receive, Scope, Send

    from healthkit._hold import Hold

Step = Literal["arrive", "finish", "fail", "exit", "cancel", "hang up", "hold", "release", "drain",
               "settle", "wait"]  # fmt: skip
STEPS: list[Step] = [
    "arrive", "arrive", "arrive", "finish", "fail", "exit", "cancel", "hang up", "hold", "release",
    "drain", "settle", "wait",
]  # fmt: skip


async def plain_send(_message: Message) -> None:
    """Be a server that takes everything."""


#: Seconds of the drain's delay, where there is one.
DELAY = 1.0


class Disturbed(BaseException):
    """What a request may raise that is no Exception."""


class Play:
    """The middleware, the requests that it has in flight, and the model of them."""

    def __init__(self, delay: float) -> None:
        # A wake-up that is lost would be waited for until the timeout.
        self.health = Health(drain_delay=delay, drain_timeout=1000)
        self.app = HealthMiddleware(self._serve, health=self.health)
        self._ends: dict[str, asyncio.Future[str]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._outlived: list[asyncio.Task[None]] = []
        self._holds: list[Hold] = []
        self._settling = False

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Be in flight until told how to end, and leave a task behind."""
        if scope["type"] != "http":
            raise ValueError(scope["type"])
        del receive
        self._outlived.append(asyncio.create_task(anyio.sleep(60)))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        how = await self._ends[scope["path"]]
        if how == "fail":
            raise ValueError
        if how == "exit":
            raise Disturbed
        await send({"type": "http.response.body", "body": how.encode()})

    async def _send(self, message: Message) -> None:
        """Take a message; a client that has hung up breaks the pipe."""
        if message.get("body") == b"hang up":
            raise BrokenPipeError

    async def take(self, step: Step, which: int) -> None:
        """Take one step, on one of the requests in flight where that matters."""
        name = list(self._ends)[which % len(self._ends)] if self._ends else None
        if step == "arrive":
            self._arrive(f"/{which}/{len(self._outlived)}/{len(self._ends)}")
        elif step == "cancel" and name is not None:
            self._tasks[name].cancel()
            await self._left(name)
        elif step in {"finish", "fail", "exit", "hang up"} and name is not None:
            self._ends[name].set_result(step)
            await self._left(name)
        elif step == "hold":
            self._holds.append(self.health.hold("job").__enter__())
        elif step == "release" and self._holds:
            self._holds.pop(which % len(self._holds)).__exit__(None, None, None)
        elif step == "drain":
            self.health.drain()
        elif step == "settle" and self.health.life.begun:
            self._settling |= self.health.life.exit._ending is None
            if self.health.life.exit._ending is None:
                self.health.life.exit._end_by_signal()
        await anyio.sleep(1.1 * DELAY if step == "wait" else 0)

    def _arrive(self, name: str) -> None:
        self._ends[name] = asyncio.get_running_loop().create_future()
        request = self.app(http_scope(name), receive_nothing, self._send)
        self._tasks[name] = asyncio.create_task(self._quietly(request))

    async def _quietly(self, request: Coroutine[object, object, None]) -> None:
        """Be the server: what a request raises ends there."""
        with contextlib.suppress(ValueError, Disturbed, BrokenPipeError):
            await request

    async def _left(self, name: str) -> None:
        self._ends.pop(name)
        await asyncio.wait([self._tasks.pop(name)])

    def agrees(self) -> None:
        """Compare with the model."""
        assert self.health.life.traffic.in_flight == len(self._ends)

    async def end(self) -> None:
        """Let everything end: then nothing is in flight, and every drain was over in time."""
        for name in list(self._ends):
            self._ends[name].set_result("finish")
            await self._left(name)
        for hold in self._holds:
            hold.__exit__(None, None, None)
        before = anyio.current_time()
        drains = [task for task in asyncio.all_tasks() if task.get_name() == "healthkit drain"]
        if self._settling and drains:
            await asyncio.wait(drains)
        assert anyio.current_time() - before < DELAY + 0.1
        for task in self._outlived:
            task.cancel()
        self.agrees()
        assert self.health.life.traffic.flight.holds == {}


@settings(deadline=None, max_examples=150)
@given(
    steps=st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 99)), max_size=40),
    with_lifespan=st.booleans(),
    delay=st.sampled_from([0.0, DELAY]),
)
# The drain lands with requests in flight; more arrive, and all leave in any order.
@example(
    steps=[("arrive", 1), ("hold", 0), ("settle", 0), ("wait", 0), ("arrive", 2)],
    with_lifespan=True,
    delay=DELAY,
)
@example(
    steps=[("arrive", 1), ("hold", 0), ("settle", 0), ("wait", 0), ("arrive", 2)],
    with_lifespan=False,
    delay=0.0,
)
def test_the_count_comes_back_to_zero(
    steps: list[tuple[Step, int]],
    with_lifespan: bool,
    delay: float,
) -> None:
    """After any interleaving, with or without a lifespan; and it is right after every step."""

    async def play() -> None:
        scene = Play(delay)
        if with_lifespan:
            async with lifespan_of(scene.app):
                await perform(scene)
        else:
            await perform(scene)

    async def perform(scene: Play) -> None:
        for step, which in steps:
            await scene.take(step, which)
            scene.agrees()
        await scene.end()

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(play())


@pytest.mark.parametrize("moment", ["before the app", "inside the app"])
async def test_a_request_that_is_never_finished_is_not_counted_for_ever(moment: str) -> None:
    """A server may drop a request's coroutine without cancelling it."""
    health = Health()
    inside = asyncio.Event()

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive, send
        inside.set()
        await anyio.sleep_forever()

    app = HealthMiddleware(serve, health=health)
    request = app(http_scope(), receive_nothing, plain_send)
    if moment == "inside the app":
        request.send(None)
        assert inside.is_set()
        assert health.life.traffic.in_flight == 1
    request.close()
    assert health.life.traffic.in_flight == 0
