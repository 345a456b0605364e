"""HK402 to HK408: how pods are replaced, and who may take how many of them away.

What is broken for as many pods as there may ever be is an error; what is broken only while an
autoscaler is at its minimum, is a warning.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from healthkit.lint._facts.scales import MANY, OPEN, SCALED, scale_of
from healthkit.lint._facts.selecting import is_empty, may_select_more, selected
from healthkit.lint._facts.services import services_of
from healthkit.lint._finding import Severity
from healthkit.lint._rule import About, Found, thing_rule, workload_rule
from healthkit.manifests._amounts import Amount, amount, rolling

if TYPE_CHECKING:
    from collections.abc import Iterator

    from healthkit.lint._facts.scales import Scale
    from healthkit.lint._manifests import Thing
    from healthkit.lint._workload import Workload
    from healthkit.manifests._loose import Loose

#: A Deployment's ``maxUnavailable`` and ``maxSurge`` (pkg/apis/apps/v1/defaults.go).
_DEFAULT: Final = Amount(25, percent=True)


# -- disruption budgets ----------------------------------------------------------------------------


@thing_rule(
    About(
        id="HK402",
        severity=Severity.ERROR,
        title="a disruption budget never allows an eviction",
        why="a node with one of these pods can't be drained: upgrades and autoscalers wait for "
        "ever, or take it by force",
        fix="set maxUnavailable: 1 in place of it, or run more pods than it keeps",
        source="kubernetes pkg/controller/disruption/disruption.go, getExpectedPodCount; "
        "https://kubernetes.io/docs/tasks/run-application/configure-pdb/",
        arithmetic="evictions allowed = pods - kept, where kept = minAvailable, or "
        "pods - maxUnavailable; percentages of the pods are rounded up",
    )
)
def never_evicted(thing: Thing) -> Iterator[Found]:
    """Yield budgets that keep all pods of the workloads that they select."""
    spec = thing.root / "spec"
    fields = [one for name in ("maxUnavailable", "minAvailable") if (one := spec / name)]
    if thing.kind != "PodDisruptionBudget" or not thing.is_known or len(fields) != 1:
        return
    scales = _scales(thing)
    found = amount(fields[0].value)
    if found is not None and scales:
        yield from _kept(fields[0], found, scales)


def _scales(budget: Thing) -> list[Scale]:
    """Return the scales of what a budget selects; none unless one of them can be scaled at all."""
    selector = budget.root / "spec" / "selector"
    old = (budget.root / "apiVersion").text.endswith("beta1")
    workloads = [] if old and is_empty(selector) else selected(budget, selector)
    if not {one.kind for one in workloads} & SCALED:
        return []
    unsure = [OPEN] if may_select_more(budget, selector) else []
    return [scale_of(one) for one in workloads] + unsure


def _kept(at: Loose, found: Amount, scales: list[Scale]) -> Iterator[Found]:
    least = min(sum(one.least for one in scales), MANY)
    most = min(sum(one.most for one in scales), MANY)
    if _blocks(at, found, MANY) and most:
        yield Found(at=at, what=f"{_shown(at)} allows no eviction, however many pods there are")
    elif _blocks(at, found, most):
        yield _blocked(at, found, most, assumed=any(one.assumed for one in scales))
    elif _blocks(at, found, least):
        what = f"{_shown(at)} keeps all {_pods(least)} that an autoscaler may go down to"
        yield replace(_blocked(at, found, least), what=what, severity=Severity.WARNING)


def _blocked(at: Loose, found: Amount, pods: int, *, assumed: bool = False) -> Found:
    guess = ", as long as nobody sets replicas" if assumed else ""
    kept = found.of(pods, round_up=True)
    return Found(
        at=at,
        what=f"{_shown(at)} keeps all of {_pods(pods)}{guess}",
        numbers={"pods": pods, "kept": kept, "evictionsAllowed": 0},
        severity=Severity.WARNING if assumed else None,
    )


def _blocks(at: Loose, found: Amount, pods: int) -> bool:
    """Whether none of these pods may be evicted."""
    given = found.of(pods, round_up=True)
    kept = given if at.path[-1] == "minAvailable" else max(pods - given, 0)
    return 0 < pods <= kept


def _shown(at: Loose) -> str:
    return f"{at.path[-1]} {at.value}"


def _pods(count: int) -> str:
    return "1 pod" if count == 1 else f"{count} pods"


# -- rollouts --------------------------------------------------------------------------------------


@workload_rule(
    About(
        id="HK405",
        severity=Severity.WARNING,
        title="a rollout takes all pods away before there are new ones",
        why="until the first new pod is ready, the Service has nobody to send requests to",
        fix="let it roll, with maxUnavailable: 0 and maxSurge: 1",
        source="kubernetes pkg/controller/deployment/util/deployment_util.go, ResolveFenceposts; "
        "https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#strategy",
        arithmetic="unavailable at once = maxUnavailable, a percentage of replicas rounded down; "
        "1 if that and maxSurge, rounded up, are both 0",
    )
)
def all_at_once(workload: Workload) -> Iterator[Found]:
    """Yield Deployments behind a Service whose rollout is an outage."""
    strategy = workload.thing.root / "spec" / "strategy"
    if not _is_rolled_out(workload):
        return
    if (strategy / "type").text == "Recreate":
        yield _recreated(workload, strategy / "type")
        return
    replicas = scale_of(workload).least
    update = strategy / "rollingUpdate"
    down = amount((update / "maxUnavailable").value) if update / "maxUnavailable" else _DEFAULT
    up = amount((update / "maxSurge").value) if update / "maxSurge" else _DEFAULT
    if down is None or up is None or not replicas:
        return
    unavailable = rolling(down, up, replicas).max_unavailable
    if unavailable >= replicas:
        numbers = {"replicas": replicas, "unavailable": unavailable}
        yield Found(
            at=update / "maxUnavailable",
            what=_taken(update, replicas),
            numbers=numbers if replicas < MANY else {},
        )


def _recreated(workload: Workload, at: Loose) -> Found:
    """Say that it is replaced at once; that may be what its volume asks for."""
    claims = [one for one in (workload.pod / "volumes").items if one / "persistentVolumeClaim"]
    what = "strategy Recreate ends all pods before it starts new ones"
    if not claims:
        return Found(at=at, what=what)
    fix = "leave it if the volume can be mounted by one pod only; else let it roll"
    return Found(
        at=at, what=f"{what}, for the volume's sake perhaps", severity=Severity.INFO, fix=fix
    )


def _taken(update: Loose, replicas: int) -> str:
    asked = (update / "maxUnavailable").value
    shown = "25%, the default," if asked is None else str(asked)
    if replicas == MANY:
        return f"maxUnavailable {shown} lets a rollout take all pods at once"
    return f"maxUnavailable {shown} lets a rollout take {_pods(replicas)} of {replicas} at once"


@workload_rule(
    About(
        id="HK407",
        severity=Severity.INFO,
        title="the first passed readiness probe makes a new pod available",
        why="the rollout takes an old pod away at once, also if the new one fails a moment later",
        fix="set minReadySeconds to some seconds, such as 10",
        source="https://kubernetes.io/docs/concepts/workloads/controllers/deployment/"
        "#min-ready-seconds",
    )
)
def first_success(workload: Workload) -> Iterator[Found]:
    """Yield Deployments of several pods behind a Service that roll without minReadySeconds.

    Whoever runs one pod has other worries.
    """
    spec = workload.thing.root / "spec"
    rolls = (spec / "strategy" / "type").text != "Recreate" and scale_of(workload).most > 1
    if _is_rolled_out(workload) and rolls and not (spec / "minReadySeconds").value:
        yield Found(at=spec / "minReadySeconds", what="minReadySeconds is 0")


def _is_rolled_out(workload: Workload) -> bool:
    """Whether it is a Deployment with pods, and with clients that a rollout may fail."""
    is_deployment = workload.kind == "Deployment" and workload.thing.group == "apps"
    return is_deployment and scale_of(workload).most > 0 and bool(services_of(workload))


@thing_rule(
    About(
        id="HK408",
        severity=Severity.WARNING,
        title="a Service sends requests to pods that are not ready",
        why="readiness has no effect: clients reach pods that still start, and pods that drain",
        fix="leave publishNotReadyAddresses out; a headless Service of its own is for peers",
        source="https://kubernetes.io/docs/reference/kubernetes-api/service-resources/"
        "service-v1/#ServiceSpec",
    )
)
def not_ready_addresses(thing: Thing) -> Iterator[Found]:
    """Yield Services that publish addresses of unready pods, and are no headless ones."""
    spec = thing.root / "spec"
    field = spec / "publishNotReadyAddresses"
    if thing.kind != "Service" or not thing.is_known or field.flag is not True:
        return
    if "None" in {(spec / "clusterIP").text, *(spec / "clusterIPs").texts}:
        return
    asked = thing.manifests.labelled_workloads.having((spec / "selector").table)
    led = [one.full_name for one, _ in asked if thing in services_of(one)]
    if led:
        yield Found(at=field, what=f"publishNotReadyAddresses, and it leads to {', '.join(led)}")
