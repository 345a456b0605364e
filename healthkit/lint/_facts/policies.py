"""Which NetworkPolicies a pod is under, and which of its ports they let in.

They speak of the ports of the pod, not of the Service's. Whom they let in is not looked at: the
kubelet's address is no pod's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from healthkit.lint._facts.selecting import selects

if TYPE_CHECKING:
    from healthkit.lint._manifests import Thing
    from healthkit.lint._workload import Container, Workload
    from healthkit.manifests._loose import Loose


def policies_of(workload: Workload) -> list[Thing]:
    """Return the NetworkPolicies for what comes in to a workload's pods.

    None of them is for pods in the node's own network.
    """
    if (workload.pod / "hostNetwork").flag:
        return []
    policies = workload.manifests.selecting_policies
    found = policies.of(workload) + policies.others.get(workload.namespace, [])
    return [one for one in found if _is_for(one, workload) and _is_ingress(one)]


def admits(policy: Thing, container: Container, port: int) -> bool:
    """Whether any rule of a policy lets TCP in to a port, from wherever."""
    for rule in (policy.root / "spec" / "ingress").items:
        ports = (rule / "ports").items
        if not ports or any(_matches(one, container, port) for one in ports):
            return True
    return False


def _is_for(policy: Thing, workload: Workload) -> bool:
    same = policy.namespace == workload.namespace and policy.group == "networking.k8s.io"
    return same and selects(policy.root / "spec" / "podSelector", workload.labels)


def _is_ingress(policy: Thing) -> bool:
    """Whether it is about what comes in; it is if it doesn't say (NetworkPolicySpec)."""
    types = (policy.root / "spec" / "policyTypes").texts
    return not types or "Ingress" in types


def _matches(rule: Loose, container: Container, port: int) -> bool:
    if (rule / "protocol").text not in {"", "TCP"}:
        return False
    first, last = rule / "port", (rule / "endPort").whole
    if first.text:
        return container.workload.named_ports.get(first.text) == port
    number = first.whole
    return number is None or number <= port <= (last or number)
