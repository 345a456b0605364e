"""An app that several workers serve: it says who answers, and lets a test hold things up.

Each answer, a probe's included, names the process that gave it in ``x-pid``. The environment says
how long a warm-up takes (``WARMUP_SECONDS``), and in which directory the first worker that comes
waits for a file called ``go`` (``SLOW_GATE``): that one is slow, the others are not.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

from healthkit import Health, HealthMiddleware

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

WARMUP: Final = float(os.environ.get("WARMUP_SECONDS", "0"))
GATE: Final = os.environ.get("SLOW_GATE")

#: A client that sends this header has the worker's loop blocked for a moment before it is answered,
#: so that another worker accepts the next connection. In seconds.
SPREAD: Final = b"x-spread"
BLOCKED: Final = 0.002

#: What /stream sends, and in how many seconds.
CHUNKS: Final = 20
STREAM: Final = 1.0

logging.basicConfig(level=logging.INFO, format="%(levelname)s: %(name)s: %(process)d: %(message)s")

health = Health(metrics_path="/metrics")


@health.warmup
def cache() -> None:
    """Take as long as the environment says."""
    time.sleep(WARMUP)
    if GATE is not None and _is_first(Path(GATE)):
        while not Path(GATE, "go").exists():
            time.sleep(0.02)


def _is_first(gate: Path) -> bool:
    try:
        with Path(gate, "slow").open("x") as file:
            file.write(str(os.getpid()))
    except FileExistsError:
        return False
    return True


async def quick(_request: Request) -> PlainTextResponse:
    """Answer at once."""
    return PlainTextResponse("quick")


async def sleep(request: Request) -> PlainTextResponse:
    """Answer after the seconds in the path."""
    await asyncio.sleep(float(request.path_params["seconds"]))
    return PlainTextResponse("slept")


async def stream(_request: Request) -> StreamingResponse:
    """Send the answer bit by bit."""
    return StreamingResponse(_chunks(), media_type="text/plain")


async def _chunks() -> AsyncIterator[str]:
    for number in range(CHUNKS):
        await asyncio.sleep(STREAM / CHUNKS)
        yield f"chunk {number}\n"


async def condition(request: Request) -> PlainTextResponse:
    """Do to the health what the path says, in this worker."""
    match request.url.path:
        case "/pause":
            health.pause("a test")
        case "/resume":
            health.resume()
        case _:
            health.fail_liveness("a test")
    return PlainTextResponse("done")


def naming(inner: ASGIApp) -> ASGIApp:
    """Add the process id to each answer."""

    async def named(scope: Scope, receive: Receive, send: Send) -> None:
        async def add(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [*message.get("headers", ()), (b"x-pid", b"%d" % os.getpid())]
                message = {**message, "headers": headers}
            await send(message)

        if scope["type"] == "http" and SPREAD in dict(scope["headers"]):
            time.sleep(BLOCKED)  # noqa: ASYNC251  # to block the loop is what it is for
        await inner(scope, receive, add)

    return named


ROUTES: Final = [
    Route("/quick", quick),
    Route("/sleep/{seconds}", sleep),
    Route("/stream", stream),
    Route("/pause", condition),
    Route("/resume", condition),
    Route("/fail_liveness", condition),
]

app = naming(HealthMiddleware(Starlette(routes=ROUTES), health=health))
