"""What Ingresses and HTTPRoutes lead where."""

from __future__ import annotations

from dataclasses import replace

import pytest

from healthkit.lint._facts.routes import Route, Ways, routes
from tests.lint.objects import manifests, place


def route(path: str, *, exact: bool = False, host: str = "shop") -> Route:
    """Return a route."""
    return Route(
        at=place("a: 1"),
        host=host,
        path=path,
        exact=exact,
        namespace="default",
        service="shop",
        port=80,
    )


@pytest.mark.parametrize(
    ("path", "exact", "asked", "covers"),
    [
        ("/", False, "/readyz", True),
        ("/", True, "/readyz", False),
        ("/readyz", True, "/readyz", True),
        ("/readyz", False, "/readyz", True),
        ("/readyz/", False, "/readyz", True),
        ("/readyz", False, "/readyz/x", True),
        ("/ready", False, "/readyz", False),
    ],
)
def test_a_prefix_is_of_whole_parts(path: str, exact: bool, asked: str, covers: bool) -> None:
    """/ready is no prefix of /readyz (IngressSpec, PathType)."""
    one = route(path, exact=exact)
    assert (Ways([one]).of(one.at.document, "shop", asked) is one) is covers


def test_the_exact_path_wins_and_then_the_longest() -> None:
    """Of one host."""
    at = place("a: 1")
    paths = [("/api", False), ("/", False), ("/api", True), ("/api", False), ("/api/", False)]
    longer, root, exact, again, slash = (replace(route(one, exact=x), at=at) for one, x in paths)
    other = replace(route("/api/x", host="till"), at=at)
    found = Ways([longer, root, exact, again, route("/x/y"), other])
    assert found.of(at.document, "shop", "/api") is exact
    assert found.of(at.document, "shop", "/api/x") is longer
    assert found.of(at.document, "shop", "/x/y") is root
    assert Ways([other]).of(at.document, "shop", "/api/x") is None
    assert Ways([longer, slash]).of(at.document, "shop", "/api/x") is slash


INGRESS = """\
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: shop, annotations: {%s}}
spec:
  rules:
    - http:
        paths:
          - pathType: ImplementationSpecific
            path: /*
            backend: {service: {name: shop, port: {number: 80}}}
"""


def test_a_star_is_what_a_prefix_is() -> None:
    """GKE and ALB want it."""
    (found,) = routes(manifests(INGRESS % ""))
    assert (found.host, found.path, found.exact, found.port) == ("", "/", False, 80)


@pytest.mark.parametrize("name", ["rewrite-target", "use-regex", "app-root", "server-snippet"])
def test_what_changes_paths_is_left_out(name: str) -> None:
    """Where a request ends then is not known here."""
    assert routes(manifests(INGRESS % f"nginx.ingress.kubernetes.io/{name}: x")) == []
