"""What was thought of as a rule, and is left to other linters, because they do it well.

The names are those of kube-linter (pkg/builtinchecks/yamls), kube-score 1.20 (README_CHECKS.md),
polaris (pkg/config/checks) and checkov (checkov/kubernetes/checks).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class LeftOut:
    """One such rule."""

    #: The id that it would have had. No rule gets it.
    id: str
    what: str
    #: Which check of which linter does it.
    elsewhere: str


LEFT_OUT: Final[tuple[LeftOut, ...]] = (
    LeftOut(
        "HK401",
        "one replica, and no autoscaler, behind a Service",
        "kube-score deployment-replicas, polaris deploymentMissingReplicas, "
        "kube-linter minimum-three-replicas",
    ),
    LeftOut(
        "HK402, a budget that is missing",
        "several replicas, and no PodDisruptionBudget; one that blocks is told here",
        "kube-score deployment-has-poddisruptionbudget and statefulset-has-poddisruptionbudget, "
        "polaris missingPodDisruptionBudget",
    ),
    LeftOut(
        "HK403",
        "a PodDisruptionBudget without unhealthyPodEvictionPolicy: AlwaysAllow",
        "kube-linter pdb-unhealthy-pod-eviction-policy",
    ),
    LeftOut(
        "HK404",
        "neither topology spread nor anti-affinity",
        "kube-linter no-anti-affinity, polaris topologySpreadConstraint, "
        "kube-score deployment-has-host-podantiaffinity",
    ),
    LeftOut(
        "HK406",
        "replicas in a Deployment that an autoscaler scales",
        "kube-score deployment-targeted-by-hpa-does-not-have-replicas-configured",
    ),
    LeftOut(
        "HK501",
        "not what the restricted Pod Security Standard asks for",
        "kube-linter run-as-non-root and privilege-escalation-container, "
        "polaris privilegeEscalationAllowed, checkov CKV_K8S_31 (seccomp) and CKV_K8S_37 "
        "(capabilities)",
    ),
    LeftOut(
        "HK502, a root file system that can be written to",
        "readOnlyRootFilesystem isn't set; a state directory that can't be written to is told here",
        "kube-linter no-read-only-root-fs, polaris notReadOnlyRootFilesystem",
    ),
    LeftOut(
        "HK503",
        "no request or limit of memory, no request of CPU",
        "kube-linter unset-memory-requirements and unset-cpu-requirements, "
        "polaris memoryRequestsMissing, checkov CKV_K8S_10 and CKV_K8S_12, "
        "kube-score container-resources",
    ),
    LeftOut(
        "HK506, a token that nobody needs",
        "the service account's token is mounted; a gate without its right is told here",
        "kube-linter automount-service-account-token, polaris automountServiceAccountToken",
    ),
    LeftOut(
        "HK603",
        "a ServiceMonitor that selects nothing",
        "kube-linter dangling-servicemonitor",
    ),
)
