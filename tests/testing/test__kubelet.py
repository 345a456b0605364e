"""The kubelet as a test holds it: what it is given, how time passes, how it ends."""

from __future__ import annotations

import asyncio
import math
import os
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware

from healthkit import Health, HealthMiddleware
from healthkit.errors import ConfigError
from healthkit.manifests._spec import (
    Container,
    Exec,
    HttpGet,
    PodSpec,
    Port,
    Probe,
    RollingUpdate,
    TcpSocket,
    Workload,
)
from healthkit.testing import run
from healthkit.testing._clock import Schedule
from healthkit.testing._described import Described, Life
from healthkit.testing._kubelet import Kubelet
from healthkit.testing._service import Traffic
from tests.testing.deployments import BARE, Cluster, at_once, workload

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator, MutableMapping

    from healthkit.testing._template import Runnable

    Message = MutableMapping[str, object]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]

SHOP = Path(__file__).parents[2] / "examples" / "shop.yaml"
ONE = PodSpec("web", (Container("web"),))


async def asgi(scope: Message, receive: Receive, send: Send) -> None:
    """Answer whatever is asked."""
    if scope["type"] == "lifespan":
        for step in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{step}.complete"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})


def made() -> Callable[[Message, Receive, Send], Awaitable[None]]:
    """Make an app that is its own."""

    async def own(scope: Message, receive: Receive, send: Send) -> None:
        await asgi(scope, receive, send)

    return own


def test_a_deployment_of_real_apps_is_rolled_out() -> None:
    """From a file, by a function that makes one app for each pod; no request is lost."""

    async def main() -> tuple[int, int, int]:
        kubelet = Kubelet()
        deployment = await kubelet.deploy(
            made, SHOP, factory=True, traffic=Traffic(new=1, kept=1, every=0.5)
        )
        await kubelet.until(deployment.rolled_out, within=60)
        await kubelet.advance(10)
        pods = len(kubelet.pods)
        await kubelet.close()
        return pods, deployment.requests, deployment.lost_requests

    pods, requests, lost = run(main)
    assert (pods, lost) == (3, 0)
    assert requests > 30


def test_a_closed_kubelet_does_nothing_more() -> None:
    """No client sends, no controller acts, no process is left."""
    cluster = Cluster(traffic=Traffic())
    cluster.rolled_out()
    cluster.advance(5)
    at_once(cluster.deployment.scale(5))
    pods, sent = cluster.kubelet.pods, cluster.deployment.requests
    at_once(cluster.kubelet.close())
    cluster.advance(60)
    assert len(cluster.kubelet.pods) == len(pods) == 3
    assert cluster.deployment.requests == sent > 0
    assert [pod.process for pod in pods] == [None] * 3


def test_replicas_and_port_are_what_the_caller_says() -> None:
    """In place of the manifest's."""
    kubelet = Kubelet(Schedule())
    deployment = at_once(kubelet.deploy(Described(BARE), SHOP, replicas=2, port=9000))
    at_once(kubelet.until(deployment.rolled_out, 60))
    assert [pod.port for pod in deployment.pods] == [9000, 9000]
    assert deployment.image == "shop:1.0.0"


@pytest.mark.parametrize("kind", ["Pod", "StatefulSet", "DaemonSet", "Job"])
def test_what_is_no_deployment_is_not_deployed(kind: str) -> None:
    """One pod of it can be run."""
    other = replace(workload(), kind=kind, source="deploy.yaml:3")  # type: ignore[arg-type]  # each
    kubelet = Kubelet(Schedule())
    expected = rf"found the {kind} shop \(deploy.yaml:3\), expected a Deployment: Kubelet.run"
    with pytest.raises(ConfigError, match=expected):
        at_once(kubelet.deploy(Described(BARE), other))
    with pytest.raises(ConfigError, match=f"found the {kind} shop, expected"):
        at_once(kubelet.deploy(Described(BARE), replace(other, source="")))
    at_once(kubelet.run(Described(BARE), other))
    assert len(kubelet.pods) == 1


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"replicas": -1}, "replicas=-1: expected a whole number from 0"),
        ({"replicas": 2.5}, "replicas=2.5: expected a whole number"),
        ({"container": "db"}, "container='db': expected one of shop"),
        ({"factory": True}, "with factory=True: expected a function"),
        ({"workload": "web"}, "web"),
    ],
)
def test_slips_are_refused(changes: dict[str, object], error: str) -> None:
    """In one line, before anything is made."""
    kubelet = Kubelet(Schedule())
    deploy = cast("Callable[..., Awaitable[object]]", kubelet.deploy)
    with pytest.raises(ConfigError, match=error) as caught:
        asyncio.run(_awaited(deploy(Described(BARE), SHOP, **changes)))
    assert "\n" not in str(caught.value)
    assert kubelet.pods == []


async def _awaited(awaited: Awaitable[object]) -> None:
    await awaited


def test_a_rollout_that_could_never_move_is_refused() -> None:
    """As the API server does."""
    stuck = replace(workload(), rolling_update=RollingUpdate(0, 0))
    with pytest.raises(ConfigError, match="max_surge=0 and max_unavailable=0: expected one"):
        Cluster(made=stuck)


# Pods, one by one.


def test_one_of_several_containers_is_played() -> None:
    """It has to be named, and is then the first."""
    two = PodSpec("web", (Container("proxy"), Container("web", ports=(Port(7000),))))
    kubelet = Kubelet(Schedule())
    with pytest.raises(ConfigError, match="no container named: expected one of proxy, web"):
        at_once(kubelet.run(Described(BARE), two))
    pod = at_once(kubelet.run(Described(BARE), two, container="web"))
    assert [container.name for container in pod.spec.containers] == ["web", "proxy"]
    assert pod.port == 7000


@pytest.mark.parametrize(
    ("container", "port"),
    [
        (Container("web"), 8000),
        (Container("web", ports=(Port(9001), Port(9002))), 9001),
        (Container("web", readiness=Probe(HttpGet("/", 9003))), 9003),
        (Container("web", readiness=Probe(HttpGet("/", "http"))), 8000),
        (Container("web", startup=Probe(Exec(("true",))), liveness=Probe(TcpSocket(9004))), 9004),
    ],
)
def test_where_an_app_listens(container: Container, port: int) -> None:
    """Its first port, a probe's, or what most of them say."""
    kubelet = Kubelet(Schedule())
    assert at_once(kubelet.run(Described(BARE), PodSpec("web", (container,)))).port == port


def test_a_manifest_is_a_file_or_what_was_read_of_it() -> None:
    """One pod of a Deployment is played; beside it others are taken to be."""
    kubelet = Kubelet(Schedule())
    pods = [
        at_once(kubelet.run(Described(BARE), manifest))
        for manifest in (SHOP, str(SHOP), workload(), ONE)
    ]
    assert [pod.spec.containers[0].name for pod in pods] == ["shop", "shop", "shop", "web"]
    assert kubelet.pods == pods
    assert repr(kubelet) == "<Kubelet at 0 s, 4 pods>"
    at_once(kubelet.advance(1.5))
    assert kubelet.timelines().count("shop") >= 3
    assert kubelet.clock.now() == 1.5


@pytest.mark.parametrize("app", ["main:app", 7, object()])
def test_what_is_no_app_is_refused(app: object) -> None:
    """Neither run nor deployed."""
    kubelet = Kubelet(Schedule())
    with pytest.raises(ConfigError, match="expected an ASGI application, a Described one, or None"):
        at_once(kubelet.run(cast("Runnable", app), ONE))


def test_a_command_that_nobody_plays_is_refused() -> None:
    """An ASGI app has no shell beside it; some commands are understood all the same."""
    kubelet = Kubelet(Schedule())

    def probing(command: str) -> Workload:
        container = Container("web", readiness=Probe(Exec((command,))))
        return Workload("Pod", "web", PodSpec("web", (container,)))

    with pytest.raises(ConfigError, match="check-db"):
        at_once(kubelet.run(asgi, probing("check-db")))
    at_once(kubelet.run(asgi, probing("true")))
    at_once(kubelet.run(asgi, probing("check-db"), commands=len))


def test_until_says_what_was_not_so() -> None:
    """And shows the pods; what is so by then is enough."""
    kubelet = Kubelet(Schedule())
    pod = at_once(kubelet.run(Described(Life(listens_at=1.0)), workload(), traffic=None))
    at_once(kubelet.until(pod.ready, within=10))
    with pytest.raises(TimeoutError, match=r"<lambda> was not so within 2 s: \[<Pod shop:"):
        at_once(kubelet.until(lambda: False, within=2))
    with pytest.raises(TimeoutError, match="kubelet_is_happy"):
        at_once(kubelet.until(_Named(), within=0))


@pytest.mark.parametrize("seconds", [-1, math.nan, math.inf, "5", None, True])
def test_time_passes_by_a_number_of_seconds(seconds: object) -> None:
    """Nobody ever gets to a moment that is no number."""
    kubelet = Kubelet(Schedule())
    length = cast("float", seconds)
    with pytest.raises(ConfigError, match=r"advance=.* expected seconds as a finite number from 0"):
        at_once(kubelet.advance(length))
    with pytest.raises(ConfigError, match=r"within=.* expected seconds as a finite number from 0"):
        at_once(kubelet.until(lambda: False, within=length))
    assert kubelet.clock.now() == 0


async def _never() -> bool:
    return False


class _Awaited:
    def __await__(self) -> Generator[None, None, bool]:
        yield None
        return False


@pytest.mark.parametrize(
    ("condition", "error"),
    [
        (False, r"condition=False: expected a function; leave out its parentheses"),
        (_never, "condition=<function _never.*>: expected a function without `async`"),
        (partial(_never), "expected a function without `async`"),
        (_Awaited, "expected a function without `async`"),
    ],
)
def test_a_condition_is_asked_and_not_awaited(condition: object, error: str) -> None:
    """A coroutine is always true: such a test would always pass."""
    kubelet = Kubelet(Schedule())
    with pytest.raises(ConfigError, match=error):
        at_once(kubelet.until(cast("Callable[[], object]", condition), within=1))


@pytest.mark.parametrize("traffic", [True, "/", {}, 5])
def test_traffic_is_traffic(traffic: object) -> None:
    """True is no number of clients."""
    kubelet = Kubelet(Schedule())
    with pytest.raises(ConfigError, match=r"traffic=.*: expected a Traffic\(...\), or None"):
        at_once(kubelet.run(Described(), ONE, traffic=cast("Traffic", traffic)))
    assert kubelet.pods == []


@pytest.mark.parametrize("port", [0, "8000", True])
def test_a_port_is_called_by_its_name(port: object) -> None:
    """By that of the parameter, also of a described app."""
    kubelet = Kubelet(Schedule())
    with pytest.raises(ConfigError, match="^port=.*: expected a whole number from 1 to 65535"):
        at_once(kubelet.run(Described(), ONE, port=cast("int", port)))


class _Named:
    def __call__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "kubelet_is_happy"


def test_it_needs_virtual_time() -> None:
    """Neither no loop nor one in real time will do."""
    with pytest.raises(ConfigError, match="found no event loop, expected one in virtual time"):
        Kubelet()

    async def real() -> None:
        Kubelet()

    with pytest.raises(ConfigError, match="which is in real time"):
        asyncio.run(real())


def test_a_pod_is_in_a_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the environment that every pod has, while there are pods; one that is there stays."""
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)

    async def play() -> list[str | None]:
        kubelet = Kubelet(Schedule())
        seen = [os.environ.get("KUBERNETES_SERVICE_HOST")]
        for _ in range(2):
            await kubelet.run(Described(), ONE)
            seen.append(os.environ.get("KUBERNETES_SERVICE_HOST"))
        await kubelet.close()
        return [*seen, os.environ.get("KUBERNETES_SERVICE_HOST")]

    assert asyncio.run(play()) == [None, "10.96.0.1", "10.96.0.1", None]
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    assert asyncio.run(play()) == ["10.0.0.1"] * 4


def test_healthkit_drains_in_it_as_in_a_cluster() -> None:
    """With the delay that is its default there, though it was made outside."""
    health = Health()
    app = Starlette(middleware=[Middleware(HealthMiddleware, health=health)])

    async def play() -> tuple[int, int]:
        kubelet = Kubelet()
        pod = await kubelet.run(app, SHOP)
        await kubelet.until(pod.ready, within=5)
        await kubelet.advance(5)
        await pod.delete()
        await kubelet.advance(20)
        await kubelet.close()
        return pod.requests, pod.lost_requests

    requests, lost = run(play)
    assert requests > 50
    assert lost == 0


@pytest.mark.parametrize("seconds", [-1, float("nan"), "5", True])
def test_a_propagation_is_a_time(seconds: object) -> None:
    """As all seconds are."""
    with pytest.raises(ConfigError, match="propagation=.*: expected seconds as a number from 0"):
        Kubelet(Schedule(), propagation=cast("float", seconds))
