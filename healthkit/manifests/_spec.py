"""What a manifest says of a pod and of those who make it, as plain values with every default set.

The names are the API's own, in Python's spelling; seconds are whole, as they are there. Nothing
here reads, checks or runs anything: `_reading` makes these values, `healthkit.testing` plays them.

The surprising fact: 0 means the default in a probe (1, 10, 1 and 3), so no value here is 0 but
`initial_delay`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What a probe is for.
ProbeKind = Literal["startup", "liveness", "readiness"]

RestartPolicy = Literal["Always", "OnFailure", "Never"]


@dataclass(frozen=True, slots=True)
class HttpGet:
    """An HTTP request by the kubelet."""

    path: str = "/"
    #: A number, or the name of one of the container's ports.
    port: int | str = 80
    scheme: Literal["HTTP", "HTTPS"] = "HTTP"
    #: Whom to connect to; None is the pod.
    host: str | None = None
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class TcpSocket:
    """A connection that the kubelet opens and closes."""

    port: int | str
    host: str | None = None


@dataclass(frozen=True, slots=True)
class Exec:
    """A command that is run in the container."""

    command: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Grpc:
    """A call of grpc.health.v1.Health/Check."""

    port: int
    service: str = ""


@dataclass(frozen=True, slots=True)
class Sleep:
    """A hook that waits, and does nothing in the container."""

    seconds: int


#: How a probe asks.
Handler = HttpGet | TcpSocket | Exec | Grpc

#: What a lifecycle hook does.
Hook = HttpGet | Exec | Sleep | TcpSocket


@dataclass(frozen=True, slots=True)
class Probe:
    """One probe of one container, its times in seconds."""

    handler: Handler
    initial_delay: int = 0
    period: int = 10
    timeout: int = 1
    success_threshold: int = 1
    failure_threshold: int = 3
    #: For a kill by this probe, in place of the pod's; None is the pod's.
    termination_grace_period: int | None = None


@dataclass(frozen=True, slots=True)
class Port:
    """A port that a container declares."""

    number: int
    name: str | None = None
    protocol: str = "TCP"


@dataclass(frozen=True, slots=True)
class Resources:
    """What somebody asks for, and may use at most: the resource's name, and a quantity as text.

    A limit is a request too where none is written; that default is not filled in here.
    """

    requests: Mapping[str, str] = field(default_factory=dict[str, str])
    limits: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Container:
    """One container, as far as its life is concerned."""

    name: str
    image: str = ""
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    ports: tuple[Port, ...] = ()
    #: Variables with a plain value, ``$(OTHER)`` in it as it is written; those from elsewhere (a
    #: Secret, a field) are not here.
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    startup: Probe | None = None
    liveness: Probe | None = None
    readiness: Probe | None = None
    post_start: Hook | None = None
    pre_stop: Hook | None = None
    #: Its own, in place of the pod's; None is the pod's. An init container with Always is a
    #: sidecar: it is started before the others, and goes on to run.
    restart_policy: RestartPolicy | None = None
    resources: Resources = field(default_factory=Resources)


@dataclass(frozen=True, slots=True)
class PodSpec:
    """One pod, or the template of many."""

    name: str
    containers: tuple[Container, ...]
    namespace: str = "default"
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    #: Seconds from the deletion to SIGKILL, preStop included.
    termination_grace_period: int = 30
    restart_policy: RestartPolicy = "Always"
    #: The condition types of the readiness gates.
    readiness_gates: tuple[str, ...] = ()
    #: What is started before `containers`, one after the other.
    init_containers: tuple[Container, ...] = ()
    #: Of the pod as a whole; None is that of its containers. An empty one is one.
    resources: Resources | None = None


@dataclass(frozen=True, slots=True)
class RollingUpdate:
    """How pods are replaced, with percentages resolved for the replicas.

    A StatefulSet has no surge; a DaemonSet's numbers are those of one node.
    """

    #: How many pods more than `replicas` there may be.
    max_surge: int = 1
    #: How many of `replicas` may be unavailable.
    max_unavailable: int = 0


@dataclass(frozen=True, slots=True)
class Workload:
    """An object of the manifest that makes pods: Pod, Deployment, StatefulSet, DaemonSet or Job."""

    kind: Literal["Pod", "Deployment", "StatefulSet", "DaemonSet", "Job"]
    name: str
    template: PodSpec
    namespace: str = "default"
    #: 1 for a Pod, a DaemonSet (one node) and a Job (its parallelism may say more).
    replicas: int = 1
    #: None: Recreate, OnDelete, or nothing that is rolled out.
    rolling_update: RollingUpdate | None = None
    min_ready_seconds: int = 0
    #: A Deployment's.
    progress_deadline_seconds: int = 600
    #: A Job's: how often its pods may fail.
    backoff_limit: int = 6
    #: Whether a StatefulSet starts and ends its pods all at once (podManagementPolicy Parallel).
    parallel: bool = False
    #: Where it stands: ``deploy.yaml:12``. For messages.
    source: str = ""
