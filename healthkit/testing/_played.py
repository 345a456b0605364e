"""A pod as a test sees it: its state in Kubernetes' words, its requests, what was seen of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from healthkit import _validate
from healthkit.testing._pod import PodLife
from healthkit.testing._service import SERVER_ERROR
from healthkit.testing._timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Callable

    from healthkit.manifests._spec import PodSpec
    from healthkit.testing._clock import Clock
    from healthkit.testing._events import Event
    from healthkit.testing._process import Answer, App, Process
    from healthkit.testing._rules import Pace
    from healthkit.testing._service import Service
    from healthkit.testing._status import ContainerState, Endpoint, Phase

#: What a condition can be.
_STATUSES: Final = ("True", "False", "Unknown")

#: More seconds than anything is played for; the manifest's own grace period is an int32 at most.
_MOST_GRACE: Final = 2_147_483_647


class Pod:
    """One pod that is played. Made by `Kubelet.run`, and by a `Deployment`."""

    def __init__(  # noqa: PLR0913  # what a pod is made of, by name
        self,
        spec: PodSpec,
        app: App | None,
        clock: Clock,
        *,
        port: int,
        services: tuple[Service, ...] = (),
        pace: Pace | None = None,
    ) -> None:
        """Make a pod and admit it.

        Args:
            spec: the first container is played.
            app: what stands in its image; None if there is no such image.
            clock: the time.
            port: the one that Services send to.
            services: those that select it.
            pace: when chance has things happen; the usual moments if None.
        """
        self.port = port
        #: Everything that was seen, in order.
        self._events: list[Event] = []
        self._clock = clock
        self._services = services
        self._watchers: list[Callable[[Event], object]] = []
        self._deletions: list[Callable[[], object]] = []
        self._abandoned = False
        #: Requests that Services have sent here, and those that got no whole answer.
        self.requests = 0
        self.lost_requests = 0
        #: Those answered with 500 or more.
        self.failed_requests = 0
        self.in_flight = 0
        #: ``(moment, requests in flight)``, at each change that takes time.
        self.in_flight_samples: list[tuple[float, int]] = []
        self._life = PodLife(spec, app, clock, self._observe, pace)
        self._life.admit()

    def __repr__(self) -> str:
        ready = "ready" if self.ready() else "not ready"
        lost = f", {self.lost_requests} lost" if self.lost_requests else ""
        counts = f"{self.restarts} restarts, {self.requests} requests{lost}"
        return f"<Pod {self.name}: {self.phase}, {self.container_state}, {ready}, {counts}>"

    @property
    def name(self) -> str:
        """The pod's name."""
        return self._life.spec.name

    @property
    def spec(self) -> PodSpec:
        """What the manifest says of it."""
        return self._life.spec

    @property
    def phase(self) -> Phase:
        """Pending, Running, Succeeded, Failed or Unknown. The last one stays when it is deleted."""
        return self._life.status.shown_phase

    @property
    def container_state(self) -> ContainerState:
        """Waiting, Running or Terminated, and why: ``Waiting (CrashLoopBackOff)``."""
        return self._life.status.state

    def ready(self) -> bool:
        """Whether the condition Ready is True. A method, so that `Kubelet.until` can ask it."""
        return self._life.status.ready and not self.deleted

    @property
    def terminating(self) -> bool:
        """Whether it has been deleted, and may not have ended yet."""
        return self._life.status.terminating

    @property
    def deleted(self) -> bool:
        """Whether the Pod object is gone."""
        return self._life.status.deleted

    @property
    def restarts(self) -> int:
        """How often the container was started again."""
        return self._life.restarts

    @property
    def endpoint(self) -> Endpoint | None:
        """The entry in the EndpointSlice, ``(ready, serving, terminating)``; None without one."""
        return self._life.status.endpoint

    @property
    def conditions(self) -> dict[str, str]:
        """The pod's conditions: Ready, ContainersReady, and those that were set from outside."""
        status = self._life.status
        own = {"Ready": status.ready, "ContainersReady": status.containers_ready}
        return {**{name: str(value) for name, value in own.items()}, **status.conditions}

    @property
    def events(self) -> list[Event]:
        """All that was seen, in the order of its moments."""
        return sorted(self._events, key=lambda event: event.at)

    @property
    def timeline(self) -> Timeline:
        """All that was seen, to be read (`str`), asserted (`repr`) and searched."""
        return Timeline(self.events, self.name, self.spec)

    async def delete(self, grace_period_seconds: int | None = None) -> None:
        """Delete it, as ``kubectl delete pod`` does; returns at once. A second time is nothing new.

        Args:
            grace_period_seconds: in place of the manifest's. 0 is a forced deletion.

        Raises:
            ConfigError: not a whole number from 0.
        """
        self.delete_now(grace_period_seconds)

    def delete_now(self, grace_period_seconds: int | None = None) -> None:
        """Delete it, for callers that are no coroutine."""
        if grace_period_seconds is not None:
            _validate.whole("grace_period_seconds", grace_period_seconds, least=0, most=_MOST_GRACE)
        first = not self.terminating
        self._life.delete(grace_period_seconds)
        if first:
            for told in self._deletions:
                told()

    def set_condition(self, kind: str, status: str | bool) -> None:  # noqa: FBT001  # True, False
        """Patch a condition, as a readiness gate's controller does; nothing if the pod is gone.

        Raises:
            ConfigError: neither True, False nor Unknown.
        """
        if str(status) not in _STATUSES:
            raise _validate.refuse("status", status, f"one of {', '.join(_STATUSES)}")
        self._life.set_condition(kind, str(status))

    def lose_node(self) -> None:
        """Let the control plane hear no more of the node. After 50 s the phase is Unknown."""
        self._life.lose_node()

    def find_node(self) -> None:
        """Let it hear of the node again."""
        self._life.find_node()

    def watch(self, told: Callable[[Event], object]) -> None:
        """Have `told` called with each event from now on."""
        self._watchers.append(told)

    def watch_deletion(self, told: Callable[[], object]) -> None:
        """Have `told` called when it is deleted: of a pod without endpoint no event says so."""
        self._deletions.append(told)

    def abandon(self) -> None:
        """End its process, and play on no more of it. Nothing is told of that."""
        self._abandoned = True
        self._life.abandon()

    # What a Service sees and tells.

    @property
    def process(self) -> Process | None:
        """Who answers requests; None while nobody does."""
        return self._life.process

    def sent(self) -> None:
        """Count a request that is under way."""
        self.requests += 1
        self.in_flight += 1
        self._sample()

    def answered(self, answer: Answer) -> None:
        """Count its answer."""
        self.in_flight -= 1
        self._sample()
        if answer.error is not None:
            self.lost_requests += 1
            self._life.status.emit("request", why=answer.error)
        elif (answer.status or 0) >= SERVER_ERROR:
            self.failed_requests += 1

    def _sample(self) -> None:
        """Note how many are in flight; what changes and changes back at one moment is nothing."""
        samples, now = self.in_flight_samples, self._clock.now()
        if samples and samples[-1][0] == now:
            samples.pop()
        if not samples or samples[-1][1] != self.in_flight:
            samples.append((now, self.in_flight))

    def _observe(self, event: Event) -> None:
        if self._abandoned:
            return
        self._events.append(event)
        if event.name == "endpoint":
            for service in self._services:
                service.changed(self, self.endpoint)
        for told in self._watchers:
            told(event)
