"""Numbers of pods that may be percentages: ``maxUnavailable: 1``, ``minAvailable: 50%``.

The surprising fact: who rounds which way depends on the field. A disruption budget rounds both of
its fields up (kubernetes 1.36 pkg/controller/disruption/disruption.go,
getExpectedPodCount); a rollout rounds its surge up and what may be unavailable down
(pkg/controller/deployment/util/deployment_util.go, ResolveFenceposts).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from healthkit.manifests import _names
from healthkit.manifests._spec import RollingUpdate

if TYPE_CHECKING:
    from healthkit.manifests._scalars import Value

#: More digits than any percentage of sense has, and fewer than Python refuses to read.
_DIGITS: Final = 18


@dataclass(frozen=True, slots=True)
class Amount:
    """A number of pods, or a percentage of them."""

    value: int
    percent: bool

    def of(self, pods: int, *, round_up: bool) -> int:
        """Return the number of pods (intstr.GetScaledValueFromIntOrPercent)."""
        if not self.percent:
            return self.value
        return -(-self.value * pods // 100) if round_up else self.value * pods // 100


def percentage(text: str) -> Amount:
    """Return a percentage that the API server admits, such as ``25%``."""
    return Amount(int(text[:-1][:_DIGITS]), percent=True)


def amount(found: Value) -> Amount | None:
    """Return a number from 0, or a percentage; None for all else."""
    if isinstance(found, str):
        return percentage(found) if _names.percent(found) is None else None
    if isinstance(found, bool) or found is None or not math.isfinite(found):
        return None
    if found < 0 or found != int(found):
        return None
    return Amount(int(found), percent=False)


def rolling(down: Amount, up: Amount, replicas: int) -> RollingUpdate:
    """Resolve a Deployment's ``maxUnavailable`` and ``maxSurge`` (ResolveFenceposts)."""
    surge, unavailable = up.of(replicas, round_up=True), down.of(replicas, round_up=False)
    if not surge and not unavailable:
        unavailable = 1  # so that a rollout can go on at all
    return RollingUpdate(surge, min(unavailable, replicas))
