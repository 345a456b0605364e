"""Virtual time for real apps: an event loop whose clock jumps to the next deadline.

It starts at 0.0 and stands still while anybody works: a task, a callback, or another thread
(`_threads` says how that is seen). When everybody waits, it is the next deadline's moment. A loop
that can't go on says so with a `StuckError`, in whoever awaits the simulation, instead of hanging.

Why not one of the libraries that do this, as tried in 2026, on a thread that works for 50 ms under
a timeout of 0.8 s, and on a task that hangs:

- looptime 0.9 waits for `run_in_executor` and nothing else: with anyio's threads, which are
  FastAPI's, or a bare thread the timeout strikes. A deadlock hangs unless `idle_timeout` is set.
- async-solipsism 0.10 runs executors' work in place and refuses `call_soon_threadsafe`, so that
  anyio's threads fail; it reports a deadlock ("SleepForeverError").
- aiotools 2.2.4, VirtualClock: the timeout strikes in all three; a deadlock turns for ever.
- None of them ends a task that spins or blocks.
- trio's MockClock is trio's; time-machine and freezegun leave the loop's clock real.

Surprising: `time.sleep(0.2)` in a thread takes 0.2 real seconds and no virtual time. On the loop
likewise. A server in another process, or a client, is not waited for.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Any, Final, TypeVar, TypeVarTuple, cast

from healthkit import _validate
from healthkit.errors import ConfigError
from healthkit.testing._loop_signals import PodSignalLoop
from healthkit.testing._selector import Moment, Selector
from healthkit.testing._stuck import (
    StuckError,
    callback_named,
    deadlock,
    label,
    spin,
)
from healthkit.testing._threads import PAUSE, Threads
from healthkit.testing._watchdog import Watchdog

if TYPE_CHECKING:
    import contextvars
    from collections.abc import Awaitable, Callable, Generator
    from types import FrameType

    from healthkit.testing._selector import Events

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

#: How long a callback may block, a thread may work, and everybody may wait, in real seconds.
PATIENCE: Final = 5.0

#: How many turns of the loop may pass in one moment. Some two seconds of a task that spins; far
#: more than thousands of requests to an app in this process need, one after the other.
TURNS: Final = 100_000

#: The same for turns that take long, in spans of patience, and how many it takes to be a spin.
SPANS: Final = 10
SLOW_TURNS: Final = 1_000


class VirtualLoop(PodSignalLoop):
    """An event loop whose clock starts at 0.0 and jumps to the next deadline.

    Callbacks for the same moment are called in the order in which they were asked for.

    Args:
        patience: in real seconds, 5 by default: a callback that takes longer is interrupted, a
            thread that works longer is not waited for any more (with a RuntimeWarning), and if
            nobody goes on for as long, nobody will. Raise it for real work on the loop.
        turns: how many turns the loop may make in one moment before it is said to spin.

    Raises:
        ConfigError: a wrong value.
    """

    #: asyncio's own: the timers, the next one first.
    _scheduled: list[asyncio.TimerHandle]

    def __init__(self, patience: float = PATIENCE, turns: int = TURNS) -> None:
        self._selecting = Selector(self._wait)
        super().__init__(self._selecting)
        try:
            self._patience = _validate.seconds("patience", patience, zero=False)
            self._turns = _validate.whole("turns", turns, least=1, most=1_000_000_000)
        except ConfigError:
            self.close()
            raise
        self._moment = 0.0
        self._order = 0
        self._main: asyncio.Future[Any] | None = None
        self._failure: BaseException | None = None
        self._threads = Threads(self._patience)
        self._dog = Watchdog(self._patience, self._current, self._blocked, self._later)
        self._moved()

    def __repr__(self) -> str:
        state = "running" if self.is_running() else "closed" if self.is_closed() else "stopped"
        return f"<VirtualLoop {state} at {self._moment:g} s>"

    def time(self) -> float:
        """Return the virtual moment, in seconds."""
        return self._moment

    def call_at(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        """Have `callback` called at a moment, after what was asked for earlier for then."""
        self._order += 1
        return super().call_at(Moment(when, self._order), callback, *args, context=context)

    def run_forever(self) -> None:
        """Run until `stop`, watched over."""
        with self._dog.watching():
            super().run_forever()

    def run_until_complete(self, future: Generator[Any, None, T] | Awaitable[T]) -> T:
        """Run until `future` is done, and return or raise what came of it.

        Raises:
            StuckError: the simulation can't go on.
            BaseException: what a clock's callback has raised.
        """
        self._main = main = asyncio.ensure_future(cast("Awaitable[T]", future), loop=self)
        self._failure = None
        self._moved()
        try:
            with self._surfacing():
                return super().run_until_complete(main)
        finally:
            self._main = None

    async def shutdown_default_executor(
        self,
        timeout: float | None = None,  # noqa: ASYNC109  # asyncio's, since Python 3.12
    ) -> None:
        """Wait for the executor's threads. They work in real time, so no `timeout` of the loop's.

        asyncio's own, 300 s, would be over at once.
        """
        del timeout
        await super().shutdown_default_executor()

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Report what a callback has raised; but not the failure, which is raised anyway."""
        if self._failure is None or context.get("exception") is not self._failure:
            super().call_exception_handler(context)

    def fail(self, failure: BaseException) -> None:
        """End the simulation: whoever awaits it gets `failure`. The first one counts."""
        if self._failure is None:
            self._failure = failure
            if self._main is not None:
                self._main.cancel()

    async def guarded(self, main: Callable[[], Awaitable[T]]) -> T:
        """Await `main`, and make the present task the one that a failure ends.

        For a runner whose tests share one task, as anyio's do: the failure is raised in the middle
        of that task, which goes on.
        """
        outer, self._main = self._main, asyncio.current_task(self)
        try:
            with self._surfacing():
                try:
                    return await main()
                finally:
                    await self._calmed()
        finally:
            self._main = outer

    async def _calmed(self) -> None:
        """Take back the cancellation by a failure, whether it has struck or not."""
        task = cast("asyncio.Task[Any]", self._main)
        if self._failure is None or not task.cancelling():
            return
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(0)
        task.uncancel()

    @contextlib.contextmanager
    def _surfacing(self) -> Generator[None]:
        """Raise the failure, whatever the block made of it."""
        try:
            yield
        except (Exception, asyncio.CancelledError) as exc:
            if self._failure is None or self._failure is exc:
                raise
            raise self._failure from exc
        if self._failure is not None:
            raise self._failure

    def _wait(self, timeout: float | None) -> Events:
        """Wait for events, or let time pass. What the loop's selector does."""
        self._dog.turn += 1
        try:
            events = self._selecting.really(0)
            if events:
                self._moved()
                return events
            return self._spun() if timeout == 0 else self._passed()
        except Warning as exc:  # a user who makes errors of warnings gets this one as an error
            self._stuck(exc)
            return []
        finally:
            self._dog.turn += 1

    def _passed(self) -> Events:
        """Wait while other threads work; then go to the next deadline."""
        since, first = time.monotonic(), True
        while True:
            if self._threads.hold(first=first):
                since = time.monotonic()
            elif self._is_over(since):
                # A thread that called back before it began to wait has left its news in the pipe.
                return self._selecting.really(0) or self._jumped()
            events = self._selecting.really(PAUSE)
            if events:
                self._moved()
                return events
            first = False

    def _is_over(self, since: float) -> bool:
        """Whether nobody but the clock will do anything; without a deadline one waits longer."""
        if self._scheduled or (self._selecting.is_alone() and not self._threads.may_wake()):
            return True
        # One in the background may yet end; an executor that shuts down waits for it, for real.
        spans = SPANS if self._threads.has_background() else 1
        return time.monotonic() - since > spans * self._patience

    def _jumped(self) -> Events:
        """Go to the next deadline's moment, exactly."""
        if self._scheduled:
            self._moment = max(self._moment, float(self._scheduled[0].when()))
            self._moved()
        else:
            self._stuck(deadlock(self, self._threads.named()))
        return []

    def _spun(self) -> Events:
        """Count a turn in which time didn't pass."""
        self._spins += 1
        took = time.monotonic() - self._since
        slow = self._spins > SLOW_TURNS and took > SPANS * self._patience
        if self._spins > self._turns or slow:
            self._stuck(spin(self, self._spins))
            self._moved()
        return []

    def _moved(self) -> None:
        """Note that something went on."""
        self._spins = 0
        self._since = time.monotonic()

    def _stuck(self, failure: Exception) -> None:
        """End the simulation; the second time, because it didn't end, without asking any task."""
        if self._failure is not None or self._main is None:
            raise self._failure or failure
        self.fail(failure)

    def _blocked(self, error: StuckError) -> None:
        """Note the error of a callback that blocks; it is also raised there."""
        if self._main is not None and self._main is asyncio.current_task(self):
            self._failure = self._failure or error
        else:
            self.fail(error)

    def _later(self, callback: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # closed meanwhile
            self.call_soon_threadsafe(callback)

    def _current(self, frame: FrameType | None) -> str:
        """Name what runs now."""
        task = asyncio.current_task(self)
        return callback_named(frame) if task is None else label(task)
