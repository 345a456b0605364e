"""A rolling update of three replicas under load, to a good version and to a bad one.

Run it; ten minutes of a cluster take it a second::

    python examples/15_rollout.py

Each pod runs an app of its own, so there is a function that makes one. `shop.yaml` says how many
pods there are, and how they are replaced. The Service has a client that opens a connection for each
request, and one that keeps its own.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from healthkit import CheckFailed, Health, HealthMiddleware
from healthkit.testing import Kubelet, Traffic, run

if TYPE_CHECKING:
    from starlette.requests import Request

    from healthkit.testing import Deployment

MANIFEST = Path(__file__).with_name("shop.yaml")
TRAFFIC = Traffic(new=1, kept=1, every=0.2)


async def hello(_request: Request) -> PlainTextResponse:
    """Answer after a moment."""
    await anyio.sleep(0.02)
    return PlainTextResponse("hello\n")


def shop(*, finds_its_database: bool = True) -> Starlette:
    """Make the app of one pod."""
    health = Health(drain_delay=5)

    @health.warmup
    async def catalogue() -> None:
        await anyio.sleep(3)

    @health.check(interval=5)
    async def database() -> None:
        if not finds_its_database:
            raise CheckFailed("no such database")

    return Starlette(
        routes=[Route("/", hello)], middleware=[Middleware(HealthMiddleware, health=health)]
    )


def say(kubelet: Kubelet, deployment: Deployment) -> None:
    """Print how it stands."""
    pods = [f"{pod.name} {'ready' if pod.ready() else 'not ready'}" for pod in deployment.pods]
    print(f"{kubelet.clock.now():6.1f} s  {deployment.rollout}")
    print(f"          {', '.join(pods)}")
    print(f"          {deployment.requests} requests, {deployment.lost_requests} lost")


async def main() -> None:
    """Begin, roll out a good version and a bad one, go back, and end."""
    kubelet = Kubelet()
    deployment = await kubelet.deploy(shop, MANIFEST, factory=True, traffic=TRAFFIC)
    await kubelet.until(deployment.rolled_out, within=60)
    say(kubelet, deployment)

    await deployment.set_image(shop, "shop:1.1.0", factory=True)
    await kubelet.until(deployment.rolled_out, within=120)
    await kubelet.advance(10)
    say(kubelet, deployment)

    bad = partial(shop, finds_its_database=False)
    await deployment.set_image(bad, "shop:1.2.0", factory=True)
    await kubelet.until(deployment.failed, within=660)
    say(kubelet, deployment)

    await deployment.rollout_undo()
    await kubelet.until(deployment.rolled_out, within=60)
    await kubelet.advance(10)
    say(kubelet, deployment)

    await deployment.delete()
    await kubelet.advance(30)
    await kubelet.close()


if __name__ == "__main__":
    run(main)
