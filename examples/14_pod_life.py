"""How to test the life of a pod: a slow start, a dead database, a deletion, in milliseconds.

Run it with pytest; it has an app, its manifest and its tests side by side::

    pytest examples/14_pod_life.py

The fixture ``kubelet`` comes with the package. It plays `shop.yaml` against the app as the kubelet
would, in virtual time: warm-ups, checks and drains take no real time at all.
"""

# ruff: noqa: S101  # pytest wants plain asserts

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import anyio
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from healthkit import CheckFailed, Health, HealthMiddleware

if TYPE_CHECKING:
    from starlette.requests import Request

    from healthkit.testing import Kubelet

MANIFEST = Path(__file__).with_name("shop.yaml")

health = Health(drain_delay=5, drain_timeout=15)


class Database:
    """Stand for one that may be down."""

    up = True


database = Database()


@health.warmup(timeout=60)
async def catalogue() -> None:
    """Stand for 20 s of loading."""
    await anyio.sleep(20)


@health.check(interval=5)
async def reachable() -> None:
    """Fail while the database is down."""
    if not database.up:
        raise CheckFailed("the database is down")


async def slow(_request: Request) -> PlainTextResponse:
    """Answer after 3 s."""
    await anyio.sleep(3)
    return PlainTextResponse("done\n")


app = Starlette(
    routes=[Route("/", slow)],
    middleware=[Middleware(HealthMiddleware, health=health)],
)


async def test_it_is_ready_when_the_cache_is_warm(kubelet: Kubelet) -> None:
    """The Service sends nothing before."""
    pod = await kubelet.run(app, MANIFEST)
    await kubelet.advance(20)
    assert pod.phase == "Running"
    assert not pod.ready()
    await kubelet.until(pod.ready, within=5)


async def test_a_dead_database_restarts_nothing(kubelet: Kubelet) -> None:
    """The pod leaves the Service, and comes back by itself."""
    pod = await kubelet.run(app, MANIFEST)
    await kubelet.until(pod.ready, within=30)
    database.up = False
    await kubelet.advance(60)
    assert not pod.ready()
    assert pod.restarts == 0
    database.up = True
    await kubelet.until(pod.ready, within=10)


async def test_a_deletion_loses_no_request(kubelet: Kubelet) -> None:
    """Requests of 3 s are under way all the time, on new connections and on kept ones."""
    pod = await kubelet.run(app, MANIFEST)
    await kubelet.until(pod.ready, within=30)
    await kubelet.advance(20)
    await pod.delete()
    await kubelet.advance(40)
    assert pod.deleted
    assert pod.requests > 0
    assert pod.lost_requests == 0
