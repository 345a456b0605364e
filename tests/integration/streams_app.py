"""The app whose streams are ended: WebSockets, and events in all ways that apps send them.

It is the same on every server, and says on its standard error how each stream ended.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

import anyio
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocketDisconnect

from healthkit import Health, HealthMiddleware

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send
    from starlette.websockets import WebSocket

logging.basicConfig(level=logging.INFO, format="%(levelname)s: %(name)s: %(message)s")
said: Final = logging.getLogger("streams_app")

HEARTBEAT: Final = 0.1


async def echo(websocket: WebSocket) -> None:
    """Send back what comes, and say how it ended."""
    await websocket.accept()
    try:
        while True:
            await websocket.send_text(await websocket.receive_text())
    except WebSocketDisconnect as gone:
        said.info("echo heard %d", gone.code)


async def push(websocket: WebSocket) -> None:
    """Send on without ever listening; whatever is raised is nobody's business."""
    await websocket.accept()
    while True:
        await websocket.send_text("tick")
        await anyio.sleep(HEARTBEAT)


async def quick(_request: Request) -> PlainTextResponse:
    """Answer at once."""
    return PlainTextResponse("quick")


class Events(StreamingResponse):
    """Says that it has ended when the server's task has: a generator may end much later."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send, until nobody listens."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            said.info("events ended")


async def events(_request: Request) -> StreamingResponse:
    """Send a heartbeat for ever."""
    return Events(_beats(), media_type="text/event-stream")


async def _beats() -> AsyncIterator[str]:
    while True:
        yield "data: beat\n\n"
        await anyio.sleep(HEARTBEAT)


async def silent(_request: Request) -> StreamingResponse:
    """Send one event, and then nothing."""
    return StreamingResponse(_one(), media_type="text/event-stream")


async def _one() -> AsyncIterator[str]:
    try:
        yield "data: one\n\n"
        await anyio.sleep_forever()
    finally:
        said.info("silent ended")


async def _listen(receive: Receive, send: Send) -> None:
    """Send one event, and listen for the end."""
    headers = [(b"content-type", b"text/event-stream")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"data: one\n\n", "more_body": True})
    while (await receive())["type"] != "http.disconnect":
        pass
    said.info("bare heard http.disconnect")


starlette: Final = Starlette(
    routes=[
        Route("/quick", quick),
        Route("/events", events),
        Route("/silent", silent),
        WebSocketRoute("/echo", echo),
        WebSocketRoute("/push", push),
    ]
)


async def _app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http" and scope["path"] == "/bare":
        await _listen(receive, send)
    else:
        await starlette(scope, receive, send)


app = HealthMiddleware(_app, health=Health(stream_jitter=0.5))
