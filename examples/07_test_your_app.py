"""How to test an app that has healthkit in it: wait for a phase, never sleep.

Run it with pytest; it has an app and its tests in one file::

    pytest examples/07_test_your_app.py
"""

# ruff: noqa: S101  # pytest wants plain asserts

from __future__ import annotations

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient

from healthkit import Health, HealthMiddleware

health = Health()
app = Starlette(middleware=[Middleware(HealthMiddleware, health=health)])


@health.warmup
async def catalogue() -> None:
    """Stand for work that readiness waits for."""


@pytest.fixture
def anyio_backend() -> str:
    """Run the coroutine tests on asyncio: anyio's pytest plugin asks for this."""
    return "asyncio"


@pytest.mark.anyio
async def test_without_a_lifespan() -> None:
    """Through httpx there is no lifespan: everything begins at the first request."""
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
        assert (await client.get("/startupz")).status_code == httpx.codes.OK
        await health.wait_for("serving")
        assert (await client.get("/readyz")).text == "ok\n"


def test_with_a_lifespan() -> None:
    """Starlette's TestClient opens one; its portal runs a coroutine on the app's loop."""
    with TestClient(app) as client:
        assert client.portal is not None
        client.portal.call(health.wait_for, "serving")
        assert client.get("/readyz").text == "ok\n"
        health.drain()
        client.portal.call(health.wait_for, "draining")
        assert client.get("/readyz").status_code == httpx.codes.SERVICE_UNAVAILABLE
        assert client.get("/livez").status_code == httpx.codes.OK
