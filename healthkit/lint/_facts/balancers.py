"""How long AWS load balancers wait for a target that is taken out: by annotations.

The Service says it for a Network Load Balancer, the Ingress for an Application Load Balancer
(kubernetes-sigs/aws-load-balancer-controller, docs/guide/service/annotations.md and
docs/guide/ingress/annotations.md).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from healthkit.lint._facts.services import services_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from healthkit.lint._manifests import Thing
    from healthkit.lint._workload import Container
    from healthkit.manifests._loose import Loose

_ATTRIBUTES: Final = (
    "service.beta.kubernetes.io/aws-load-balancer-target-group-attributes",
    "alb.ingress.kubernetes.io/target-group-attributes",
)
_DELAY: Final = re.compile(
    r"(?:^|,)\s*deregistration_delay\.timeout_seconds\s*=\s*(\d{1,5})\s*(?:,|$)", re.ASCII
)


def deregistration(container: Container) -> tuple[int, str] | None:
    """Return the longest such wait in seconds, and the object that says it; None if none does."""
    said = [found for thing in _before(container) for found in _said(thing)]
    return max(said, default=None)


def _before(container: Container) -> Iterator[Thing]:
    """Yield the Services of a container's workload, and the Ingresses that name them."""
    services = services_of(container.workload)
    yield from services
    namespace, leading = container.workload.namespace, container.workload.manifests.backing
    for name in {one.name for one in services}:
        yield from leading.get((namespace, name), [])


def backends(ingress: Thing) -> set[tuple[str, str]]:
    """Return the namespaces and names of the Services that an Ingress leads to."""
    spec = ingress.root / "spec"
    found = [spec / "defaultBackend"]
    for rule in (spec / "rules").items:
        found += [path / "backend" for path in (rule / "http" / "paths").items]
    return {(ingress.namespace, _name(backend)) for backend in found}


def _name(backend: Loose) -> str:
    return (backend / "service" / "name").text


def _said(thing: Thing) -> Iterator[tuple[int, str]]:
    for annotation in _ATTRIBUTES:
        found = _DELAY.search(thing.annotations.get(annotation, ""))
        if found:
            yield int(found[1]), thing.called
