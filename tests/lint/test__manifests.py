"""All objects of all files together."""

from __future__ import annotations

import pytest

from healthkit.lint import AppSettings, Options
from tests.lint.texts import CONFIG, FINE, SERVICE, manifests


def test_objects_have_a_name_and_a_namespace() -> None:
    """What a manifest doesn't say is filled in by whoever applies it."""
    nameless = "apiVersion: v1\nkind: Service\nmetadata: {generateName: a-, namespace: [1]}\n"
    named = SERVICE.replace("{name: shop}", "{name: shop, namespace: eu}")
    one, two = manifests(nameless, named).things
    assert (one.called, one.namespace) == ("Service", "default")
    assert (two.called, two.namespace) == ("Service/shop", "eu")


@pytest.mark.parametrize(
    ("mine", "other", "may"),
    [("", "", True), ("a", "a", True), ("a", "b", False), ("a", "", True), ("", "b", True)],
)
def test_objects_may_share_a_namespace(mine: str, other: str, may: bool) -> None:
    """Unless both name one, and not the same."""
    text = "apiVersion: v1\nkind: Service\nmetadata: {{namespace: '{}'}}\n"
    one, two = manifests(text.format(mine), text.format(other)).things
    assert one.may_share(two) is may
    assert two.may_share(one) is may


@pytest.mark.parametrize(
    ("version", "kind", "known"),
    [
        ("v1", "Service", True),
        ("apps/v1", "Deployment", True),
        ("networking.k8s.io/v1", "Ingress", True),
        ("v1", "ConfigMap", False),
        ("serving.knative.dev/v1", "Service", False),
        ("example.com/v1", "Deployment", False),
    ],
)
def test_an_object_is_known_by_its_group_and_kind(version: str, kind: str, known: bool) -> None:
    """Custom resources may have a kind of the same name."""
    (thing,) = manifests(f"apiVersion: {version}\nkind: {kind}\n").things
    assert thing.is_known is known


def test_objects_of_several_kinds_come_in_their_order() -> None:
    """Those of other groups don't."""
    budget = "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: a}\n"
    custom = SERVICE.replace("v1", "example.com/v1")
    found = manifests(SERVICE, CONFIG, budget, custom, SERVICE)
    kinds = [one.kind for one in found.of("PodDisruptionBudget", "Service", "Ingress")]
    assert kinds == ["Service", "PodDisruptionBudget", "Service"]
    assert found.of("Ingress") == []
    assert found.of("Service", "Service") == found.of("Service")


def test_a_document_leads_to_its_object() -> None:
    """And an object to its annotations."""
    found = manifests(SERVICE.replace("{name: shop}", "{annotations: {a: b, c: 1}}"), FINE)
    assert [found.thing(one.document) for one in found.things] == found.things
    assert found.things[0].annotations == {"a": "b"}


# -- the app's container ---------------------------------------------------------------------------

TWO = FINE.replace("      containers:\n", "      containers:\n        - {name: proxy}\n")
OTHER = FINE.replace("{name: shop}", "{name: admin}", 1)


@pytest.mark.parametrize(
    ("texts", "workload", "container", "found"),
    [
        ([FINE], None, None, ["web"]),
        ([SERVICE], None, None, []),
        ([TWO], None, None, ["web"]),
        ([TWO], None, "proxy", ["proxy"]),
        ([FINE, OTHER], None, None, ["web", "web"]),
        ([FINE, OTHER], "admin", None, ["web"]),
        ([FINE, OTHER], "deployment/admin", "web", ["web"]),
        ([FINE, OTHER], "none", None, []),
        (
            [TWO.replace("httpGet: {path: /livez, port: http}", "exec: {command: [a]}")],
            None,
            None,
            ["web", "proxy"],
        ),
    ],
)
def test_the_app_is_in_one_container(
    texts: list[str], workload: str | None, container: str | None, found: list[str]
) -> None:
    """The one that is named; of several the one that is asked over HTTP; else it is open."""
    app = AppSettings("main:health")
    all_ = manifests(
        *texts, options=Options(app=app, app_workload=workload, app_container=container)
    )
    assert sorted(one.name for one in all_.app_containers) == sorted(found)
    apps = [all_.app_of(one) for one in all_.containers]
    assert apps.count(app) == (len(found) == 1)
