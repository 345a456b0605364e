"""Quart: wrap the application object. Its own start-up counts, then the warm-up begins.

Run it::

    uvicorn --app-dir examples 04_quart:app
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from quart import Quart

from healthkit import Health, HealthMiddleware

if TYPE_CHECKING:
    from starlette.types import ASGIApp

health = Health()
web = Quart(__name__)


@web.before_serving
async def connect() -> None:
    """Quart's own start-up: while it runs, ``/startupz`` would be 503, were the port open."""
    web.config["GREETING"] = "hello"


@health.warmup
async def greetings() -> None:
    """Warm up: readiness waits for it."""
    await asyncio.sleep(0.1)


@web.get("/")
async def hello() -> str:
    """Say hello."""
    return f"{web.config['GREETING']}\n"


# Quart spells the types of ASGI in its own way.
app = HealthMiddleware(cast("ASGIApp", web), health=health)
