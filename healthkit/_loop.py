"""The event loop that a life runs on, and the tasks it runs there: the one seam to asyncio.

Owns how work gets onto the loop from another thread or from a signal handler, how a life's tasks
are started and ended, and what time it is. What runs inside a task uses anyio and does not know
which loop it is on.

The tasks are in no task group, for three reasons: a group waits for a child that refuses to end, it
is cancelled as a whole by a child that raises `CancelledError` by itself, and when a loop is torn
down with a child that has not begun, anyio 4.16 leaves a "never awaited" warning behind. None of
that may follow from what a check does.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
import time
from typing import TYPE_CHECKING, Final, cast

from healthkit.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine


#: Seconds that two looks at one clock may differ by.
SAME_TIME: Final = 1.0


class Loop:
    """The running loop, as seen from any thread. Make it inside the loop.

    Raises:
        ConfigError: no asyncio loop is running.
    """

    def __init__(self, *, inherit: bool = True) -> None:
        """Take note of it.

        Args:
            inherit: whether tasks see the context variables of whoever starts them. Not those of a
                request that happens to be the first: its trace and its user would be every check's.
        """
        self._inherit = inherit
        try:
            self._loop = asyncio.get_running_loop()
        except RuntimeError as exc:
            message = "no asyncio event loop is running: expected a server on asyncio or uvloop"
            raise ConfigError(f"{message}; trio is not supported") from exc
        self._thread = threading.get_ident()
        #: The loop's monotonic clock, in seconds. Safe in any thread. asyncio's own method calls
        #: `time.monotonic` and nothing else; uvloop's is the same clock, cut to the millisecond in
        #: which the loop woke up. So it is asked directly, at each request and for durations.
        self.clock: Callable[[], float] = (
            time.monotonic if _keeps_real_time(self._loop) else self._loop.time
        )

    def now(self) -> float:
        """Return what the clock says. Safe in any thread."""
        return self.clock()

    def is_mine(self) -> bool:
        """Whether the caller runs in the loop's own thread."""
        return threading.get_ident() == self._thread

    def is_running_here(self) -> bool:
        """Whether this very loop is the one that runs the caller."""
        return asyncio.get_running_loop() is self._loop

    def is_closed(self) -> bool:
        """Whether nothing can run on it any more."""
        return self._loop.is_closed()

    def soon(self, callback: Callable[[], object]) -> bool:
        """Have the loop call `callback`; return False if it is closed and never will.

        Safe in any thread and in a signal handler: it appends to a deque and writes to the loop's
        self-pipe, and takes no lock (CPython Lib/asyncio/base_events.py, call_soon_threadsafe).
        """
        try:
            self._loop.call_soon_threadsafe(callback)
        except RuntimeError:
            return False
        return True

    def spawn(self, work: Coroutine[object, object, None], name: str) -> asyncio.Task[None]:
        """Start `work` as a task. The caller keeps the reference, and owns its end."""
        context = None if self._inherit else contextvars.Context()
        return self._loop.create_task(work, name=f"healthkit {name}", context=context)


def _keeps_real_time(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether the loop's clock is the system's monotonic one, and not a test's own.

    CPython's is (Lib/asyncio/base_events.py, BaseEventLoop.time); so is that of a loop that is no
    `BaseEventLoop`, if it tells the same time.
    """
    if isinstance(loop, asyncio.BaseEventLoop):
        return type(loop).time is asyncio.BaseEventLoop.time
    return abs(loop.time() - time.monotonic()) < SAME_TIME


class Tasks:
    """The tasks of one life. Start them on the loop; cancel them from any thread."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._tasks: set[asyncio.Task[None]] = set()
        self._cancelled = False

    def __repr__(self) -> str:
        return f"<Tasks {len(self._tasks)}>"

    def start(self, work: Coroutine[object, object, None], name: str) -> None:
        """Start `work` as a task that is kept until it ends; nothing after `cancel`."""
        if self._cancelled:
            work.close()
            return
        task = self._loop.spawn(work, name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def cancel(self) -> None:
        """Ask all tasks to end, and start no more. Safe in any thread; never blocks."""
        self._cancelled = True
        for task in tuple(self._tasks):
            self._loop.soon(task.cancel)

    def forsake(self) -> None:
        """Close the coroutines that refuse to end, so that they can't keep the loop from closing.

        `asyncio.run` waits for every task it has cancelled. One that swallows its cancellation
        would keep the process from ever exiting.
        """
        for task in tuple(self._tasks):
            task.add_done_callback(_retrieve)
            with contextlib.suppress(RuntimeError):  # it swallows everything: nothing can be done
                cast("Coroutine[object, object, None]", task.get_coro()).close()
            task.cancel()

    async def ended(self, within: float) -> bool:
        """Wait `within` seconds at most for all tasks to end; return whether they have."""
        if self._tasks:
            await asyncio.wait(tuple(self._tasks), timeout=within)
        return not self._tasks


def _retrieve(task: asyncio.Task[None]) -> None:
    """Take note of how a forsaken task ended, so that nobody is told that it was overlooked."""
    if not task.cancelled():
        task.exception()
