"""Rendered manifests, played: the app becomes ready, is not restarted, and loses no request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from healthkit import Health, HealthMiddleware
from healthkit.render import PreStop, Wanted, plan
from healthkit.testing import Described, Kubelet, Life, Ran, Reply, Says, Traffic, run
from tests.render.documents import workload

if TYPE_CHECKING:
    from starlette.requests import Request

    from healthkit.testing import Deployment

#: Each opens a connection for each request, or keeps its own.
TRAFFIC: Final = Traffic(new=1, kept=1, every=0.2)

UNREADY: Final = Says("/readyz", Reply(503))


def described(wanted: Wanted) -> Described:
    """Return an app that boots and drains as its manifest says, and is no faster."""
    numbers = plan(wanted)
    takes = numbers.app_delay + numbers.in_flight
    after_sigterm = 0.5 if wanted.pre_stop == "exec" else takes
    return Described(
        Life(
            listens_at=wanted.boot,
            says=(Says("/startupz", Reply(503)), Says("/startupz", Reply(), wanted.boot)),
            says_draining=(UNREADY,),
            exits_after_sigterm=after_sigterm,
            closes_after_sigterm=after_sigterm,
            runs={("healthkit", "drain"): Ran(takes=takes)},
        )
    )


async def rolled_out(wanted: Wanted) -> tuple[Deployment, list[int]]:
    """Begin, roll out once more, and delete a pod; return the restarts of all pods too."""
    kubelet = Kubelet()
    deployment = await kubelet.deploy(described(wanted), workload(wanted), traffic=TRAFFIC)
    within = 4 * (plan(wanted).start + 60)
    await kubelet.until(deployment.rolled_out, within=within)
    pods = list(deployment.pods)
    await deployment.rollout_restart()
    await kubelet.until(deployment.rolled_out, within=within)
    pods += deployment.pods
    await deployment.pods[0].delete()
    await kubelet.advance(2 * plan(wanted).grace)
    await kubelet.close()
    return deployment, [pod.restarts for pod in pods]


@pytest.mark.parametrize("pre_stop", ["exec", "sleep", "none"])
@pytest.mark.parametrize("boot", [0.5, 30, 119.9, 300])
def test_a_rollout_loses_nothing(boot: float, pre_stop: PreStop) -> None:
    """However the drain begins, and however long the boot is that was asked for."""
    wanted = Wanted(boot=boot, pre_stop=pre_stop, drain_delay=6, longest_request=3)
    deployment, restarts = run(rolled_out, wanted)
    assert deployment.requests > 100
    assert deployment.lost_requests == 0
    assert set(restarts) == {0}


def test_a_boot_that_takes_longer_is_killed() -> None:
    """The budget is one, and the play can tell."""
    wanted = Wanted(boot=30)

    async def main() -> int:
        kubelet = Kubelet()
        late = Described(Life(listens_at=36))
        pod = await kubelet.run(late, workload(wanted))
        await kubelet.advance(90)
        await kubelet.close()
        return pod.restarts

    assert run(main) == 1


async def slow(_request: Request) -> PlainTextResponse:
    """Answer at once."""
    return PlainTextResponse("done\n")


async def test_a_real_app_lives_by_its_manifest(kubelet: Kubelet) -> None:
    """SIGTERM begins its drain; the Service has left it when that is over."""
    health = Health(drain_delay=5, drain_timeout=15)
    app = Starlette(
        routes=[Route("/", slow)], middleware=[Middleware(HealthMiddleware, health=health)]
    )
    pod = await kubelet.run(app, workload(Wanted(pre_stop="none")))
    await kubelet.until(pod.ready, within=10)
    await kubelet.advance(20)
    await pod.delete()
    await kubelet.advance(40)
    assert pod.deleted
    assert pod.restarts == 0
    assert pod.requests > 0
    assert pod.lost_requests == 0
