"""The readiness gate over real HTTPS, against an API server that is as strict as the real one."""

from __future__ import annotations

import logging
import shutil
import time
from typing import TYPE_CHECKING

import anyio
import pytest

from healthkit import Health, HealthMiddleware
from healthkit.kubernetes import ReadinessGate
from tests.integration.api_server import (
    CLOSE,
    CONDITION,
    GARBAGE,
    HANG,
    POD,
    ApiServer,
    Fault,
    api_server,
    eventually,
    make_ca,
)
from tests.servers import ask, lifespan_of, plain_app
from tests.virtual import BOTH_REAL, REAL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, object]]:
    """Run in real time: there are sockets and threads."""
    return REAL


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiServer]:
    """Run an API server, and be in a pod of its cluster."""
    with api_server(tmp_path) as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        yield server


async def until(condition: Callable[[], object], within: float = 10.0) -> None:
    """Wait until it is true."""
    with anyio.fail_after(within):
        while not condition():
            await anyio.sleep(0.01)


def a_gate(api: ApiServer, **settings: float) -> tuple[Health, ReadinessGate, HealthMiddleware]:
    """Make an app with a gate."""
    health = Health(**settings)  # type: ignore[arg-type]  # numbers, all of them
    gate = ReadinessGate(health, account=api.account)
    return health, gate, HealthMiddleware(plain_app, health=health)


@BOTH_REAL
async def test_a_condition_follows_readiness(api: ApiServer) -> None:
    """False at first, True when ready, False at once when a drain begins; nobody else's is touched.

    The status that a container before has left is put back first.
    """
    api.conditions[CONDITION] = {"type": CONDITION, "status": "True"}
    health, gate, app = a_gate(api)
    warm = anyio.Event()

    @health.warmup
    async def catalogue() -> None:
        await warm.wait()

    async with lifespan_of(app):
        await until(lambda: api.status == "False")
        warm.set()
        await until(lambda: api.status == "True")
        await until(lambda: "published True" in repr(gate))
        health.drain()
        await until(lambda: api.status == "False")
    assert api.says == ["False", "True", "False"]
    assert set(api.conditions) == {"Ready", "ContainersReady", CONDITION}
    request = api.requests[0]
    assert (request.method, request.path.rsplit("/", 2)[1]) == ("PATCH", POD)
    assert request.headers["content-type"] == "application/strategic-merge-patch+json"
    assert request.said["message"] == "warming: catalogue"
    assert [one.said["reason"] for one in api.requests] == ["Warming", "Ready", "Draining"]
