"""A pod's life: what the kubelet makes of its container, its probes and its deletion.

It owns the order of things: containers start, end and start again, probes lead to kills, a deletion
to the end. What follows for the pod's status is in `_status`, when that is renewed in `_syncs`, how
a container is stopped in `_stopping`, and when and how a probe asks in `_worker` and `_prober`.

The first container of the pod is played. Others are taken to be well and ready all the time; init
containers take no time, and postStart hooks do nothing.

The surprising facts: a pod that liveness kills stays Ready, and in its Service, until the next
container runs; and a deletion that comes meanwhile waits for that one, to end it.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Final

from healthkit.testing import _rules
from healthkit.testing._events import Event
from healthkit.testing._prober import Prober
from healthkit.testing._rules import Backoff, Pace
from healthkit.testing._status import ContainerState, Status
from healthkit.testing._stopping import Stopping
from healthkit.testing._syncs import Syncs
from healthkit.testing._worker import Worker

if TYPE_CHECKING:
    from healthkit.manifests._spec import Container, PodSpec, Probe, ProbeKind
    from healthkit.testing._clock import Clock, Timer
    from healthkit.testing._events import Observer
    from healthkit.testing._prober import Sent
    from healthkit.testing._process import App, Process
    from healthkit.testing._verdict import Verdict

#: How long the control plane waits for a node that says nothing, in seconds
#: (kube-controller-manager, --node-monitor-grace-period).
NODE_GRACE: Final = 50.0

#: When the probes of a pod that was deleted by force stop, in seconds: within 0.65 to 1.65.
_FORGOTTEN: Final = 1.0


class PodLife:
    """One pod, from its admission to its end. Everything of it runs on the clock's thread."""

    def __init__(
        self,
        spec: PodSpec,
        app: App | None,
        clock: Clock,
        observe: Observer,
        pace: Pace | None = None,
    ) -> None:
        """Make a pod that is not admitted yet.

        Args:
            spec: the pod's. The first of its containers is the one that is played.
            app: what stands in its image; None if there is no such image.
            clock: virtual time.
            observe: told of each event, in order but for those of a probe: they are told when it is
                answered, and have the moment at which it was sent.
            pace: when things happen that are left to chance. The usual moments if None.
        """
        self.spec = spec
        self.container = spec.containers[0]
        self.status = Status(spec, self.container, clock, observe)
        self.restarts = 0
        self._app = app
        self._clock = clock
        self._observe = observe
        self._pace = pace or Pace()
        self._syncs = Syncs(clock, self._pace, self._sync)
        self._workers = {
            kind: Worker(kind, Prober(self.container, probe, clock), self.status, self._pace, self)
            for kind, probe in _probes(self.container)
        }
        self._backoff = Backoff()
        #: When the newest container ended that the kubelet knows of, and the one after it.
        self._finished: float | None = None
        self._ended = 0.0
        self._code = 0
        self._alive = False
        self._stopping: Stopping | None = None
        self._kill_for: ProbeKind | None = None
        #: The next start of the container, if one is due; whether it follows a kill, at once.
        self._start: Timer | None = None
        self._restarting = False
        self._node: Timer | None = None
        #: The grace period of a deletion, once there is one; whether its stop has begun.
        self._grace: int | None = None
        self._ending = False

    def __repr__(self) -> str:
        status = self.status
        ready = "ready" if status.ready else "not ready"
        return f"<PodLife {self.spec.name}: {status.shown_phase}, {status.state}, {ready}>"

    def admit(self) -> None:
        """Begin, when the pace says. To be called once."""
        self._clock.call_at(self._pace.admitted, self._admit)

    def delete(self, grace: int | None = None) -> None:
        """Delete the pod, now. A second deletion changes nothing.

        Args:
            grace: seconds, in place of the pod's own. 0 forces it: the object is gone at once.
        """
        if self._grace is not None or self.status.deleted:
            return
        self._grace = self.spec.termination_grace_period if grace is None else grace
        self.status.terminate()
        if self._grace == 0:
            self._force()
        if self._stopping is None and not self._restarting:
            self._terminate()

    def set_condition(self, kind: str, status: str) -> None:
        """Patch a condition of the pod's status: True, False or Unknown."""
        self.status.set_condition(kind, status)

    def lose_node(self) -> None:
        """Let the control plane hear nothing of the node any more. The container runs on."""
        if self._node is None:
            lost = partial(self.status.node_lost, lost=True)
            self._node = self._clock.call_at(self._clock.now() + NODE_GRACE, lost)

    def find_node(self) -> None:
        """Let the control plane hear of the node again."""
        if self._node is not None:
            self._node.cancel()
            self._node = None
            self.status.node_lost(lost=False)

    def abandon(self) -> None:
        """End the process, and do nothing more."""
        self._grace = self._grace or 0
        self._ending = True
        for worker in self._workers.values():
            worker.stop()
        self._syncs.stop()
        if self._start is not None:
            self._start.cancel()
        if self._alive:
            self.status.process.sigkill()

    @property
    def process(self) -> Process | None:
        """The container's process; None while there is none. The status may not know yet."""
        return self.status.process if self._alive else None

    # What the probes' workers tell.

    def new_container(self, kind: ProbeKind) -> None:
        """Hear that a worker has met a new container: its startup probe has not passed yet.

        That is seen a moment later, as a result would be: by no probe that is due now.
        """
        if kind == "startup" and self.status.started:
            forget = partial(self.status.startup, passed=False)
            self._clock.call_at(self._clock.now() + _rules.SETTLING, forget)

    def sent(self, kind: ProbeKind, sent: Sent, verdict: Verdict) -> None:
        """Hear of a request."""
        details: dict[str, object] = {"type": kind}
        answer = sent.answer
        if answer.error is None:
            details["status"] = answer.status
        else:
            details["error"] = answer.error
        if sent.attempt is not None:
            details["request"] = sent.attempt
        details["result"] = verdict.result
        if verdict.message:
            details["message"] = verdict.message
        self._observe(Event(sent.at, "probe", details))

    def result(self, kind: ProbeKind, passes: bool, number: int) -> None:  # noqa: FBT001  # as told
        """Hear that a threshold has been reached."""
        if number != self.status.number:
            return  # it was another container's
        if kind == "readiness":
            was_ready = self.status.containers_ready
            self.status.readiness(passed=passes)
            if was_ready and not passes:
                self._syncs.request()
        elif not passes:
            self._fail(kind)
        elif kind == "startup":
            self.status.startup(passed=True)
            self._syncs.request()

    # The container.

    def _admit(self) -> None:
        if self._ending:
            return
        self.status.admitted()
        for worker in self._workers.values():
            worker.begin()
        for sync in self._pace.syncs or ():
            self._clock.call_at(sync.at, partial(self._given_sync, asks=sync.asks))
        if self._app is None:
            self.status.state = ContainerState("Waiting", "ErrImagePull")
            self._clock.call_at(self._clock.now() + _rules.RELIST, self._image_is_missing)
            return
        self._start_at(self._clock.now() + _rules.STARTING)

    def _image_is_missing(self) -> None:
        self.status.state = ContainerState("Waiting", "ImagePullBackOff")
        self.status.emit("event", reason="Failed", message="Error: ImagePullBackOff")

    def _start_at(self, earliest: float) -> None:
        when = self._pace.start(self.status.number + 1, earliest)
        if when < math.inf:
            self._start = self._clock.call_at(when, self._start_container)

    def _start_container(self) -> None:
        self._start = None
        self._restarting = False
        app = self._app
        if app is None:
            return
        number = self.status.number + 1
        if number > 1:
            self.restarts += 1
            self._finished = self._ended
        self._alive = True
        self.status.emit("container_started", n=number)
        process = app.start(self._clock, partial(self._exit_soon, number))
        shown = self._pace.shown_start(number, self._clock.now())
        self.status.container_started(number, process, shown)
        for worker in self._workers.values():
            worker.wake()
        if self._grace is not None:
            self._terminate()
            return
        self._syncs.request()
        self._syncs.after_relist()

    def _exit_soon(self, number: int, code: int) -> None:
        """Hear that the process has ended, by whatever cause: maybe before it is known at all."""
        if number == self.status.number:
            self._exited(number, code)
        else:
            self._clock.call_at(self._clock.now(), partial(self._exited, number, code))

    def _exited(self, number: int, code: int) -> None:
        if not self._alive or number != self.status.number:
            return
        self._alive = False
        self._kill_for = None
        self._code = code
        self._ended = self._clock.now()
        if self.status.deleted:
            self.status.emit("exit")
        else:
            self.status.emit("exit", code=code)
        stopping, self._stopping = self._stopping, None
        if stopping is None:
            self._notice_later()
            return
        stopping.ended()
        if self._ending:
            self._end()
        else:
            self._restart(self._finished)

    def _notice_later(self) -> None:
        """See at the next look that a container has ended by itself."""
        now = self._clock.now()
        when = self._pace.relist(now)
        given = self._pace.start(self.status.number + 1, math.inf) - _rules.NOTICED
        self._clock.call_at(max(now, given) if given < math.inf else when, self._notice)

    def _notice(self) -> None:
        if self._ending or self.status.deleted:
            return
        self._finished = self._ended
        self.status.container_ended(_terminated(self._code))
        if self._grace is not None:
            self._end()
        else:
            self._restart(self._ended)

    def _restart(self, finished: float | None) -> None:
        """Start the container again: at once, later, or never.

        Args:
            finished: when the newest container ended, of those that had ended before the kubelet
                began to act.
        """
        now = self._clock.now()
        if not _rules.restarts(self.spec.restart_policy, self._code):
            self._complete()
        elif self._backoff.holds(finished, now):
            if self._grace is not None:
                self._terminate()
                return
            self._announce_backoff()
            again = self._ended + self._backoff.duration * _rules.LOOKS_AGAIN
            self._backoff = self._backoff.after_start(self._ended, again)
            self._start_at(again)
        else:
            self._backoff = self._backoff.after_start(finished, now)
            self._restarting = True
            self._start_at(now + _rules.RESTARTING)

    def _announce_backoff(self) -> None:
        seconds = int(self._backoff.duration)
        self._clock.call_at(self._pace.relist(self._clock.now()), partial(self._hold_off, seconds))

    def _hold_off(self, seconds: int) -> None:
        if self._alive or self._ending or self._grace is not None:
            return
        self.status.emit("backoff", seconds=seconds)
        self.status.container_ended(ContainerState("Waiting", "CrashLoopBackOff"))

    def _complete(self) -> None:
        """End without a deletion: the restart policy wants no other container."""
        for worker in self._workers.values():
            worker.stop()
        self._syncs.stop()
        self.status.finish("Failed" if self._code else "Succeeded", _terminated(self._code))

    # Syncs and kills.

    def _sync(self) -> None:
        """Renew the status: a readiness that is not given is asked for at once."""
        if self._stopping is not None or not self._alive:
            return
        self._ask_readiness()
        if self._kill_for is not None:
            self._kill(self._kill_for)

    def _given_sync(self, *, asks: bool) -> None:
        worker = self._workers.get("readiness")
        if worker is not None:
            (worker.trigger if asks else worker.rephase)()

    def _ask_readiness(self) -> None:
        status = self.status
        worker = self._workers.get("readiness")
        if worker is not None and status.running and status.started and not status.containers_ready:
            worker.trigger()

    def _fail(self, kind: ProbeKind) -> None:
        """Have the container killed that a probe has failed for good."""
        if self._stopping is not None or not self._alive or self._grace is not None:
            return
        self._kill_for = kind
        if self._pace.syncs is None:
            self._syncs.request()
        else:
            self._kill(kind)

    def _kill(self, kind: ProbeKind) -> None:
        self._kill_for = None
        self.status.emit("killing", why=kind)
        probe = self.container.startup if kind == "startup" else self.container.liveness
        own = probe.termination_grace_period if probe is not None else None
        self._stop(self.spec.termination_grace_period if own is None else own)

    def _stop(self, grace: int) -> None:
        emit = self.status.emit
        stopping = Stopping(self.status.process, self.container, grace, self._clock, emit)
        self._stopping = stopping
        stopping.begin()

    # The deletion.

    def _terminate(self) -> None:
        """Begin the end: only readiness is asked on, and no status sync asks it any more."""
        if self._pace.syncs is None and self._alive:
            self._ask_readiness()
        self._syncs.stop()
        for kind, worker in self._workers.items():
            if kind != "readiness":
                worker.stop()
        self._ending = True
        if not self._alive:
            if self._start is not None:
                self._start.cancel()
            self._end()
            return
        self.status.emit("killing", why="deletion")
        self._stop(self._grace or _rules.FORCED_GRACE)

    def _end(self) -> None:
        """Let go of a pod whose container has ended."""
        now = self._clock.now()
        self._clock.call_at(now + _rules.LAST_STATUS, self._last_status)
        if not self.status.deleted:
            self._clock.call_at(now + _rules.DELETED, self.status.delete)

    def _last_status(self) -> None:
        for worker in self._workers.values():
            worker.stop()
        if self.status.deleted:
            return
        state = _terminated(self._code) if self.status.number else self.status.state
        self.status.finish("Failed" if self._code else "Succeeded", state)

    def _force(self) -> None:
        """Take the object away now; its process gets its seconds all the same."""
        now = self._clock.now()
        self._clock.call_at(now + _rules.FORCED_DELETED, self.status.delete)
        self._clock.call_at(now + _rules.FORCED_WITHDRAWN, self.status.withdraw)
        worker = self._workers.get("readiness")
        if worker is not None:
            self._clock.call_at(now + _FORGOTTEN, worker.stop)


def _probes(container: Container) -> list[tuple[ProbeKind, Probe]]:
    """Return the probes that a container has. Their order is that of ticks at one moment."""
    kinds: list[tuple[ProbeKind, Probe | None]] = [
        ("startup", container.startup),
        ("readiness", container.readiness),
        ("liveness", container.liveness),
    ]
    return [(kind, probe) for kind, probe in kinds if probe is not None]


def _terminated(code: int) -> ContainerState:
    return ContainerState("Terminated", "Error" if code else "Completed", code)
