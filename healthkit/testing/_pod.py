"""A pod's life: what the kubelet makes of its container, its probes and its deletion.

It owns the order of things: containers start, end and start again, probes lead to kills, a deletion
to the end. What follows for the pod's status is in `_status`, when that is renewed in `_syncs`, how
its containers are started and stopped in `_containers`, and what its probes ask in `_probes`.

The first container of the pod is played. Others are taken to be well and ready all the time; init
containers take no time, and postStart hooks do nothing.

The surprising facts: a pod that liveness kills stays Ready, and in its Service, until the next
container runs; and a deletion that comes meanwhile waits for that one, to end it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from healthkit import timing
from healthkit.testing import _rules
from healthkit.testing._containers import Containers
from healthkit.testing._probes import Probes
from healthkit.testing._rules import Pace
from healthkit.testing._status import Status, terminated, waiting
from healthkit.testing._syncs import Syncs

if TYPE_CHECKING:
    from healthkit.manifests._spec import PodSpec, ProbeKind
    from healthkit.testing._clock import Clock, Timer
    from healthkit.testing._events import Observer
    from healthkit.testing._process import App, Process

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
        self._app = app
        self._clock = clock
        self._pace = pace or Pace()
        self._syncs = Syncs(clock, self._pace, self._sync)
        self._probes = Probes(
            self.container, self.status, clock, self._pace, observe=observe, heard=self._probed
        )
        self._containers = Containers(spec, self.status, clock, self._pace, self)
        self._kill_for: ProbeKind | None = None
        #: Whether the node and the control plane don't hear each other, and when that is noticed.
        self._cut_off = False
        self._lost: Timer | None = None
        #: The grace period of a deletion, once there is one; whether its stop has begun, and ended.
        self._grace: int | None = None
        self._ending = False
        self._over = False

    def __repr__(self) -> str:
        status = self.status
        ready = "ready" if status.ready else "not ready"
        return f"<PodLife {self.spec.name}: {status.shown_phase}, {status.state}, {ready}>"

    def admit(self) -> None:
        """Begin, when the pace says. To be called once."""
        self._clock.call_at(self._pace.admitted, self._admit)

    def delete(self, grace: int | None = None) -> None:
        """Delete the pod, now.

        A second deletion can ask for a shorter grace period only, and comes too late for a stop
        that is under way: that has a context of its own (pkg/kubelet/kubelet.go,
        SyncTerminatingPod).

        Args:
            grace: seconds, in place of the pod's own. 0 forces it: the object is gone at once.
        """
        wanted = self.spec.termination_grace_period if grace is None else grace
        if self.status.deleted or (self._grace is not None and wanted >= self._grace):
            return
        self._grace = wanted
        self.status.terminate()
        if wanted == 0:
            self._force()
        self._obey()

    def set_condition(self, kind: str, status: str) -> None:
        """Patch a condition of the pod's status: True, False or Unknown."""
        self.status.set_condition(kind, status)

    def lose_node(self) -> None:
        """Let the node and the control plane hear nothing of each other. The container runs on."""
        if not self._cut_off:
            self._cut_off = True
            self.status.silence(silent=True)
            when = self._clock.now() + NODE_GRACE
            self._lost = self._clock.call_at(when, self.status.lose_node)

    def find_node(self) -> None:
        """Let them hear each other again. A deletion that came meanwhile begins now."""
        if self._lost is not None:
            self._lost.cancel()
            self._lost = None
            self._cut_off = False
            self.status.silence(silent=False)
            self._take_away()
            self._obey()

    def abandon(self) -> None:
        """End the process, and do nothing more."""
        self._grace = self._grace or 0
        self._ending = True
        self._probes.stop()
        self._syncs.stop()
        self._containers.close()
        self._containers.kill()

    @property
    def process(self) -> Process | None:
        """The container's process; None while there is none. The status may not know yet."""
        return self.status.process if self._containers.alive else None

    @property
    def restarts(self) -> int:
        """How often the container was started again."""
        return max(self.status.number - 1, 0)

    def _admit(self) -> None:
        if self._ending:
            return
        self.status.admitted()
        self._probes.begin()
        for sync in self._pace.syncs or ():
            self._clock.call_at(sync.at, partial(self._probes.given_sync, sync))
        if self._app is not None:
            self._containers.begin(self._app)
            return
        self.status.state = waiting("ErrImagePull")
        self._clock.call_at(self._clock.now() + _rules.RELIST, self._image_is_missing)

    def _image_is_missing(self) -> None:
        if not self._ending:
            self.status.state = waiting("ImagePullBackOff")
            self.status.emit("event", reason="Failed", message="Error: ImagePullBackOff")

    # What the containers tell.

    def container_started(self) -> None:
        """Hear that a container runs."""
        self._probes.wake()
        if not self._obey():
            self._syncs.request()
            self._syncs.after_relist()

    def container_exited(self) -> None:
        """Hear that its process is gone: there is nothing to kill any more."""
        self._kill_for = None

    def container_stopped(self) -> None:
        """Hear that the stop is over that was asked for: it was the end, or one for a probe."""
        if self._ending:
            self._end()
        else:
            self._containers.restart()

    def container_waits(self) -> None:
        """Hear of a back-off."""
        self._obey()

    def completed(self) -> None:
        """Hear that the restart policy wants no other container."""
        self._syncs.stop()
        self._last_status()
        self._obey()

    # Probes, syncs and kills.

    def _probed(self, kind: ProbeKind, passes: bool, number: int) -> None:  # noqa: FBT001  # as told
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

    def _fail(self, kind: ProbeKind) -> None:
        """Have the container killed that a probe has failed for good."""
        if self._containers.stopping or not self._containers.alive or self._ending:
            return
        self._kill_for = kind
        if self._pace.syncs is None:
            self._syncs.request()
        else:
            self._kill(kind)

    def _sync(self) -> None:
        """Renew the status: a readiness that is not given is asked for at once."""
        if self._containers.stopping or not self._containers.alive:
            return
        self._probes.ask_readiness()
        if self._kill_for is not None:
            self._kill(self._kill_for)

    def _kill(self, kind: ProbeKind) -> None:
        self._kill_for = None
        self.status.emit("killing", why=kind)
        self._containers.stop(self._grace_of(kind))

    def _grace_of(self, kind: ProbeKind) -> int:
        """Return the seconds that a probe's kill leaves: the probe's own, else the pod's.

        Where nothing is started again the kubelet ends the pod as a whole, and knows no probe any
        more (pkg/kubelet/kuberuntime/kuberuntime_manager.go, computePodActions).
        """
        probe = self.container.startup if kind == "startup" else self.container.liveness
        own = probe.termination_grace_period if probe is not None else None
        whole = self.spec.restart_policy == "Never" and len(self.spec.containers) == 1
        return self.spec.termination_grace_period if own is None or whole else own

    # The deletion.

    def _obey(self) -> bool:
        """Begin the end, if there was a deletion and nothing has to be waited for; say whether."""
        if self._grace is None or self._ending or self._cut_off or self._containers.busy:
            return False
        self._terminate(self._grace or timing.FORCED_GRACE)
        return True

    def _terminate(self, grace: int) -> None:
        """Begin the end: only readiness is asked on, and no status sync asks it any more."""
        if self._pace.syncs is None and self._containers.alive:
            self._probes.ask_readiness()
        self._syncs.stop()
        self._probes.stop_but_readiness()
        self._ending = True
        self._containers.close()
        if self._containers.alive:
            self.status.emit("killing", why="deletion")
            self._containers.stop(grace)
        else:
            self._end()

    def _end(self) -> None:
        """Let go of a pod whose container has ended."""
        now = self._clock.now()
        self._clock.call_at(now + _rules.LAST_STATUS, self._last_status)
        self._clock.call_at(now + _rules.DELETED, self._let_go)

    def _let_go(self) -> None:
        self._over = True
        self._take_away()

    def _take_away(self) -> None:
        """Have the object deleted, when all has ended and the node can say so."""
        if self._over and not self._cut_off:
            self.status.delete()

    def _last_status(self) -> None:
        """Say how it ended."""
        self._probes.stop()
        code = self._containers.code
        state = terminated(code) if self.status.number else self.status.state
        self.status.finish("Failed" if code else "Succeeded", state)

    def _force(self) -> None:
        """Take the object away now; its process gets its seconds all the same."""
        now = self._clock.now()
        self._clock.call_at(now + _rules.FORCED_DELETED, self.status.delete)
        self._clock.call_at(now + _rules.FORCED_WITHDRAWN, self.status.withdraw)
        self._clock.call_at(now + _FORGOTTEN, self._probes.stop)
