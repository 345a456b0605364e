"""Where Ingress and HTTPRoute lead to: no path of a probe, and none of metrics, is open.

The rules are read as their controllers read them: an exact path first, else the longest prefix, by
whole segments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from tests.chart.numbers import IMAGE
from tests.chart.render import RELEASE, Fields, template
from tests.chart.tools import needs

if TYPE_CHECKING:
    from collections.abc import Iterable

pytestmark = [needs("helm4"), pytest.mark.chart]

#: The Service of the app.
APP: Final = f"{RELEASE}-healthkit-app"

#: What is closed by default, with metrics on.
CLOSED: Final = ("/startupz", "/livez", "/readyz", "/healthz", "/metrics")

#: A rule: its path, whether it is exact, and the Service that it leads to.
Rule = tuple[str, bool, str | None]


def led(path: str, rules: Iterable[Rule]) -> str | None:
    """Return the Service that a path is led to."""
    fits = [rule for rule in rules if path == rule[0] or (not rule[1] and below(path, rule[0]))]
    return max(fits, key=lambda rule: (rule[1], len(rule[0])), default=("", True, None))[2]


def below(path: str, prefix: str) -> bool:
    """Whether a path is below another one, or the same."""
    return f"{path}/".startswith(f"{prefix.rstrip('/')}/")


def ingress(*paths: tuple[str, str], **values: object) -> list[Rule]:
    """Return the rules of an Ingress that is led by these paths."""
    listed = [{"path": path, "pathType": kind} for path, kind in paths]
    hosts = {"enabled": True, "hosts": [{"host": "shop.example", "paths": listed}]}
    whole = {**IMAGE, "metrics": {"enabled": True}, "ingress": hosts, **values}
    (host,) = template(whole).find("Ingress")["spec"]["rules"]
    return [_of_ingress(one) for one in host["http"]["paths"]]


def _of_ingress(found: Fields) -> Rule:
    name: str = found["backend"]["service"]["name"]
    return found["path"].rstrip("*"), found["pathType"] == "Exact", name


def route(*paths: str) -> list[Rule]:
    """Return the rules of an HTTPRoute that is led by these prefixes."""
    rules = [{"matches": [{"path": {"type": "PathPrefix", "value": path}}]} for path in paths]
    http = {"enabled": True, "parentRefs": [{"name": "public"}], "rules": rules}
    whole = {**IMAGE, "metrics": {"enabled": True}, "httpRoute": http}
    found: list[Fields] = template(whole).find("HTTPRoute")["spec"]["rules"]
    return [
        (match["path"]["value"], False, _service(rule))
        for rule in found
        for match in rule.get("matches", [{"path": {"value": "/"}}])
    ]


def _service(rule: Fields) -> str | None:
    backends: list[Fields] = rule.get("backendRefs", [{"name": None}])
    name: str | None = backends[0]["name"]
    return name


@pytest.mark.parametrize("above", ["", "/shop", "/a/b"])
@pytest.mark.parametrize("kind", ["Prefix", "ImplementationSpecific"])
def test_an_ingress_leads_to_no_probe(above: str, kind: str) -> None:
    """Nor below a prefix, where an app with a root path, or behind a rewritten one, has them."""
    path = f"{above}/*" if kind == "ImplementationSpecific" else above or "/"
    rules = ingress((path, kind))
    assert led(f"{above}/cart", rules) == APP
    for closed in CLOSED:
        assert led(above + closed, rules) == f"{APP}-closed"
        assert led(f"{above}{closed}/database", rules) == f"{APP}-closed"


@pytest.mark.parametrize("above", ["", "/shop", "/a/b"])
def test_an_http_route_leads_to_no_probe(above: str) -> None:
    """The same."""
    rules = route(above or "/")
    assert led(f"{above}/cart", rules) == APP
    for closed in CLOSED:
        assert led(above + closed, rules) is None
        assert led(f"{above}{closed}/database", rules) is None


def test_a_route_without_rules_leads_everywhere_but_there() -> None:
    """It is one for every path."""
    assert led("/cart", route()) == APP
    assert led("/readyz", route()) is None


def test_what_is_named_below_a_prefix_is_open() -> None:
    """An app may have a path of its own of that name."""
    rules = ingress(("/api", "Prefix"), ("/api/metrics", "Exact"))
    assert led("/api/metrics", rules) == APP
    assert led("/api/readyz", rules) == f"{APP}-closed"
    assert led("/api/metrics", route("/api", "/api/metrics")) == APP


def test_an_exact_path_has_nothing_below() -> None:
    """So that there is nothing to close."""
    rules = ingress(("/openapi.json", "Exact"))
    assert {path for path, _, _ in rules} == {"/openapi.json", *CLOSED}


def test_each_host_has_its_own() -> None:
    """What one opens is closed there, and the other's rules don't grow."""
    paths = [{"path": "/shop", "pathType": "Prefix"}], [{"path": "/", "pathType": "Prefix"}]
    hosts = [{"host": f"{n}.example", "paths": one} for n, one in enumerate(paths)]
    whole = {**IMAGE, "ingress": {"enabled": True, "hosts": hosts}}
    found = template(whole).find("Ingress")["spec"]["rules"]
    assert [len(one["http"]["paths"]) for one in found] == [9, 5]


def test_nobody_is_behind_what_is_closed() -> None:
    """A Service without a selector has no endpoints."""
    path = {"path": "/", "pathType": "Prefix"}
    documents = template({**IMAGE, "ingress": {"enabled": True, "hosts": [{"paths": [path]}]}})
    services = [one for one in documents.documents if one["kind"] == "Service"]
    (closed,) = [one for one in services if one["metadata"]["name"] == f"{APP}-closed"]
    assert "selector" not in closed["spec"]


def test_the_name_of_a_class_is_a_word() -> None:
    """Whatever it is made of: 1 would be a number."""
    paths = [{"path": "/", "pathType": "Prefix"}]
    ingress = {"enabled": True, "className": "1", "hosts": [{"paths": paths}]}
    rendered = template({**IMAGE, "ingress": ingress})
    assert rendered.find("Ingress")["spec"]["ingressClassName"] == "1"
