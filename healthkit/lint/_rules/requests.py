"""HK101 to HK106 and HK114: which probes there are, and what they ask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from healthkit._validate import shown
from healthkit.lint._facts.endpoints import is_for_startup, path_words, query_words
from healthkit.lint._finding import Severity
from healthkit.lint._rule import About, Found, container_rule, probe_rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from healthkit.lint._manifests import Thing
    from healthkit.lint._probe import Probe
    from healthkit.lint._workload import Container
    from healthkit.manifests._loose import Loose

#: A start that takes longer than this, in seconds, is what a startup probe is for: a liveness
#: probe with the defaults kills at 30 s.
LONG_BOOT: Final = 30

_PROBES_TASK: Final = (
    "https://kubernetes.io/docs/tasks/configure-pod-container/"
    "configure-liveness-readiness-startup-probes/"
)


@container_rule(
    About(
        id="HK101",
        severity=Severity.WARNING,
        title="a container behind a Service has no readiness probe",
        why="it gets requests from its first second on, before it can answer them, and in every "
        "rollout",
        fix="add a readinessProbe; with healthkit, httpGet of /readyz",
        source="https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#container-probes",
    )
)
def no_readiness(container: Container) -> Iterator[Found]:
    """Yield containers that a Service leads to, and that have no readiness probe."""
    if "readiness" in container.probes:
        return
    services = [_service(container, port) for port in container.service_ports]
    names = sorted({one.name for one in services if _wants_ready(one, container)})
    if names:
        called = " and ".join(shown(name) for name in names)
        lead = f"the Service {called} leads" if len(names) == 1 else f"the Services {called} lead"
        what = f"{lead} to it, and it has no readinessProbe"
        yield Found(at=container.at / "readinessProbe", what=what)


def _service(container: Container, port: Loose) -> Thing:
    return container.workload.manifests.thing(port.document)


def _wants_ready(service: Thing, container: Container) -> bool:
    """Whether a Service leads requests to a container, and looks at its readiness.

    A StatefulSet must have a Service for its pods' names; if the container declares no port, it
    may be there for nothing else.
    """
    spec, workload = service.root / "spec", container.workload.thing.root / "spec"
    names_pods = service.name == (workload / "serviceName").text and not container.ports
    return not names_pods and (spec / "publishNotReadyAddresses").flag is not True


@container_rule(
    About(
        id="HK102",
        severity=Severity.INFO,
        title="a container has no liveness probe",
        why="a process that hangs stays as it is; one that ends by itself needs no probe to be "
        "started again",
        fix="add a livenessProbe that asks for the process alone; with healthkit, httpGet of "
        "/livez",
        source="https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#container-probes",
    )
)
def no_liveness(container: Container) -> Iterator[Found]:
    """Yield containers without a liveness probe, unless their pods end by themselves."""
    if "liveness" not in container.probes and not container.workload.ends:
        yield Found(at=container.at / "livenessProbe", what="it has no livenessProbe")


@container_rule(
    About(
        id="HK103",
        severity=Severity.WARNING,
        title="a long start without a startup probe",
        why="a liveness probe that waits for the start either kills a slow one, or notices a hang "
        "late after every start",
        fix="add a startupProbe, and take initialDelaySeconds from the livenessProbe",
        source=f"{_PROBES_TASK}#define-startup-probes",
        arithmetic="long: a declared start, or the liveness probe's initialDelaySeconds, above "
        f"{LONG_BOOT} s",
    )
)
def no_startup(container: Container) -> Iterator[Found]:
    """Yield containers with a liveness probe that take long to start and have no startup probe."""
    liveness = container.probes.get("liveness")
    if "startup" in container.probes or liveness is None:
        return
    delay, boot = liveness.times.initial_delay, container.declared_boot
    if boot is not None and boot[0] > LONG_BOOT:
        what = f"a start may take {boot[0]:g} s by {boot[1]}, and there is no startupProbe"
        yield Found(at=container.at / "startupProbe", what=what, numbers={"boot": boot[0]})
    elif delay > LONG_BOOT:
        yield Found(
            at=liveness.at / "initialDelaySeconds",
            what=f"the livenessProbe waits {delay} s for the start, and there is no startupProbe",
            numbers={"initialDelaySeconds": delay},
        )


@container_rule(
    About(
        id="HK104",
        severity=Severity.WARNING,
        title="liveness and readiness are the same request",
        why="whatever makes the pod unready, such as a database that is away, then restarts it, "
        "and all others with it",
        fix="let liveness ask for the process alone; with healthkit, /livez and /readyz",
        source="endatix/endatix#1034; vectorize-io/hindsight#3329; "
        "https://github.com/zegl/kube-score, pod-probes",
    )
)
def same_request(container: Container) -> Iterator[Found]:
    """Yield containers whose liveness and readiness probe ask the same.

    Not tcpSocket: a socket that opens asks for no dependency, whatever it is opened for.
    """
    liveness, readiness = (container.probes.get(kind) for kind in ("liveness", "readiness"))
    if liveness is not None and readiness is not None:
        asked = _asked(liveness)
        if asked and asked == _asked(readiness):
            what = f"livenessProbe and readinessProbe both {_called(liveness)}"
            yield Found(at=liveness.at, what=what)


def _asked(probe: Probe) -> tuple[object, ...]:
    """Return what tells a probe's request from another's; nothing if it makes none."""
    grpc = probe.at / "grpc"
    if grpc:
        return ("grpc", (grpc / "port").value, (grpc / "service").text)
    return probe.request or probe.command


def _called(probe: Probe) -> str:
    if probe.at / "grpc":
        return "make the same gRPC call"
    return f"ask for {shown(probe.path)}" if probe.http else "run the same command"


@container_rule(
    About(
        id="HK105",
        severity=Severity.WARNING,
        title="liveness asks for more than the process",
        why="a dependency that is away then restarts the pod, and all others with it, which brings "
        "no dependency back",
        fix="let liveness ask for the process alone; with healthkit, httpGet of /livez",
        source=f"{_PROBES_TASK}#define-a-liveness-http-request; vectorize-io/hindsight#3329",
    )
)
def deep_liveness(container: Container) -> Iterator[Found]:
    """Yield liveness probes whose path speaks of dependencies, or is another one's readiness."""
    liveness = container.probes.get("liveness")
    if liveness is None or not liveness.http:
        return
    words = container.workload.manifests.options.dependency_words
    asks_for = [*path_words(liveness.path), *query_words(liveness.target)]
    said = [word for word in asks_for if word in words]
    asked = (liveness.path, liveness.port_number)
    asking = container.workload.readiness_requests.get(asked, [])
    sharing = next((one for one in asking if one is not container), None)
    reason = (
        f"which speaks of {said[0]}"
        if said
        else f"as the readinessProbe of the container {shown(sharing.name)} does"
        if sharing
        else ""
    )
    if reason:
        what = f"the livenessProbe asks for {shown(liveness.target)}, {reason}"
        yield Found(at=liveness.http / "path", what=what)


@container_rule(
    About(
        id="HK106",
        severity=Severity.WARNING,
        title="the startup probe asks for something else than liveness",
        why="what a start waits for is then not what liveness asks for: liveness kills it next, "
        "or a dependency that is away lets no pod start",
        fix="let it ask for what liveness asks for; with healthkit, for /startupz",
        source=f"{_PROBES_TASK}#define-startup-probes",
    )
)
def other_startup(container: Container) -> Iterator[Found]:
    """Yield startup probes of another path than liveness, unless the path is made for them."""
    startup, liveness = (container.probes.get(kind) for kind in ("startup", "liveness"))
    if startup is None or liveness is None or not startup.http or not liveness.http:
        return
    if startup.path != liveness.path and not _is_for_startup(startup):
        asked = f"the startupProbe asks for {shown(startup.path)}"
        what = f"{asked}, the livenessProbe for {shown(liveness.path)}"
        yield Found(at=startup.http / "path", what=what)


def _is_for_startup(probe: Probe) -> bool:
    """Whether a path says that it is for startup probes, or the app says so."""
    app = probe.container.workload.manifests.app_of(probe.container)
    own = None if app is None else app.paths.get("startup")
    return is_for_startup(probe.path) or (own is not None and probe.path.endswith(own))


@probe_rule(
    About(
        id="HK114",
        severity=Severity.WARNING,
        title="a probe asks for the path /",
        why="that renders a page, asks whatever a page needs, and is often a redirect, which the "
        "kubelet follows or takes for a success",
        fix="ask for an endpoint made for probes; with healthkit, /livez or /readyz",
        source="kubernetes pkg/probe/http/http.go, RedirectChecker; "
        "pkg/apis/core/v1/defaults.go, SetDefaults_HTTPGetAction",
    )
)
def root_path(probe: Probe) -> Iterator[Found]:
    """Yield HTTP probes of the root, which is also where a probe without a path asks."""
    path = probe.http / "path"
    if probe.target == "/" and (not path or isinstance(path.value, str)):
        yield Found(at=path, what=f"the {probe.field} asks for /")
