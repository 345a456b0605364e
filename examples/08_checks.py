"""Checks of a dependency and of what is near, the forms of an answer, and metrics.

Run it and read what it says; the database that it looks for is not there::

    uvicorn --app-dir examples 08_checks:app
    curl 'localhost:8000/readyz?verbose'
    curl -H 'Accept: application/json' localhost:8000/readyz
    curl -H 'X-Debug: on' 'localhost:8000/readyz/database?verbose'
    curl localhost:8000/metrics
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from healthkit import Health, HealthMiddleware
from healthkit.checks import EventLoopLag, FreeDisk
from healthkit.logging import ProbeFilter

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import Scope

logging.basicConfig(level=logging.INFO)

#: Where nobody listens: the discard port.
DATABASE: Final = ("127.0.0.1", 9)


def may_read_reasons(scope: Scope) -> bool:
    """Let in whoever knows the header; a real app would look at who is logged in."""
    return dict(scope["headers"]).get(b"x-debug") == b"on"


health = Health(metrics_path="/metrics", show_reasons=may_read_reasons)

#: What the probes ask does not fill the access log.
logging.getLogger("uvicorn.access").addFilter(ProbeFilter(health))


@health.check(
    interval=1,
    failure_threshold=3,  # a single lost packet is no news
    unknown=PermissionError,  # a sandbox that forbids sockets says nothing about a database
    required=False,  # all pods share it
)
async def database() -> None:
    """Open a connection, and close it."""
    _, writer = await asyncio.open_connection(*DATABASE)
    writer.close()
    await writer.wait_closed()


health.check(FreeDisk("/", fail_below=1_000_000), name="disk", interval=30)
health.check(EventLoopLag(), interval=1, required=False)


async def greet(request: Request) -> PlainTextResponse:
    """Serve."""
    del request
    return PlainTextResponse("hello\n")


app = Starlette(
    routes=[Route("/", greet)],
    middleware=[Middleware(HealthMiddleware, health=health)],
)
