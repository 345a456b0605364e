"""Whom a LabelSelector selects, as the API server would see it if it took it.

A selector that it would refuse selects nobody here, so that no rule speaks of what will not be.
(kubernetes 1.36 apimachinery pkg/apis/meta/v1/helpers.go, LabelSelectorAsSelector: one that is
missing selects nobody, an empty one everybody.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from healthkit.lint._workload import POD_AT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from healthkit.lint._manifests import Thing
    from healthkit.lint._workload import Workload
    from healthkit.manifests._loose import Loose


def selects(selector: Loose, labels: Mapping[str, str]) -> bool:
    """Whether a selector selects what has these labels."""
    pairs = selector / "matchLabels"
    same = pairs.table.items() <= labels.items() and len(pairs.table) == len(pairs.keys)
    expressions = (selector / "matchExpressions").items
    return bool(selector) and same and all(_fulfilled(one, labels) for one in expressions)


def is_empty(selector: Loose) -> bool:
    """Whether a selector is there, and selects everybody."""
    asked = (selector / "matchLabels").keys or (selector / "matchExpressions").items
    return bool(selector) and not asked


def selected(thing: Thing, selector: Loose) -> list[Workload]:
    """Return the workloads in a thing's namespace whose pods a selector selects."""
    found = thing.manifests.labelled_workloads.having((selector / "matchLabels").table)
    near = [one for one, _ in found if one.namespace == thing.namespace]
    return [one for one in near if selects(selector, one.labels)]


def may_select_more(thing: Thing, selector: Loose) -> bool:
    """Whether a selector may select pods that `selected` doesn't count.

    Those of a custom resource with a template of pods; and those of a workload in a namespace that
    may be the same, if one of the two doesn't say its own: what installs them fills that in. One
    that selects everybody selects what others have in its namespace, too.
    """
    if is_empty(selector):
        return True
    found = thing.manifests.labelled_templates.having((selector / "matchLabels").table)
    return any(
        not (one.is_known and one.namespace == thing.namespace) and selects(selector, labels)
        for one, labels in found
        if one.may_share(thing) or one.namespace == thing.namespace
    )


def template_of(thing: Thing) -> Loose:
    """Return the template of an object's pods, where a custom resource would have it too."""
    template = thing.root
    for part in POD_AT.get(thing.kind, ("spec", "template")):
        template = template / part
    return template


def _fulfilled(one: Loose, labels: Mapping[str, str]) -> bool:
    """A label that isn't there is not in any values."""
    value, values = labels.get((one / "key").text), (one / "values").texts
    match (one / "operator").text:
        case "In":
            return value in values
        case "NotIn":
            return bool(values) and value not in values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case _:
            return False
