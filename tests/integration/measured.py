"""An app with metrics of its own; ``GET /warm`` and ``GET /break`` change its state."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from healthkit import CheckFailed, Health, HealthMiddleware

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

#: Would be in the metrics if a reason ever were.
REASON: Final = "hunter2 is no password for db.internal"

registry = CollectorRegistry()
orders = Counter("orders", "Orders taken.", ["shop"], registry=registry)
sizes = Histogram("order_size_items", "Items of an order.", registry=registry)

health = Health(metrics_path="/metrics", metrics_registry=registry)
warm = asyncio.Event()
broken = asyncio.Event()


@health.warmup
async def catalogue(progress: Callable[[float, float], None]) -> None:
    """Be a quarter done until told to go on."""
    progress(1, 4)
    await warm.wait()


@health.check(interval=0.2, timeout=10, max_age=60)
async def database() -> None:
    """Pass until told to fail."""
    if broken.is_set():
        raise CheckFailed(REASON)


@health.check(required=False)
async def recommendations() -> None:
    """Fail."""
    raise ConnectionError(REASON)


async def go_on(request: Request) -> PlainTextResponse:
    """Change the state that the path names, and take an order."""
    orders.labels("main").inc()
    sizes.observe(3)
    {"/warm": warm, "/break": broken}[request.url.path].set()
    return PlainTextResponse("done")


app = HealthMiddleware(
    Starlette(routes=[Route("/warm", go_on), Route("/break", go_on)]), health=health
)
