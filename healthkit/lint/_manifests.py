"""All objects of all files together, with what links them: rules look at these.

A Service, a disruption budget or an autoscaler says what becomes of a workload's pods, and stands
in another document, often in another file.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from healthkit.lint._facts.balancers import backends
from healthkit.lint._facts.indexes import Labelled, Selectors, grouped
from healthkit.lint._facts.roles import role_key, subjects_of
from healthkit.lint._facts.scales import scaled_by
from healthkit.lint._facts.selecting import template_of
from healthkit.lint._options import Options
from healthkit.lint._workload import POD_AT, Container, Workload
from healthkit.manifests._loose import Loose
from healthkit.manifests._objects import text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from healthkit.lint._facts.roles import Subject
    from healthkit.manifests._app import AppSettings
    from healthkit.manifests._document import Document
    from healthkit.manifests._source import Refusal

#: The kinds that rules look at, beside the workloads. Others are counted.
OTHERS: Final = frozenset(
    {
        "HorizontalPodAutoscaler",
        "HTTPRoute",
        "Ingress",
        "Namespace",
        "NetworkPolicy",
        "PodDisruptionBudget",
        "Role",
        "ClusterRole",
        "RoleBinding",
        "ClusterRoleBinding",
        "Service",
    }
)

#: The groups of those kinds, "" for v1: a custom resource may have a kind of the same name.
_GROUPS: Final = frozenset(
    {
        "",
        "apps",
        "autoscaling",
        "batch",
        "extensions",
        "gateway.networking.k8s.io",
        "networking.k8s.io",
        "policy",
        "rbac.authorization.k8s.io",
    }
)


class Thing:
    """One object, of whatever kind."""

    def __init__(self, document: Document, manifests: Manifests) -> None:
        self.document = document
        self.manifests = manifests
        self.kind = text(document, "kind")
        self.group = text(document, "apiVersion").rpartition("/")[0]
        self.root = Loose(document, (), document.root)
        self.name = (self.root / "metadata" / "name").text
        #: As the file says; what `kubectl apply -n` or Helm would fill in is not known.
        self._named = (self.root / "metadata" / "namespace").text or None
        self.namespace = self._named or "default"

    def __repr__(self) -> str:
        return f"<{self.called}>"

    @property
    def called(self) -> str:
        """Its kind and name."""
        return f"{self.kind}/{self.name}" if self.name else self.kind

    @property
    def is_known(self) -> bool:
        """Whether rules look at it."""
        return self.group in _GROUPS and (self.kind in POD_AT or self.kind in OTHERS)

    def may_share(self, other: Thing) -> bool:
        """Whether two objects may be in one namespace.

        An object that names none gets that of `kubectl apply -n` or of the Helm release, and charts
        often name it in some of their objects only.
        """
        return self._named in {None, other._named} or other._named is None

    @property
    def annotations(self) -> dict[str, str]:
        """Its own annotations."""
        return (self.root / "metadata" / "annotations").table


class Manifests:
    """All objects that were read, and what was wrong with them while they were."""

    def __init__(
        self,
        documents: Iterable[Document],
        options: Options | None = None,
        refusals: Iterable[tuple[Document | None, Refusal]] = (),
    ) -> None:
        self.options = options or Options()
        self.things = [Thing(document, self) for document in documents]
        #: What the API server would say, and keys that stand twice.
        self.refusals = list(refusals)
        self._by_root = {id(one.document.root): one for one in self.things}

    def __repr__(self) -> str:
        return f"<Manifests: {len(self.things)} objects, {len(self.workloads)} workloads>"

    @cached_property
    def workloads(self) -> list[Workload]:
        """What makes pods."""
        return [Workload(one) for one in self.things if one.is_known and one.kind in POD_AT]

    @cached_property
    def containers(self) -> list[Container]:
        """The containers of the workloads that go on to run."""
        return [container for one in self.workloads for container in one.containers]

    @cached_property
    def _by_kind(self) -> dict[str, list[tuple[int, Thing]]]:
        found = defaultdict[str, list[tuple[int, Thing]]](list)
        for place, one in enumerate(self.things):
            if one.is_known:
                found[one.kind].append((place, one))
        return dict(found)

    def of(self, *kinds: str) -> list[Thing]:
        """Return the objects of some kinds, in the order in which they were read."""
        found = [pair for kind in set(kinds) for pair in self._by_kind.get(kind, [])]
        return [one for _, one in sorted(found, key=itemgetter(0))]

    @cached_property
    def selecting_services(self) -> Selectors:
        """The Services, by the labels that they select."""
        return Selectors(self.of("Service"), lambda one: one.root / "spec" / "selector")

    @cached_property
    def selecting_policies(self) -> Selectors:
        """The NetworkPolicies, by the labels that they select."""
        policies = self.of("NetworkPolicy")
        return Selectors(policies, lambda one: one.root / "spec" / "podSelector" / "matchLabels")

    @cached_property
    def labelled_workloads(self) -> Labelled[Workload]:
        """The workloads, by the labels of their pods."""
        return Labelled((one, one.labels) for one in self.workloads)

    @cached_property
    def labelled_templates(self) -> Labelled[Thing]:
        """Whatever has a template of pods, custom resources too, by the labels in it."""
        made = [one for one in self.things if not one.is_known or one.kind in POD_AT]
        found = [(one, template) for one in made if (template := template_of(one))]
        return Labelled((one, (at / "metadata" / "labels").table) for one, at in found)

    @cached_property
    def near(self) -> dict[tuple[str, str], list[Thing]]:
        """The objects that rules look at, by kind and namespace."""
        known = [one for one in self.things if one.is_known]
        return grouped(known, lambda one: [(one.kind, one.namespace)])

    @cached_property
    def workloads_near(self) -> dict[str, list[Workload]]:
        """The workloads, by namespace."""
        return grouped(self.workloads, lambda one: [one.namespace])

    @cached_property
    def namespaces(self) -> dict[str, list[Thing]]:
        """The Namespaces, by name."""
        return grouped(self.of("Namespace"), lambda one: [one.name])

    @cached_property
    def scalers(self) -> dict[tuple[str, str], list[Thing]]:
        """Whatever scales something, custom resources too, by the kind and name of that."""
        return grouped(self.things, scaled_by)

    @cached_property
    def bindings(self) -> dict[Subject, list[Thing]]:
        """The bindings of roles, by whom they are for."""
        return grouped(self.of("RoleBinding", "ClusterRoleBinding"), subjects_of)

    @cached_property
    def roles(self) -> dict[tuple[str, str, str], Thing]:
        """The roles, by kind, namespace and name; the first of several."""
        found = reversed(self.of("Role", "ClusterRole"))
        return {role_key(one.kind, one.namespace, one.name): one for one in found}

    @cached_property
    def backing(self) -> dict[tuple[str, str], list[Thing]]:
        """The Ingresses, by the namespaces and names of the Services that they lead to."""
        return grouped(self.of("Ingress"), backends)

    def thing(self, document: Document) -> Thing:
        """Return the object that a document is."""
        return self._by_root[id(document.root)]

    @cached_property
    def app_container(self) -> Container | None:
        """The container that the app of the options is in; None if there is not one such."""
        found = self.app_containers
        return found[0] if len(found) == 1 else None

    @property
    def app_containers(self) -> list[Container]:
        """The containers that the app of the options may be in.

        They are those that the options name; and of several, those with a probe over HTTP.
        """
        options = self.options
        named = [
            one
            for one in self.containers
            if options.app_container in {None, one.name}
            and options.app_workload in {None, *one.workload.names}
        ]
        probed = [one for one in named if any(probe.http for probe in one.probes.values())]
        return probed if len(named) > 1 and probed else named

    def app_of(self, container: Container) -> AppSettings | None:
        """Return what the app in a container says of itself; None if nothing is known of it."""
        return self.options.app if container is self.app_container else None
