"""Which Services lead to which containers: whose requests a container gets.

A Service selects pods by their labels, and in the pod the container by the target port: a name is a
port that a container declares, and so is a number, usually; who declares no port at all gets it if
nobody else can.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from healthkit.lint._manifests import Thing
    from healthkit.lint._workload import Container, Workload
    from healthkit.manifests._loose import Loose


def services_of(workload: Workload) -> list[Thing]:
    """Return the Services that select a workload's pods."""
    if workload.ends:
        return []
    services = workload.manifests.of("Service")
    return [one for one in services if _selects(one, workload)]


def service_ports(container: Container) -> list[Loose]:
    """Return the ports of Services that lead to a container."""
    services = services_of(container.workload)
    ports = [port for service in services for port in (service.root / "spec" / "ports").items]
    return [port for port in ports if container is _target(port, container.workload)]


def _selects(service: Thing, workload: Workload) -> bool:
    if (service.root / "spec" / "type").text == "ExternalName":
        return False
    selector = (service.root / "spec" / "selector").table
    same = service.namespace == workload.namespace
    return bool(selector) and same and selector.items() <= workload.labels.items()


def target(port: Loose) -> int | str | None:
    """Return the target of a Service's port: a number, or a port's name."""
    found = port / "targetPort"
    return found.text or found.whole or (port / "port").whole


def _target(port: Loose, workload: Workload) -> Container | None:
    wanted = target(port)
    for container in workload.containers:
        if any(wanted in {(p / "name").text, (p / "containerPort").whole} for p in container.ports):
            return container
    silent = [one for one in workload.containers if not one.ports]
    return silent[0] if isinstance(wanted, int) and len(silent) == 1 else None
