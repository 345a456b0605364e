"""The smallest app: Starlette and healthkit, with nothing registered.

Run it, then ask ``/livez``, ``/startupz``, ``/readyz`` and ``/healthz``::

    uvicorn --app-dir examples 01_minimal:app
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from healthkit import Health, HealthMiddleware

if TYPE_CHECKING:
    from starlette.requests import Request

health = Health()


async def hello(_request: Request) -> PlainTextResponse:
    """Say hello."""
    return PlainTextResponse("hello\n")


app = Starlette(
    routes=[Route("/", hello)],
    # The first of the list is outermost.
    middleware=[Middleware(HealthMiddleware, health=health)],
)
