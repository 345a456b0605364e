"""One life of the process: from the start of a lifespan (or the first request) to its end.

Owns the lifecycle, the conditions on top of it, the count of what is in flight, and the order of
things in a drain. A life is used once; the next lifespan gets a new one.

Everything here runs on the life's loop unless a docstring says otherwise. The registered work runs
beside the app's lifespan, not inside it: the server sees the app's own exceptions.
"""

from __future__ import annotations

import logging
import random
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING, Final, TypeVar

import anyio

from healthkit._calls import CALLED_AS
from healthkit._drain import Detour, DrainPlan, Flight, end_streams, land, sleep_until
from healthkit._duties import Duties
from healthkit._endings import Conversation
from healthkit._lifecycle import Event, Lifecycle
from healthkit._log import logger
from healthkit._loop import Loop
from healthkit._model import Component, Kind, Pause, Phase, Report, WorkState
from healthkit._registry import LIFESPAN, Registry
from healthkit._signals import GATE, Keeper, current_gate
from healthkit._streams import reconnects
from healthkit.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from starlette.types import Receive, Scope, Send

    from healthkit._gate import Gate as ReadinessGate
    from healthkit._loop import Spawned
    from healthkit._pod import Pod
    from healthkit._settings import Settings
    from healthkit._signals import Gate
    from healthkit._workers import Workers

#: Seconds between two looks at the gate: the first, and what they double to.
RENEW_AFTER: Final = 0.001
RENEW_EVERY: Final = 60.0
#: The same before a loop, where each `add_signal_handler` of the app's undoes it.
RENEW_EVERY_LOOPS: Final = 1.0

_T = TypeVar("_T")


class Life:
    """One life. See the module's docstring for what may be called from where."""

    def __init__(
        self,
        settings: Settings,
        changed: Callable[[], None],
        moved: Callable[[], None],
        workers: Workers | None = None,
    ) -> None:
        """Make a life that nothing has begun yet.

        Args:
            settings: those in force.
            changed: called, in any thread, when an answer may have become another.
            moved: called after each change of phase.
            workers: the pod that this worker is one of; None if it is alone.
        """
        self._workers = workers
        #: What publishes the verdict, if anything does.
        self._published_by: ReadinessGate | None = None
        self._settings = settings
        self._changed = changed
        self._moved = moved
        self._loop: Loop | None = None
        self.lifecycle = Lifecycle(self.now())
        #: Work that arrives now is counted here.
        self.flight = Flight(Detour.BEGIN, settings.is_stream)
        self._flights = [self.flight]
        #: Set when the drain begins.
        self.draining = anyio.Event()
        #: When it began, in Unix time; None before.
        self.drain_time: float | None = None
        #: When the whole pod was told to drain, on the clock of `now`; None if it was not.
        self.told: float | None = None
        self._registry = Registry()
        self.duties = Duties(self._registry, changed, self._proceed)
        #: The app's own start-up.
        self._app = WorkState.PENDING
        self._keeper = Keeper(self._terminated, self._wake)
        #: Where it is kept closed, from `guard` on.
        self._gate = GATE
        self._ending: Spawned | None = None
        #: Whether SIGTERM has come. The task does not tell: an eager one runs before it is known.
        self._by_signal = False
        #: What ends the streams.
        self._closing: Spawned | None = None
        self._closes_now = False
        #: What looks after the gate.
        self._renewing: Spawned | None = None
        #: Whether the server tells an app only by `send` that nobody listens any more.
        self._watches = False
        #: Whether the drain has waited for as long as it may.
        self._gave_up = False
        #: Whether readiness is taken off by hand: the last word on it, here or in another worker.
        self.pause_said = Pause()
        self._pause_reason: str | None = None
        #: Whether a server will say when it ends, and with it its loop.
        self.by_lifespan = False
        self._liveness_failed = False

    def __repr__(self) -> str:
        return f"<Life {self.phase} in_flight={self.in_flight}>"

    # -- what others read -------------------------------------------------------------------------

    @property
    def phase(self) -> Phase:
        """The present phase. Safe in any thread."""
        return self.lifecycle.phase

    @property
    def begun(self) -> bool:
        """Whether a lifespan or a request has begun this life."""
        return self._loop is not None

    @property
    def running(self) -> bool:
        """Whether this life has begun, has not stopped, and its loop was not closed under it."""
        stopped = self.phase is Phase.STOPPED
        return self._loop is not None and not stopped and not self._loop.is_closed()

    @property
    def is_here(self) -> bool:
        """Whether the running loop is this life's."""
        return self._loop is not None and self._loop.is_running_here()

    @property
    def in_flight(self) -> int:
        """How many requests are in the app, without the streams. Safe in any thread."""
        return sum(flight.count()[0] for flight in self._flights)

    @property
    def streams(self) -> int:
        """How many WebSockets and other long-lived streams are in the app. Safe in any thread."""
        return sum(flight.count()[1] for flight in self._flights)

    def is_stream(self, scope: Scope) -> bool:
        """Whether a request is for a stream, which the drain ends. Safe in any thread."""
        return self._settings.is_stream(scope)

    @property
    def has_own_rule(self) -> bool:
        """Whether the app itself says what a stream is."""
        return self._settings.is_stream is not reconnects

    @property
    def ends_streams(self) -> bool:
        """Whether it is time for streams to end. Safe in any thread."""
        if Phase.DRAINING not in self.lifecycle.entered:
            return False
        return self._closes_now or self.now() >= self._drain_began + self._settings.drain_delay

    @property
    def holds(self) -> int:
        """How much other work a drain would wait for."""
        return sum(len(flight.holds) for flight in self._flights)

    @property
    def open_registry(self) -> Registry | None:
        """What may still be added to for this life: only until the app's start-up is complete."""
        return self._registry if self._app is WorkState.PENDING else None

    def hold_labels(self) -> list[str]:
        """Say what else a drain would wait for. Safe in any thread."""
        return sorted(label for flight in self._flights for label in [*flight.holds.values()])

    def pod(self) -> Pod | None:
        """Say how things stand with the pod; None if this worker is in none. In any thread."""
        return None if self._workers is None else self._workers.pod()

    def watched(self) -> AbstractContextManager[None]:
        """Know at once what the other workers have in flight, as long as this lasts. Any thread."""
        return nullcontext() if self._workers is None else self._workers.watched()

    @property
    def knows_pod(self) -> bool:
        """Whether this worker can speak for its pod yet. Safe in any thread."""
        return self._workers is None or self._workers.knows

    def pod_report(self) -> Report:
        """Say how things stand with the pod, or with this worker if it is alone. In any thread."""
        pod = self.pod()
        return self.report() if pod is None else pod.report

    def report(self) -> Report:
        """Say how things stand with this worker. Safe in any thread."""
        now = self.now()
        lifespan = Component(LIFESPAN, Kind.STARTUP, self._app)
        return Report(
            phase=self.phase,
            started=self.lifecycle.started,
            warmed=self.lifecycle.warmed,
            liveness_failed=self._liveness_failed,
            paused=self.pause_said.paused,
            components=(lifespan, *self.duties.components(now)),
            fresh_until=self.duties.fresh_until(now),
        )

    @property
    def drain_duration(self) -> float | None:
        """How long the drain has been under way, in seconds; None if none has begun."""
        entered = self.lifecycle.entered
        if Phase.DRAINING not in entered:
            return None
        return entered.get(Phase.STOPPED, self.now()) - entered[Phase.DRAINING]

    # -- start ------------------------------------------------------------------------------------

    def begin(
        self,
        registry: Registry,
        settings: Settings | None = None,
        *,
        by_lifespan: bool = True,
        watches: bool = False,
        published_by: ReadinessGate | None = None,
    ) -> None:
        """Take note of the loop and of what is registered. The app's own start-up comes next.

        Args:
            registry: what is registered.
            settings: in place of those it was made with, if it begins in another place.
            by_lifespan: False if a request begins it, because there was no lifespan.
            watches: whether the server tells an app only by `send` that nobody listens any more.
            published_by: what publishes the verdict, if anything does.
        """
        self._settings = settings or self._settings
        self._watches = watches
        self._loop = Loop(inherit=by_lifespan)
        self.by_lifespan = by_lifespan
        self._registry = registry
        self.duties = Duties(registry, self._changed, self._proceed)
        if self._workers is not None:
            self._workers.begin(self, self._loop)
        self._published_by = published_by
        if published_by is not None:
            published_by.begin(self, self._loop)
        self._divert()
        self._changed()

    async def joined(self) -> None:
        """Wait until this worker knows of the others of its pod, if it has any; not for long."""
        if self._workers is not None and self._loop is not None:
            await self._workers.joined()

    def app_started(self, state: object) -> None:
        """Begin the registered work: the app's own start-up is complete. Idempotent.

        Args:
            state: the lifespan's state, for the work that takes it.
        """
        if self._loop is None or self._app is not WorkState.PENDING:
            return
        self._app = WorkState.DONE
        self.duties = Duties(self._registry, self._changed, self._proceed)
        self.duties.start(self._loop, state, torn_down=self.end)
        if self.draining.is_set():
            self.duties.call_back(self.take)
            if self._closing is None:  # the drain was there before the loop
                self._close_streams(at_once=False)
        self._proceed()

    def converse(self, receive: Receive, send: Send) -> Conversation:
        """Stand between a server and an app that talk by a WebSocket."""
        return Conversation(receive, send, self._settings.websocket_close_code)

    def guard(self) -> None:
        """Stand in front of the server's SIGTERM; say so if that can't be done. Idempotent.

        To be called in the main thread, on the loop if that is there.
        """
        self._gate = current_gate()
        refusal = self._gate.close(self._keeper, None if self._loop is None else self._loop.ends_by)
        if refusal is None:
            if self._loop is not None and self._loop.is_mine() and self._renewing is None:
                self._renewing = self._loop.spawn(_renew(self._gate), "gate")
            return
        # With a state directory there may be somebody in front: `healthkit run`, or a hook.
        alone = self._settings.drain_delay > 0 and self._settings.state_dir is None
        line = "SIGTERM alone ends this worker without a drain (%s): put `healthkit run --` before "
        line += "the server's command, or `healthkit drain` into a preStop hook"
        logger.log(logging.WARNING if alone else logging.INFO, line, refusal)

    def _wake(self) -> None:
        """Have the loop turn. Called in a thread."""
        if self._loop is not None:
            self._loop.soon(_nothing)

    def app_failed(self) -> None:
        """Never start: the app's own start-up has failed."""
        if self._app is WorkState.PENDING:
            self._app = WorkState.FAILED
            logger.error("the app's lifespan start-up failed: the startup probe never succeeds")
            self._changed()

    def _proceed(self) -> None:
        """Enter the phases that the finished work allows."""
        if self.phase is Phase.STOPPED:
            return
        if not self.lifecycle.started and self.duties.started:
            self._advance(Event.STARTED)
        if self.lifecycle.started and not self.lifecycle.warmed and self.duties.warm:
            self._advance(Event.WARMED)
        self._changed()

    # -- conditions -------------------------------------------------------------------------------

    def pause(self, reason: str | None) -> bool:
        """Take readiness off by hand, or give it back; return whether that is a change.

        Safe in any thread.

        Args:
            reason: why it is taken off; None gives it back.
        """
        before, self._pause_reason = self._pause_reason, reason
        self.pause_said = Pause(time.monotonic_ns(), reason is not None)
        self._changed()
        return before != reason

    def adopt(self, pause: Pause) -> None:
        """Pause or resume: another worker has said so."""
        before, self.pause_said = self.pause_said, pause
        self._pause_reason = "another worker" if pause.paused else None
        if before.paused is not pause.paused:
            logger.warning("%s by another worker", "paused" if pause.paused else "resumed")
        self._changed()

    def fail_liveness(self) -> bool:
        """Ask for a restart; return False if the life is ending anyway. Safe in any thread.

        Raises:
            ConfigError: called from a check.
        """
        if CALLED_AS.get() == "check":
            message = "fail_liveness() inside a check: expected the check to fail instead, because"
            raise ConfigError(f"{message} a dependency's failure is no reason for a restart")
        if self.phase in {Phase.DRAINING, Phase.STOPPED}:
            return False
        self._liveness_failed = True
        self._changed()
        return True

    def take(self, label: str) -> Callable[[], None]:
        """Put a hold on board and return what takes it off. Both are safe in any thread."""
        return self._board(lambda flight: flight.holds, label)

    def enter(self, *, one_at_a_time: bool, is_stream: bool = False) -> Callable[[], None]:
        """Count a request that a thread serves; return what counts it out. Safe in any thread.

        Args:
            one_at_a_time: whether the server begins the next request only after this one.
            is_stream: whether it is a long-lived stream, which ends itself by `ends_streams`.
        """
        self.flight.arrivals += 1
        self.flight.one_at_a_time = one_at_a_time
        return self._board(lambda flight: flight.guests, is_stream)

    def _board(self, deck: Callable[[Flight], dict[object, _T]], what: _T) -> Callable[[], None]:
        """File work in a flight that is open; return what takes it off again.

        The loop may close a flight while a thread looks away.
        """
        token = object()
        while True:
            flight = self.flight
            deck(flight)[token] = what
            if flight is self.flight:
                break
            deck(flight).pop(token, None)

        def release() -> None:
            deck(flight).pop(token, None)
            if flight.landing is not None and self._loop is not None:
                self._loop.soon(flight.left)

        return release

    # -- the end ----------------------------------------------------------------------------------

    def drain(self) -> None:
        """Tell the whole pod to drain; again is harmless. Any thread; at once on the loop's own."""
        if self._loop is None or self._loop.is_mine():
            self.tell(self.now())
        else:
            self._loop.soon(lambda: self.tell(self.now()))

    def tell(self, since: float) -> None:
        """Begin the drain: the whole pod was told to, at that time.

        The time counts, so that a worker that joins in the middle does not begin at the beginning.
        """
        self.told = since if self.told is None else min(since, self.told)
        self._begin_drain()
        self._changed()

    def _begin_drain(self) -> None:
        if self._advance(Event.DRAIN_REQUESTED):
            self.drain_time = time.time()
            self.draining.set()
            self.duties.call_back(self.take)
            self._close_streams(at_once=False)

    def _close_streams(self, *, at_once: bool) -> None:
        """Have the streams ended when the delay is over, or now."""
        if self._loop is None:
            return
        self._closes_now = at_once
        if self._closing is not None:
            self._closing.cancel()
        self._closing = self._loop.spawn(self._end_streams(at_once=at_once), "streams")

    async def _end_streams(self, *, at_once: bool) -> None:
        """End the streams: whoever connects again after the delay is sent to another pod."""
        plan = DrainPlan(self._drain_began, 0 if at_once else self._settings.drain_delay, 0)
        await sleep_until(plan.delay_ends)
        deadline = max(self.now(), plan.deadline) + self._settings.drain_timeout
        jitter = 0 if at_once else self._settings.stream_jitter  # at the end nobody waits for more
        rng = random.Random()  # noqa: S311  # jitter is no secret
        await end_streams(lambda: self._flights, deadline, jitter, rng)

    def _terminated(self) -> bool:
        """Take the first SIGTERM, inside the signal handler; False if the loop is no more."""
        return self._loop is not None and self._loop.soon(self._end_by_signal)

    def _end_by_signal(self) -> None:
        if self._loop is None or self.phase is Phase.STOPPED:
            return  # the server got its signal when the life left the gate
        logger.info("SIGTERM", extra={"phase": str(self.phase)})
        if self._by_signal:
            return
        self._by_signal = True
        self._begin_drain()
        self._ending = self._loop.spawn(self._settle(), "drain", self._settled)

    def _settled(self, ending: Spawned) -> None:
        """Give the server its SIGTERM, unless the drain was taken over by the shutdown."""
        if not ending.cancelled():
            self._gate.finished(self._keeper)

    async def _settle(self) -> None:
        """Serve on until the delay is over, then let the work in flight end."""
        await sleep_until(self._plan().delay_ends)
        await self._land()

    async def _land(self) -> None:
        """Let the work in flight end."""
        flight = self._landing_flight()
        if flight.manifest():
            manifest = flight.manifest()
            logger.info("waiting for %s", manifest, extra={"waiting_for": manifest})
        self._log_left(await land(flight, self._plan().deadline))

    def _log_left(self, left: str) -> None:
        """Say what the drain has not waited for any longer."""
        self._gave_up = bool(left)
        if left:
            line = "the drain is over after %g s with %s still in flight"
            took = self.now() - self.lifecycle.entered[Phase.DRAINING]
            logger.warning(line, round(took, 1), left, extra={"in_flight": self.in_flight})

    def _plan(self) -> DrainPlan:
        """Return the times of the drain. Without SIGTERM there is no delay to be waited for."""
        delay = self._settings.drain_delay if self._by_signal else 0.0
        return DrainPlan(self._drain_began, delay, self._settings.drain_timeout)

    @property
    def _drain_began(self) -> float:
        """When the drain began: here, or where the whole pod was told to."""
        began = self.lifecycle.entered[Phase.DRAINING]
        return began if self.told is None else min(began, self.told)

    def _landing_flight(self) -> Flight:
        """Return the flight to wait for: closed to what still arrives, if nobody was told to go."""
        landing = self.flight
        if not self._plan().delay:
            self.flight = Flight(None, self._settings.is_stream)
            self._flights = [f for f in self._flights if f.manifest()] + [self.flight]
            self._divert()
        return landing

    async def stop(self) -> None:
        """End the life in order: the server has closed the lifespan.

        A drain that nobody asked for so far happens now. The server takes no connections any more,
        so there is no delay, or no rest of it; but work in flight is waited for, unless a second
        SIGTERM says that somebody is in a hurry.
        """
        if self.phase is Phase.STOPPED:
            return
        self._begin_drain()
        if self._ending is not None:
            self._ending.cancel()
        self._close_streams(at_once=True)
        if not self._keeper.hurried and not self._gave_up:
            await self._land()
        self.abandon()
        await self.duties.ended()
        if self._workers is not None:
            await self._workers.ended()
        if self._published_by is not None:
            await self._published_by.ended()

    def abandon(self) -> None:
        """End the life at once, without waiting for anything. Idempotent."""
        for task in (self._ending, self._closing, self._renewing):
            if task is not None and self._loop is not None:
                self._loop.soon(task.cancel)
        self.end()

    def end(self) -> None:
        """Put back and let go of what the life has. Idempotent, never blocks."""
        self._gate.leave(self._keeper)
        self.duties.cancel()
        self._advance(Event.STOPPED)
        if self._published_by is not None:  # it asks the workers once more
            self._published_by.end(self)
        if self._workers is not None:
            self._workers.end(self)

    # -- helpers ----------------------------------------------------------------------------------

    @property
    def clock(self) -> Callable[[], float]:
        """This life's clock."""
        return self._loop.clock if self._loop is not None else time.monotonic

    def now(self) -> float:
        """Return this life's clock, in seconds: monotonic, and of no meaning outside of it."""
        return self._loop.now() if self._loop is not None else time.monotonic()

    def _advance(self, event: Event) -> bool:
        before = self.phase
        if not self.lifecycle.advance(event, self.now()):
            return False
        extra = {"phase": str(self.phase), "phase_before": str(before)}
        logger.info("%s", self.phase, extra=extra)
        self._divert()
        self._changed()
        self._moved()
        return True

    def _divert(self) -> None:
        """Say what becomes of ordinary requests from now on."""
        self.flight.detour = self._detour()

    def _detour(self) -> Detour | None:
        if self._loop is None or self.phase is Phase.STOPPED:
            return Detour.BEGIN
        if self.phase is Phase.DRAINING:
            return Detour.CLOSE
        if self._settings.reject_while_starting and self.phase is Phase.STARTING:
            return Detour.REJECT
        return Detour.WATCH if self._watches else None


async def _renew(gate: Gate) -> None:
    """Look after the gate: a server may put its own things back when its start-up is over."""
    pause = RENEW_AFTER
    while True:
        await anyio.sleep(pause)
        gate.renew()
        pause = min(2 * pause, RENEW_EVERY_LOOPS if gate.is_before_a_loop else RENEW_EVERY)


def _nothing() -> None:
    """Do nothing, on the loop."""
