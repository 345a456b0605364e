"""A preStop hook: a route of the app begins the drain, and the SIGTERM after it waits for no more.

The kubelet calls the hook, then sends SIGTERM when the hook has answered. This hook begins the
drain and answers when the delay is over, so that at SIGTERM only the work in flight is left to wait
for. Run it, call the hook, then send SIGTERM: the server ends at once::

    PRESTOP_TOKEN=secret uvicorn --app-dir examples 06_prestop:app
    curl -H 'X-Prestop-Token: secret' http://127.0.0.1:8000/prestop

With healthkit no hook is needed: SIGTERM alone begins the same drain. It is for platforms that send
SIGTERM late, or to somebody else. Whoever reaches the route can end the pod: it wants a token.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from healthkit import Health, HealthMiddleware

if TYPE_CHECKING:
    from starlette.requests import Request

#: Seconds of serving on. ``httpGet.httpHeaders`` of the hook sends the token.
DELAY: Final = 3.0
TOKEN: Final = os.environ.get("PRESTOP_TOKEN", "")

health = Health(drain_delay=DELAY)


async def prestop(request: Request) -> PlainTextResponse:
    """Begin the drain; answer when its delay is over."""
    given = request.headers.get("x-prestop-token", "")
    if not TOKEN or not secrets.compare_digest(given.encode(), TOKEN.encode()):
        return PlainTextResponse("not found\n", 404)
    health.drain()
    await asyncio.sleep(DELAY)
    return PlainTextResponse("drained\n")


async def hello(_request: Request) -> PlainTextResponse:
    """Say hello."""
    return PlainTextResponse("hello\n")


app = Starlette(
    routes=[Route("/", hello), Route("/prestop", prestop)],
    middleware=[Middleware(HealthMiddleware, health=health)],
)
