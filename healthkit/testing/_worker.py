"""The worker of one probe of one container: when it asks, and what its results add up to.

It is the kubelet's (pkg/kubelet/prober/worker.go, run and doProbe), with its two ways to be woken:
a ticker that began at the pod's admission and keeps its phase over restarts, and a manual trigger
(readiness only), which begins the ticker anew. While a probe is under way one tick and one trigger
are kept, the others are lost. Probes of one worker never overlap.

The worker sees the pod as its status has it, which is not always how it is: a new container is
unknown for a moment, and a startup probe that has passed is still there for the next container.

The surprising fact: the results in a row are counted over restarts, unless the worker was on hold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from healthkit import timing
from healthkit.testing import _rules

if TYPE_CHECKING:
    from healthkit.manifests._spec import Probe, ProbeKind
    from healthkit.testing._clock import Clock, Timer
    from healthkit.testing._prober import Prober, Sent
    from healthkit.testing._process import Process
    from healthkit.testing._rules import Pace
    from healthkit.testing._verdict import Verdict


class Seen(Protocol):
    """The container, as the pod's status shows it."""

    #: From 1; 0 before there is any.
    number: int
    #: Whether it runs.
    running: bool
    #: Its start, as the API shows it.
    shown_start: float
    #: Whether its startup probe has passed, or there is none.
    started: bool
    process: Process


class Worker:
    """One probe's worker. It begins with `begin` and ends with `stop`."""

    def __init__(
        self,
        kind: ProbeKind,
        prober: Prober,
        seen: Seen,
        pace: Pace,
        told: Told,
    ) -> None:
        self.kind: ProbeKind = kind
        self._prober = prober
        self._seen = seen
        self._pace = pace
        self._told = told
        self._clock: Clock = prober.clock
        self._probe: Probe = prober.probe
        #: One tick; the next one is so many periods away.
        self._phase = 0.0
        self._turn = 0
        self._timer: Timer | None = None
        self._asking = False
        self._ticked = False
        self._triggered = False
        self._stopped = False
        #: Which container it knows.
        self._number = 0
        #: Whether it waits for the next container: it has said what there was to say.
        self._on_hold = False
        #: What has been told of this container; None: nothing yet.
        self._known: bool | None = None
        #: What the last results were, and how many of them in a row.
        self._last: bool | None = None
        self._run = 0

    def __repr__(self) -> str:
        state = "on hold" if self._on_hold else f"{self._run} x {_word(self._last)}"
        return f"<{self.kind} worker: {state}>"

    def begin(self) -> None:
        """Start the ticker. The first tick with a container comes up to a period after it began."""
        self._phase = self._pace.phase(self.kind)
        self.wake()

    def wake(self) -> None:
        """Tick on. On hold there is no tick: it would change nothing before the next container."""
        if self._timer is None and not self._stopped:
            period, now = self._probe.period, self._clock.now()
            self._turn = _rules.turn_after(self._phase, period, now) - 1
            self._await_tick()

    def trigger(self) -> None:
        """Ask now, and begin the ticker anew; or once more, if it is asking."""
        if self._asking:
            self._triggered = True
        elif not self._stopped:
            self._restart_ticker()
            self._look()

    def rephase(self) -> None:
        """Begin the ticker anew without a question."""
        if not self._stopped:
            self._restart_ticker()

    def stop(self) -> None:
        """Ask no more. What is under way changes nothing."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()

    def _await_tick(self) -> None:
        """Wait for the next tick. Their moments are multiplied, not added up: they stay exact."""
        self._turn += 1
        when = self._phase + self._turn * self._probe.period
        self._timer = self._clock.call_at(when, self._tick)

    def _restart_ticker(self) -> None:
        """Tick a period from now; what has ticked and is not answered yet is lost."""
        self._phase, self._turn = self._clock.now(), 0
        self._ticked = False
        if self._timer is not None:
            self._timer.cancel()
        self._await_tick()

    def _tick(self) -> None:
        if self._on_hold and self._number == self._seen.number:
            self._timer = None
            return
        self._await_tick()
        if self._asking:
            self._ticked = True
        else:
            self._look()

    def _look(self) -> None:
        """Ask, if there is anybody to ask and it is time to."""
        seen = self._seen
        started = seen.started  # as it was before a new container is made known
        if seen.number == 0:
            return
        if seen.number != self._number:
            self._number = seen.number
            self._on_hold = False
            self._known = None
            self._told.new_container(self.kind)
        if self._on_hold or not seen.running:
            return
        now = self._clock.now()
        if not timing.delay_is_over(seen.shown_start, now, self._probe.initial_delay):
            return
        if started is (self.kind == "startup"):
            return
        self._asking = True
        self._prober.ask(seen.process, self._sent, self._judged)

    def _sent(self, sent: Sent, verdict: Verdict) -> None:
        if not self._stopped:
            self._told.sent(self.kind, sent, verdict)

    def _judged(self, verdict: Verdict) -> None:
        """Take a verdict to heart a moment later: what is due now sees the state from before."""
        if verdict.result != "discarded" and verdict.passes is self._last is self._known:
            self._run += 1  # it is as it was
            self._asking = False
            self._go_on()
            return
        number = self._number
        self._clock.call_at(
            self._clock.now() + _rules.SETTLING, lambda: self._settle(verdict, number)
        )

    def _settle(self, verdict: Verdict, number: int) -> None:
        self._asking = False
        if verdict.result != "discarded" and not self._stopped:
            self._count(verdict, number)
        self._go_on()

    def _go_on(self) -> None:
        """Do what has been asked for meanwhile."""
        if self._stopped:
            return
        if self._triggered:
            self._triggered = False
            self.trigger()
        elif self._ticked:
            self._ticked = False
            self._look()

    def _count(self, verdict: Verdict, number: int) -> None:
        passes = verdict.passes
        self._run = self._run + 1 if passes is self._last else 1
        self._last = passes
        probe = self._probe
        if self._run < (probe.success_threshold if passes else probe.failure_threshold):
            return
        if self.kind == "startup" or (self.kind == "liveness" and not passes):
            self._on_hold = True
            self._run = 0
        self._known = passes
        self._told.result(self.kind, passes, number)


class Told(Protocol):
    """Who is told of what a worker finds."""

    def new_container(self, kind: ProbeKind) -> None:
        """Hear that a worker has met a new container, whose result is the initial one."""
        ...

    def sent(self, kind: ProbeKind, sent: Sent, verdict: Verdict) -> None:
        """Hear of an attempt, and of what it came to."""
        ...

    def result(self, kind: ProbeKind, passes: bool, number: int) -> None:  # noqa: FBT001  # as named
        """Hear that a threshold has been reached, by the n-th container."""
        ...


def _word(passes: bool | None) -> str:  # noqa: FBT001  # one of three
    return {True: "success", False: "failure", None: "nothing"}[passes]
