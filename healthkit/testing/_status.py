"""A pod's status, as the API server shows it: what is derived from what, and what of it is news.

Started, Ready, the conditions, the phase and the EndpointSlice entry follow from what the kubelet
knows of the container, from the gates and from the deletion. Each change is told as an event, once.

The surprising fact: what the status says of the container is not how the container is. A new one
takes over `started` from the one before, unless that one's end was noticed first; and a dead one
runs until then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from healthkit.testing._events import Event

if TYPE_CHECKING:
    from healthkit.manifests._spec import Container, PodSpec
    from healthkit.testing._clock import Clock
    from healthkit.testing._events import Observer
    from healthkit.testing._process import Process

Phase = Literal["Pending", "Running", "Succeeded", "Failed", "Unknown"]


class Endpoint(NamedTuple):
    """A pod's entry in its Service's EndpointSlice."""

    ready: bool
    serving: bool
    terminating: bool


class ContainerState(NamedTuple):
    """A container's state, in Kubernetes' words."""

    name: Literal["Waiting", "Running", "Terminated"]
    #: ContainerCreating, ErrImagePull, CrashLoopBackOff, Completed, Error.
    reason: str = ""
    exit_code: int | None = None

    def __str__(self) -> str:
        return f"{self.name} ({self.reason})" if self.reason else self.name


def waiting(reason: str) -> ContainerState:
    """Return the state of a container that does not run yet, or not now."""
    return ContainerState("Waiting", reason)


def terminated(code: int) -> ContainerState:
    """Return the state of a container that has ended with an exit code."""
    return ContainerState("Terminated", "Error" if code else "Completed", code)


class Status:
    """The status of one pod. What changes it are methods; the probes' workers read it."""

    def __init__(
        self, spec: PodSpec, container: Container, clock: Clock, observe: Observer
    ) -> None:
        self._spec = spec
        self._probes_startup = container.startup is not None
        self._probes_readiness = container.readiness is not None
        self._clock = clock
        self._observe = observe
        self.phase: Phase = "Pending"
        self.state = waiting("ContainerCreating")
        self.conditions: dict[str, str] = {}
        self.endpoint: Endpoint | None = None
        #: Whether the Pod object is gone.
        self.deleted = False
        self.terminating = False
        self.number = 0
        self.running = False
        self.started = False
        self.shown_start = 0.0
        self.process: Process
        #: What the readiness probe has come to, of this container.
        self._passed = False
        #: Whether the control plane hears nothing of the node, and has for too long.
        self._silent = False
        self._node_lost = False
        self._served = False
        self._told_started = (False, 1)
        self._told_containers: bool = False
        self._told_ready = (False, "ContainersNotReady")
        self._told_phase: Phase | None = None

    @property
    def containers_ready(self) -> bool:
        """Whether the container is ready, whatever the gates say."""
        return self.running and self.started and (self._passed or not self._probes_readiness)

    @property
    def closed_gates(self) -> list[str]:
        """Return the readiness gates whose condition is not True. One that is missing is False."""
        gates = self._spec.readiness_gates
        return [gate for gate in gates if self.conditions.get(gate) != "True"]

    @property
    def ready(self) -> bool:
        """The pod's condition Ready, as the API server has it."""
        return self._told_ready[0]

    def emit(self, name: str, **details: object) -> None:
        """Tell an event of now."""
        self._observe(Event(self._clock.now(), name, details))

    def admitted(self) -> None:
        """Be there."""
        self.renew()

    def container_started(self, number: int, process: Process, shown_start: float) -> None:
        """Take note of a new container. Its readiness is unknown, and so not given."""
        self.number, self.process, self.shown_start = number, process, shown_start
        self.running, self._passed = True, False
        self.started = self.started or not self._probes_startup
        self.state = ContainerState("Running")
        self._served = True
        self.phase = "Running"
        self.renew()

    def container_ended(self, state: ContainerState) -> None:
        """Take note of the container's end."""
        self.running = self.started = False
        self.state = state
        self.renew()

    def startup(self, *, passed: bool) -> None:
        """Take note of a startup probe that has passed, or is to be passed anew."""
        self.started = passed
        self.renew()

    def readiness(self, *, passed: bool) -> None:
        """Take note of what the readiness probe has come to."""
        self._passed = passed
        self.renew()

    def set_condition(self, kind: str, status: str) -> None:
        """Take note of a condition that somebody has patched."""
        if self.deleted or self.conditions.get(kind) == status:
            return
        self.conditions[kind] = status
        self.emit("condition", type=kind, status=status)
        self.renew()

    def silence(self, *, silent: bool) -> None:
        """Let the API server hear nothing of what changes on the node; or all of it, again."""
        self._silent = silent
        if not silent:
            self._node_lost = False
            self.renew()

    def lose_node(self) -> None:
        """Take note that the node has said nothing for too long: what it has is not ready.

        kube-controller-manager, pkg/controller/nodelifecycle, sets the condition; the phase is
        what ``kubectl`` shows of such a pod.
        """
        self._node_lost = True
        self._tell_phase("Unknown")
        self._tell_ready()
        self._tell_endpoint()

    def terminate(self) -> None:
        """Take note of the deletion: the control plane's own, whatever it hears of the node."""
        self.terminating = True
        self._tell_endpoint()

    def finish(self, phase: Phase, state: ContainerState) -> None:
        """Take note that no container will run any more: the pod leaves the EndpointSlice."""
        self.running = False
        self.state = state
        self._served = False
        self.phase = phase
        self.renew()

    def withdraw(self) -> None:
        """Take the pod out of the EndpointSlice for good."""
        self._served = False
        self._tell_endpoint()

    def delete(self) -> None:
        """Take the object away. Nothing is told of it any more."""
        if not self.deleted:
            self.deleted = True
            self.emit("deleted")

    def renew(self) -> None:
        """Tell what has changed."""
        if self.deleted or self._silent:
            return
        self._tell_phase(self.phase)
        self._tell_started()
        self._tell_ready()
        self._tell_endpoint()

    def _tell_phase(self, phase: Phase) -> None:
        if phase != self._told_phase:
            self._told_phase = phase
            self.emit("phase", value=phase)

    @property
    def shown_phase(self) -> Phase:
        """The phase, as somebody sees it who may hear nothing of the node."""
        return self._told_phase or "Pending"

    def _tell_started(self) -> None:
        now = (self.started, self.number)
        if self.running and now != self._told_started:
            self._told_started = now
            self.emit("started", value=self.started, container=self.number)

    def _tell_ready(self) -> None:
        gated = bool(self._spec.readiness_gates)
        if gated and self.containers_ready is not self._told_containers:
            self._told_containers = self.containers_ready
            self.emit("containers_ready", value=self.containers_ready)
        ready = self.containers_ready and not self.closed_gates and not self._node_lost
        told = (ready, "" if ready or not gated else self._why_not_ready())
        if told != self._told_ready and (gated or ready is not self._told_ready[0]):
            self._told_ready = told
            reason = {"reason": told[1]} if told[1] else {}
            self.emit("ready", value=ready, **reason)

    def _why_not_ready(self) -> str:
        return "ReadinessGatesNotReady" if self.containers_ready else "ContainersNotReady"

    def _tell_endpoint(self) -> None:
        """Tell what the EndpointSlice has: terminating endpoints are never ready."""
        told = self.endpoint
        self.endpoint = (
            Endpoint(self.ready and not self.terminating, self.ready, self.terminating)
            if self._served
            else None
        )
        if self.endpoint == told:
            return
        if self.endpoint is None:
            self.emit("endpoint", gone=True)
        else:
            self.emit("endpoint", **self.endpoint._asdict())
