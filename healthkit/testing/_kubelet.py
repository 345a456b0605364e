"""The kubelet as a test holds it: run an app in a pod, let time pass, look.

It plays in virtual time: on an event loop whose clock jumps, for real apps, or on a bare schedule,
for described ones.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from healthkit import _validate
from healthkit.errors import ConfigError
from healthkit.testing import _given
from healthkit.testing._clock import Schedule, length
from healthkit.testing._deployment import MOST, Deployment
from healthkit.testing._played import Pod
from healthkit.testing._running import LoopClock
from healthkit.testing._service import PROPAGATION, Service, Traffic
from healthkit.testing._template import Image
from healthkit.testing._virtual import VirtualLoop

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from healthkit.manifests._spec import PodSpec, Workload
    from healthkit.testing._clock import Clock
    from healthkit.testing._commands import Commands
    from healthkit.testing._process import App
    from healthkit.testing._template import Deployable, Runnable

#: How often `until` looks, in seconds of virtual time.
_LOOKS: Final = 0.05

_TRAFFIC: Final = Traffic()

#: The variable by which a program knows that it is in a pod, and its usual value.
IN_CLUSTER: Final = ("KUBERNETES_SERVICE_HOST", "10.96.0.1")


class Kubelet:
    """Runs pods. In a test it is the fixture ``kubelet``. To be used in one thread."""

    def __init__(self, clock: Clock | None = None, *, propagation: float = PROPAGATION) -> None:
        """Make one at moment 0.

        Args:
            clock: virtual time. None: the running event loop's.
            propagation: seconds from a change of an endpoint to its effect on new connections.

        Raises:
            ConfigError: no event loop in virtual time is running, or `propagation` is no time.
        """
        self.clock = _running() if clock is None else clock
        #: All pods so far.
        self.pods: list[Pod] = []
        self._propagation = _validate.seconds("propagation", propagation, zero=True)
        self._services: list[Service] = []
        self._deployments: list[Deployment] = []
        #: Whether the variable has been set here.
        self._in_cluster = False

    def __repr__(self) -> str:
        return f"<Kubelet at {self.clock.now():g} s, {len(self.pods)} pods>"

    async def run(  # noqa: PLR0913  # each is a fact of the pod that a manifest may leave open
        self,
        app: Runnable,
        manifest: str | Path | PodSpec | Workload,
        *,
        workload: str | None = None,
        container: str | None = None,
        port: int | None = None,
        traffic: Traffic | None = _TRAFFIC,
        commands: Commands | None = None,
    ) -> Pod:
        """Admit one pod, and return at once: let time pass by `advance` or `until`.

        Other pods are taken to be behind its Service: when this one is out, nobody sends to it.
        From here to `close` the environment has ``KUBERNETES_SERVICE_HOST``, as in any pod.

        Args:
            app: any ASGI application, a `Described` one, or None for an image that is missing.
            manifest: a file with a Pod, Deployment, StatefulSet, DaemonSet or Job, or what
                `healthkit.manifests` has read of it. One pod of it is played.
            workload: which one, if the file has several.
            container: which of the pod's, if it has several: the one that the app is. The others
                are taken to be well.
            port: where the app listens, and the Service sends to. Else the container's first
                port, else that of a probe, else 8000.
            traffic: the Service's clients; None for no request but the probes.
            commands: plays exec probes and hooks of an ASGI application; ``sleep``, ``true`` and
                ``false`` need none.

        Raises:
            ConfigError: the manifest is wrong, or can't be played.
        """
        spec = _given.chosen(_given.template(manifest, workload), container)
        played = spec.containers[0]
        number = _given.port_of(played, port)
        runs = _given.as_app(app, played, number, commands)
        self._enter_cluster()
        service = self._service(traffic, falls_back=False)
        pod = Pod(spec, runs, self.clock, port=number, services=(service,))
        self.pods.append(pod)
        return pod

    async def deploy(  # noqa: PLR0913  # each is the user's to say, by name
        self,
        app: Deployable,
        manifest: str | Path | Workload,
        *,
        factory: bool = False,
        replicas: int | None = None,
        workload: str | None = None,
        container: str | None = None,
        port: int | None = None,
        traffic: Traffic | None = _TRAFFIC,
        commands: Commands | None = None,
    ) -> Deployment:
        """Create a Deployment with a Service in front of it, and return at once.

        Args:
            app: a `Described` app, which each pod has for itself, though what `Described.answer`
                says holds for all of them; None for an image that is missing; an ASGI application
                for a Deployment of one replica; or a function that makes one of these.
            manifest: a file with a Deployment, or what `healthkit.manifests` has read of it.
            factory: whether `app` is such a function. It is called for each pod, so that they
                share no state. It should make the app, and not import one that is there already.
            replicas: in place of the manifest's. `maxSurge` and `maxUnavailable` stay.
            workload: which one, if the file has several.
            container: which of the pod's, if it has several: the one that the app is.
            port: as in `run`.
            traffic: the Service's clients; None for no request but the probes.
            commands: as in `run`.

        Raises:
            ConfigError: the manifest is wrong or has no Deployment, or the app can't be run.
        """
        made = _given.deployment(manifest, workload)
        spec = _given.chosen(made.template, container)
        count = made.replicas if replicas is None else replicas
        _validate.whole("replicas", count, least=0, most=MOST)
        number = _given.port_of(spec.containers[0], port)

        def build(runnable: Runnable) -> App | None:
            return _given.as_app(runnable, spec.containers[0], number, commands)

        self._enter_cluster()
        image = Image(app, build, factory=factory)
        deployment = Deployment(
            replace(made, template=spec, replicas=count),
            image,
            self.clock,
            self._service(traffic, falls_back=True),
            port=number,
            build=build,
            admit=self.pods.append,
        )
        self._deployments.append(deployment)
        return deployment

    def _enter_cluster(self) -> None:
        if self._in_cluster or IN_CLUSTER[0] in os.environ:
            return
        os.environ.update([IN_CLUSTER])
        self._in_cluster = True

    def _service(self, traffic: Traffic | None, *, falls_back: bool) -> Service:
        service = Service(self.clock, propagation=self._propagation, falls_back=falls_back)
        service.begin(_given.clients(traffic))
        self._services.append(service)
        return service

    async def advance(self, seconds: float) -> None:
        """Let time pass, and everything happen that is due in it.

        Args:
            seconds: of virtual time, from 0.

        Raises:
            ConfigError: `seconds` is something else.
            StuckError: the app can't go on: it blocks the event loop, spins, or waits for ever.
        """
        seconds = length("advance", seconds)
        if isinstance(self.clock, Schedule):
            self.clock.run_until(self.clock.now() + seconds)
        else:
            await asyncio.sleep(seconds)

    async def until(self, condition: Callable[[], object], within: float) -> None:
        """Let time pass until something is so.

        Args:
            condition: asked every 0.05 s of virtual time; `Pod.ready`, or any other.
            within: seconds, at most.

        Raises:
            ConfigError: `condition` is no function, or a coroutine function.
            StuckError: as `advance` does.
            TimeoutError: it was not so in time.
        """
        end = self.clock.now() + length("within", within)
        while not _given.asked(condition):
            left = end - self.clock.now()
            if left <= 0:
                raise TimeoutError(
                    f"{_name(condition)} was not so within {within:g} s: {self.pods}"
                )
            await self.advance(min(_LOOKS, left))

    def timelines(self) -> str:
        """Return what was seen of all pods, to be read."""
        return "\n\n".join(str(pod.timeline) for pod in self.pods)

    async def close(self) -> None:
        """End all clients and all processes. Nothing is left on the event loop."""
        for deployment in self._deployments:
            deployment.stop()
        for service in self._services:
            service.close()
        for pod in self.pods:
            pod.abandon()
        if self._in_cluster:
            self._in_cluster = False
            os.environ.pop(IN_CLUSTER[0], None)


def _running() -> Clock:
    """Return the running loop's clock."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        loop = None
    if isinstance(loop, VirtualLoop):
        return LoopClock(loop)
    found = "no event loop" if loop is None else f"{type(loop).__name__}, which is in real time"
    raise ConfigError(
        f"Kubelet: found {found}, expected one in virtual time: use the fixture `kubelet`"
        " or healthkit.testing.run(main)"
    )


def _name(condition: Callable[[], object]) -> str:
    return getattr(condition, "__qualname__", repr(condition))
