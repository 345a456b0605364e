"""How the pods of a workload are replaced: what the API server admits, with its defaults.

The rules are those of kubernetes 1.36 pkg/apis/apps/validation/validation.go, the defaults those of
pkg/apis/apps/v1/defaults.go. Percentages are resolved as the Deployment controller resolves them
(pkg/controller/deployment/util/deployment_util.go, ResolveFenceposts and MaxUnavailable).

The surprising fact: 1 replica with the defaults, 25 % and 25 %, is never unavailable: the surge is
rounded up to 1 and what may be unavailable down to 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from healthkit.manifests import _names
from healthkit.manifests._amounts import Amount, amount, percentage, rolling
from healthkit.manifests._probes import not_negative
from healthkit.manifests._spec import RollingUpdate

if TYPE_CHECKING:
    from healthkit.manifests._fields import Fields


def deployment(spec: Fields, replicas: int) -> RollingUpdate | None:
    """Return a Deployment's rolling update; None for Recreate (ValidateDeploymentStrategy)."""
    strategy = spec.some("strategy")
    kind = strategy.text("type", "RollingUpdate")
    if kind == "Recreate":
        if "rollingUpdate" in strategy:
            rule = "may not be specified when strategy `type` is 'Recreate'"
            raise (strategy / "rollingUpdate").forbidden(rule)
        return None
    if kind != "RollingUpdate":
        raise (strategy / "type").unsupported(kind, ("Recreate", "RollingUpdate"))
    return _resolved(strategy.some("rollingUpdate"), replicas)


def _resolved(update: Fields, replicas: int) -> RollingUpdate:
    """Resolve the percentages (ValidateRollingUpdateDeployment, ResolveFenceposts)."""
    down, up = _amount(update, "maxUnavailable", "25%"), _amount(update, "maxSurge", "25%")
    if not down.value and not up.value:
        found = update.port("maxUnavailable", "25%")
        raise (update / "maxUnavailable").invalid(found, "may not be 0 when `maxSurge` is 0")
    _at_most_all(update, "maxUnavailable", down)
    return rolling(down, up, replicas)


def daemon_set(spec: Fields) -> RollingUpdate | None:
    """Return a DaemonSet's rolling update on one node; None for OnDelete.

    (ValidateDaemonSetUpdateStrategy; by default 1 may be unavailable, and the surge is 0.)
    """
    strategy = spec.some("updateStrategy")
    kind = strategy.text("type", "RollingUpdate")
    if kind == "OnDelete":
        return None
    if kind != "RollingUpdate":
        raise (strategy / "type").unsupported(kind, ("RollingUpdate", "OnDelete"))
    update = strategy.some("rollingUpdate")
    down, up = _amount(update, "maxUnavailable", 1), _amount(update, "maxSurge", 0)
    for name, one in (("maxUnavailable", down), ("maxSurge", up)):
        _at_most_all(update, name, one)
    if down.value and up.value:
        found = update.port("maxSurge")
        rule = "may not be set when maxUnavailable is non-zero"
        raise (update / "maxSurge").invalid(found, rule)
    if not down.value and not up.value:
        raise (update / "maxUnavailable").required("cannot be 0 when maxSurge is 0")
    return RollingUpdate(up.of(1, round_up=True), down.of(1, round_up=True))


def stateful_set(spec: Fields, replicas: int) -> RollingUpdate | None:
    """Return a StatefulSet's rolling update, one pod at a time by default; None for OnDelete.

    (ValidateStatefulSetSpec, validateRollingUpdateStatefulSet.) Up to Kubernetes 1.34 the API
    server drops ``maxUnavailable`` and doesn't look at it (MaxUnavailableStatefulSet in
    pkg/features/kube_features.go): so what later ones refuse, such as 0, is the default here.
    """
    strategy = spec.some("updateStrategy")
    kind = strategy.text("type", "RollingUpdate")
    if kind == "OnDelete":
        if "rollingUpdate" in strategy:
            rule = "only allowed for updateStrategy 'RollingUpdate'"
            raise (strategy / "rollingUpdate").invalid("", rule)
        return None
    if kind != "RollingUpdate":
        raise (strategy / "type").invalid(kind, "must be 'RollingUpdate' or 'OnDelete'")
    update = strategy.some("rollingUpdate")
    not_negative(update, "partition")
    down = amount(update.port("maxUnavailable", 1)) or Amount(1, percent=False)
    return RollingUpdate(0, max(down.of(replicas, round_up=False), 1))


def _amount(update: Fields, name: str, default: int | str) -> Amount:
    """Return a number or a percentage (ValidatePositiveIntOrPercent)."""
    found = update.port(name, default)
    if isinstance(found, int):
        not_negative(update, name)
        return Amount(found, percent=False)
    problem = _names.percent(found)
    if problem is not None:
        raise (update / name).invalid(found, problem)
    return percentage(found)


def _at_most_all(update: Fields, name: str, found: Amount) -> None:
    """Refuse more than all of them (IsNotMoreThan100Percent)."""
    if found.percent and found.value > 100:  # noqa: PLR2004  # percent
        raise (update / name).invalid(update.port(name), "must not be greater than 100%")
