"""The kubelet's arithmetic: pure rules with the numbers that a real one was measured with.

Owns grace periods, restart back-off, the moments of ticks and relists, and how long what the
kubelet does takes. Sources are files of Kubernetes 1.36; the times were measured on one node of it,
and are the medians. Times are in seconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from healthkit.manifests._spec import ProbeKind, RestartPolicy

#: From admission, when the probes' tickers start, to the running container (0.4 to 0.8).
STARTING: Final = 0.5

#: From the end of a container to the running of the next one, without back-off (0.3 to 0.5); and
#: how long before that the kubelet notices an end that it has not caused.
RESTARTING: Final = 0.4
NOTICED: Final = 0.3

#: How often the kubelet asks the runtime what containers there are (pkg/kubelet/kubelet.go,
#: genericPlegRelistPeriod), and how long after an admission that is. It may be any time; so the
#: next one comes 0.4 s after the container has started.
RELIST: Final = 1.0
RELIST_PHASE: Final = 0.9

#: From an answer to its consequence. More than nothing: probes that are due at one moment see the
#: state from before any of their results.
SETTLING: Final = 0.002

#: From the end of the last container to the last status, by which the EndpointSlice entry goes
#: (0.25 to 0.9), and to the end of the Pod object (0.5 to 1.7).
LAST_STATUS: Final = 0.3
DELETED: Final = 0.5

#: From a forced DELETE to the end of the object, and of the endpoint.
FORCED_DELETED: Final = 0.02
FORCED_WITHDRAWN: Final = 0.05

#: The exit code that is made up for a container that could not be found at the end of its pod
#: (pkg/kubelet/status/status_manager.go, TerminatePod).
NEVER_WAS: Final = 137

#: Back-off of restarts: first, longest (pkg/kubelet/kubelet.go, backOffPeriod and
#: MaxCrashLoopBackOff), and how much later than that the kubelet looks again: 1 to 1.5 times.
FIRST_BACKOFF: Final = 10.0
LONGEST_BACKOFF: Final = 300.0
LOOKS_AGAIN: Final = 1.25

#: After how long a back-off that has not grown is that of a first restart: twice the longest.
FORGIVEN: Final = 2 * LONGEST_BACKOFF

#: Attempts of one probe whose diagnosis breaks (pkg/kubelet/prober/prober.go, maxProbeRetries).
ATTEMPTS: Final = 3

#: How far apart two ticks may be and still be one moment.
ONE_MOMENT: Final = 0.001


@dataclass(frozen=True, slots=True)
class Sync:
    """One status sync of the kubelet, as a recording gives it."""

    at: float
    #: False: the container was not known yet; only the readiness ticker began anew.
    asks: bool = True


@dataclass(frozen=True, slots=True)
class Pace:
    """When things happen that are no matter of the kubelet's rules: chance, and the runtime.

    All is from the simulation's beginning. A recording fills everything in; otherwise the moments
    are the usual ones, and the same in each run.
    """

    #: When the pod is admitted.
    admitted: float = 0.0
    #: One tick of each probe; the others are whole periods away. Else `admitted` is one.
    phases: Mapping[ProbeKind, float] | None = None
    #: When each container starts, the first one first. Else as soon as the rules allow.
    starts: tuple[float, ...] = ()
    #: What the API shows as their `startedAt`. Else the start, cut to the whole second.
    started_at: tuple[float, ...] = ()
    #: The status syncs, in place of the rule for them.
    syncs: tuple[Sync, ...] | None = None

    def phase(self, kind: ProbeKind) -> float:
        """Return one moment at which a probe's ticker ticks."""
        return (self.phases or {}).get(kind, self.admitted)

    def start(self, number: int, earliest: float) -> float:
        """Return when the n-th container (from 1) runs, which could run at `earliest`."""
        if number <= len(self.starts):
            return self.starts[number - 1]
        return math.inf if self.starts else earliest

    def shown_start(self, number: int, start: float) -> float:
        """Return the start that delays are counted from: the API's times are whole seconds."""
        if number <= len(self.started_at):
            return self.started_at[number - 1]
        return float(math.floor(start))

    def relist(self, after: float) -> float:
        """Return the first moment after another at which the kubelet sees what containers do."""
        phase = self.admitted + RELIST_PHASE
        return phase + turn_after(phase, RELIST, after) * RELIST

    def relisted_since(self, then: float, now: float) -> bool:
        """Whether it has looked between two moments."""
        return self.relist(then) <= now


def turn_after(phase: float, period: float, after: float) -> int:
    """Return the least n for which ``phase + n * period`` is later than `after`."""
    turn = math.floor((after - phase) / period) + 1
    return turn if phase + turn * period - after > ONE_MOMENT else turn + 1


def restarts(policy: RestartPolicy, code: int) -> bool:
    """Whether a container that ended with an exit code is started again."""
    return policy == "Always" or (policy == "OnFailure" and code != 0)


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long the restart of a container waits (client-go util/flowcontrol/backoff.go).

    What counts is the newest container that has already ended when the kubelet decides. In a kill
    by a probe that is the one *before* the one that is being killed: so such restarts one and two
    come at once, where after a crash only the first one does.
    """

    #: Seconds; 0 before the first.
    duration: float = 0.0
    #: When it was last made longer.
    updated: float = 0.0

    def holds(self, finished: float | None, now: float) -> bool:
        """Whether a restart has to wait, with the newest end of a container at `finished`."""
        if finished is None or self.duration == 0 or self._is_over(now):
            return False
        return now - finished < self.duration - ONE_MOMENT

    def after_start(self, finished: float | None, now: float) -> Backoff:
        """Return the back-off that holds from a restart on."""
        if finished is None:
            return self
        if self.duration == 0 or self._is_over(now):
            return Backoff(FIRST_BACKOFF, now)
        return replace(self, duration=min(2 * self.duration, LONGEST_BACKOFF), updated=now)

    def looks_again(self, finished: float) -> float:
        """Return when the kubelet starts a container whose restart has to wait."""
        return finished + self.duration * LOOKS_AGAIN

    def _is_over(self, moment: float) -> bool:
        """Whether it has not grown for so long that it is forgotten, as it is every two seconds.

        pkg/kubelet/kubelet_pods.go, HandlePodCleanups. It is a container that has run well for
        ten minutes; or for five, and that waits for the longest back-off now.
        """
        return moment - self.updated > FORGIVEN
