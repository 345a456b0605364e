"""The annotations by which somebody ignores a rule."""

from __future__ import annotations

from healthkit.lint._ignoring import ignored, reasons
from tests.lint.texts import FINE, SERVICE, manifests


def test_they_stand_at_the_object_or_at_its_pods() -> None:
    """And nowhere else; of any kind."""
    text = FINE.replace(
        "{name: shop}", "{annotations: {healthkit/ignore.HK1: a, healthkit/ignore.HK2: }}", 1
    ).replace("metadata: {labels", "metadata: {annotations: {healthkit/ignore.HK3: ' b '}, labels")
    (thing,) = manifests(text).things
    assert [(one.rule, one.reason) for one in ignored(thing)] == [
        ("HK1", "a"),
        ("HK2", ""),
        ("HK3", "b"),
    ]
    assert reasons(thing) == {"HK1": "a", "HK3": "b"}


def test_those_of_a_pod_are_found_once() -> None:
    """It is its own template."""
    text = "apiVersion: v1\nkind: Pod\nmetadata: {annotations: {healthkit/ignore.HK1: a, b: c}}\n"
    (thing,) = manifests(text).things
    assert [one.rule for one in ignored(thing)] == ["HK1"]
    assert [one.at.position.column for one in ignored(thing)] == [26]


def test_there_may_be_none() -> None:
    """Whatever the annotations are."""
    for metadata in ("17", "{annotations: [a]}", "{}"):
        (thing,) = manifests(SERVICE.replace("{name: shop}", metadata)).things
        assert list(ignored(thing)) == []
