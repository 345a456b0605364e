"""When the next container starts: at once, after a back-off, or never.

It holds what the kubelet remembers of a pod's containers that have ended. The restart itself is
`_pod`'s.

The surprising fact: a container that a probe has killed is started again whatever it said at its
end, unless the policy is Never; and the back-off that is looked at then is that of the container
before it (pkg/kubelet/kuberuntime/kuberuntime_manager.go, computePodActions and doBackOff).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from healthkit.testing import _rules
from healthkit.testing._rules import Backoff

if TYPE_CHECKING:
    from healthkit.manifests._spec import RestartPolicy


class Restart(NamedTuple):
    """What the kubelet decides."""

    #: The moment at which the next container can run.
    at: float
    #: The seconds of CrashLoopBackOff that are announced; None: it is started at once.
    announced: int | None = None


class Restarts:
    """What is known of the containers that have ended, and what follows for the next one."""

    def __init__(self, policy: RestartPolicy) -> None:
        self._policy: RestartPolicy = policy
        self._backoff = Backoff()
        #: When the newest container ended that the kubelet has in its list, and the very newest.
        self._listed: float | None = None
        self._ended = 0.0
        self._code = 0

    def __repr__(self) -> str:
        return f"<Restarts {self._policy}, back-off {self._backoff.duration:g} s>"

    @property
    def code(self) -> int:
        """The last exit code; 0 before the first."""
        return self._code

    def ended(self, code: int, now: float) -> None:
        """Note the end of a container."""
        self._code, self._ended = code, now

    def started(self, number: int) -> None:
        """Note the start of the n-th container, from 1: by then the end before it is known."""
        if number > 1:
            self._listed = self._ended

    def after_exit(self, now: float) -> Restart | None:
        """Decide after a container has ended by itself, and that was noticed; None: no restart."""
        self._listed = self._ended
        if not _rules.restarts(self._policy, self._code):
            return None
        return self._decide(now)

    def after_kill(self, now: float) -> Restart | None:
        """Decide after the kubelet has ended a container for one of its probes."""
        return None if self._policy == "Never" else self._decide(now)

    def _decide(self, now: float) -> Restart:
        backoff = self._backoff
        if not backoff.holds(self._listed, now):
            self._backoff = backoff.after_start(self._listed, now)
            return Restart(now + _rules.RESTARTING)
        again = backoff.looks_again(self._ended)
        self._backoff = backoff.after_start(self._ended, again)
        return Restart(again, int(backoff.duration))
