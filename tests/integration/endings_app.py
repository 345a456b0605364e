"""The ASGI app whose endings are counted: quick, slow, streamed, uploaded and spoken to.

It is the same on every server and loop, so it knows anyio and no loop. `app` has healthkit, `plain`
is the same without it.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

import anyio
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute

from healthkit import Health, HealthMiddleware
from tests.integration.endings_body import PIECES, piece

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request
    from starlette.websockets import WebSocket

logging.basicConfig(level=logging.INFO, format="%(levelname)s: %(name)s: %(process)d: %(message)s")


async def quick(_request: Request) -> PlainTextResponse:
    """Answer at once."""
    return PlainTextResponse("quick")


async def sleep(request: Request) -> PlainTextResponse:
    """Answer after the seconds in the path."""
    await anyio.sleep(float(request.path_params["seconds"]))
    return PlainTextResponse("slept")


async def stream(request: Request) -> StreamingResponse:
    """Send an answer of unknown length, bit by bit, in the seconds in the path."""
    seconds = float(request.path_params["seconds"])
    return StreamingResponse(_pieces(seconds), media_type="text/plain")


async def _pieces(seconds: float) -> AsyncIterator[str]:
    began = anyio.current_time()
    for number in range(PIECES):
        await anyio.sleep_until(began + seconds * (number + 1) / PIECES)
        yield piece(number)


async def upload(request: Request) -> PlainTextResponse:
    """Read all that comes, and answer how much it was."""
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
    return PlainTextResponse(str(size))


async def echo(websocket: WebSocket) -> None:
    """Send back what comes."""
    await websocket.accept()
    async for text in websocket.iter_text():
        await websocket.send_text(text)


ROUTES: Final = [
    Route("/quick", quick),
    Route("/sleep/{seconds}", sleep),
    Route("/stream/{seconds}", stream),
    Route("/upload", upload, methods=["POST"]),
    WebSocketRoute("/echo", echo),
]

plain = Starlette(routes=ROUTES)
app = HealthMiddleware(Starlette(routes=ROUTES), health=Health())
