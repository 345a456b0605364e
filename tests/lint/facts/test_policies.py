"""Which ports NetworkPolicies let in."""

from __future__ import annotations

import pytest

from healthkit.lint._facts.policies import admits, policies_of
from tests.lint.objects import container, pod

CONTAINERS = """\
containers:
  - {name: web, ports: [{name: http, containerPort: 8000}]}
  - {name: side, ports: [{name: probes, containerPort: 9000}]}
"""
POLICY = """\
apiVersion: %s
kind: NetworkPolicy
metadata: {name: shop}
spec: {podSelector: %s%s}
"""


def policy(fields: str, selector: str = "{}", api: str = "networking.k8s.io/v1") -> str:
    """Return a NetworkPolicy."""
    return POLICY % (api, selector, f", {fields}" if fields else "")


@pytest.mark.parametrize(
    ("ports", "admitted"),
    [
        ("ingress: []", False),
        ("", False),
        ("ingress: [{}]", True),
        ("ingress: [{ports: []}]", True),
        ("ingress: [{ports: [{port: 9000}]}]", True),
        ("ingress: [{ports: [{port: 9000.0}]}]", True),
        ("ingress: [{ports: [{port: 9001}]}]", False),
        ("ingress: [{ports: [{port: 8000, endPort: 9000}]}]", True),
        ("ingress: [{ports: [{port: 8000, endPort: 8999}]}]", False),
        ("ingress: [{ports: [{port: probes}]}]", True),
        ("ingress: [{ports: [{port: http}]}]", False),
        ("ingress: [{ports: [{port: nobody}]}]", False),
        ("ingress: [{ports: [{protocol: UDP}]}]", False),
        ("ingress: [{ports: [{protocol: TCP}]}]", True),
        ("ingress: [{ports: [{port: http}]}, {ports: [{port: 9000}]}]", True),
    ],
)
def test_a_rule_admits_a_port(ports: str, admitted: bool) -> None:
    """By number, range or name, of any container of the pod; or all of them."""
    found = container(pod(CONTAINERS, policy(ports)))
    (one,) = policies_of(found.workload)
    assert admits(one, found, 9000) is admitted


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (policy(""), 1),
        (policy("policyTypes: []"), 1),
        (policy("policyTypes: [Ingress, Egress]"), 1),
        (policy("policyTypes: [Egress]"), 0),
        (policy("", "{matchLabels: {app: till}}"), 0),
        (policy("", "null"), 0),
        (policy("", api="crd.projectcalico.org/v1"), 0),
        (policy("").replace("name: shop", "name: shop, namespace: other"), 0),
    ],
)
def test_a_policy_is_for_a_pod(text: str, count: int) -> None:
    """If it selects it, in its namespace, for what comes in: which it does if it doesn't say."""
    assert len(policies_of(container(pod(CONTAINERS, text)).workload)) == count
