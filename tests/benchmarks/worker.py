"""The process that is measured: it loads contestants once, then forks a child for each measurement.

    python -m tests.benchmarks.worker count 2000 floors.probe ours.live

One driver for all, so that like is compared with like: inside one ``asyncio.run``, a for loop
awaits ``app(scope, receive, send)``. As long as an app never suspends, no loop runs and the driver
costs next to nothing; one that does suspend pays for it, as it would under a server. Scopes are
made beforehand, as many for a short run as for a long one: the difference of two counts is requests
only, and both runs are forks of one process that has an app which is ready: however long that took
on a busy machine, it is in both. What varies is some 5,000 instructions by the order of the forks.

The kinds of measurement:

- ``count N``: two forks for callgrind to count, the second answers N requests more.
- ``time N``: the best time per request of `ROUNDS` rounds of N.
- ``wait N``: the times of the first N answers, `PAUSE` apart; given up after `PATIENCE`.

Each child says its result in one line of JSON.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import os
import signal
import sys
import time
from typing import TYPE_CHECKING, Final

from tests.benchmarks.contestant import Contestant, find

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from starlette.types import ASGIApp, Message, Scope

ROUNDS: Final = 7
#: Requests before those that count: the interpreter adapts its bytecode to what it sees.
WARM_UP: Final = 100
#: Seconds between two answers; between two looks whether a contestant is ready, and for all looks.
PAUSE: Final = 0.005
LOOK: Final = 0.1
READY_WITHIN: Final = 240.0
#: Seconds for one answer.
PATIENCE: Final = 10


#: The lifespans that are open.
LIFESPANS: Final[set[asyncio.Task[None]]] = set()


class Client:
    """The server's side of one request after the other. Costs the app the least possible."""

    def __init__(self) -> None:
        #: Whether the present request still has its body.
        self.has_body = True

    async def receive(self) -> Message:
        """Hand out the empty body once; then be a client that waits for its answer."""
        if self.has_body:
            self.has_body = False
            return {"type": "http.request", "body": b"", "more_body": False}
        await asyncio.Event().wait()
        raise AssertionError

    async def send(self, message: Message) -> None:
        """Take a message and forget it."""


class Listener(Client):
    """A client that reads its answer."""

    def __init__(self) -> None:
        super().__init__()
        self.status = 0
        self.body = b""

    async def send(self, message: Message) -> None:
        """Keep status and body."""
        self.status = message.get("status", self.status)
        self.body += message.get("body", b"")


async def ask(app: ASGIApp, scope: Scope) -> Listener:
    """Send one request and return its answer."""
    listener = Listener()
    await app(scope, listener.receive, listener.send)
    return listener


async def answer_all(app: ASGIApp, scopes: list[Scope]) -> None:
    """Have all requests answered: this loop is what is measured."""
    client = Client()
    receive, send = client.receive, client.send
    for scope in scopes:
        client.has_body = True
        await app(scope, receive, send)


async def opened(app: ASGIApp) -> None:
    """Open a lifespan, which lasts for as long as the loop.

    The floor has none, and says so by sending what no lifespan knows: that is refused.
    """
    started = asyncio.Event()
    messages: list[Message] = [{"type": "lifespan.startup"}]

    async def receive() -> Message:
        if not messages:
            await asyncio.Event().wait()
        return messages.pop()

    async def send(message: Message) -> None:
        if message["type"] != "lifespan.startup.complete":
            raise ValueError(message)
        started.set()

    async def live() -> None:
        await app({"type": "lifespan"}, receive, send)

    LIFESPANS.add(asyncio.create_task(live()))
    await started.wait()


async def prepared(contestant: Contestant) -> ASGIApp:
    """Make the app, wait until it is ready, and see that it answers as it should."""
    app = contestant.make()
    if contestant.lifespan:
        await opened(app)
    if contestant.ready is not None:
        path, beginning = contestant.ready
        async with asyncio.timeout(READY_WITHIN):
            while not (await ask(app, contestant.look(path))).body.startswith(beginning):  # noqa: ASYNC110  # no event
                await asyncio.sleep(LOOK)
    answer = await ask(app, contestant.scope())
    if answer.status != contestant.status:
        message = f"answered {answer.status}, expected {contestant.status}"
        raise ValueError(message)
    return app


async def count(contestant: Contestant, key: str, requests: int) -> None:
    """Have children answer few requests, and so many more: what was before is in both counts."""
    app = await prepared(contestant)
    scopes = [contestant.scope() for _ in range(WARM_UP + requests)]
    gc.collect()
    gc.freeze()
    loop = asyncio.get_running_loop()
    for number in (WARM_UP, WARM_UP + requests):
        if child := os.fork():
            _end_of(key, child)
            continue
        asyncio._set_running_loop(loop)  # which remembers whose it was, by its id
        try:
            await answer_all(app, scopes[:number])
            say(key, pid=os.getpid())
        except BaseException as exc:  # noqa: BLE001  # as below
            say(key, error=f"{type(exc).__name__}: {exc}")
        finally:
            os._exit(0)


async def timed(contestant: Contestant, requests: int) -> float:
    """Return the best time per request, in seconds."""
    app = await prepared(contestant)
    best = float("inf")
    for _ in range(ROUNDS):
        scopes = [contestant.scope() for _ in range(requests)]
        began = time.perf_counter()
        await answer_all(app, scopes)
        best = min(best, time.perf_counter() - began)
    return best / requests


async def waited(contestant: Contestant, requests: int) -> list[float]:
    """Return how long each of the first answers took, in seconds."""
    app = contestant.make()
    took: list[float] = []
    for _ in range(requests):
        signal.alarm(PATIENCE)
        began = time.perf_counter()
        await ask(app, contestant.scope())
        took.append(time.perf_counter() - began)
        signal.alarm(0)
        await asyncio.sleep(PAUSE)
    return took


def in_child(key: str, work: Coroutine[object, object, object]) -> None:
    """Run `work` in a fork, which says what it came to; wait for its end."""
    child = os.fork()
    if child:
        work.close()
        _end_of(key, child)
        return
    try:
        result = asyncio.run(work)
        if result is not None:
            say(key, result=result)
    except BaseException as exc:  # noqa: BLE001  # whatever a peer raises: its row says so
        say(key, error=f"{type(exc).__name__}: {exc}")
    finally:
        os._exit(0)


def _end_of(key: str, child: int) -> None:
    """Wait for a child, and say so if it was ended."""
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        say(key, error=_ended_by(os.WTERMSIG(status)))


def _ended_by(number: int) -> str:
    """Say why a child said nothing."""
    return f"> {PATIENCE} s" if number == signal.SIGALRM else f"ended by signal {number}"


def say(key: str, **more: object) -> None:
    """Print one line of JSON at once: a fork must find nothing unsaid."""
    sys.stdout.write(json.dumps({"key": key, **more}) + "\n")
    sys.stdout.flush()


def measure(kind: str, requests: int, key: str) -> None:
    """Measure one contestant, or say why not."""
    try:
        contestant = find(key)
        for module in contestant.modules:
            importlib.import_module(module)
    except ImportError as exc:
        say(key, error=f"not installed: {exc}")
        return
    if kind == "count":
        in_child(key, count(contestant, key, requests))
    else:
        in_child(key, (timed if kind == "time" else waited)(contestant, requests))


def main() -> None:
    """Measure what the command line says, one after the other."""
    kind, requests, *keys = sys.argv[1:]
    for key in keys:
        measure(kind, int(requests), key)


if __name__ == "__main__":
    main()
