"""One life of the process: from the start of a lifespan (or the first request) to its end.

Owns the lifecycle and the conditions on top of it, and tells the rooms of a life what follows from
them: its work (`_duties`), what is in flight (`_traffic`) and the way out (`_exit`). A life is used
once; the next lifespan gets a new one.

Everything here runs on the life's loop unless a docstring says otherwise. The registered work runs
beside the app's lifespan, not inside it: the server sees the app's own exceptions.
"""

from __future__ import annotations

import math
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING

import anyio

from healthkit._calls import CALLED_AS
from healthkit._drain import Detour
from healthkit._duties import Duties
from healthkit._endings import Conversation
from healthkit._exit import Exit
from healthkit._lifecycle import Event, Lifecycle
from healthkit._log import logger
from healthkit._loop import Loop
from healthkit._model import Component, Kind, Pause, Phase, Report, WorkState
from healthkit._registry import LIFESPAN, Registry
from healthkit._traffic import Traffic
from healthkit.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from starlette.types import Receive, Send

    from healthkit._gate import Gate as ReadinessGate
    from healthkit._pod import Pod
    from healthkit._settings import Settings
    from healthkit._workers import Workers


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
        #: What is in flight.
        self.traffic = Traffic(settings.is_stream)
        #: The way out.
        self.exit = Exit(settings, self, self.traffic)
        #: Set when the drain begins.
        self.draining = anyio.Event()
        #: When it began, in Unix time; None before.
        self.drain_time: float | None = None
        #: When this life began, in Unix time; None before.
        self.start_time: float | None = None
        #: When the whole pod was told to drain, on the clock of `now`; None if it was not.
        self.told: float | None = None
        self._registry = Registry()
        self.duties = Duties(self._registry, changed, self._proceed)
        #: The app's own start-up.
        self._app = WorkState.PENDING
        #: Whether readiness is taken off by hand: the last word on it, here or in another worker.
        self.pause_said = Pause()
        self._pause_reason: str | None = None
        #: Whether a server will say when it ends, and with it its loop.
        self.by_lifespan = False
        #: Whether the server tells an app only by `send` that nobody listens any more.
        self._watches = False
        self._liveness_failed = False

    def __repr__(self) -> str:
        return f"<Life {self.phase} in_flight={self.traffic.in_flight}>"

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
    def open_registry(self) -> Registry | None:
        """What may still be added to for this life: only until the app's start-up is complete."""
        return self._registry if self._app is WorkState.PENDING else None

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
    def drain_began(self) -> float:
        """When it began: here, or where the whole pod was told to; infinity if none has begun."""
        began = self.lifecycle.entered.get(Phase.DRAINING)
        if began is None:
            return math.inf
        return began if self.told is None else min(began, self.told)

    @property
    def drain_duration(self) -> float | None:
        """How long the drain has been under way, in seconds; None if none has begun."""
        entered = self.lifecycle.entered
        if Phase.DRAINING not in entered:
            return None
        return entered.get(Phase.STOPPED, self.now()) - entered[Phase.DRAINING]

    @property
    def drain_limits(self) -> tuple[float, float]:
        """What a drain has, in seconds: the delay, and the time for what is in flight then."""
        return self._settings.drain_delay, self._settings.drain_timeout

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
        self.traffic.begin(self._loop)
        self.exit.begin(self._settings, self._loop)
        self.by_lifespan = by_lifespan
        self.start_time = time.time()
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
            self.duties.call_back(self.traffic.take)
            self.exit.catch_up()
        self._proceed()

    def converse(self, receive: Receive, send: Send) -> Conversation:
        """Stand between a server and an app that talk by a WebSocket."""
        return Conversation(receive, send, self._settings.websocket_close_code)

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
        self.begin_drain()
        self._changed()

    def begin_drain(self) -> None:
        """Begin the drain of this worker; again is harmless."""
        if self._advance(Event.DRAIN_REQUESTED):
            self.drain_time = time.time()
            self.draining.set()
            self.duties.call_back(self.traffic.take)
            self.exit.close_streams()

    async def stop(self) -> None:
        """End the life in order: the server has closed the lifespan.

        A drain that nobody asked for so far happens now.
        """
        if self.phase is Phase.STOPPED:
            return
        self.begin_drain()
        await self.exit.finish()
        self.abandon()
        await self.duties.ended()
        if self._workers is not None:
            await self._workers.ended()
        if self._published_by is not None:
            await self._published_by.ended()

    def abandon(self) -> None:
        """End the life at once, without waiting for anything. Idempotent."""
        self.exit.cancel()
        self.end()

    def end(self) -> None:
        """Put back and let go of what the life has. Idempotent, never blocks."""
        self.exit.leave()
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
        self.traffic.divert(self._detour())

    def _detour(self) -> Detour | None:
        if self._loop is None or self.phase is Phase.STOPPED:
            return Detour.BEGIN
        if self.phase is Phase.DRAINING:
            return Detour.CLOSE
        if self._settings.reject_while_starting and self.phase is Phase.STARTING:
            return Detour.REJECT
        return Detour.WATCH if self._watches else None
