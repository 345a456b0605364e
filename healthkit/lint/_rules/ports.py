"""HK110 to HK112 and HK118: the ports that probes and hooks connect to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from healthkit._validate import shown
from healthkit.lint._facts.actions import actions
from healthkit.lint._facts.servers import server
from healthkit.lint._facts.services import target
from healthkit.lint._finding import Severity
from healthkit.lint._rule import About, Found, container_rule, probe_rule
from healthkit.manifests import _names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from healthkit.lint._facts.actions import Action
    from healthkit.lint._probe import Probe
    from healthkit.lint._workload import Container
    from healthkit.manifests._loose import Loose


@container_rule(
    About(
        id="HK110",
        severity=Severity.ERROR,
        title="a probe or a hook names a port that its container does not declare",
        why="the kubelet cannot run the probe and throws each result away: never ready, never "
        "killed, or never started",
        fix="declare a port of that name in the same container, or write the name of one it has",
        source="kubernetes pkg/probe/util.go, ResolveContainerPort: of the same container, of any "
        "protocol; pkg/kubelet/lifecycle/handlers.go, resolvePort",
    )
)
def unknown_name(container: Container) -> Iterator[Found]:
    """Yield what names a port that is none of the container's.

    A name that can be none is HK001's. No hook's tcpSocket is ever run, so its port is not asked.
    """
    names = {(port / "name").text for port in container.ports}
    for action in actions(container):
        for handler in ("httpGet",) if action.is_hook else ("httpGet", "tcpSocket"):
            port = action.at / handler / "port"
            if port.text not in names and _names.port(port.text) is None:
                yield _unknown(action, port, names - {""})


def _unknown(action: Action, port: Loose, names: set[str]) -> Found:
    declared = ", ".join(shown(one) for one in sorted(names)) or "no port with a name"
    asked = f"the {action.name} names the port {shown(port.text)}"
    return Found(
        at=port,
        what=f"{asked}; the container declares {declared}",
        why="the hook fails each time it is to run" if action.is_hook else None,
    )


@probe_rule(
    About(
        id="HK111",
        severity=Severity.WARNING,
        title="a probe's port is declared by no container of the pod",
        why="what reads the ports does not know it: a NetworkPolicy by name, a mesh, a reader; and "
        "nobody notices when the app's port moves",
        fix="declare the port, with a name, and let the probe ask for that name",
        source="https://docs.kubelinter.io/#/generated/checks, liveness-port and its likes",
    )
)
def undeclared(probe: Probe) -> Iterator[Found]:
    """Yield probes of a numbered port that no container of the pod declares.

    On the node's own network nobody reads the ports, and declaring one takes it from the node.
    """
    if (probe.container.workload.pod / "hostNetwork").flag is True:
        return
    number = _number(probe)
    if number is not None and number not in probe.container.workload.declared_ports:
        what = f"the {probe.field} asks port {number}, which no container of the pod declares"
        yield Found(at=probe.port, what=what, numbers={"port": number})


@probe_rule(
    About(
        id="HK112",
        severity=Severity.INFO,
        title="a probe asks a port by its number although the port has a name",
        why="when the port moves the probe stays behind",
        fix="write the name in place of the number",
        source="https://kubernetes.io/docs/tasks/configure-pod-container/"
        "configure-liveness-readiness-startup-probes/#use-a-named-port",
    )
)
def numbered(probe: Probe) -> Iterator[Found]:
    """Yield probes of a numbered port that has a name; not gRPC, which takes no names."""
    number = _number(probe)
    if number is None or probe.at / "grpc":
        return
    for port in probe.container.ports:
        name, is_tcp = (port / "name").text, (port / "protocol").text in {"", "TCP"}
        if name and is_tcp and (port / "containerPort").whole == number:
            what = f"the {probe.field} asks port {number}, whose name is {shown(name)}"
            yield Found(at=probe.port, what=what)
            return


def _number(probe: Probe) -> int | None:
    """Return the number that a probe says its pod's port by; None if it says none that can be."""
    number = probe.port.whole
    elsewhere = any((probe.at / name / "host").text for name in ("httpGet", "tcpSocket"))
    return number if number and not elsewhere and _names.port(number) is None else None


@probe_rule(
    About(
        id="HK118",
        severity=Severity.WARNING,
        title="a liveness or readiness probe opens a socket where the app speaks HTTP",
        why="the kernel opens a socket for an app that has long hung or cannot answer anything, "
        "and in a mesh the sidecar opens it",
        fix="ask over HTTP: httpGet with the path of the app's endpoint",
        source="https://istio.io/latest/docs/ops/configuration/mesh/app-health-check/; kubernetes "
        "pkg/probe/tcp/tcp.go, DoTCPProbe",
    )
)
def socket(probe: Probe) -> Iterator[Found]:
    """Yield tcpSocket probes of a port that visibly speaks HTTP."""
    port = probe.at / "tcpSocket" / "port"
    if probe.kind == "startup" or not port or (probe.at / "tcpSocket" / "host").text:
        return
    sign = next(_signs(probe.container, probe.container.port_number(port.value)), None)
    if sign is not None:
        yield Found(at=port, what=f"the {probe.field} only opens a socket, and {sign}")


def _signs(container: Container, number: object) -> Iterator[str]:
    """Yield how a manifest shows that a container speaks HTTP on a port."""
    for port in container.ports:
        name = (port / "name").text
        if (port / "containerPort").whole == number and is_http(name):
            yield f"the port is called {shown(name)}"
    for other in container.probes.values():
        if other.http and container.port_number(other.port.value) == number:
            yield f"the {other.field} makes an HTTP request there"
    for port in container.service_ports:
        name, protocol = (port / "name").text, (port / "appProtocol").text
        if container.port_number(target(port)) == number and (
            is_http(name) or protocol.lower() in _PROTOCOLS
        ):
            yield f"a Service calls the port {shown(protocol or name)}"
    started = server(container.words, container.env)
    if started is not None and number in (started.port, _only_port(container)):
        yield f"{started.name} speaks HTTP there"


def _only_port(container: Container) -> int | None:
    """Return the port that a container declares; None if there are several, or none."""
    ports = [(one / "containerPort").whole for one in container.ports]
    return ports[0] if len(ports) == 1 else None


#: What Services say of HTTP/1.1; what speaks HTTP/2 only is nothing that a kubelet can ask.
_PROTOCOLS: Final = frozenset({"http", "https"})

_PLAIN: Final = frozenset({"http", "web"})


def is_plain_http(name: str) -> bool:
    """Whether a port's name says that the app speaks plain HTTP there; one for metrics doesn't."""
    return (name in _PLAIN or name.startswith("http-")) and "metrics" not in name


def is_http(name: str) -> bool:
    """Whether a port's name says that HTTP is spoken there, over TLS or not."""
    return name in _PLAIN or name in _PROTOCOLS or name.startswith(("http-", "https-"))
