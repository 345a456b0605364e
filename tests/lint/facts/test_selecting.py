"""Whom a LabelSelector selects."""

from __future__ import annotations

import pytest

from healthkit.lint._facts.selecting import is_empty, selects
from tests.lint.objects import place

LABELS = {"app": "shop", "tier": "web"}


@pytest.mark.parametrize(
    ("selector", "wanted"),
    [
        ("selector: {}", True),
        ("selector: null", False),
        ("other: {}", False),
        ("selector: {matchLabels: {app: shop}}", True),
        ("selector: {matchLabels: {app: till}}", False),
        ("selector: {matchLabels: {app: shop, part: x}}", False),
        ("selector: {matchLabels: {app: 3}}", False),
        ("selector: {matchExpressions: [{key: app, operator: In, values: [till, shop]}]}", True),
        ("selector: {matchExpressions: [{key: app, operator: In, values: [till]}]}", False),
        ("selector: {matchExpressions: [{key: app, operator: NotIn, values: [till]}]}", True),
        ("selector: {matchExpressions: [{key: part, operator: NotIn, values: [till]}]}", True),
        ("selector: {matchExpressions: [{key: app, operator: NotIn, values: [shop]}]}", False),
        ("selector: {matchExpressions: [{key: app, operator: NotIn}]}", False),
        ("selector: {matchExpressions: [{key: app, operator: Exists}]}", True),
        ("selector: {matchExpressions: [{key: part, operator: Exists}]}", False),
        ("selector: {matchExpressions: [{key: part, operator: DoesNotExist}]}", True),
        ("selector: {matchExpressions: [{key: app, operator: DoesNotExist}]}", False),
        ("selector: {matchExpressions: [{key: app, operator: Like, values: [s]}]}", False),
    ],
)
def test_labels_are_selected(selector: str, wanted: bool) -> None:
    """As the API server selects; by what it would refuse, nobody is."""
    assert selects(place(selector) / "selector", LABELS) is wanted


@pytest.mark.parametrize(
    ("selector", "wanted"),
    [
        ("selector: {}", True),
        ("selector: {matchLabels: {}}", True),
        ("selector: {matchLabels: {app: shop}}", False),
        ("selector: {matchExpressions: [{key: app, operator: Exists}]}", False),
        ("other: {}", False),
    ],
)
def test_an_empty_selector_is_there(selector: str, wanted: bool) -> None:
    """One that is missing is none."""
    assert is_empty(place(selector) / "selector") is wanted
