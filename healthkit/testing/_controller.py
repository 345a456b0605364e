"""The deployment controller: it looks at the pods of each version, and takes the next step.

Of Kubernetes 1.36, pkg/controller/deployment: rolling.go, recreate.go and sync.go. What a step is
stands in `_rollout`; what comes of it, in `_replicas`. A step is one thing: pods are added, or else
taken away, and what that leads to is looked at before the next one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from healthkit.testing import _rollout
from healthkit.testing._replicas import ReplicaSet
from healthkit.testing._rollout import Condition, Counts, Plan, Size

if TYPE_CHECKING:
    from collections.abc import Callable

    from healthkit.manifests._spec import Workload
    from healthkit.testing._clock import Clock, Timer
    from healthkit.testing._played import Pod
    from healthkit.testing._template import Template

#: From what the controller sees to what it does, in seconds. More than `_replicas.ACTS`, so that a
#: step has been taken before the next one is thought of.
ACTS: Final = 0.03

#: How much later than the progress deadline it looks, in seconds (progress.go,
#: requeueStuckDeployment).
LOOKS_AFTER: Final = 1.0


class Controller:
    """Steers the ReplicaSets of one Deployment."""

    def __init__(
        self,
        workload: Workload,
        template: Template,
        clock: Clock,
        make: Callable[[Template, str, float], Pod],
    ) -> None:
        """Begin; the first pods are made some milliseconds later.

        Args:
            workload: how many pods, and how they are replaced.
            template: the first version.
            clock: the time.
            make: makes a pod of a template that has a name and is admitted at a moment.
        """
        self._name = workload.name
        self._min_ready = workload.min_ready_seconds
        self._seconds = workload.progress_deadline_seconds
        self._clock = clock
        self._make = make
        self.plan = Plan(workload.replicas, workload.rolling_update)
        self.template = template
        #: In the order in which they were made.
        self.sets: list[ReplicaSet] = []
        self.counts = Counts()
        self.conditions: dict[str, Condition] = {}
        #: Whether the last change of what is wanted has been seen.
        self.observed = False
        #: How many pods there might be before the replicas were changed, until that is acted upon.
        self._most_before: int | None = None
        self._due: Timer | None = None
        self._deadline: Timer | None = None
        self._over = False
        self._wake()

    def __repr__(self) -> str:
        return f"<Controller of {self._name}: {self.counts}>"

    def roll_out(self, template: Template) -> None:
        """Want another version."""
        self.template = template
        self._want()

    def scale(self, replicas: int) -> None:
        """Want another number of pods."""
        if self._most_before is None:
            self._most_before = self.plan.most
        self.plan = replace(self.plan, replicas=replicas)
        self._want()

    def stop(self) -> None:
        """Do no more. Pods that are there live on."""
        self._over = True
        for replicas in self.sets:
            replicas.release()
        for timer in (self._due, self._deadline):
            if timer is not None:
                timer.cancel()

    def _want(self) -> None:
        self.observed = False
        self._wake()

    def _wake(self) -> None:
        if self._due is None and not self._over:
            self._due = self._clock.call_at(self._clock.now() + ACTS, self._sync)

    def _sync(self) -> None:
        """Take one step, and tell how things are."""
        self._due = None
        self.observed = True
        active = [one for one in self.sets if one.desired]
        if self._most_before is not None and active:
            self._spread(self._most_before, active)
            self._wake()  # the next step is another one
        elif self.plan.rolling is None:
            self._recreate()
        else:
            self._roll()
        self._most_before = None
        self._tell()

    # Steps.

    def _newest(self) -> ReplicaSet | None:
        """Return the ReplicaSet of the wanted version; one that was there before is used again."""
        return next((one for one in self.sets if one.template is self.template), None)

    def _old(self) -> list[ReplicaSet]:
        """Return the others that are to have pods, the oldest first."""
        return [one for one in self.sets if one.desired and one.template is not self.template]

    def _made(self) -> ReplicaSet:
        """Return the ReplicaSet of the wanted version, made if need be."""
        newest = self._newest()
        if newest is not None:
            return newest
        name = f"{self._name}-{self.template.hash}"
        newest = ReplicaSet(
            name,
            self.template,
            self._clock,
            make=self._make,
            changed=self._wake,
            min_ready=self._min_ready,
        )
        self.sets.append(newest)
        self._progressing(Condition("True", _rollout.NEW_REPLICA_SET, "", self._clock.now()))
        return newest

    def _roll(self) -> None:
        """Add pods of the new version; if there is no room for any, take old ones away."""
        newest, old = self._made(), self._old()
        total = newest.desired + sum(one.desired for one in old)
        size = _rollout.new_size(self.plan, newest.desired, total)
        if size != newest.desired:
            newest.scale(size)
            return
        sizes = _rollout.old_sizes(self.plan, [_size(one) for one in old], _size(newest))
        _resize(old, sizes)

    def _recreate(self) -> None:
        """Take all old pods away, and begin anew when the last one has ended."""
        old = self._old()
        if old:
            _resize(old, [0] * len(old))
            return
        others = [one for one in self.sets if one.template is not self.template]
        if not any(one.ending or one.replicas for one in others):
            _resize([self._made()], [self.plan.replicas])

    def _spread(self, most_before: int, active: list[ReplicaSet]) -> None:
        """Follow a change of the replicas (sync.go, scale): amid a rollout, by shares."""
        newest = self._newest()
        if len(active) == 1:
            _resize(active, [self.plan.replicas])
        elif newest is not None and self._is_saturated(newest):
            _resize(active, [one.desired if one is newest else 0 for one in active])
        else:
            sizes = [one.desired for one in active]
            _resize(active, _rollout.spread_sizes(self.plan, most_before, sizes))

    def _is_saturated(self, newest: ReplicaSet) -> bool:
        wanted = self.plan.replicas
        return newest.desired == wanted == newest.available

    # What is told.

    def _tell(self) -> None:
        before, self.counts = self.counts, self._counted()
        now, conditions = self._clock.now(), self.conditions
        conditions["Available"] = _rollout.available(
            self.plan, self.counts, conditions.get("Available"), now
        )
        progress = conditions.get("Progressing")
        self._progressing(
            _rollout.progressing(
                progress, self.plan, before, self.counts, deadline=self._seconds, now=now
            )
        )

    def _counted(self) -> Counts:
        newest = self._newest()
        return Counts(
            sum(one.replicas for one in self.sets),
            newest.replicas if newest is not None else 0,
            sum(one.ready for one in self.sets),
            sum(one.available for one in self.sets),
        )

    def _progressing(self, condition: Condition | None) -> None:
        """Take the condition over, and look again when its time is over."""
        if condition == self.conditions.get("Progressing"):
            return
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        if condition is None or self._seconds >= _rollout.NO_DEADLINE:
            self.conditions.pop("Progressing", None)
            return
        self.conditions["Progressing"] = condition
        if condition.reason in {_rollout.NEW_REPLICA_SET, _rollout.UPDATED}:
            when = condition.updated + self._seconds + LOOKS_AFTER
            self._deadline = self._clock.call_at(when, self._wake)


def _size(replicas: ReplicaSet) -> Size:
    return Size(replicas.desired, replicas.available)


def _resize(sets: list[ReplicaSet], sizes: list[int]) -> None:
    for replicas, size in zip(sets, sizes, strict=True):
        if size != replicas.desired:
            replicas.scale(size)
