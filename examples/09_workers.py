"""Several workers, one truth: whichever worker a probe reaches, the answer is the pod's.

One of the workers takes longer to warm up than the others. Start four of them, ask for readiness as
often as you like, and look at them from another shell; then have all of them drain::

    export HEALTHKIT_STATE_DIR=/tmp/shop WEB_CONCURRENCY=4
    uvicorn --app-dir examples 09_workers:app
    curl http://127.0.0.1:8000/readyz
    healthkit status
    healthkit drain

The directory is all that they share. Without it each worker speaks for itself.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from healthkit import Health, HealthMiddleware

if TYPE_CHECKING:
    from starlette.requests import Request

    from healthkit import Progress

#: How many steps the warm-up has: of some workers three times as many.
STEPS = 30 if os.getpid() % 4 == 0 else 10

health = Health(drain_delay=2, metrics_path="/metrics")


@health.warmup
async def catalogue(progress: Progress) -> None:
    """Stand for reading it."""
    for step in range(STEPS):
        progress(step, STEPS)
        await asyncio.sleep(0.1)


async def who(_request: Request) -> PlainTextResponse:
    """Say which worker this is."""
    return PlainTextResponse(f"worker {os.getpid()}\n")


async def pause(_request: Request) -> PlainTextResponse:
    """Take the whole pod out of the Service."""
    health.pause("asked to")
    return PlainTextResponse("paused\n")


async def resume(_request: Request) -> PlainTextResponse:
    """Put it back, through any worker."""
    health.resume()
    return PlainTextResponse("resumed\n")


app = Starlette(
    routes=[
        Route("/", who),
        Route("/pause", pause, methods=["POST"]),
        Route("/resume", resume, methods=["POST"]),
    ],
    middleware=[Middleware(HealthMiddleware, health=health)],
)
