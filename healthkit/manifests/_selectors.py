"""Selectors of labels: what the API server admits, and whom they select.

The rules are those of kubernetes 1.36 apimachinery pkg/apis/meta/v1/validation/validation.go
(ValidateLabelSelector) and pkg/labels/selector.go (Requirement.Matches).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from healthkit.manifests import _names
from healthkit.manifests._pods import table
from healthkit.manifests._probes import check

if TYPE_CHECKING:
    from collections.abc import Mapping

    from healthkit.manifests._fields import Fields


def selects(selector: Fields, labels: Mapping[str, str]) -> bool:
    """Whether a selector selects what has these labels; its own rules are checked first."""
    table(selector, "matchLabels", selector / "matchLabels")
    for one in selector.many("matchExpressions"):
        _requirement(one)
    pairs = selector.table("matchLabels").items()
    expressions = selector.many("matchExpressions")
    return pairs <= labels.items() and all(_fulfilled(one, labels) for one in expressions)


def is_empty(selector: Fields) -> bool:
    """Whether a selector says nothing."""
    return not selector.table("matchLabels") and not selector.many("matchExpressions")


def _requirement(one: Fields) -> None:
    operator, values = one.text("operator"), one.texts("values")
    if operator in {"In", "NotIn"}:
        if not values:
            rule = "must be specified when `operator` is 'In' or 'NotIn'"
            raise (one / "values").required(rule)
    elif operator in {"Exists", "DoesNotExist"}:
        if values:
            rule = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
            raise (one / "values").forbidden(rule)
    else:
        raise (one / "operator").invalid(operator, "not a valid selector operator")
    check(one / "key", one.text("key"), _names.label_key)
    for i, value in enumerate(values):
        check(one / "values" / i, value, _names.label_value)


def _fulfilled(one: Fields, labels: Mapping[str, str]) -> bool:
    """A label that isn't there is not in any values."""
    value = labels.get(one.text("key"))
    match one.text("operator"):
        case "In":
            return value in one.texts("values")
        case "NotIn":
            return value not in one.texts("values")
        case "Exists":
            return value is not None
        case _:
            return value is None
