"""Rules about readiness gates, beyond their examples."""

from __future__ import annotations

import pytest

from healthkit import lint
from healthkit.lint import Severity
from tests.lint.objects import pod, told


def gate(condition: str) -> str:
    """Return a Pod with a gate."""
    return pod(f"readinessGates: [{{conditionType: {condition}}}]\ncontainers: [{{name: web}}]")


@pytest.mark.parametrize(
    "condition",
    [
        "target-health.elbv2.k8s.aws/k8s-default-shop-1",
        "target-health.alb.ingress.k8s.aws/shop_shop_80",
        "cloud.google.com/load-balancer-neg-ready",
        "target-health.elb.k8s.cce/shop",
        "healthkit.dev/draining",
        "KruisePodReady",
        "ContainersReady",
        "",
        "7",
    ],
)
def test_some_gates_are_known(condition: str) -> None:
    """Their controllers set them; and what is no string is refused elsewhere."""
    assert told(gate(condition), "HK601") == []


def test_an_unknown_domain_is_advice() -> None:
    """A controller of one's own may set it."""
    (found,) = [
        one
        for one in lint.check_text(gate("shop.example.com/warm")).findings
        if one.rule == "HK601"
    ]
    assert found.severity is Severity.INFO


def test_a_namespace_of_another_group_is_none() -> None:
    """And without an Ingress there is nothing to say of one."""
    for version in ("v1", "example.com/v1"):
        text = f"apiVersion: {version}\nkind: Namespace\nmetadata: {{name: shop}}\n"
        assert told(text, "HK602") == []
