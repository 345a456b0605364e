"""What Ingresses and HTTPRoutes lead where: host and path to a port of a Service.

What is not known for certain is left out: rules that rewrite the path, or that ask for more than
host and path.

The surprising fact: a rule of an HTTPRoute without backendRefs leads nowhere, and still takes its
requests. The Gateway answers them itself (HTTPRouteRule, backendRefs; the conformance tests of the
Gateway API want a 500).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from healthkit.lint._manifests import Manifests, Thing
    from healthkit.manifests._document import Document
    from healthkit.manifests._loose import Loose

#: An object, a host, and a path: exactly, or whatever is below it.
_Key = tuple[int, str, bool, str]

#: Annotations that change paths, or what they mean
#: (ingress-nginx docs/user-guide/nginx-configuration/annotations.md).
_REWRITES: Final = ("rewrite-target", "use-regex", "app-root", "server-snippet")

#: What asks for more than host and path (gateway.networking.k8s.io/v1, HTTPRouteMatch).
_CONDITIONS: Final = ("headers", "method", "queryParams")


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A path of a host, and where it leads."""

    at: Loose
    host: str
    path: str
    exact: bool
    namespace: str
    service: str
    #: The Service's port: its number, or its name.
    port: int | str | None


def routes(manifests: Manifests) -> list[Route]:
    """Return all routes to Services."""
    of_ingresses = [route for one in manifests.of("Ingress") for route in _ingress(one)]
    return of_ingresses + [route for one in manifests.of("HTTPRoute") for route in _http(one)]


class Ways:
    """Which route a request takes, of those of one object."""

    def __init__(self, found: Iterable[Route]) -> None:
        self._routes: dict[_Key, Route] = {}
        for one in found:
            path = one.path if one.exact else one.path.rstrip("/")
            key = (id(one.at.document), one.host, one.exact, path)
            other = self._routes.get(key)
            if other is None or len(one.path) > len(other.path):
                self._routes[key] = one

    def of(self, document: Document, host: str, path: str) -> Route | None:
        """Return the route that a request takes; None if there is none for it.

        The exact one wins, then the longest; a prefix ends where a part of the path does
        (IngressSpec, PathType).
        """
        shorter = [path[: one.start()] for one in reversed([*re.finditer("/", path)])]
        for exact, asked in ((True, path), (False, path), *((False, one) for one in shorter)):
            if found := self._routes.get((id(document), host, exact, asked)):
                return found
        return None


def _ingress(thing: Thing) -> Iterator[Route]:
    if any(key.endswith(_REWRITES) for key in thing.annotations):
        return
    for rule in (thing.root / "spec" / "rules").items:
        for one in (rule / "http" / "paths").items:
            service = one / "backend" / "service"
            port = service / "port"
            yield Route(
                at=one / "path",
                host=(rule / "host").text,
                path=(one / "path").text.removesuffix("*") or "/",
                exact=(one / "pathType").text == "Exact",
                namespace=thing.namespace,
                service=(service / "name").text,
                port=(port / "name").text or (port / "number").whole,
            )


def _http(thing: Thing) -> Iterator[Route]:
    hosts = (thing.root / "spec" / "hostnames").texts or ("",)
    for rule in (thing.root / "spec" / "rules").items:
        backends = (rule / "backendRefs").items
        if (rule / "filters").items and backends:
            continue
        matches = (rule / "matches").items or [rule / "matches"]
        plain = [one for one in matches if not any(one / name for name in _CONDITIONS)]
        for match in plain:
            for backend in backends or [rule / "backendRefs"]:
                for host in hosts:
                    yield from _to(thing, match, backend, host)


def _to(thing: Thing, match: Loose, backend: Loose, host: str) -> Iterator[Route]:
    kind, weight = (backend / "kind").text or "Service", (backend / "weight").whole
    path_type = (match / "path" / "type").text or "PathPrefix"
    if kind == "Service" and weight != 0 and path_type in {"PathPrefix", "Exact"}:
        yield Route(
            at=match / "path" / "value" if match else match,
            host=host,
            path=(match / "path" / "value").text or "/",
            exact=path_type == "Exact",
            namespace=(backend / "namespace").text or thing.namespace,
            service=(backend / "name").text,
            port=(backend / "port").whole,
        )
