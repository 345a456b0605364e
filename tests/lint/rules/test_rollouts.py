"""Rules about rollouts and evictions, beyond their examples."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthkit import lint
from healthkit.lint import Severity
from tests.lint.objects import told

BUDGET = """\
apiVersion: {api}
kind: PodDisruptionBudget
metadata: {{name: shop}}
spec: {{{fields}, selector: {selector}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: shop}}
spec:
  replicas: {replicas}
  template: {{metadata: {{labels: {{app: shop}}}}}}
---
apiVersion: v1
kind: Service
metadata: {{name: shop}}
spec: {{selector: {{app: shop}}}}
"""

NAMED = "{matchLabels: {app: shop}}"
EVERYBODY = "{matchLabels: {}}"


def budget(fields: str, replicas: int = 2, api: str = "policy/v1", selector: str = NAMED) -> str:
    """Return a budget and a Deployment that it selects."""
    return BUDGET.format(fields=fields, replicas=replicas, api=api, selector=selector)


@given(
    st.sampled_from(["minAvailable", "maxUnavailable"]),
    st.integers(0, 130),
    st.booleans(),
    st.integers(0, 12),
)
def test_an_error_is_a_budget_that_the_controller_never_lets_go(
    field: str, value: int, is_percent: bool, pods: int
) -> None:
    """All pods are healthy: may one of them go, by getExpectedPodCount and updatePdbStatus?"""
    given_pods = math.ceil(Fraction(value * pods, 100)) if is_percent else value
    desired = given_pods if field == "minAvailable" else max(pods - given_pods, 0)
    allowed = max(pods - desired, 0) if pods else 0
    text = budget(f"{field}: {value}{'%' if is_percent else ''}", pods)
    assert bool(told(text, "HK402")) is (pods > 0 and allowed == 0)


@pytest.mark.parametrize(
    "fields",
    ["minAvailable: -1", "minAvailable: lots", "minAvailable: 2, maxUnavailable: 0", "a: 1"],
)
def test_what_the_api_server_refuses_blocks_nobody(fields: str) -> None:
    """It is never stored."""
    assert told(budget(fields), "HK402") == []


def test_an_empty_selector_of_the_old_api_selects_nobody() -> None:
    """It selects all in policy/v1 (policy/v1beta1, PodDisruptionBudgetSpec)."""
    none, old = "maxUnavailable: 0", "policy/v1beta1"
    assert told(budget(none, selector=EVERYBODY), "HK402")
    assert told(budget(none, api=old, selector=EVERYBODY), "HK402") == []
    assert told(budget(none, api=old), "HK402")


def test_a_budget_of_another_group_is_none() -> None:
    """A custom resource may have any kind."""
    assert told(budget("maxUnavailable: 0", api="example.com/v1"), "HK402") == []


def test_what_nobody_has_said_is_no_error() -> None:
    """Who leaves replicas out may scale by hand."""
    text = budget("minAvailable: 1").replace("  replicas: 2\n", "")
    (found,) = [one for one in lint.check_text(text).findings if one.rule == "HK402"]
    assert found.severity is Severity.WARNING
    assert found.what == "minAvailable 1 keeps all of 1 pod, as long as nobody sets replicas"


@pytest.mark.parametrize(
    "strategy",
    ["{rollingUpdate: {maxUnavailable: all}}", "{rollingUpdate: {maxSurge: -1}}"],
)
def test_a_rollout_of_nonsense_is_not_computed(strategy: str) -> None:
    """The API server refuses it."""
    text = budget("maxUnavailable: 1").replace(
        "replicas: 2", f"replicas: 1\n  strategy: {strategy}"
    )
    assert told(text, "HK405") == []


def test_a_deployment_that_may_be_scaled_to_nothing_is_not_computed() -> None:
    """There is nobody to take away."""
    scaler = (
        "---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: s}\n"
        "spec: {scaleTargetRef: {kind: Deployment, name: shop}, minReplicas: 0, maxReplicas: 3}\n"
    )
    strategy = "strategy: {rollingUpdate: {maxUnavailable: 100%}}"
    text = budget("maxUnavailable: 1").replace("replicas: 2", strategy)
    assert told(text, "HK405")
    assert told(text + scaler, "HK405") == []


@pytest.mark.parametrize(("namespace", "is_told"), [("", False), ("here", False), ("there", True)])
def test_pods_that_may_be_there_make_an_error_a_guess(namespace: str, is_told: bool) -> None:
    """Those of a custom resource, unless its namespace is another."""
    text = budget("minAvailable: 2").replace("{name: shop}", "{name: shop, namespace: here}")
    rollout = (
        f"---\napiVersion: argoproj.io/v1\nkind: Rollout\nmetadata: {{namespace: '{namespace}'}}\n"
        "spec: {template: {metadata: {labels: {app: shop}}}}\n"
    )
    assert bool(told(text + rollout, "HK402")) is is_told
