"""What there is to tell of a workload, as plain values. All times are seconds.

Nothing here is computed: `_told` fills it in, by `healthkit.timing`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from healthkit.explain._qos import Qos
    from healthkit.manifests import Probe, ProbeKind, RollingUpdate
    from healthkit.timing import Span

#: What happens while a container ends.
What: TypeAlias = Literal[
    #: The pod is deleted, or a probe has failed for good.
    "begin",
    "prestop",
    #: The last new connection that kube-proxy sends.
    "last_connection",
    "sigterm",
    "sigkill",
]

#: What may end a container.
Why: TypeAlias = Literal["deletion", "liveness", "startup"]


@dataclass(frozen=True, slots=True)
class Asked:
    """One probe."""

    kind: ProbeKind
    #: What it does: ``GET /livez on port 8080``.
    asks: str
    probe: Probe
    #: Whether the kubelet can't find its port: such a probe errors, and is thrown away.
    is_lost: bool = False


@dataclass(frozen=True, slots=True)
class Start:
    """How long a start may take, counted from the container's."""

    #: The probe that decides it.
    kind: Literal["startup", "liveness"]
    #: So many failures in a row of it kill.
    failures: int
    #: When it comes first.
    first: Span
    #: A start that takes no longer is never killed by it.
    guaranteed: float
    #: When a container that refuses connections for ever is killed, at the latest.
    latest: float
    #: The same for one that accepts them and says nothing.
    latest_hanging: float
    #: What is often taken for the guaranteed time, and is a period too much.
    nominal: float


@dataclass(frozen=True, slots=True)
class Running:
    """How soon something comes of an app that goes wrong, and that recovers. None: nothing does."""

    #: From the hang to the beginning of the kill.
    kill: Span | None = None
    #: From an app's first 503 to the last new connection it gets.
    leaves: Span | None = None
    #: The same for an app that hangs, at the latest.
    leaves_hanging: float | None = None
    #: From the first good answer to new connections, at the latest.
    returns: float | None = None
    #: Whether liveness may kill a hung app that still gets new connections.
    kill_may_be_first: bool = False


@dataclass(frozen=True, slots=True)
class Hook:
    """What runs before SIGTERM."""

    #: ``sleep 10 s``.
    does: str
    #: `math.inf` is for ever; None: nobody can tell.
    takes: float | None
    #: What it takes for certain.
    least: float


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happens while a container ends."""

    #: Counted from the deletion, or from the kill.
    at: float
    what: What
    #: Whether it may come sooner, too.
    is_latest: bool = False


@dataclass(frozen=True, slots=True)
class Ending:
    """How a container ends."""

    why: Why
    #: In whole seconds: the pod's, or the probe's own.
    grace: int
    hook: Hook | None
    #: In their order.
    moments: tuple[Moment, ...]
    #: What the process has from SIGTERM on, at least.
    left: float
    #: Whether the hook ends before the grace period does; None: nobody can tell.
    fits: bool | None
    #: Whether it is not told to end before the containers that it stands beside have ended.
    waits: bool = False

    def at(self, what: What) -> float:
        """Return when something happens, at the latest; it must be among the moments."""
        return next(one.at for one in self.moments if one.what == what)


@dataclass(frozen=True, slots=True)
class Told:
    """What there is to tell of one container."""

    name: str
    #: Whether it is an init container that goes on to run.
    is_sidecar: bool
    #: Those that it has.
    probes: tuple[Asked, ...]
    #: None: no probe limits it.
    start: Start | None
    running: Running
    #: By a deletion first, then by each probe that may kill it.
    endings: tuple[Ending, ...]
    #: Whether a probe whose port there isn't keeps it from ever being ready.
    is_never_ready: bool = False
    #: Whether it is started again after a kill; its own restart policy, or the pod's, says so.
    restarts: bool = True

    def probe(self, kind: ProbeKind) -> Asked | None:
        """Return one of its probes."""
        return next((one for one in self.probes if one.kind == kind), None)


@dataclass(frozen=True, slots=True)
class Rollout:
    """How pods are replaced."""

    #: None: all at once, or by hand.
    update: RollingUpdate | None
    #: What one pod may need to get available, without its image; None: no probe limits it.
    needed: float | None = None
    #: A Deployment's progressDeadlineSeconds; None: there is none.
    deadline: int | None = None
    #: Whether a probe whose port there isn't keeps all pods from ever being ready.
    is_never_available: bool = False

    @property
    def in_time(self) -> bool | None:
        """Whether the deadline leaves enough; None: nobody can tell."""
        if self.deadline is None or (self.needed is None and not self.is_never_available):
            return None
        if self.needed is None:
            return False
        return self.needed < self.deadline


@dataclass(frozen=True, slots=True)
class Explanation:
    """What there is to tell of one workload."""

    kind: str
    name: str
    namespace: str
    #: Where it stands: ``deploy.yaml:12``.
    source: str
    replicas: int
    qos: Qos
    #: The names of the init containers that end before the others begin.
    init_containers: tuple[str, ...]
    containers: tuple[Told, ...]
    rollout: Rollout | None
