"""Pods of the chart, played: boot, warm-up, rollout, node drain. No request is lost.

The app that is played is no better than the values say: it boots and warms up for just so long, and
its requests take as long as the longest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import anyio
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from healthkit import Health, HealthMiddleware, manifests
from healthkit.testing import Described, Kubelet, Life, Ran, Reply, Says, Traffic, run
from tests.chart.numbers import IMAGE
from tests.chart.render import Fields, Rendered, template
from tests.chart.tools import needs

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from healthkit.manifests import Workload
    from healthkit.testing import Deployment

pytestmark = needs("helm4")

#: A client that opens a connection for each request, and one that keeps its own.
TRAFFIC: Final = Traffic(new=1, kept=1, every=0.2)

#: Short, so that the play is; any of them may be what begins the drain.
VALUES: Final[Fields] = {
    **IMAGE,
    "bootSeconds": 20,
    "startupSeconds": 10,
    "warmUpSeconds": 40,
    "drainDelaySeconds": 4,
    "longestRequestSeconds": 6,
}

#: While it drains, and from the process's start on until it is over.
UNREADY: Final = Reply(503)
CLOSES: Final = Reply(headers=(("connection", "close"),))


def workload(rendered: Rendered) -> Workload:
    """Return the Deployment, as the API server reads it."""
    (found,) = [one for one in manifests.parse(rendered.text) if one.kind == "Deployment"]
    return found


def environ(rendered: Rendered) -> dict[str, str]:
    """Return what the manifest sets in the environment."""
    return {one["name"]: one["value"] for one in rendered.container["env"] if "value" in one}


def described(values: Fields, rendered: Rendered) -> Described:
    """Return an app that lives as its values say, and drains as its environment does."""
    boot = values["bootSeconds"]
    delay = float(environ(rendered)["HEALTHKIT_DRAIN_DELAY"])
    takes = delay + float(environ(rendered)["HEALTHKIT_DRAIN_TIMEOUT"])
    hook = rendered.container.get("lifecycle", {}).get("preStop", {})
    return Described(
        Life(
            listens_at=boot,
            says=(
                Says("/startupz", UNREADY),
                Says("/startupz", Reply(), boot + values["startupSeconds"]),
                Says("/readyz", UNREADY),
                Says("/readyz", Reply(), boot + values["warmUpSeconds"]),
            ),
            says_draining=(Says("/readyz", UNREADY), Says("/", CLOSES)),
            exits_after_sigterm=0.5 if "exec" in hook else takes,
            closes_after_sigterm=0.5 if "exec" in hook else delay,
            runs={("healthkit", "drain"): Ran(takes=takes)},
        )
    )


async def lived(values: Fields, rendered: Rendered) -> tuple[Deployment, list[int]]:
    """Begin, roll out once more, drain a node; return the restarts of all pods too."""
    kubelet = Kubelet()
    app = described(values, rendered)
    deployment = await kubelet.deploy(app, workload(rendered), traffic=TRAFFIC)
    await kubelet.until(deployment.rolled_out, within=400)
    pods = list(deployment.pods)
    await deployment.rollout_restart()
    await kubelet.until(deployment.rolled_out, within=400)
    pods += deployment.pods
    await deployment.evict(deployment.pods[0])
    await kubelet.advance(2 * workload(rendered).template.termination_grace_period)
    await kubelet.until(deployment.rolled_out, within=400)
    pods += deployment.pods
    await kubelet.close()
    return deployment, [pod.restarts for pod in pods]


@pytest.mark.parametrize("pre_stop", ["exec", "sleep", "none"])
def test_a_life_loses_nothing(pre_stop: str) -> None:
    """However the drain begins; nor does it restart anything."""
    values = VALUES | {"preStop": pre_stop}
    deployment, restarts = run(lived, values, template(values))
    assert deployment.requests > 1000
    assert deployment.lost_requests == 0
    assert set(restarts) == {0}


def test_a_drain_without_a_delay_loses_requests() -> None:
    """The play can tell."""
    values = VALUES | {"preStop": "none", "drainDelaySeconds": 0}
    deployment, _ = run(lived, values, template(values))
    assert deployment.lost_requests > 0


def test_a_start_that_takes_longer_than_its_value_is_killed() -> None:
    """So that the value counts."""
    late = VALUES | {"bootSeconds": 30}

    async def main() -> int:
        kubelet = Kubelet()
        rendered = template(VALUES | {"warmUpSeconds": 0})
        pod = await kubelet.run(described(late, rendered), workload(rendered))
        await kubelet.advance(60)
        await kubelet.close()
        return pod.restarts

    assert run(main) == 1


def test_a_gate_keeps_a_pod_out_until_its_condition_is_true() -> None:
    """Its probe passes long before."""
    rendered = template(VALUES | {"readinessGate": {"enabled": True}})

    async def main() -> tuple[bool, bool]:
        kubelet = Kubelet()
        pod = await kubelet.run(described(VALUES, rendered), workload(rendered))
        await kubelet.advance(90)
        before = pod.ready()
        pod.set_condition("healthkit.dev/cache-warm", "True")
        await kubelet.advance(1)
        after = pod.ready()
        await kubelet.close()
        return before, after

    assert run(main) == (False, True)


# -- a real app, by the environment of its manifest ------------------------------------------------

#: What the manifest says of a directory of the container's, which there is none of here.
_OF_WORKERS: Final = frozenset({"HEALTHKIT_STATE_DIR", "HEALTHKIT_WORKERS"})


async def slow(_request: Request) -> PlainTextResponse:
    """Answer after 3 s."""
    await anyio.sleep(3)
    return PlainTextResponse("done\n")


def shop() -> tuple[Starlette, Health]:
    """Make an app which takes its settings from the environment, with a warm-up of 40 s."""
    health = Health()

    @health.warmup
    async def catalogue() -> None:
        await anyio.sleep(40)

    middleware = [Middleware(HealthMiddleware, health=health)]
    return Starlette(routes=[Route("/", slow)], middleware=middleware), health


def hook(health: Health, takes: float) -> Callable[[tuple[str, ...]], Awaitable[int]]:
    """Return what plays ``healthkit drain``, which returns when the drain is over."""

    async def played(command: tuple[str, ...]) -> int:
        assert command == ("healthkit", "drain")
        health.drain()
        await anyio.sleep(takes)
        return 0

    return played


@pytest.mark.parametrize("pre_stop", ["exec", "sleep", "none"])
async def test_a_real_app_lives_by_its_values(
    pre_stop: str, kubelet: Kubelet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is ready when it is warm, and ends within its grace period, with nothing lost."""
    rendered = template(VALUES | {"preStop": pre_stop})
    for name, value in environ(rendered).items():
        if name not in _OF_WORKERS:
            monkeypatch.setenv(name, value)
    app, health = shop()
    pod = await kubelet.run(app, workload(rendered), commands=hook(health, takes=8))
    await kubelet.advance(38)
    assert not pod.ready()
    await kubelet.until(pod.ready, within=8)
    await kubelet.advance(20)
    await pod.delete()
    await kubelet.advance(workload(rendered).template.termination_grace_period + 1)
    assert pod.deleted
    assert (pod.restarts, pod.lost_requests) == (0, 0)
    assert pod.requests > 0
