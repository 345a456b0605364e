"""How a container is stopped: the hook, SIGTERM, and SIGKILL when the grace period is over.

The same for a deletion and for a kill by a probe (pkg/kubelet/kuberuntime/kuberuntime_container.go,
killContainer and executePreStopHook). The hook counts against the grace period. One that takes
longer is not stopped: SIGTERM is sent beside it, and at least 2 s follow.

The surprising fact: a process that ends during a ``sleep`` hook does not end the stop. The kubelet
sleeps on, and only then sees that there is nothing left to end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from healthkit import timing
from healthkit.manifests._spec import Exec, HttpGet, Sleep
from healthkit.testing import _requests

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

    def __init__(  # noqa: PLR0913  # two are told
        self,
        process: Process,
        container: Container,
        grace: int,
        clock: Clock,
        *,
        emit: Callable[..., object],
        done: Callable[[], object],
    ) -> None:
        """Make one that has not begun.

        Args:
            process: what is to end.
            container: its hook.
            grace: in seconds, for all of it.
            clock: the time.
            emit: called with the name and the details of each event.
            done: called once, when the process has ended and the kubelet goes on.
        """
        self._process = process
        self._container = container
        self._grace = grace
        self._clock = clock
        self._emit = emit
        self._done = done
        self._began = 0.0
        self._timers: list[Timer] = []
        #: Whether the hook is still under way; whether SIGTERM has come, and whether it is over.
        self._hooked = False
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
        self._call_after(self._grace, self._sigterm)
        if isinstance(hook, Sleep):
            self._call_after(hook.seconds, self._hook_ended)
        elif isinstance(hook, Exec):
            self._emit("prestop_begin")
            self._process.execute(hook.command, self._command_ended)
        elif isinstance(hook, HttpGet):
            self._ask(hook)
        else:
            self._hook_failed()  # a TCP hook is none (pkg/kubelet/lifecycle/handlers.go, Run)

    def ended(self) -> None:
        """Note that the process is gone, by whatever cause."""
        self._over = True
        if self._sleeps():
            return
        for timer in self._timers:
            timer.cancel()
        if self._hooked and not isinstance(self._container.pre_stop, Sleep):
            self._clock.call_at(self._clock.now() + _NOTED, self._note_failure)
        self._done()

    def _sleeps(self) -> bool:
        """Whether the kubelet itself waits for the hook, not for anything in the container."""
        sleep = isinstance(self._container.pre_stop, Sleep)
        return sleep and self._hooked and not self._sigterm_sent

    def _ask(self, hook: HttpGet) -> None:
        try:
            port = _requests.port_of(hook, self._container)
        except _requests.PortError:
            self._hook_failed()
            return
        if not self._process.listens(port):
            self._hook_failed()
            return
        self._emit("prestop_begin")
        self._process.request(_requests.hook_request(hook, port), None, self._answered)

    def _answered(self, answer: Answer) -> None:
        """Take any status as the hook's success; what is not delivered is its failure.

        A failure counts in the next callback: a process that dies may tell so after its answer.
        """
        if self._over:
            return
        if answer.error in _NOT_DELIVERED:
            self._call_after(0, self._hook_failed)
        else:
            self._emit("prestop_end")
            self._hook_ended()

    def _command_ended(self, code: int, _output: str) -> None:
        if self._over:
            return
        if code == 0:
            self._emit("prestop_end")
            self._hook_ended()
        else:
            self._call_after(0, self._command_failed)

    def _command_failed(self) -> None:
        self._emit("prestop_end")
        self._hook_failed()

    def _hook_failed(self) -> None:
        self._note_failure()
        self._hook_ended()

    def _hook_ended(self) -> None:
        self._hooked = False
        self._sigterm()

    def _note_failure(self) -> None:
        self._emit("event", reason=FAILED_HOOK, message=_MESSAGE)

    def _sigterm(self) -> None:
        """Send SIGTERM, once: at the hook's end or at that of the grace period."""
        if self._sigterm_sent:
            return
        self._sigterm_sent = True
        if self._over:
            self.ended()
            return
        left = timing.left_for_sigterm(self._grace, self._clock.now() - self._began)
        self._emit("sigterm")
        self._call_after(left, self._process.sigkill)
        self._process.sigterm()

    def _call_after(self, seconds: float, callback: Callable[[], object]) -> None:
        self._timers.append(self._clock.call_at(self._clock.now() + seconds, callback))
