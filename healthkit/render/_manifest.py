"""The objects of a rendered manifest: Deployment, Service, PodDisruptionBudget."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, get_args

from healthkit import _validate
from healthkit.lint._options import written
from healthkit.lint._rules import IDS
from healthkit.lint._workload import BOOT, LONGEST_REQUEST
from healthkit.render import _container, _excuses, _reasons
from healthkit.render._plan import planned
from healthkit.render._wanted import settled
from healthkit.render._yaml import comment, decimal, item, scalar, under

if TYPE_CHECKING:
    from healthkit.lint._options import Version
    from healthkit.render._plan import Plan
    from healthkit.render._wanted import Settled, Wanted

#: What is written: all objects, the Deployment alone, or what to paste into one that is there.
Part = Literal["all", "deployment", "container"]

PARTS: Final[tuple[Part, ...]] = get_args(Part)

#: Kubernetes in which ``unhealthyPodEvictionPolicy`` is on by default (KEP-3017: beta in 1.27).
_EVICTION_POLICY_SINCE: Final[Version] = (1, 27)

#: With fewer replicas a disruption budget could only forbid what must be.
_BUDGET_FROM: Final = 2


def manifest(wanted: Wanted, part: Part = "all") -> str:
    """Return the manifest for what is wanted, as YAML with the arithmetic in comments.

    Raises:
        ConfigError: it can't be; one line says what, and what to do.
    """
    if part not in PARTS:
        raise _validate.refuse("part", part, " or ".join(PARTS))
    found = settled(wanted)
    plan = planned(found)
    if part == "container":
        return _text(_container.fragment(found, plan))
    documents = [[*comment(_title(found)), *_deployment(found, plan)]]
    if part == "all":
        documents += [_service(found), *_budget(found)]
    return "---\n".join(map(_text, documents))


def _text(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _title(found: Settled) -> str:
    oldest = written(found.wanted.kube_version)
    settings = "" if found.wanted.app is None else f", by the settings of {found.wanted.app}"
    return f"By healthkit render, for Kubernetes {oldest} and later{settings}."


def _label(found: Settled) -> str:
    return f"app.kubernetes.io/name: {scalar(found.wanted.name)}"


def _metadata(found: Settled) -> list[str]:
    return [f"name: {scalar(found.wanted.name)}", *under("labels", [_label(found)])]


# -- the Deployment --------------------------------------------------------------------------------


def _deployment(found: Settled, plan: Plan) -> list[str]:
    metadata = [*_metadata(found), *under("annotations", _annotations(found, plan))]
    template = [
        *under("metadata", under("labels", [_label(found)])),
        *under("spec", _container.pod(found, plan)),
    ]
    spec = [
        f"replicas: {found.wanted.replicas}",
        *_rollout(plan),
        *under("selector", under("matchLabels", [_label(found)])),
        *under("template", template),
    ]
    head = ["apiVersion: apps/v1", "kind: Deployment"]
    return [*head, *under("metadata", metadata), *under("spec", spec)]


def _annotations(found: Settled, plan: Plan) -> list[str]:
    lines = comment("What healthkit lint holds the numbers below against.")
    lines += [f"{BOOT}: {scalar(f'{decimal(plan.boot)}s')}"]
    lines += [f"{LONGEST_REQUEST}: {scalar(f'{decimal(plan.in_flight)}s')}"]
    for rule, reason in _excuses.excuses(found, plan).items():
        if rule in IDS:
            lines += [f"healthkit/ignore.{rule}: {scalar(reason)}"]
    return lines


def _rollout(plan: Plan) -> list[str]:
    strategy = [
        "type: RollingUpdate",
        *under("rollingUpdate", ["maxUnavailable: 0", "maxSurge: 1"]),
    ]
    lines = comment("A new pod is ready for so long before an old one goes.")
    lines += [f"minReadySeconds: {plan.min_ready}"]
    if plan.progress_deadline is not None:
        lines += comment(_reasons.progress(plan))
        lines += [f"progressDeadlineSeconds: {plan.progress_deadline}"]
    return [*lines, *under("strategy", strategy)]


# -- what is beside it -----------------------------------------------------------------------------


def _service(found: Settled) -> list[str]:
    port = item(["name: http", "port: 80", "targetPort: http"])
    return [
        "apiVersion: v1",
        "kind: Service",
        *under("metadata", _metadata(found)),
        *under("spec", [*under("selector", [_label(found)]), *under("ports", port)]),
    ]


def _budget(found: Settled) -> list[list[str]]:
    if found.wanted.replicas < _BUDGET_FROM:
        return []
    spec = ["maxUnavailable: 1"]
    if found.wanted.kube_version >= _EVICTION_POLICY_SINCE:
        spec += comment("A pod that is not ready keeps no node from being drained.")
        spec += ["unhealthyPodEvictionPolicy: AlwaysAllow"]
    spec += under("selector", under("matchLabels", [_label(found)]))
    head = ["apiVersion: policy/v1", "kind: PodDisruptionBudget"]
    return [[*head, *under("metadata", _metadata(found)), *under("spec", spec)]]
