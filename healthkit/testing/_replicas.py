"""A ReplicaSet: so many pods of one template, made and deleted until that is so.

It plays pkg/controller/replicaset/replica_set.go of Kubernetes 1.36, and of
pkg/controller/controller_utils.go which pods go first: those that are pending, those that are not
ready, then those that got ready last. Where it differs:

1. There is one node, no deletion cost, and no slow start (really 1, 2, 4, ... pods are made).
2. The real one compares how long pods have been ready by the power of two, and then by chance.
3. A pod whose node is lost is replaced when it is deleted, and nothing here deletes it.

Each event costs the same, however many pods there are: nothing here looks at all of them.
"""

from __future__ import annotations

from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from healthkit.testing._clock import Clock, Timer
    from healthkit.testing._events import Event
    from healthkit.testing._played import Pod
    from healthkit.testing._template import Template

#: From what it sees to what it does, in seconds. Less than `_controller.ACTS`: what a Deployment
#: takes away is gone before it gives to another ReplicaSet, so that no pod is too many between.
ACTS: Final = 0.01

#: From a pod's creation to its admission by the kubelet: it is bound to a node, and seen there.
SCHEDULING: Final = 0.05

#: Seconds over which the admissions of pods are spread. They follow the golden ratio: evenly, and
#: no two at the same phase.
SPREAD: Final = 1.0
_GOLDEN: Final = 0.618033988749895

#: Phases of a pod that has ended.
_ENDED: Final = frozenset({"Succeeded", "Failed"})


class ReplicaSet:
    """The pods of one template. Made by a Deployment, for which it counts."""

    def __init__(  # noqa: PLR0913  # what it is made of, by name
        self,
        name: str,
        template: Template,
        clock: Clock,
        *,
        make: Callable[[Template, str, float], Pod],
        changed: Callable[[], object],
        min_ready: int,
    ) -> None:
        """Make one that wants no pod yet.

        Args:
            name: the Deployment's name and the template's hash.
            template: what pods are made of.
            clock: the time.
            make: makes a pod of it that has a name and is admitted at a moment.
            changed: told of each change of what is counted here.
            min_ready: seconds that a pod is ready before it is available.
        """
        self.name = name
        self.template = template
        #: How many pods there are to be.
        self.desired = 0
        self._clock = clock
        self._make = make
        self._changed = changed
        self._min_ready = min_ready
        #: How many have been made.
        self._made = 0
        #: The active pods, with their number: those that are not ready, and those that are, in the
        #: order in which they got so.
        self._waiting: dict[Pod, int] = {}
        self._ready: dict[Pod, int] = {}
        self._available: set[Pod] = set()
        #: When a pod will have been ready for long enough.
        self._soon: dict[Pod, Timer] = {}
        #: Those that were deleted and have not ended.
        self._ending: dict[Pod, None] = {}
        self._due: Timer | None = None
        self._over = False

    def __repr__(self) -> str:
        counts = f"{self.replicas} of {self.desired} pods, {self.available} available"
        return f"<ReplicaSet {self.name}: {counts}>"

    @property
    def replicas(self) -> int:
        """How many active pods there are: neither terminating nor ended."""
        return len(self._waiting) + len(self._ready)

    @property
    def ready(self) -> int:
        """How many of them are ready."""
        return len(self._ready)

    @property
    def available(self) -> int:
        """How many of them are available."""
        return len(self._available)

    @property
    def ending(self) -> int:
        """How many pods were deleted and have not ended."""
        return len(self._ending)

    @property
    def pods(self) -> list[Pod]:
        """The active pods, and behind them those that are ending."""
        return [*self._ready, *self._waiting, *self._ending]

    def scale(self, desired: int) -> None:
        """Have so many pods, a moment later."""
        self.desired = desired
        self._wake()

    def release(self) -> None:
        """Make and delete no more pods; those that are there live on."""
        self._over = True
        if self._due is not None:
            self._due.cancel()

    def delete_pods(self) -> None:
        """Delete all pods, and make no more."""
        self.release()
        for pod in [*self._waiting, *self._ready]:
            pod.delete_now()

    def _wake(self) -> None:
        if self._due is None and not self._over:
            self._due = self._clock.call_at(self._clock.now() + ACTS, self._sync)

    def _sync(self) -> None:
        self._due = None
        missing = self.desired - self.replicas
        for _ in range(missing):
            self._create()
        for pod in self._first_to_go(-missing):
            pod.delete_now()
        self._changed()

    def _create(self) -> None:
        self._made += 1
        spread = SPREAD * (self._made * _GOLDEN % 1)
        name = f"{self.name}-{self.template.suffix(self._made)}"
        pod = self._make(self.template, name, self._clock.now() + SCHEDULING + spread)
        self._waiting[pod] = self._made
        pod.watch(partial(self._seen, pod))
        pod.watch_deletion(partial(self._deleted, pod))

    def _first_to_go(self, count: int) -> list[Pod]:
        """Return the pods that are the least loss."""
        if count <= 0:
            return []
        if count >= self.replicas:
            return [*self._waiting, *self._ready]
        waiting = sorted(self._waiting, key=self._loss)[:count]
        latest = islice(reversed(self._ready), count - len(waiting))
        return [*waiting, *latest]

    def _loss(self, pod: Pod) -> tuple[bool, int, int]:
        """Order pods that are not ready: pending first, then by restarts, the newest first."""
        return (pod.phase != "Pending", -pod.restarts, -self._waiting[pod])

    # What is seen of a pod.

    def _seen(self, pod: Pod, event: Event) -> None:
        name = event.name
        if name == "ready":
            self._judge(pod, ready=bool(event.details["value"]))
        elif name == "deleted" or (name == "phase" and event.details["value"] in _ENDED):
            self._ended(pod)

    def _judge(self, pod: Pod, *, ready: bool) -> None:
        """Count a pod as ready, or not any more; one that is ending counts as neither."""
        if ready and pod in self._waiting:
            self._ready[pod] = self._waiting.pop(pod)
            self._await_available(pod)
        elif not ready and pod in self._ready:
            self._waiting[pod] = self._ready.pop(pod)
            self._not_available(pod)
        self._changed()

    def _await_available(self, pod: Pod) -> None:
        if self._min_ready == 0:
            self._available.add(pod)
            return
        when = self._clock.now() + self._min_ready
        self._soon[pod] = self._clock.call_at(when, partial(self._now_available, pod))

    def _now_available(self, pod: Pod) -> None:
        del self._soon[pod]
        self._available.add(pod)
        self._changed()

    def _not_available(self, pod: Pod) -> None:
        self._available.discard(pod)
        if pod in self._soon:
            self._soon.pop(pod).cancel()

    def _deleted(self, pod: Pod) -> None:
        """See that somebody has deleted it; it is replaced while it is still ending."""
        if self._remove(pod):
            self._ending[pod] = None
            self._wake()

    def _ended(self, pod: Pod) -> None:
        """See that it has come to its end: by a deletion, or by its restart policy."""
        if self._remove(pod):
            self._wake()
        self._ending.pop(pod, None)
        self._changed()

    def _remove(self, pod: Pod) -> bool:
        """Let an active pod count no more; whether it was one."""
        self._not_available(pod)
        active = self._waiting if pod in self._waiting else self._ready
        return active.pop(pod, None) is not None
