"""One life of the process: from the start of a lifespan (or the first request) to its end.

Owns the lifecycle, the tasks and threads that run the registered work, the count of what is in
flight, and the order of things in a drain. A life is used once; the next lifespan gets a new one.

Everything here runs on the life's loop unless a docstring says otherwise. The work runs in a task
beside the app's lifespan, not inside it: no task group of healthkit ever wraps the app, so that the
server sees the app's own exceptions.
"""

from __future__ import annotations

import logging
import random
import time
from typing import TYPE_CHECKING, Final

import anyio

from healthkit._calls import CALLED_AS, Calls
from healthkit._checks import CheckWatch
from healthkit._drain import Detour, DrainPlan, Flight, settle
from healthkit._lifecycle import Event, Lifecycle
from healthkit._loop import Loop, Tasks
from healthkit._model import Outcome, Phase, Report
from healthkit._registry import LIFESPAN
from healthkit._signals import Gate
from healthkit._warmup import WorkRun, WorkState
from healthkit.errors import ConfigError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence

    from healthkit._registry import Registry
    from healthkit._settings import Settings
    from healthkit._warmup import Work

logger = logging.getLogger("healthkit")

#: Seconds that cancelled work gets to obey at the end; then it is left behind.
OBEDIENCE: Final = 1.0


class Life:
    """One life. See the module's docstring for what may be called from where."""

    def __init__(
        self,
        settings: Settings,
        changed: Callable[[], None],
        moved: Callable[[], None],
    ) -> None:
        """Make a life that nothing has begun yet.

        Args:
            settings: those in force.
            changed: called, in any thread, when an answer may have become another.
            moved: called after each change of phase.
        """
        self._settings = settings
        self._changed = changed
        self._moved = moved
        self._loop: Loop | None = None
        self.lifecycle = Lifecycle(self._now())
        #: Work that arrives now is counted here.
        self.flight = Flight(Detour.BEGIN)
        self._flights = [self.flight]
        #: Set when the drain begins.
        self.draining = anyio.Event()
        self._registry: Registry | None = None
        self._app = WorkState.PENDING
        self._startups: list[WorkRun] = []
        self._warmups: list[WorkRun] = []
        self._checks: list[CheckWatch] = []
        self._tasks: Tasks | None = None
        self._calls: Calls | None = None
        self._ending: asyncio.Task[None] | None = None
        self._gate = Gate(self._terminated)
        self._paused = False
        self._liveness_failed = False

    def __repr__(self) -> str:
        return f"<Life {self.phase} in_flight={self.in_flight} {self._gate!r}>"

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
        """How many requests are in the app."""
        return sum(flight.count for flight in self._flights)

    @property
    def open_registry(self) -> Registry | None:
        """What may still be added to for this life: only until the app's start-up is complete."""
        return self._registry if self._app is WorkState.PENDING else None

    def report(self) -> Report:
        """Say how things stand. Safe in any thread."""
        lifespan = {self._app: (LIFESPAN,)}
        watched = [watch for watch in self._checks if watch.check.required]
        return Report(
            phase=self.phase,
            started=self.lifecycle.started,
            warmed=self.lifecycle.warmed,
            liveness_failed=self._liveness_failed,
            paused=self._paused,
            failed=lifespan.get(WorkState.FAILED, ()) + _said(self._startups, WorkState.FAILED),
            starting=lifespan.get(WorkState.PENDING, ()) + _said(self._startups, WorkState.PENDING),
            warming=_said(_required(self._warmups), WorkState.PENDING),
            failing=tuple(w.check.name for w in watched if w.outcome is Outcome.FAILURE),
            pending=tuple(w.check.name for w in watched if w.outcome is None),
        )

    # -- start ------------------------------------------------------------------------------------

    def begin(self, registry: Registry) -> None:
        """Take note of the loop and of what is registered. The app's own start-up comes next."""
        self._loop = Loop()
        self._registry = registry
        self._divert()
        self._changed()

    def app_started(self, state: object) -> None:
        """Begin the registered work: the app's own start-up is complete. Idempotent.

        Args:
            state: the lifespan's state, for the work that takes it.
        """
        if self._loop is None or self._registry is None or self._app is not WorkState.PENDING:
            return
        self._app = WorkState.DONE
        self._startups = [self._work_run(work) for work in self._registry.startups]
        self._warmups = [self._work_run(work) for work in self._registry.warmups]
        self._checks = [CheckWatch(check, self._changed) for check in self._registry.checks]
        self._gate.install()
        self._start_work(self._loop, state)
        self._proceed()

    def app_failed(self) -> None:
        """Never start: the app's own start-up has failed."""
        if self._app is WorkState.PENDING:
            self._app = WorkState.FAILED
            logger.error("the app's lifespan start-up failed: the startup probe never succeeds")
            self._changed()

    def _work_run(self, work: Work) -> WorkRun:
        return WorkRun(work, changed=self._changed, ended=self._proceed)

    def _start_work(self, loop: Loop, state: object) -> None:
        rng = random.Random()  # noqa: S311  # jitter is no secret
        tasks = self._tasks = Tasks(loop)
        calls = self._calls = Calls(tasks, loop)
        tasks.start(self._end_with_the_loop(), "life")
        for run in [*self._startups, *self._warmups]:
            tasks.start(run.run(calls, state, rng), f"{run.work.kind} {run.work.name}")
            tasks.start(run.watch_deadline(), f"deadline of {run.work.name}")
        for watch in self._checks:
            tasks.start(watch.run(calls, rng), f"check {watch.check.name}")
        if self.draining.is_set():
            self._call_back(tasks, calls)

    async def _end_with_the_loop(self) -> None:
        """End the life when its tasks are cancelled, which a loop does when it is torn down."""
        try:
            await anyio.sleep_forever()
        finally:
            self.end()

    def _proceed(self) -> None:
        """Enter the phases that the finished work allows."""
        if self.phase is Phase.STOPPED:
            return
        if not self.lifecycle.started and _all_done(self._startups):
            self._advance(Event.STARTED)
        warm = _all_done(_required(self._warmups))
        if self.lifecycle.started and not self.lifecycle.warmed and warm:
            self._advance(Event.WARMED)
        self._changed()

    # -- conditions -------------------------------------------------------------------------------

    def pause(self, *, paused: bool) -> None:
        """Take readiness off by hand, or give it back. Safe in any thread."""
        self._paused = paused
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
        flight, token = self.flight, object()
        flight.holds[token] = label

        def release() -> None:
            flight.holds.pop(token, None)
            if self._loop is not None:
                self._loop.soon(flight.left)

        return release

    # -- the end ----------------------------------------------------------------------------------

    def drain(self) -> None:
        """Begin the drain; again is harmless. Safe in any thread, at once on the loop's own."""
        if self._loop is None or self._loop.is_mine():
            self._begin_drain()
        else:
            self._loop.soon(self._begin_drain)

    def _begin_drain(self) -> None:
        if not self._advance(Event.DRAIN_REQUESTED):
            return
        self.draining.set()
        if self._tasks is not None and self._calls is not None:
            self._call_back(self._tasks, self._calls)

    def _call_back(self, tasks: Tasks, calls: Calls) -> None:
        """Start the callbacks of the drain. Each is a hold, taken before this returns."""
        callbacks = self._registry.callbacks if self._registry is not None else []
        for name, function in callbacks:
            work = _run_callback(calls, name, function, self.take(f"on_drain {name!r}"))
            tasks.start(work, f"on_drain {name}")

    def _terminated(self) -> bool:
        """Take the first SIGTERM, inside the signal handler; False if the loop is no more."""
        return self._loop is not None and self._loop.soon(self._end_by_signal)

    def _end_by_signal(self) -> None:
        if self._loop is None or self.phase is Phase.STOPPED:
            self._gate.hand_over()
            return
        logger.info("SIGTERM", extra={"phase": str(self.phase)})
        self._begin_drain()
        settling = self._settle(self._settings.drain_delay)
        self._ending = self._loop.spawn(settling, "drain")
        self._ending.add_done_callback(self._settled)

    def _settled(self, ending: asyncio.Task[None]) -> None:
        """Give the server its SIGTERM, unless the loop is being torn down already."""
        if not ending.cancelled():
            self._gate.hand_over()

    async def _settle(self, delay: float) -> None:
        """Serve on for `delay` seconds since the drain began, then let the work in flight end."""
        began = self.lifecycle.entered[Phase.DRAINING]
        plan = DrainPlan(began, delay, self._settings.drain_timeout)
        self._log_left(await settle(plan, self._barrier, _log_waiting))

    def _log_left(self, left: str) -> None:
        """Say what the drain has not waited for any longer."""
        if left:
            line = "drain_timeout of %g s is over with %s still in flight"
            timeout = self._settings.drain_timeout
            logger.warning(line, timeout, left, extra={"in_flight": self.in_flight})

    def _barrier(self) -> Flight:
        """Return the present flight, and open a new one for what still arrives."""
        landing, self.flight = self.flight, Flight(None)
        self._flights = [f for f in self._flights if f.manifest()] + [self.flight]
        self._divert()
        return landing

    async def stop(self) -> None:
        """End the life in order: the server has closed the lifespan.

        A drain that nobody asked for so far happens now, without its delay: nothing arrives any
        more. If a drain is cut short by this, whoever did it is in a hurry, and holds don't count.
        """
        if self.phase is Phase.STOPPED:
            return
        cut_short = self._ending is not None and not self._ending.done()
        self._begin_drain()
        if not cut_short:
            await self._settle(0.0)
        self.abandon()
        if self._tasks is not None and not await self._tasks.ended(OBEDIENCE):
            logger.warning("left behind, for it does not end when cancelled: %r", self._tasks)

    def abandon(self) -> None:
        """End the life at once, without waiting for anything. Idempotent."""
        if self._tasks is not None:
            self._tasks.cancel()
        if self._ending is not None and self._loop is not None:
            self._loop.soon(self._ending.cancel)
        self.end()

    def end(self) -> None:
        """Put back and let go of what the life has. Idempotent, never blocks."""
        self._gate.open()
        if self._calls is not None:
            self._calls.close()
        self._advance(Event.STOPPED)

    # -- helpers ----------------------------------------------------------------------------------

    def _now(self) -> float:
        return self._loop.now() if self._loop is not None else time.monotonic()

    def _advance(self, event: Event) -> bool:
        before = self.phase
        if not self.lifecycle.advance(event, self._now()):
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
        rejecting = self._settings.reject_while_starting and self.phase is Phase.STARTING
        return Detour.REJECT if rejecting else None


def _required(runs: Sequence[WorkRun]) -> list[WorkRun]:
    return [run for run in runs if run.work.required]


def _all_done(runs: Sequence[WorkRun]) -> bool:
    """Whether nothing is left to do."""
    return all(run.state is WorkState.DONE for run in runs)


def _said(runs: Sequence[WorkRun], state: WorkState) -> tuple[str, ...]:
    return tuple(str(run) for run in runs if run.state is state)


def _log_waiting(manifest: str) -> None:
    logger.info("waiting for %s", manifest, extra={"waiting_for": manifest})


async def _run_callback(
    calls: Calls,
    name: str,
    function: Callable[..., object],
    release: Callable[[], None],
) -> None:
    """Run one callback of the drain to its end."""
    try:
        failure = await calls.start(function, kind="on_drain", name=name).failure(None)
        if failure is not None:
            logger.error("on_drain %s failed", name, exc_info=failure, extra={"callback": name})
    finally:
        release()
