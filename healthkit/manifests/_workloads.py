"""Workloads: the kinds of objects that make pods, and what the API server admits of each.

The rules are those of kubernetes 1.36 pkg/apis/apps/validation/validation.go and
pkg/apis/batch/validation/validation.go, the defaults those of defaults.go beside them in v1.

The surprising fact: the API server admits a StatefulSet whose pods it then refuses one by one: it
leaves the template to those (ValidatePodTemplateSpecForStatefulSet). Here it is refused at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from healthkit.manifests import _names
from healthkit.manifests._fields import decode
from healthkit.manifests._pods import identity, labels, pod
from healthkit.manifests._probes import not_negative
from healthkit.manifests._rollouts import daemon_set, deployment, stateful_set
from healthkit.manifests._selectors import is_empty, selects
from healthkit.manifests._source import refuse
from healthkit.manifests._spec import Workload

if TYPE_CHECKING:
    from collections.abc import Callable

    from healthkit.manifests._document import Document
    from healthkit.manifests._fields import Fields
    from healthkit.manifests._source import Told
    from healthkit.manifests._spec import PodSpec

#: The kinds that are read, and the version that each is served in. CronJob is not among them: its
#: pods begin at a time of day, which a pod's life here doesn't have.
VERSIONS: Final = {
    "Pod": "v1",
    "Deployment": "apps/v1",
    "StatefulSet": "apps/v1",
    "DaemonSet": "apps/v1",
    "Job": "batch/v1",
}

_NO_MATCH: Final = "`selector` does not match template `labels`"


def read(document: Document, kind: str, told: Told = refuse) -> Workload:
    """Return the workload that a document of a kind in `VERSIONS` describes.

    Args:
        document: the object.
        kind: its kind.
        told: called with each field that there isn't or that is of another type; see `decode`.

    Raises:
        ConfigError: the API server would refuse it.
    """
    fields = decode(document, kind, told)
    return _READERS[kind](fields, f"{document.source.name}:{document.root.position.line}")


def _pod(fields: Fields, source: str) -> Workload:
    meta = fields.some("metadata")
    name, namespace = identity(meta, _names.dns_subdomain)
    template = pod(fields.some("spec"), meta, name, namespace)
    for field in ("containers", "initContainers"):
        for one in fields.some("spec").many(field):
            _image(one)
    return Workload("Pod", name, template, namespace, source=source)


def _image(container: Fields) -> None:
    """Check what is checked of a pod, and not of a template (validateContainersOnlyForPod)."""
    image = container.text("image")
    if image != image.strip():
        rule = "must not have leading or trailing whitespace"
        raise (container / "image").invalid(image, rule)


def _deployment(fields: Fields, source: str) -> Workload:
    """Read one (ValidateDeploymentSpec)."""
    name, namespace = identity(fields.some("metadata"), _names.dns_subdomain)
    spec = fields.some("spec")
    replicas = _replicas(spec)
    _selector(spec, "deployment")
    template = _template(spec, name, namespace)
    _always(spec, "ReplicaSet")
    update = deployment(spec, replicas)
    ready, deadline = spec.whole("minReadySeconds", 0), spec.whole("progressDeadlineSeconds", 600)
    for field in ("minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"):
        not_negative(spec, field)
    if deadline <= ready:
        rule = "must be greater than minReadySeconds"
        raise (spec / "progressDeadlineSeconds").invalid(deadline, rule)
    return Workload(
        "Deployment", name, template, namespace, replicas, update, ready, deadline, source=source
    )


def _stateful_set(fields: Fields, source: str) -> Workload:
    """Read one (ValidateStatefulSetSpec).

    Its name may have dots, and be long: up to Kubernetes 1.26, as far as ValidateStatefulSetName.
    """
    name, namespace = identity(fields.some("metadata"), _names.dns_subdomain)
    spec = fields.some("spec")
    policy = spec.text("podManagementPolicy", "OrderedReady")
    if policy not in {"OrderedReady", "Parallel"}:
        rule = "must be 'OrderedReady' or 'Parallel'"
        raise (spec / "podManagementPolicy").invalid(policy, rule)
    replicas = _replicas(spec)
    update = stateful_set(spec, replicas)
    for field in ("minReadySeconds", "revisionHistoryLimit"):
        not_negative(spec, field)
    not_negative(spec.some("ordinals"), "start")
    _selector(spec, "statefulset")
    template = _template(spec, name, namespace)
    _always(spec, "StatefulSet")
    ready = spec.whole("minReadySeconds", 0)
    parallel = policy == "Parallel"
    return Workload(
        "StatefulSet",
        name,
        template,
        namespace,
        replicas,
        update,
        ready,
        parallel=parallel,
        source=source,
    )


def _daemon_set(fields: Fields, source: str) -> Workload:
    """Read one (ValidateDaemonSetSpec), as it is on one node."""
    name, namespace = identity(fields.some("metadata"), _names.dns_subdomain)
    spec = fields.some("spec")
    _selector(spec, "daemonset")
    template = _template(spec, name, namespace)
    _always(spec, "DaemonSet")
    for field in ("minReadySeconds", "revisionHistoryLimit"):
        not_negative(spec, field)
    update, ready = daemon_set(spec), spec.whole("minReadySeconds", 0)
    return Workload("DaemonSet", name, template, namespace, 1, update, ready, source=source)


def _job(fields: Fields, source: str) -> Workload:
    """Read one (validateJobSpec). Its selector is generated, unless `manualSelector` says not."""
    name, namespace = identity(fields.some("metadata"), _names.dns_subdomain)
    spec = fields.some("spec")
    for field in _JOB_NUMBERS:
        not_negative(spec, field)
    if spec.flag("manualSelector"):
        _selector(spec, "job")
    template = _template(spec, name, namespace)
    if template.restart_policy == "Always":
        spot = spec / "template" / "spec" / "restartPolicy"
        raise spot.unsupported("Always", ("OnFailure", "Never"))
    parallelism, limit = spec.whole("parallelism", 1), spec.whole("backoffLimit", 6)
    return Workload(
        "Job", name, template, namespace, parallelism, backoff_limit=limit, source=source
    )


#: None of these may be negative.
_JOB_NUMBERS: Final = (
    "parallelism",
    "completions",
    "activeDeadlineSeconds",
    "backoffLimit",
    "backoffLimitPerIndex",
    "maxFailedIndexes",
    "ttlSecondsAfterFinished",
)


def _replicas(spec: Fields) -> int:
    not_negative(spec, "replicas")
    return spec.whole("replicas", 1)


def _selector(spec: Fields, kind: str) -> None:
    """Check that there is a selector, and that it selects the template."""
    selector = spec.one("selector")
    if selector is None:
        raise (spec / "selector").required()
    found = spec.some("template").some("metadata").table("labels")
    selected = selects(selector, found)
    if is_empty(selector):
        rule = f"empty selector is invalid for {kind}"
        raise selector.spot.invalid({}, rule)
    if not selected:
        raise (spec / "template" / "metadata" / "labels").invalid(found, _NO_MATCH)


def _template(spec: Fields, name: str, namespace: str) -> PodSpec:
    """Return the template (ValidatePodTemplateSpec, which drops metadata from the path)."""
    template = spec.some("template")
    meta = template.some("metadata")
    labels(meta, template.spot)
    return pod(template.some("spec"), meta, name, namespace)


def _always(spec: Fields, kind: str) -> None:
    """Refuse pods that end: those who make them would have no use for it."""
    template = spec.some("template").some("spec")
    policy = template.text("restartPolicy", "Always")
    if policy != "Always":
        raise (template / "restartPolicy").unsupported(policy, ("Always",))
    if "activeDeadlineSeconds" in template:
        rule = f"activeDeadlineSeconds in {kind} is not Supported"
        raise (template / "activeDeadlineSeconds").forbidden(rule)


_READERS: Final[dict[str, Callable[[Fields, str], Workload]]] = {
    "Pod": _pod,
    "Deployment": _deployment,
    "StatefulSet": _stateful_set,
    "DaemonSet": _daemon_set,
    "Job": _job,
}
