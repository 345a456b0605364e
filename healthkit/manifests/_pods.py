"""Pods and the templates of pods: what the API server admits, with its defaults.

The rules are those of kubernetes 1.36 pkg/apis/core/validation/validation.go (ValidatePodSpec) and
apimachinery/pkg/api/validation/objectmeta.go, the defaults those of pkg/apis/core/v1/defaults.go.

The surprising fact: a negative grace period is admitted, with a warning, and is 1 second
(pkg/api/pod/warnings.go).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from healthkit.manifests import _names
from healthkit.manifests._containers import containers, init_containers
from healthkit.manifests._probes import check
from healthkit.manifests._resources import resources
from healthkit.manifests._spec import PodSpec

if TYPE_CHECKING:
    from collections.abc import Callable

    from healthkit.manifests._document import Spot
    from healthkit.manifests._fields import Fields
    from healthkit.manifests._names import Problem
    from healthkit.manifests._spec import RestartPolicy

#: Stands in a generated name where the API server puts five characters of its own.
GENERATED: Final = "xxxxx"

#: What is left of a longer prefix (apiserver pkg/storage/names/generate.go).
_LONGEST_PREFIX: Final = 63 - len(GENERATED)

_POLICIES: Final = ("Always", "OnFailure", "Never")


def identity(meta: Fields, rule: Callable[[str], Problem]) -> tuple[str, str]:
    """Return an object's name and its namespace (ValidateObjectMetaAccessor)."""
    prefix = meta.text("generateName")
    if prefix:  # its last dash is made a letter (maskTrailingDash)
        whole = f"{prefix[:-1]}a" if prefix.endswith("-") and len(prefix) > 1 else prefix
        problem = rule(whole)
        if problem is not None:
            raise (meta / "generateName").invalid(prefix, problem)
    name = meta.text("name") or (prefix and f"{prefix[:_LONGEST_PREFIX]}{GENERATED}")
    if not name:
        raise (meta / "name").required("name or generateName is required")
    check(meta / "name", name, rule)
    namespace = meta.text("namespace", "default")
    check(meta / "namespace", namespace, _names.dns_label)
    labels(meta, meta.spot)
    return name, namespace


def labels(meta: Fields, named: Spot) -> None:
    """Check labels and annotations (ValidateLabels, ValidateAnnotations).

    Args:
        meta: where they are.
        named: where the API server says that they are.
    """
    table(meta, "labels", named / "labels")
    for key in meta.table("annotations"):
        spot = meta / "annotations" / key
        problem = _names.label_key(key.lower())
        if problem is not None:
            raise spot.invalid(key, problem, named=named / "annotations")


def table(fields: Fields, name: str, named: Spot) -> None:
    """Check a mapping of labels (ValidateLabels)."""
    for key, value in fields.table(name).items():
        check(fields / name / key, key, _names.label_key, named=named)
        check(fields / name / key, value, _names.label_value, named=named)


def pod(spec: Fields, meta: Fields, name: str, namespace: str) -> PodSpec:
    """Return a pod, or the template of many.

    Args:
        spec: its spec.
        meta: its metadata, for the labels.
        name: what it is called, or what those who make it are.
        namespace: where.
    """
    grace = spec.whole("terminationGracePeriodSeconds", 30)
    running = containers(spec, grace)
    before = init_containers(spec, grace, running)
    whole = spec.one("resources")
    return PodSpec(
        name,
        running,
        namespace=namespace,
        labels=meta.table("labels"),
        termination_grace_period=grace if grace >= 0 else 1,
        restart_policy=_restart_policy(spec),
        readiness_gates=tuple(_gate(one) for one in spec.many("readinessGates")),
        init_containers=before,
        resources=None if whole is None else resources(whole),
    )


def _restart_policy(spec: Fields) -> RestartPolicy:
    match spec.text("restartPolicy", "Always"):
        case "Always" | "OnFailure" | "Never" as policy:
            return policy
        case found:
            raise (spec / "restartPolicy").unsupported(found, _POLICIES)


def _gate(gate: Fields) -> str:
    """Return a condition's type (validateReadinessGates)."""
    found = gate.text("conditionType")
    check(gate / "conditionType", found, _names.label_key)
    return found
