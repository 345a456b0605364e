"""Litestar: wrap the application object. Its own start-up counts, then the warm-up begins.

Around the object, not in Litestar's own list of middleware: that one never sees the lifespan, and
stands behind the router. ``allowed_hosts`` stays as strict as it is. Run it::

    uvicorn --app-dir examples 12_litestar:app
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from litestar import Litestar, get
from litestar.config.allowed_hosts import AllowedHostsConfig

from healthkit import Health, HealthMiddleware

if TYPE_CHECKING:
    from starlette.types import ASGIApp

health = Health()
greeting: list[str] = []


async def connect() -> None:
    """Litestar's own start-up: ``/startupz`` waits for it."""
    greeting.append("hello")


@health.warmup
async def greetings() -> None:
    """Warm up: readiness waits for it."""
    await asyncio.sleep(0.1)


@get("/", media_type="text/plain")
async def hello() -> str:
    """Say hello, to those who know the host's name."""
    return f"{greeting[0]}\n"


web = Litestar(
    [hello],
    on_startup=[connect],
    allowed_hosts=AllowedHostsConfig(["shop.example"]),
    logging_config=None,  # or Litestar takes the root logger for itself
)
# Litestar spells the types of ASGI in its own way.
app = HealthMiddleware(cast("ASGIApp", web), health=health)
