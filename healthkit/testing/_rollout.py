"""A rollout's arithmetic: how many pods of which version, when it has failed, how it is told.

Pure rules of the deployment controller of Kubernetes 1.36: pkg/controller/deployment/rolling.go and
sync.go (how many), progress.go and util/deployment_util.go (conditions), and of kubectl's
pkg/polymorphichelpers/rollout_status.go (the text). Pods that are terminating are in no number.

The surprising fact: `maxUnavailable` lets old pods go that are *not* available before anything
else, so a broken version is replaced at once, and a broken new one stops the rollout.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from healthkit.manifests._spec import RollingUpdate

#: Reasons of the condition Progressing.
NEW_REPLICA_SET: Final = "NewReplicaSetCreated"
UPDATED: Final = "ReplicaSetUpdated"
AVAILABLE: Final = "NewReplicaSetAvailable"
EXCEEDED: Final = "ProgressDeadlineExceeded"

#: What `progressDeadlineSeconds` is when there is no deadline: the greatest int32.
NO_DEADLINE: Final = 2_147_483_647


class Size(NamedTuple):
    """One ReplicaSet: how many pods it is to have, and how many of those it has are available."""

    desired: int
    available: int


class Counts(NamedTuple):
    """A Deployment's status in numbers."""

    replicas: int = 0
    #: Pods of the newest template.
    updated: int = 0
    ready: int = 0
    available: int = 0


class Condition(NamedTuple):
    """One of a Deployment's conditions."""

    status: Literal["True", "False"]
    reason: str
    message: str = ""
    #: When it was last renewed, in seconds from the simulation's beginning.
    updated: float = 0.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How many pods there are to be, and how the way there may look."""

    replicas: int
    #: None is Recreate.
    rolling: RollingUpdate | None

    @property
    def most(self) -> int:
        """How many pods there may be."""
        return self.replicas + (self.rolling.max_surge if self.rolling else 0)

    @property
    def least(self) -> int:
        """How many pods have to be available."""
        return max(0, self.replicas - (self.rolling.max_unavailable if self.rolling else 0))


def new_size(plan: Plan, new: int, total: int) -> int:
    """Return how many pods the new ReplicaSet is to have next.

    Args:
        plan: where it goes.
        new: how many it is to have now.
        total: how many all ReplicaSets are to have now.
    """
    if plan.rolling is None:
        return plan.replicas
    room = max(0, plan.most - total)
    return min(plan.replicas, new + room)


def old_sizes(plan: Plan, old: Sequence[Size], new: Size) -> list[int]:
    """Return how many pods each old ReplicaSet is to have next, the oldest first.

    What is not available goes first, as long as new pods that aren't available yet are made up for
    (cleanupUnhealthyReplicas); then what is available, down to the least that has to be.
    """
    total = sum(size.desired for size in old) + new.desired
    spare = total - plan.least - (new.desired - new.available)
    if spare <= 0:
        return [size.desired for size in old]
    unhealthy = _taken([size.desired - size.available for size in old], spare)
    left = [size.desired - taken for size, taken in zip(old, unhealthy, strict=True)]
    available = sum(size.available for size in old) + new.available
    healthy = _taken(left, max(0, available - plan.least))
    return [size - taken for size, taken in zip(left, healthy, strict=True)]


def _taken(sizes: Sequence[int], most: int) -> list[int]:
    """Return how many are taken of each, the first one first, until there are so many."""
    taken: list[int] = []
    for size in sizes:
        taken.append(min(size, most - sum(taken)))
    return taken


def spread_sizes(plan: Plan, most_before: int, sizes: Sequence[int]) -> list[int]:
    """Return how many pods each ReplicaSet is to have when the replicas change during a rollout.

    Each one gets its share of what is added or taken away, the greatest one also what is left over
    by rounding (deployment_util.go, GetReplicaSetProportion).

    Args:
        plan: with the new number of replicas.
        most_before: how many pods there might be before.
        sizes: those that have any, the oldest first.
    """
    most = plan.most if plan.replicas else 0
    change = most - sum(sizes)
    newer = 1 if change > 0 else -1  # of two of one size the newer one grows, the older one shrinks
    order = sorted(range(len(sizes)), key=lambda index: (-sizes[index], -newer * index))
    spread, left = list(sizes), change
    for index in order:
        share = _rounded(sizes[index] * most, most_before) - sizes[index]
        share = min(share, left) if change > 0 else max(share, left)
        spread[index] += share
        left -= share
    spread[order[0]] = max(0, spread[order[0]] + left)
    return spread


def _rounded(dividend: int, divisor: int) -> int:
    """Return the nearest whole number, a half rounded up."""
    return (2 * dividend + divisor) // (2 * divisor)


def is_complete(plan: Plan, counts: Counts) -> bool:
    """Whether there is nothing left to do: all pods are new, and available."""
    return counts.replicas == counts.updated == counts.available == plan.replicas


def has_progressed(before: Counts, after: Counts) -> bool:
    """Whether something got better: more new pods, fewer old ones, more ready or available ones."""
    fewer_old = after.replicas - after.updated < before.replicas - before.updated
    return (
        fewer_old
        or after.updated > before.updated
        or after.ready > before.ready
        or after.available > before.available
    )


def progressing(  # noqa: PLR0913  # what the controller compares
    condition: Condition | None,
    plan: Plan,
    before: Counts,
    after: Counts,
    *,
    deadline: int,
    now: float,
) -> Condition | None:
    """Return the condition Progressing (progress.go, syncRolloutStatus). None: no deadline.

    Once a rollout is complete it stays so until the template changes, whatever becomes of its pods.
    """
    if condition is None or deadline >= NO_DEADLINE:
        return None
    if condition.reason == AVAILABLE and after.replicas == after.updated:
        return condition
    if is_complete(plan, after):
        return Condition("True", AVAILABLE, "ReplicaSet has successfully progressed.", now)
    if has_progressed(before, after):
        return Condition("True", UPDATED, "ReplicaSet is progressing.", now)
    if condition.reason not in {AVAILABLE, EXCEEDED} and condition.updated + deadline < now:
        return Condition("False", EXCEEDED, "ReplicaSet has timed out progressing.", now)
    return condition


def available(plan: Plan, counts: Counts, before: Condition | None, now: float) -> Condition:
    """Return the condition Available: whether as many pods are available as have to be."""
    enough = counts.available >= plan.least
    reason = "MinimumReplicasAvailable" if enough else "MinimumReplicasUnavailable"
    if before is not None and before.reason == reason:
        return before
    has = "has" if enough else "does not have"
    message = f"Deployment {has} minimum availability."
    return Condition("True" if enough else "False", reason, message, now)


def told(name: str, plan: Plan, counts: Counts, condition: Condition | None) -> str:
    """Return what ``kubectl rollout status`` says."""
    if condition is not None and condition.reason == EXCEEDED:
        return f'error: deployment "{name}" exceeded its progress deadline'
    waits = f'Waiting for deployment "{name}" rollout to finish: '
    old = counts.replicas - counts.updated
    if counts.updated < plan.replicas:
        return f"{waits}{counts.updated} out of {plan.replicas} new replicas have been updated..."
    if old > 0:
        return f"{waits}{old} old replicas are pending termination..."
    if counts.available < counts.updated:
        of = f"{counts.available} of {counts.updated}"
        return f"{waits}{of} updated replicas are available..."
    return f'deployment "{name}" successfully rolled out'
