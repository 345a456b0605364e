"""HK601 and HK602: conditions that must be true for a pod to be ready, and who sets them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from healthkit.lint._finding import Severity
from healthkit.lint._rule import About, Found, thing_rule, workload_rule
from healthkit.lint._rules.access import is_our_gate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from healthkit.lint._manifests import Thing
    from healthkit.lint._workload import Workload

#: How the conditions begin that controllers are known to set: AWS (two generations of its
#: controller), GKE (ingress-gce pkg/neg/types/shared), and Huawei CCE.
_KNOWN: Final = (
    "target-health.elbv2.k8s.aws/",
    "target-health.alb.ingress.k8s.aws/",
    "cloud.google.com/load-balancer-neg-ready",
    "target-health.elb.k8s.cce/",
)

#: Names without a domain that somebody sets: OpenKruise, and the kubelet.
_UNQUALIFIED: Final = frozenset(
    {"InPlaceUpdateReady", "KruisePodReady", "ContainersReady", "Initialized", "PodScheduled"}
)

_INJECT: Final = "elbv2.k8s.aws/pod-readiness-gate-inject"
_CLASS: Final = "kubernetes.io/ingress.class"
_TARGET: Final = "alb.ingress.kubernetes.io/target-type"


@workload_rule(
    About(
        id="HK601",
        severity=Severity.WARNING,
        title="a readiness gate that nobody is known to set",
        why="a condition that isn't there counts as false: the pod is never ready",
        fix="write the type as its controller does, with the domain; or leave the gate out",
        source="https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/"
        "#pod-readiness-gate",
    )
)
def unknown_gate(workload: Workload) -> Iterator[Found]:
    """Yield gates without a domain, and those of a domain that is not known here."""
    for gate in (workload.pod / "readinessGates").items:
        at = gate / "conditionType"
        if not at.text or at.text in _UNQUALIFIED or at.text.startswith(_KNOWN):
            continue
        if is_our_gate(workload, at.text):
            continue
        if "/" in at.text:
            what = f"{at.text} is of no controller that is known here"
            fix = "see to it that its controller runs in the cluster before the pods"
            yield Found(at=at, what=what, fix=fix, severity=Severity.INFO)
        else:
            yield Found(at=at, what=f"{at.text} has no domain, as in example.com/{at.text}")


@thing_rule(
    About(
        id="HK602",
        severity=Severity.INFO,
        title="an ALB's targets are not waited for",
        why="a rollout ends old pods when the new ones are ready, and the load balancer may not "
        "have found its new targets healthy by then",
        fix=f"label the namespace {_INJECT}: enabled",
        source="https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/deploy/"
        "pod_readiness_gate/",
    )
)
def not_injected(thing: Thing) -> Iterator[Found]:
    """Yield the Namespaces of ALB Ingresses to pods, if they have no label for gates."""
    if thing.kind != "Namespace" or not thing.is_known:
        return
    if (thing.root / "metadata" / "labels").table.get(_INJECT) == "enabled":
        return
    ingresses = thing.manifests.near.get(("Ingress", thing.name), [])
    found = [one.name for one in ingresses if _is_alb(one)]
    if found and not _has_gates(thing):
        what = f"Ingress {', '.join(found)} leads an ALB to pods, and nothing injects their gates"
        yield Found(at=thing.root / "metadata" / "labels", what=what)


def _is_alb(ingress: Thing) -> bool:
    """Whether it is the AWS controller's, with pods for targets."""
    named = (ingress.root / "spec" / "ingressClassName").text or ingress.annotations.get(_CLASS)
    return named == "alb" and ingress.annotations.get(_TARGET) == "ip"


def _has_gates(namespace: Thing) -> bool:
    """Whether pods of a namespace have such gates already, by hand."""
    near = namespace.manifests.workloads_near.get(namespace.name, [])
    gates = [gate for one in near for gate in (one.pod / "readinessGates").items]
    return any((one / "conditionType").text.startswith("target-health.") for one in gates)
