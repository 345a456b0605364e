"""The objects of a text, each with its kind."""

from __future__ import annotations

import pytest

from healthkit.manifests import parse
from healthkit.manifests._objects import objects
from healthkit.manifests._objects import text as text_of
from healthkit.manifests._source import Refusal, Source
from tests.manifests.snippets import deployment, pod, refusal

SERVICE = "apiVersion: v1\nkind: Service\nspec: {anything: [1, {a: b}]}\n"


def test_documents_are_read_in_their_order() -> None:
    """With the line that each begins in."""
    text = f"{pod()}---\n{SERVICE}---\n# nothing\n---\n{deployment()}"
    assert [(one.kind, one.source) for one in parse(text)] == [
        ("Pod", "manifest:1"),
        ("Deployment", "manifest:19"),
    ]


@pytest.mark.parametrize(
    ("version", "kind"),
    [
        ("v1", "Service"),
        ("v1", "ConfigMap"),
        ("policy/v1", "PodDisruptionBudget"),
        ("batch/v1", "CronJob"),
        ("example.com/v1", "Anything"),
        ("batch.volcano.sh/v1alpha1", "Job"),
        ("apps.example.com/v1", "Deployment"),
    ],
)
def test_other_kinds_are_skipped(version: str, kind: str) -> None:
    """Those of custom resources too, even when they are called the same."""
    assert parse(f"apiVersion: {version}\nkind: {kind}\nspec: {{replicas: many}}\n") == []


@pytest.mark.parametrize("kind", ["List", "PodList"])
def test_a_list_is_its_items(kind: str) -> None:
    """As kubectl get -o yaml writes it, and in lists of lists."""
    indented = pod().replace("\n", "\n  ").strip()
    empty = "{kind: List, apiVersion: v1, items: []}"
    text = f"apiVersion: v1\nkind: {kind}\nitems:\n- {indented}\n- {empty}\n"
    (found,) = parse(text)
    assert (found.name, found.source) == ("web", "manifest:4")


@pytest.mark.parametrize("said", ["", "apiVersion: v1, ", "kind: Service, "])
def test_an_item_of_a_typed_list_need_not_say_its_type(said: str) -> None:
    """A PodList has Pods, if an item lacks its kind or its version."""
    item = f"{{{said}metadata: {{name: web}}, spec: {{containers: [{{name: a, image: b}}]}}}}"
    (found,) = parse(f"apiVersion: v1\nkind: PodList\nitems:\n- {item}\n")
    assert (found.kind, found.name, found.source) == ("Pod", "web", "manifest:4")


def test_an_item_of_a_list_is_refused_by_its_own_path() -> None:
    """With its line in the file."""
    text = "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Pod\n  metadata: {}\n"
    assert refusal(text) == (
        "manifest:6: metadata.name: Required value: name or generateName is required"
    )
    assert refusal(f"{text}- 5\n").startswith("manifest:6: ")
    assert refusal("apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1}\n") == (
        "manifest:4: Object 'Kind' is missing: expected apiVersion and kind"
    )


def test_a_kind_that_ends_like_a_list_may_be_none() -> None:
    """If it has no items."""
    assert parse("apiVersion: example.com/v1\nkind: AllowList\nitems: {a: b}\n") == []


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("- a", "1: found a list: expected a Kubernetes object, with apiVersion and kind"),
        ("a", "1: found no object: expected a Kubernetes object, with apiVersion and kind"),
        ("5\n---\na: b",
         "1: found no object: expected a Kubernetes object, with apiVersion and kind"),
        ("\na: b", "2: Object 'Kind' is missing: expected apiVersion and kind"),
        ("kind:\napiVersion: v1", "1: Object 'Kind' is missing: expected apiVersion and kind"),
        ("a: b\nkind: Pod", "1: Object 'apiVersion' is missing: expected apiVersion and kind"),
        ("kind: Pod\napiVersion: ''",
         "2: Object 'apiVersion' is missing: expected apiVersion and kind"),
        ("kind: Pod\napiVersion: 1", "2: apiVersion: found 1: expected a string"),
        ("kind: [Pod]", "1: kind: found a mapping or a list: expected a string"),
        ("kind: no", "1: kind: found false: expected a string"),
    ],
)  # fmt: skip
def test_what_is_no_object_is_refused(text: str, line: str) -> None:
    """Every object says of what kind it is, and of which version."""
    assert refusal(text) == f"manifest:{line}"


@pytest.mark.parametrize(
    ("version", "kind", "served"),
    [
        ("extensions/v1beta1", "Deployment", "apps/v1"),
        ("apps/v1beta2", "StatefulSet", "apps/v1"),
        ("v1", "DaemonSet", "apps/v1"),
        ("apps/v1", "Pod", "v1"),
        ("batch/v2", "Job", "batch/v1"),
        ("apps.k8s.io/v1", "Deployment", "apps/v1"),
    ],
)
def test_a_kind_is_served_in_one_version(version: str, kind: str, served: str) -> None:
    """Those of old are gone."""
    assert refusal(f"kind: {kind}\napiVersion: {version}") == (
        f'manifest:2: no matches for kind "{kind}" in version "{version}": expected {served}'
    )


def test_all_objects_can_be_had() -> None:
    """With the places of everything in them."""
    service, web = objects(Source("x", f"{SERVICE}---\n{pod()}"))
    assert service.position(("spec", "anything", 1, "a")) == (3, 23)
    assert web.position(("spec", "containers", 0, "image")) == (15, 5)


def test_all_that_is_no_object_can_be_told() -> None:
    """The objects before, between and after are there."""
    told: list[Refusal] = []
    text = (
        f"{SERVICE}---\n- 1\n---\na: 1\n---\n{pod()}---\nkind: List\napiVersion: v1\nitems: [1]\n"
    )
    found = list(objects(Source("x", text), told.append))
    assert [(fault.kind, fault.reason) for fault in told] == [
        ("object", "found a list: expected a Kubernetes object, with apiVersion and kind"),
        ("object", "Object 'Kind' is missing: expected apiVersion and kind"),
        ("object", "found no object: expected a Kubernetes object, with apiVersion and kind"),
    ]
    assert [text_of(one, "kind") for one in found] == ["Service", "Pod"]
