"""HK604: probe paths that the world can ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

from healthkit.lint._facts.indexes import grouped
from healthkit.lint._facts.routes import Ways, routes
from healthkit.lint._facts.services import target
from healthkit.lint._finding import Severity
from healthkit.lint._rule import About, Found, manifests_rule

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from healthkit.lint._facts.routes import Route
    from healthkit.lint._manifests import Manifests
    from healthkit.lint._workload import Container
    from healthkit.manifests._loose import Loose


@manifests_rule(
    About(
        id="HK604",
        severity=Severity.INFO,
        title="probe paths are open to whoever reaches the Ingress",
        why="they tell about the inside, such as which dependency is down, and cost work",
        fix="probe another port, or route those paths to nowhere; else see that they tell little",
        source="https://kubernetes.io/docs/concepts/services-networking/ingress/#path-types",
    )
)
def exposed(manifests: Manifests) -> Iterator[Found]:
    """Yield routes that lead to probe paths: one for each container and object."""
    found = routes(manifests)
    ways, leading = Ways(found), grouped(found, lambda one: [(one.namespace, one.service)])
    for container in manifests.containers if found else ():
        told = set[int]()
        for route, ports in _leading(container, leading):
            paths = _exposed(container, route, ports, ways)
            if paths and id(route.at.document.root) not in told:
                told.add(id(route.at.document.root))
                what = f"{route.host or 'every host'} leads to what is probed: {', '.join(paths)}"
                yield Found(at=route.at, what=what, container=container.name)


def _leading(
    container: Container, leading: Mapping[tuple[str, str], list[Route]]
) -> Iterator[tuple[Route, list[Loose]]]:
    """Yield the routes to the Services of a container, with the ports of each."""
    services = grouped(container.service_ports, lambda port: [_service(container, port)])
    for name, ports in services.items():
        for route in leading.get(name, []):
            yield route, ports


def _service(container: Container, port: Loose) -> tuple[str, str]:
    """Return the namespace and the name of the Service that a port is of."""
    service = container.workload.manifests.thing(port.document)
    return (service.namespace, service.name)


def _exposed(container: Container, route: Route, ports: list[Loose], ways: Ways) -> list[str]:
    """Return the probe paths of a container to which a route to some ports leads."""
    asked = [one for one in ports if route.port in {(one / "name").text, (one / "port").whole}]
    paths = dict.fromkeys(path for port in asked for path in _probed(container, port))
    return [path for path in paths if ways.of(route.at.document, route.host, path) is route]


def _probed(container: Container, port: Loose) -> list[str]:
    """Return the paths that are probed behind a Service's port; not "/", which is the app's."""
    number = container.port_number(target(port))
    return [
        probe.path
        for probe in container.probes.values()
        if probe.path.strip("/") and container.port_number(probe.port.value) == number
    ]
