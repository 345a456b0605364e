"""Which Services lead to which containers: whose requests a container gets.

A Service selects pods by their labels, and in the pod the container by the target port: a name is a
port that a container declares, and so is a number, usually; who declares no port at all gets it if
nobody else can.
"""

from __future__ import annotations

from collections import defaultdict
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from healthkit.lint._manifests import Thing
    from healthkit.lint._workload import Container, Workload
    from healthkit.manifests._loose import Loose

#: A label's key and its value.
_Label = tuple[str, str]


class _Entry(NamedTuple):
    #: Its place among all.
    place: int
    thing: Thing
    selector: Mapping[str, str]


class Selectors:
    """Objects that select pods by labels, found by those labels: each pod asks for its own only."""

    def __init__(self, things: Iterable[Thing]) -> None:
        #: By one label of each selector.
        self._by_label: dict[_Label, list[_Entry]] = defaultdict(list)
        for place, thing in enumerate(things):
            selector = (thing.root / "spec" / "selector").table
            if selector:  # one without selects nothing: its endpoints are made by somebody else
                self._by_label[next(iter(selector.items()))].append(_Entry(place, thing, selector))

    def of(self, workload: Workload) -> list[Thing]:
        """Return those that select a workload's pods, in their order."""
        labels = workload.labels.items()
        asked = (one for label in labels for one in self._by_label.get(label, ()))
        found = [
            one
            for one in asked
            if one.selector.items() <= labels and one.thing.may_share(workload.thing)
        ]
        return [one.thing for one in sorted(found, key=attrgetter("place"))]


def services_of(workload: Workload) -> list[Thing]:
    """Return the Services that select a workload's pods."""
    if workload.ends:
        return []
    found = workload.manifests.selecting_services.of(workload)
    return [one for one in found if (one.root / "spec" / "type").text != "ExternalName"]


def service_ports(container: Container) -> list[Loose]:
    """Return the ports of Services that lead to a container."""
    services = services_of(container.workload)
    ports = [port for service in services for port in (service.root / "spec" / "ports").items]
    return [port for port in ports if container is _target(port, container.workload)]


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
