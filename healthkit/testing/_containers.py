"""The containers of a pod's life, one after the other: their starts, ends and restarts.

When the next one starts is decided in `_restarts`, how one is stopped in `_stopping`; why, and what
follows for the pod, is `_pod`'s.

The surprising fact: a container that has ended by itself runs on in the pod's status until the
kubelet has looked, which it does every second.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Protocol

from healthkit.testing import _rules
from healthkit.testing._restarts import Restarts
from healthkit.testing._status import terminated, waiting
from healthkit.testing._stopping import Stopping

if TYPE_CHECKING:
    from healthkit.manifests._spec import PodSpec
    from healthkit.testing._clock import Clock, Timer
    from healthkit.testing._process import App
    from healthkit.testing._restarts import Restart
    from healthkit.testing._rules import Pace
    from healthkit.testing._status import Status


class Owner(Protocol):
    """The pod: whom its containers tell."""

    def container_started(self) -> None:
        """Hear that a container runs."""
        ...

    def container_exited(self) -> None:
        """Hear that its process is gone."""
        ...

    def container_stopped(self) -> None:
        """Hear that the stop that was asked for is over."""
        ...

    def container_waits(self) -> None:
        """Hear that nothing happens for some seconds: a back-off."""
        ...

    def completed(self) -> None:
        """Hear that there will be no other container."""
        ...


class Containers:
    """The one container of a pod that is played, in all its lives."""

    def __init__(
        self, spec: PodSpec, status: Status, clock: Clock, pace: Pace, owner: Owner
    ) -> None:
        """Make none yet.

        Args:
            spec: the pod's.
            status: told of each start and each end.
            clock: the time.
            pace: when they start, if that is known.
            owner: told what it has to do something about.
        """
        self._spec = spec
        self._status = status
        self._clock = clock
        self._pace = pace
        self._owner = owner
        self._app: App
        self._restarts = Restarts(spec.restart_policy)
        self._alive = False
        self._closed = False
        self._stopping: Stopping | None = None
        #: The next start, if one is due; whether nothing stops it any more.
        self._start: Timer | None = None
        self._starting = False

    def __repr__(self) -> str:
        state = "alive" if self._alive else "starting" if self._starting else "none"
        return f"<Containers {self._status.number} so far, {state}>"

    @property
    def alive(self) -> bool:
        """Whether there is a process now."""
        return self._alive

    @property
    def stopping(self) -> bool:
        """Whether a stop is under way."""
        return self._stopping is not None

    @property
    def busy(self) -> bool:
        """Whether the kubelet is at something that even a deletion waits for.

        A stop, and the start that follows it, are parts of one sync, which nothing interrupts
        (pkg/kubelet/kubelet.go, SyncPod); so is the first start.
        """
        return self._starting or self.stopping

    @property
    def code(self) -> int:
        """The last exit code. A container that never was counts as one that failed."""
        return self._restarts.code if self._status.number else _rules.NEVER_WAS

    def begin(self, app: App) -> None:
        """Have the first one started."""
        self._app = app
        self._start_at(self._clock.now() + _rules.STARTING, sure=True)

    def restart(self) -> None:
        """Start another one, after a stop."""
        self._follow(self._restarts.after_kill(self._clock.now()))

    def stop(self, grace: int) -> None:
        """Stop the one that runs: the hook, SIGTERM, SIGKILL, in so many seconds."""
        container, emit = self._spec.containers[0], self._status.emit
        process = self._status.process
        self._stopping = Stopping(
            process, container, grace, self._clock, emit=emit, done=self._stopped
        )
        self._stopping.begin()

    def close(self) -> None:
        """Start no other one."""
        self._closed = True
        if self._start is not None:
            self._start.cancel()

    def kill(self) -> None:
        """End the one that runs, if there is one."""
        if self._alive:
            self._status.process.sigkill()

    def _start_at(self, earliest: float, *, sure: bool) -> None:
        """Have the next one started at the moment that the pace gives, or when it can be.

        `sure` says that nothing stops that any more.
        """
        when = self._pace.start(self._status.number + 1, earliest)
        if when < math.inf:
            self._starting = sure
            self._start = self._clock.call_at(when, self._start_now)

    def _start_now(self) -> None:
        self._start, self._starting, self._alive = None, False, True
        number = self._status.number + 1
        self._restarts.started(number)
        self._status.emit("container_started", n=number)
        process = self._app.start(self._clock, partial(self._exit_soon, number))
        shown = self._pace.shown_start(number, self._clock.now())
        self._status.container_started(number, process, shown)
        self._owner.container_started()

    def _exit_soon(self, number: int, code: int) -> None:
        """Hear that the process has ended, by whatever cause: maybe before it is known at all."""
        if number == self._status.number:
            self._exited(code)
        else:
            self._clock.call_at(self._clock.now(), partial(self._exited, code))

    def _exited(self, code: int) -> None:
        self._alive = False
        self._restarts.ended(code, self._clock.now())
        seen = {} if self._status.deleted else {"code": code}
        self._status.emit("exit", **seen)
        self._owner.container_exited()
        if self._stopping is None:
            self._clock.call_at(self._looked(), self._notice)
        else:
            self._stopping.ended()

    def _stopped(self) -> None:
        self._stopping = None
        self._owner.container_stopped()

    def _looked(self) -> float:
        """Return when the kubelet sees that a container has ended by itself."""
        now = self._clock.now()
        look = self._pace.relist(now)
        given = self._pace.start(self._status.number + 1, math.inf) - _rules.NOTICED
        return max(given, now) if given <= look + _rules.RELIST else look

    def _notice(self) -> None:
        if not self._closed:
            self._status.container_ended(terminated(self._restarts.code))
            self._follow(self._restarts.after_exit(self._clock.now()))

    def _follow(self, decided: Restart | None) -> None:
        """Start the container again: at once, later, or never."""
        if decided is None:
            self._owner.completed()
        elif decided.announced is None:
            self._start_at(decided.at, sure=True)
        else:
            held_off = partial(self._hold_off, decided.announced)
            self._clock.call_at(self._pace.relist(self._clock.now()), held_off)
            self._start_at(decided.at, sure=False)
            self._owner.container_waits()

    def _hold_off(self, seconds: int) -> None:
        if not self._alive and not self._closed:
            self._status.emit("backoff", seconds=seconds)
            self._status.container_ended(waiting("CrashLoopBackOff"))
