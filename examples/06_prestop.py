"""A preStop hook over HTTP: healthkit drains the pod, and the SIGTERM after it waits for no more.

The setting `prestop_token` is all that it takes: a GET of ``/prestop`` with that token begins the
drain, and is answered when it is over. The token comes by the environment, for it is a secret:
without one there is no such path, and whoever has not got it is told 404. Run it, call the hook
as the kubelet would, then send SIGTERM: the server ends at once::

    HEALTHKIT_PRESTOP_TOKEN=correct-horse-battery-staple uvicorn --app-dir examples 06_prestop:app
    curl -H 'Authorization: Bearer correct-horse-battery-staple' http://127.0.0.1:8000/prestop

With healthkit no hook is needed where SIGTERM alone begins the same drain. A hook is for servers
that keep the signal to themselves, and for platforms that send it late, or to somebody else.
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

health = Health(drain_delay=3)


async def hello(_request: Request) -> PlainTextResponse:
    """Say hello."""
    return PlainTextResponse("hello\n")


app = Starlette(
    routes=[Route("/", hello)],
    middleware=[Middleware(HealthMiddleware, health=health)],
)
