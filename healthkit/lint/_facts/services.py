"""Which Services lead to which containers: whose requests a container gets.

A Service selects pods by their labels, and in the pod the container by the target port: a name is a
port that a container declares, and so is a number, usually; who declares no port at all gets it if
nobody else can.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from healthkit.manifests._loose import Loose

if TYPE_CHECKING:
    from healthkit.lint._manifests import Thing
    from healthkit.lint._workload import Container, Workload


def services_of(workload: Workload) -> list[Thing]:
    """Return the Services that select a workload's pods."""
    if workload.ends:
        return []
    found = workload.manifests.selecting_services.of(workload)
    return [one for one in found if (one.root / "spec" / "type").text != "ExternalName"]


def ports_of_containers(workload: Workload) -> dict[int, list[Loose]]:
    """Return the ports of Services that lead to a workload's containers, by the containers' ids."""
    found = defaultdict[int, list[Loose]](list)
    for service in services_of(workload):
        for port in (service.root / "spec" / "ports").items:
            found[id(_target(port, workload))].append(port)
    return found


def target(port: Loose) -> int | str | None:
    """Return the target of a Service's port: a number, or a port's name."""
    found = port / "targetPort"
    return found.text or found.whole or (port / "port").whole


def _target(port: Loose, workload: Workload) -> Container | None:
    wanted = target(port)
    if wanted is None:
        return None
    for container in workload.containers:
        if any(wanted in {(p / "name").text, (p / "containerPort").whole} for p in container.ports):
            return container
    silent = [one for one in workload.containers if not one.ports]
    return silent[0] if isinstance(wanted, int) and len(silent) == 1 else None
