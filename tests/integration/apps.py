"""The apps that the integration tests serve with a real uvicorn."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import signal
import time
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route, WebSocketRoute

from healthkit import Health, HealthMiddleware

if TYPE_CHECKING:
    from collections.abc import Mapping
    from multiprocessing.connection import Connection
    from multiprocessing.context import ForkContext, ForkServerContext, SpawnContext

    from starlette.requests import Request
    from starlette.websockets import WebSocket

#: What a child does unless it is ended, in seconds.
CHILD_SLEEPS: Final = 30.0
#: How long it is waited for after `terminate`, in seconds: if it handles that, and if it must end.
CHILD_ENDS_WITHIN: Final = 1.0
CHILD_DIES_WITHIN: Final = 20.0


async def sleep(request: Request) -> PlainTextResponse:
    """Answer after the seconds in the path."""
    await asyncio.sleep(float(request.path_params["seconds"]))
    return PlainTextResponse("slept")


async def echo(websocket: WebSocket) -> None:
    """Send back what comes."""
    await websocket.accept()
    async for text in websocket.iter_text():
        await websocket.send_text(text)


async def child(request: Request) -> JSONResponse:
    """Start a child by the method in the path, terminate it, and say how that went."""
    return JSONResponse(await asyncio.to_thread(child_ends, request.path_params["method"]))


def child_ends(method: str) -> dict[str, object]:
    """Start a child and terminate it; return who handles SIGTERM there, and its exit code."""
    context = CONTEXTS[method]
    handlers, other_end = multiprocessing.Pipe()
    process = context.Process(target=_in_child, args=(other_end,))
    process.start()
    handler: object = handlers.recv() if handlers.poll(10) else None
    process.terminate()
    process.join(CHILD_DIES_WITHIN if handler == str(signal.SIG_DFL) else CHILD_ENDS_WITHIN)
    ended = process.exitcode
    process.kill()
    process.join()
    return {"handler": handler, "exit code": ended}


def _in_child(parent: Connection) -> None:
    """Tell who handles SIGTERM here, then sleep."""
    handler = signal.getsignal(signal.SIGTERM)
    parent.send(getattr(handler, "__qualname__", str(handler)))
    time.sleep(CHILD_SLEEPS)


#: The ways in which multiprocessing starts a child.
CONTEXTS: Final[Mapping[str, ForkContext | SpawnContext | ForkServerContext]] = {
    "fork": multiprocessing.get_context("fork"),
    "spawn": multiprocessing.get_context("spawn"),
    "forkserver": multiprocessing.get_context("forkserver"),
}

ROUTES: Final = [
    Route("/sleep/{seconds}", sleep),
    Route("/child/{method}", child),
    WebSocketRoute("/echo", echo),
]

logging.basicConfig(level=logging.INFO, format="%(levelname)s: %(name)s: %(message)s")

health = Health()
plain = Starlette(routes=ROUTES)
app = HealthMiddleware(Starlette(routes=ROUTES), health=health)
