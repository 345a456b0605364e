"""Workloads and their containers, as rules see them: with defaults, and never refused.

What is missing or of another type is as if it weren't there; that it is wrong is said once, by the
rules about what the API server refuses.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final

from healthkit._validate import duration
from healthkit.errors import ConfigError
from healthkit.lint._facts.indexes import grouped
from healthkit.lint._facts.services import ports_of_containers
from healthkit.lint._probe import PROBES, Probe
from healthkit.manifests._nodes import Mapping as Fields
from healthkit.timing import DEFAULT_GRACE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from healthkit.lint._manifests import Manifests, Thing
    from healthkit.manifests._loose import Loose
    from healthkit.manifests._spec import ProbeKind

#: Where each kind of workload has its pod, or the template of its pods.
POD_AT: Final[Mapping[str, tuple[str, ...]]] = {
    "Pod": (),
    "Deployment": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
    "ReplicaSet": ("spec", "template"),
    "ReplicationController": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
}

#: What runs once, and is not waited for by anybody's requests.
_ENDING: Final = frozenset({"Job", "CronJob"})

#: How a manifest says what it can't say in fields; see the rules that read them.
BOOT: Final = "healthkit/boot"
LONGEST_REQUEST: Final = "healthkit/longest-request"


class Container:
    """One container that goes on to run."""

    def __init__(self, workload: Workload, at: Loose, *, sidecar: bool = False) -> None:
        self.workload = workload
        self.at = at
        #: Whether it is an init container that is not waited for.
        self.sidecar = sidecar
        self.name = (at / "name").text
        self.image = (at / "image").text

    def __repr__(self) -> str:
        return f"<container {self.name} of {self.workload!r}>"

    @cached_property
    def probes(self) -> dict[ProbeKind, Probe]:
        """The probes that it has."""
        return {
            kind: Probe(self, kind, self.at / name)
            for kind, name in PROBES.items()
            if self.at / name
        }

    @cached_property
    def words(self) -> tuple[str, ...]:
        """What is run, as far as the manifest says it: ``command`` and ``args``."""
        return (self.at / "command").texts + (self.at / "args").texts

    @cached_property
    def env(self) -> dict[str, str]:
        """The variables with a value of their own."""
        return {
            (one / "name").text: (one / "value").text
            for one in (self.at / "env").items
            if not one / "valueFrom"
        }

    @cached_property
    def variables(self) -> frozenset[str]:
        """The names of its variables, wherever their values come from."""
        return frozenset((one / "name").text for one in (self.at / "env").items)

    @cached_property
    def ports(self) -> list[Loose]:
        """The ports that it declares."""
        return (self.at / "ports").items

    def port_number(self, port: object) -> object:
        """Return the number of a port by its name; what is no name of a port comes back."""
        return self._named_ports.get(port) or port if isinstance(port, str) and port else port

    @cached_property
    def _named_ports(self) -> dict[str, int | None]:
        return {(one / "name").text: (one / "containerPort").whole for one in self.ports}

    @cached_property
    def pre_stop(self) -> Loose:
        """What runs before SIGTERM; false if nothing does."""
        return self.at / "lifecycle" / "preStop"

    @cached_property
    def service_ports(self) -> list[Loose]:
        """The ports of Services that lead to it."""
        return self.workload.ports_of_containers.get(id(self), [])

    @cached_property
    def declared_boot(self) -> tuple[float, str] | None:
        """How long a start may take by what somebody says, in seconds; and who says so."""
        annotation = self.workload.seconds(BOOT)
        if annotation is not None:
            return annotation, f"the annotation {BOOT}"
        app = self.workload.manifests.app_of(self)
        if app is not None and app.startup is not None:
            return app.startup, app.name
        return None


class Workload:
    """An object that makes pods, or is one."""

    def __init__(self, thing: Thing) -> None:
        self.thing = thing
        self.manifests: Manifests = thing.manifests
        self.kind = thing.kind
        self.name = thing.name
        self.namespace = thing.namespace
        template = thing.root
        for part in POD_AT[thing.kind]:
            template = template / part
        #: The template of its pods, or the Pod.
        self.template = template
        #: The fields of the pod.
        self.pod = template / "spec"

    def __repr__(self) -> str:
        return f"<{self.thing.called}>"

    @property
    def full_name(self) -> str:
        """Its kind and name, as kubectl takes them: ``deployment/web``."""
        return f"{self.kind.lower()}/{self.name}"

    @property
    def names(self) -> tuple[str, ...]:
        """What it may be called by: as kubectl does, as findings do, or shortly."""
        return (self.name, self.full_name, self.thing.called)

    @cached_property
    def ends(self) -> bool:
        """Whether its pods end by themselves."""
        policy = (self.pod / "restartPolicy").text
        return self.kind in _ENDING or (self.kind == "Pod" and policy in {"OnFailure", "Never"})

    @cached_property
    def containers(self) -> list[Container]:
        """Its containers that go on to run: sidecars among the init containers too.

        What is no mapping is none: that is said once, and it lacks nothing more.
        """
        items = (self.pod / "containers").items
        found = [Container(self, one) for one in items if isinstance(one.node, Fields)]
        before = (self.pod / "initContainers").items
        sidecars = [one for one in before if (one / "restartPolicy").text == "Always"]
        return found + [Container(self, one, sidecar=True) for one in sidecars]

    @cached_property
    def declared_ports(self) -> frozenset[int | None]:
        """The numbers of the ports that its containers declare."""
        ports = [port for one in self.containers for port in one.ports]
        return frozenset((one / "containerPort").whole for one in ports)

    @cached_property
    def named_ports(self) -> dict[str, int]:
        """The numbers of its containers' ports, by their names; the first of several."""
        ports = [port for one in self.containers for port in one.ports]
        found = [((one / "name").text, (one / "containerPort").whole) for one in reversed(ports)]
        return {name: number for name, number in found if number}

    @cached_property
    def readiness_requests(self) -> dict[tuple[str, object], list[Container]]:
        """Its containers, by the path and the port that their readiness probes ask over HTTP."""
        return grouped(self.containers, _readiness_request)

    @cached_property
    def ports_of_containers(self) -> dict[int, list[Loose]]:
        """The ports of Services that lead to its containers, by the containers' ids."""
        return ports_of_containers(self)

    @cached_property
    def labels(self) -> dict[str, str]:
        """The labels of its pods."""
        return (self.template / "metadata" / "labels").table

    @cached_property
    def annotations(self) -> dict[str, str]:
        """Its own annotations, and those of its pods."""
        return self.thing.annotations | (self.template / "metadata" / "annotations").table

    def seconds(self, annotation: str) -> float | None:
        """Return an annotation that is a duration; None if there is none, or it is none."""
        try:
            return duration(annotation, self.annotations[annotation])
        except (KeyError, ConfigError):
            return None

    @property
    def replicas(self) -> int:
        """How many pods there are by the manifest; 1 if it doesn't say."""
        found = (self.thing.root / "spec" / "replicas").whole
        return 1 if found is None or self.kind in {"Pod", "DaemonSet"} else found

    @property
    def grace(self) -> int:
        """The pod's grace period in whole seconds; below 0 is 1, as for the API server."""
        found = (self.pod / "terminationGracePeriodSeconds").whole
        return DEFAULT_GRACE if found is None else found if found >= 0 else 1


def _readiness_request(container: Container) -> list[tuple[str, object]]:
    probe = container.probes.get("readiness")
    return [(probe.path, probe.port_number)] if probe and probe.http else []
