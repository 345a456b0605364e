"""What `_loop` needs of asyncio and uvloop."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    import contextvars
    import signal
    from collections.abc import Callable, Coroutine

#: Seconds that two looks at one clock may differ by.
SAME_TIME: Final = 1.0


class AsyncioLoop:
    """The running asyncio loop. See `_loop.Native` and `_loop.Loop`.

    Raises:
        RuntimeError: there is none.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        #: asyncio's own method calls `time.monotonic` and nothing else; uvloop's is the same clock,
        #: cut to the millisecond in which the loop woke up. So it is asked directly.
        self.clock: Callable[[], float] = (
            time.monotonic if _keeps_real_time(self._loop) else self._loop.time
        )
        #: A server on asyncio handles SIGTERM by itself, or is not there to be ended by a signal.
        self.ends_by: signal.Signals | None = None

    def is_running_here(self) -> bool:
        """Whether this very loop is the one that runs the caller."""
        try:
            return asyncio.get_running_loop() is self._loop
        except RuntimeError:
            return False

    def is_closed(self) -> bool:
        """Whether nothing can run on it any more."""
        return self._loop.is_closed()

    def soon(self, callback: Callable[[], object]) -> bool:
        """Have the loop call `callback`; return False if it is closed and never will.

        It appends to a deque and writes to the loop's self-pipe, and takes no lock (CPython
        Lib/asyncio/base_events.py, call_soon_threadsafe).
        """
        try:
            self._loop.call_soon_threadsafe(callback)
        except RuntimeError:
            return False
        return True

    def spawn(
        self,
        work: Coroutine[object, object, None],
        name: str,
        context: contextvars.Context | None,
        ended: Callable[[AsyncioTask], object],
    ) -> AsyncioTask:
        """Start `work` as a task."""
        task = self._loop.create_task(work, name=name, context=context)
        made = AsyncioTask(task)
        task.add_done_callback(lambda _: ended(made))
        return made


class AsyncioTask:
    """See `_loop.Spawned`."""

    __slots__ = ("_task",)

    def __init__(self, task: asyncio.Task[None]) -> None:
        self._task = task

    def cancel(self) -> None:
        """Ask it to end. What it awaits afterwards is not cancelled."""
        self._task.cancel()

    def cancelled(self) -> bool:
        """Whether it has ended by its cancellation."""
        return self._task.cancelled()

    def forsake(self) -> None:
        """Close its coroutine: `asyncio.run` waits for every task that it has cancelled."""
        self._task.add_done_callback(_retrieve)
        with contextlib.suppress(RuntimeError):  # it swallows everything: nothing can be done
            cast("Coroutine[object, object, None]", self._task.get_coro()).close()
        self._task.cancel()


def _keeps_real_time(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether the loop's clock is the system's monotonic one, and not a test's own.

    CPython's is (Lib/asyncio/base_events.py, BaseEventLoop.time); so is that of a loop that is no
    `BaseEventLoop`, if it tells the same time.
    """
    if isinstance(loop, asyncio.BaseEventLoop):
        return type(loop).time is asyncio.BaseEventLoop.time
    return abs(loop.time() - time.monotonic()) < SAME_TIME


def _retrieve(task: asyncio.Task[None]) -> None:
    """Take note of how a forsaken task ended, so that nobody is told that it was overlooked."""
    if not task.cancelled():
        task.exception()
