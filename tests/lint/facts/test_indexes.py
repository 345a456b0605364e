"""What is found by its labels, and by its keys."""

from __future__ import annotations

from healthkit.lint._facts.indexes import Labelled, grouped
from tests.lint.objects import manifests, pod

POLICY = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: %s}\nspec: %s\n"


def test_things_are_by_each_of_their_keys() -> None:
    """In their order; what has no key is not there."""
    assert grouped([3, 1, 2, 0], range) == {0: [3, 1, 2], 1: [3, 2], 2: [3]}


def test_what_has_all_labels_is_found() -> None:
    """Without labels that is everything, as for a selector."""
    first, second = {"app": "a", "part-of": "shop"}, {"app": "b", "part-of": "shop"}
    found = Labelled([("first", first), ("second", second)])
    assert found.having({"part-of": "shop", "app": "b"}) == [("second", second)]
    assert found.having({"part-of": "shop", "app": "c"}) == []
    assert found.having({}) == [("first", first), ("second", second)]


def test_a_pod_asks_for_those_that_select_it() -> None:
    """Each of them once, in their order; those without labels stand apart."""
    specs = ("{app: shop}", "{app: other}", "{}", "{app: shop, tier: web}")
    policies = [
        POLICY % (f"p{number}", f"{{podSelector: {{matchLabels: {spec}}}}}")
        for number, spec in enumerate(specs)
    ]
    found = manifests(pod("{containers: [{name: web}]}", *policies))
    selectors = found.selecting_policies
    assert [one.name for one in selectors.of(found.workloads[0])] == ["p0"]
    assert [one.name for one in selectors.others["default"]] == ["p2"]
