"""A bare ASGI app that refuses the lifespan, as many do. healthkit answers the server for it.

Run it::

    uvicorn --app-dir examples 05_bare_asgi:app
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from healthkit import Health, HealthMiddleware

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

health = Health()


async def hello(scope: Scope, _receive: Receive, send: Send) -> None:
    """Say hello over HTTP; know nothing else."""
    if scope["type"] != "http":
        message = f"this app does not speak {scope['type']}"
        raise NotImplementedError(message)
    body = b"hello\n"
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


app = HealthMiddleware(hello, health=health)
