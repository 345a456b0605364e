"""How a container is stopped: the hook, SIGTERM, and SIGKILL when the grace period is over.

The same for a deletion and for a kill by a probe (pkg/kubelet/kuberuntime/kuberuntime_container.go,
killContainer). The hook counts against the grace period. One that takes longer is not stopped:
SIGTERM is sent beside it, and at least 2 s follow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from healthkit.manifests._spec import Exec, HttpGet, Sleep
from healthkit.testing import _prober, _rules

if TYPE_CHECKING:
    from collections.abc import Callable

    from healthkit.manifests._spec import Container
    from healthkit.testing._clock import Clock, Timer
    from healthkit.testing._process import Answer, Process

#: What the pod's event says of a hook that failed, and when it says so of one that was too slow:
#: seconds after the end of the container.
FAILED_HOOK: Final = "FailedPreStopHook"
_MESSAGE: Final = "PreStopHook failed"
_NOTED: Final = 0.1

#: Errors of a hook's request by which it never arrived.
_NOT_DELIVERED: Final = frozenset({"refused", "eof", "reset"})


class Stopping:
    """One stop of one container, from its beginning to the end of the process."""

    def __init__(
        self,
        process: Process,
        container: Container,
        grace: int,
        clock: Clock,
        emit: Callable[..., object],
    ) -> None:
        """Make one that has not begun.

        Args:
            process: what is to end.
            container: its hook.
            grace: in seconds, for all of it.
            clock: the time.
            emit: called with the name and the details of each event.
        """
        self._process = process
        self._container = container
        self._grace = grace
        self._clock = clock
        self._emit = emit
        self._began = 0.0
        self._timers: list[Timer] = []
        #: Whether the hook is still under way, in the container.
        self._hooked = False
        self._late = False
        self._sigterm_sent = False
        self._over = False

    def __repr__(self) -> str:
        state = "over" if self._over else "SIGTERM" if self._sigterm_sent else "preStop"
        return f"<Stopping {self._container.name}: {state}>"

    def begin(self) -> None:
        """Run the hook, if there is one; else send SIGTERM."""
        self._began = self._clock.now()
        hook = self._container.pre_stop
        if hook is None or self._grace <= 0:
            self._sigterm()
            return
        self._hooked = True
        self._timers.append(self._clock.call_at(self._began + self._grace, self._too_late))
        if isinstance(hook, Sleep):
            self._timers.append(self._clock.call_at(self._began + hook.seconds, self._hook_ended))
        elif isinstance(hook, Exec):
            self._emit("prestop_begin")
            self._process.execute(hook.command, self._command_ended)
        elif isinstance(hook, HttpGet):
            self._ask(hook)
        else:
            self._hook_failed()  # a TCP hook does nothing (pkg/kubelet/lifecycle/handlers.go)

    def ended(self) -> None:
        """Note that the process is gone, by whatever cause."""
        self._over = True
        for timer in self._timers:
            timer.cancel()
        if self._late:
            self._clock.call_at(self._clock.now() + _NOTED, self._note_failure)

    def _ask(self, hook: HttpGet) -> None:
        try:
            port = _prober.port_of(hook, self._container)
        except _prober.PortError:
            self._hook_failed()
            return
        if not self._process.listens(port):
            self._hook_failed()
            return
        self._emit("prestop_begin")
        self._process.request(_prober.hook_request(hook, port), None, self._answered)

    def _answered(self, answer: Answer) -> None:
        """Take any status as the hook's success; what is not delivered is its failure."""
        if self._over:
            return
        if answer.error in _NOT_DELIVERED:
            self._hook_failed()
        else:
            self._emit("prestop_end")
            self._hook_ended()

    def _command_ended(self, code: int, _output: str) -> None:
        if self._over:
            return
        self._emit("prestop_end")
        if code == 0:
            self._hook_ended()
        else:
            self._hook_failed()

    def _hook_ended(self) -> None:
        self._hooked = False
        if not self._late:
            self._sigterm()

    def _hook_failed(self) -> None:
        if not self._late:
            self._note_failure()
        self._hook_ended()

    def _too_late(self) -> None:
        self._late = self._hooked
        if self._late:
            self._sigterm()

    def _note_failure(self) -> None:
        self._emit("event", reason=FAILED_HOOK, message=_MESSAGE)

    def _sigterm(self) -> None:
        took = self._clock.now() - self._began
        left = _rules.left_for_sigterm(self._grace, took)
        self._sigterm_sent = True
        self._emit("sigterm")
        self._timers.append(self._clock.call_at(self._clock.now() + left, self._process.sigkill))
        self._process.sigterm()
