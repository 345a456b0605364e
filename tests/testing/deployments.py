"""Deployments for tests: described apps on a bare schedule, where nothing is ever waited for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeVar

from healthkit.manifests._spec import (
    Container,
    HttpGet,
    PodSpec,
    Port,
    Probe,
    RollingUpdate,
    Sleep,
    Workload,
)
from healthkit.testing._clock import Schedule
from healthkit.testing._described import Described, Life, Reply, Says
from healthkit.testing._kubelet import Kubelet

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from healthkit.testing._deployment import Deployment
    from healthkit.testing._service import Traffic
    from healthkit.testing._template import Runnable

T = TypeVar("T")

#: A readiness probe with which a pod is ready as soon as it listens.
READINESS: Final = Probe(HttpGet("/readyz", 8000), period=1)

#: An app that ends its port with SIGTERM, and so loses what is sent to it from then on.
BARE: Final = Life(listens_at=1.0, exits_after_sigterm=0.1, closes_after_sigterm=0.0)

#: The same, with five seconds for clients to go elsewhere.
DRAINS: Final = Life(listens_at=1.0, exits_after_sigterm=5.2, closes_after_sigterm=5.0)

#: And with the word that they should.
CLOSES: Final = replace(
    DRAINS, says_draining=(Says("/", Reply(headers=(("connection", "close"),))),)
)

#: It listens, and its readiness never passes.
NEVER_READY: Final = Life(listens_at=1.0, says=(Says("/readyz", Reply(503)),))

#: It ends before it listens, each time.
CRASHES: Final = Life(listens_at=9.0, exits_at=0.5, exit_code=1)


def at_once(coroutine: Coroutine[object, None, T]) -> T:
    """Run a coroutine that never waits, which is so with a bare schedule."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    raise AssertionError("it waits")


def workload(  # noqa: PLR0913  # what a test may want otherwise
    replicas: int = 3,
    surge: int = 1,
    unavailable: int = 0,
    *,
    recreate: bool = False,
    readiness: Probe | None = READINESS,
    pre_stop: Sleep | None = None,
    min_ready: int = 0,
    deadline: int = 600,
) -> Workload:
    """Return a Deployment of one container."""
    container = Container(
        "shop",
        image="shop:1",
        ports=(Port(8000),),
        readiness=readiness,
        pre_stop=pre_stop,
    )
    return Workload(
        "Deployment",
        "shop",
        PodSpec("shop", (container,), labels={"app": "shop"}),
        replicas=replicas,
        rolling_update=None if recreate else RollingUpdate(surge, unavailable),
        min_ready_seconds=min_ready,
        progress_deadline_seconds=deadline,
    )


class Cluster:
    """A kubelet and one Deployment, in a time that stands still but in `advance`."""

    def __init__(
        self,
        app: Runnable = None,
        made: Workload | None = None,
        *,
        traffic: Traffic | None = None,
        factory: bool = False,
        clock: Schedule | None = None,
    ) -> None:
        """Deploy; without an app a bare one, described."""
        self.kubelet = Kubelet(clock or Schedule())
        runnable = Described(BARE) if app is None and not factory else app
        self.deployment: Deployment = at_once(
            self.kubelet.deploy(runnable, made or workload(), traffic=traffic, factory=factory)
        )

    @property
    def now(self) -> float:
        """The moment."""
        return self.kubelet.clock.now()

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        at_once(self.kubelet.advance(seconds))

    def rolled_out(self, within: float = 120) -> None:
        """Let time pass until the rollout is complete."""
        at_once(self.kubelet.until(self.deployment.rolled_out, within))

    def set_image(self, app: Runnable, image: str = "shop:2") -> None:
        """Roll out another version."""
        at_once(self.deployment.set_image(app, image))

    def tags(self) -> list[str]:
        """Return the images of the pods that are neither terminating nor gone."""
        pods = self.deployment.pods
        return sorted(pod.spec.containers[0].image for pod in pods if not pod.terminating)
