"""HK604: probe paths that the world can ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

from healthkit.lint._facts.routes import routes, way
from healthkit.lint._facts.services import target
from healthkit.lint._finding import Severity
from healthkit.lint._rule import About, Found, manifests_rule

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    for container in manifests.containers if found else ():
        told = set[int]()
        for route in found:
            paths = _exposed(container, route, found)
            if paths and id(route.at.document.root) not in told:
                told.add(id(route.at.document.root))
                what = f"{route.host or 'every host'} leads to what is probed: {', '.join(paths)}"
                yield Found(at=route.at, what=what, container=container.name)


def _exposed(container: Container, route: Route, found: list[Route]) -> list[str]:
    """Return the probe paths of a container to which a route leads."""
    paths = dict.fromkeys(
        path
        for port in container.service_ports
        if _leads(route, port, container)
        for path in _probed(container, port)
    )
    same = [one for one in found if one.at.document is route.at.document]
    return [path for path in paths if way(same, route.host, path) is route]


def _leads(route: Route, port: Loose, container: Container) -> bool:
    """Whether a route goes to a Service's port."""
    service = container.workload.manifests.thing(port.document)
    same = (route.namespace, route.service) == (service.namespace, service.name)
    return same and route.port in {(port / "name").text, (port / "port").whole}


def _probed(container: Container, port: Loose) -> list[str]:
    """Return the paths that are probed behind a Service's port; not "/", which is the app's."""
    number = container.port_number(target(port))
    return [
        probe.path
        for probe in container.probes.values()
        if probe.path.strip("/") and container.port_number(probe.port.value) == number
    ]
