"""Long-lived streams: one that the drain ends, and one that ends itself.

A drain ends WebSockets and EventSource's streams when its delay is over, so that they can't hold
the exit. ``/events`` is left to that. ``/echo`` wants to say goodbye in its own words: `long_lived`
says that it is no stream, the drain waits for it as for a request, and `draining` tells it when.
Run it, connect to both, and send SIGTERM::

    HEALTHKIT_DRAIN_DELAY=5 uvicorn --app-dir examples 13_streams:app
    curl -N -H 'Accept: text/event-stream' http://127.0.0.1:8000/events
    python -m websockets ws://127.0.0.1:8000/echo
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import anyio
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute

from healthkit import Health, HealthMiddleware

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request
    from starlette.types import Scope
    from starlette.websockets import WebSocket

#: Seconds that a client of the echo has for what it still wants to say. Longer than the drain's
#: delay: whoever connects again after that reaches another pod.
LAST_WORDS = 6.0
#: Seconds between two events.
PACE = 0.5


def long_lived(scope: Scope) -> bool | None:
    """Say that the echo ends itself; leave everything else to the rule."""
    return False if scope["path"] == "/echo" else None


health = Health(long_lived=long_lived)


async def echo(websocket: WebSocket) -> None:
    """Send back what comes; when the pod drains, tell the client, and end a moment later."""
    await websocket.accept()
    async with anyio.create_task_group() as group:
        group.start_soon(say_goodbye, websocket, group.cancel_scope)
        async for text in websocket.iter_text():
            await websocket.send_text(text)
        group.cancel_scope.cancel()
        return
    await websocket.close(1012, "connect again")


async def say_goodbye(websocket: WebSocket, conversation: anyio.CancelScope) -> None:
    """Wait for the drain, then for the client's last words."""
    await health.draining()
    await websocket.send_text("this pod ends: last words, please")
    await anyio.sleep(LAST_WORDS)
    conversation.cancel()


async def ticks() -> AsyncIterator[str]:
    """Go on for ever: nothing here knows of a drain."""
    for number in count():
        yield f"data: tick {number}\n\n"
        await anyio.sleep(PACE)


async def events(_request: Request) -> StreamingResponse:
    """Send events, to whoever listens by ``new EventSource("/events")``."""
    return StreamingResponse(ticks(), media_type="text/event-stream")


async def hello(_request: Request) -> PlainTextResponse:
    """Say hello."""
    return PlainTextResponse("hello\n")


app = Starlette(
    routes=[Route("/", hello), Route("/events", events), WebSocketRoute("/echo", echo)],
    middleware=[Middleware(HealthMiddleware, health=health)],
)
