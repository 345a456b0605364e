"""What Ingresses and HTTPRoutes lead where."""

from __future__ import annotations

import pytest

from healthkit.lint._facts.routes import Route, routes, way
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
    assert route(path, exact=exact).covers(asked) is covers


def test_the_exact_path_wins_and_then_the_longest() -> None:
    """Of one host."""
    root, longer, exact = route("/"), route("/api"), route("/api", exact=True)
    other = route("/api/x", host="till")
    found = [longer, root, exact, other]
    assert way(found, "shop", "/api") is exact
    assert way(found, "shop", "/api/x") is longer
    assert way(found, "shop", "/x") is root
    assert way([other], "shop", "/api/x") is None


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
