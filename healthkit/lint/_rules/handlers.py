"""HK107 to HK109, HK113, HK119 and HK120: what a probe or a hook does, and whether it can."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from healthkit._validate import shown
from healthkit.lint._facts.actions import actions
from healthkit.lint._finding import Severity
from healthkit.lint._rule import About, Found, container_rule, probe_rule
from healthkit.lint._rules.ports import is_plain_http
from healthkit.manifests._nodes import Mapping

if TYPE_CHECKING:
    from collections.abc import Iterator

    from healthkit.lint._options import Version
    from healthkit.lint._probe import Probe
    from healthkit.lint._workload import Container, Workload
    from healthkit.manifests._loose import Loose

#: What a probe may do, and what a hook may, in the order that validateHandler goes by. What else
#: stands there is a field that the API doesn't have, and drops.
_PROBE_HANDLERS: Final = ("exec", "httpGet", "tcpSocket", "grpc")
_HOOK_HANDLERS: Final = ("exec", "httpGet", "tcpSocket", "sleep")

#: The first version whose Pod Security Standards forbid `host` (KEP-4940).
_HOST_FORBIDDEN: Final[Version] = (1, 34)

_ENFORCE: Final = "pod-security.kubernetes.io/enforce"


@probe_rule(
    About(
        id="HK107",
        severity=Severity.ERROR,
        title="successThreshold of a liveness or startup probe is not 1",
        why="the API server refuses it: one success is what these probes ask for",
        fix="leave successThreshold out",
        source="kubernetes pkg/apis/core/validation/validation.go, validateLivenessProbe",
    )
)
def success_threshold(probe: Probe) -> Iterator[Found]:
    """Yield liveness and startup probes that want several successes."""
    found = probe.times.success_threshold
    if probe.kind != "readiness" and found != 1:
        what = f"successThreshold is {found}, and must be 1"
        yield Found(
            at=probe.at / "successThreshold", what=what, numbers={"successThreshold": found}
        )


@probe_rule(
    About(
        id="HK108",
        severity=Severity.ERROR,
        title="a readiness probe has a grace period",
        why="the API server refuses it: a readiness probe kills nothing",
        fix="leave it out, or give it to the liveness probe",
        source="kubernetes pkg/apis/core/validation/validation.go, validateReadinessProbe",
    )
)
def readiness_grace(probe: Probe) -> Iterator[Found]:
    """Yield readiness probes with a grace period, whatever its value."""
    found = probe.at / "terminationGracePeriodSeconds"
    if probe.kind == "readiness" and found:
        yield Found(at=found, what="the readinessProbe has terminationGracePeriodSeconds")


@container_rule(
    About(
        id="HK109",
        severity=Severity.ERROR,
        title="a probe or a hook does not do exactly one thing",
        why="the API server refuses it, and schemas do not see it",
        fix="leave exactly one of them: httpGet, exec, tcpSocket, grpc (a probe), sleep (a hook); "
        "with Helm, set the one that you do not want to null",
        source="kubernetes pkg/apis/core/validation/validation.go, validateHandler",
    )
)
def one_handler(container: Container) -> Iterator[Found]:
    """Yield probes and hooks with no handler, or with several."""
    for action in actions(container):
        known = _HOOK_HANDLERS if action.is_hook else _PROBE_HANDLERS
        found = [name for name in known if action.at / name]
        if len(found) != 1 and isinstance(action.at.node, Mapping):
            does = " and ".join(found) if found else "nothing"
            yield Found(
                at=action.at,
                what=f"the {action.name} does {does}, and must do exactly one thing",
                numbers={"handlers": len(found)},
            )


@container_rule(
    About(
        id="HK113",
        severity=Severity.WARNING,
        title="a probe or a hook asks another host",
        why="the kubelet connects from the node: the answer says nothing about this container, and "
        "from Kubernetes 1.34 on the Pod Security level baseline forbids it",
        fix="leave host out; for another Host header use httpHeaders",
        source="https://kubernetes.io/docs/concepts/security/pod-security-standards/#baseline; "
        "KEP-4940; kubernetes#99425",
    )
)
def other_host(container: Container) -> Iterator[Found]:
    """Yield probes and hooks that name a host.

    A pod on the node's own network may listen on the node's loopback only, and then its name is
    the right one there.
    """
    workload = container.workload
    for action in actions(container):
        for handler in ("httpGet", "tcpSocket"):
            host = action.at / handler / "host"
            if host.text and not _is_own_loopback(workload, host.text):
                what = f"the {action.name} asks the host {shown(host.text)}"
                yield _refused(host, what, _enforced(workload))


def _refused(host: Loose, what: str, level: str | None) -> Found:
    if level is None:
        return Found(at=host, what=what)
    return Found(
        at=host,
        what=f"{what}, which the namespace's Pod Security level {level} forbids",
        why="the pods are refused when they are to be made: no new one ever starts",
        severity=Severity.ERROR,
    )


def _is_own_loopback(workload: Workload, host: str) -> bool:
    """Whether a host is the node itself, for a pod on the node's network."""
    if (workload.pod / "hostNetwork").flag is not True:
        return False
    try:
        address = ip_address(host)
    except ValueError:
        return host == "localhost"
    return address.is_loopback or address.is_link_local


def _enforced(workload: Workload) -> str | None:
    """Return the Pod Security level that forbids `host` where a workload is; None if none does.

    Only if the manifests say it all: the workload its namespace, and the Namespace its level.
    """
    manifests = workload.manifests
    named = (workload.thing.root / "metadata" / "namespace").text
    if manifests.options.kube_version < _HOST_FORBIDDEN:
        return None
    for namespace in manifests.namespaces.get(named, []):
        labels = (namespace.root / "metadata" / "labels").table
        level = labels.get(_ENFORCE, "")
        version = labels.get(f"{_ENFORCE}-version", "latest")
        if level in {"baseline", "restricted"} and _forbids(version):
            return level
    return None


def _forbids(version: str) -> bool:
    """Whether the Pod Security Standards of a version forbid `host`."""
    found = re.fullmatch(r"v1\.([0-9]{1,3})", version)
    return (1, int(found[1])) >= _HOST_FORBIDDEN if found else version == "latest"


@probe_rule(
    About(
        id="HK119",
        severity=Severity.ERROR,
        title="a gRPC probe names its port",
        why="the API server refuses it: the port of a gRPC probe is a number",
        fix="write the port's number, without quotes",
        source="https://kubernetes.io/docs/tasks/configure-pod-container/"
        "configure-liveness-readiness-startup-probes/#define-a-grpc-liveness-probe; "
        "kubernetes staging/src/k8s.io/api/core/v1/types.go, GRPCAction",
    )
)
def grpc_name(probe: Probe) -> Iterator[Found]:
    """Yield gRPC probes whose port is a string."""
    port = probe.at / "grpc" / "port"
    if isinstance(port.value, str):
        yield Found(
            at=port, what=f"grpc.port is the string {shown(port.text)}, and must be a number"
        )


@probe_rule(
    About(
        id="HK120",
        severity=Severity.WARNING,
        title="a probe speaks HTTPS although there is a port for plain HTTP",
        why="the certificate is not verified, so that HTTPS proves no more, and each probe pays "
        "for a handshake",
        fix="ask the port that speaks plain HTTP",
        source="https://kubernetes.io/docs/tasks/configure-pod-container/"
        "configure-liveness-readiness-startup-probes/#http-probes; kubernetes "
        "pkg/probe/http/http.go, New",
    )
)
def https(probe: Probe) -> Iterator[Found]:
    """Yield probes over HTTPS of a container that declares a port for plain HTTP."""
    scheme, asked = probe.http / "scheme", probe.container.port_number(probe.port.value)
    for port in probe.container.ports if scheme.text == "HTTPS" else ():
        name, number = (port / "name").text, (port / "containerPort").whole
        if is_plain_http(name) and number != asked:
            what = f"the {probe.field} speaks HTTPS, and port {number} ({shown(name)}) plain HTTP"
            yield Found(at=scheme, what=what, numbers={"plain HTTP port": number or 0})
            return
