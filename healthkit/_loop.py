"""The event loop that a life runs on, and the tasks it runs there: the one seam to the libraries.

Owns how work gets onto the loop from another thread or from a signal handler, how a life's tasks
are started and ended, and what time it is. What runs inside a task uses anyio and does not know
which loop it is on; what anyio has no word for is in `_loop_asyncio` and `_loop_trio`.

The tasks are in no task group, for three reasons: a group waits for a child that refuses to end, it
is cancelled as a whole by a child that raises `CancelledError` by itself, and when a loop is torn
down with a child that has not begun, anyio 4.16 leaves a "never awaited" warning behind. None of
that may follow from what a check does.
"""

from __future__ import annotations

import contextvars
import sys
import threading
from typing import TYPE_CHECKING, Protocol

import anyio

from healthkit._loop_asyncio import AsyncioLoop
from healthkit.errors import ConfigError

if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Coroutine


class Spawned(Protocol):
    """One task, as it is seen by whoever started it. On the loop."""

    def cancel(self) -> None:
        """Ask it to end, in the library's own way."""
        ...

    def cancelled(self) -> bool:
        """Whether it has ended by its cancellation."""
        ...

    def forsake(self) -> None:
        """Interrupt it though it has refused to end; nobody is told how it ended."""
        ...


class Native(Protocol):
    """The running loop, as its library has it. `Loop` says what is expected of each."""

    clock: Callable[[], float]
    ends_by: signal.Signals | None

    def is_running_here(self) -> bool:
        """Whether it runs the caller."""
        ...

    def is_closed(self) -> bool:
        """Whether nothing can run on it any more. Safe in any thread."""
        ...

    def soon(self, callback: Callable[[], object]) -> bool:
        """Have `callback` called. Safe in any thread and in a signal handler."""
        ...

    def spawn(
        self,
        work: Coroutine[object, object, None],
        name: str,
        context: contextvars.Context | None,
        ended: Callable[[Spawned], object],
    ) -> Spawned:
        """Start a task, in a copy of the present context if None is given."""
        ...


class Loop:
    """The running loop, as seen from any thread. Make it inside the loop.

    Raises:
        ConfigError: neither asyncio nor trio is running.
    """

    def __init__(self, *, inherit: bool = True) -> None:
        """Take note of it.

        Args:
            inherit: whether tasks see the context variables of whoever starts them. Not those of a
                request that happens to be the first: its trace and its user would be every check's.
        """
        self._inherit = inherit
        self._native = _running()
        self._thread = threading.get_ident()
        #: The loop's monotonic clock, in seconds. Safe in any thread. It is the system's, asked at
        #: each request and for durations, unless a test has made time its own.
        self.clock: Callable[[], float] = self._native.clock
        #: The signal that ends a server which handles none by itself; None if there is no such.
        self.ends_by = self._native.ends_by

    def now(self) -> float:
        """Return what the clock says. Safe in any thread."""
        return self.clock()

    def is_mine(self) -> bool:
        """Whether the caller runs in the loop's own thread."""
        return threading.get_ident() == self._thread

    def is_running_here(self) -> bool:
        """Whether this very loop is the one that runs the caller."""
        return self._native.is_running_here()

    def is_closed(self) -> bool:
        """Whether nothing can run on it any more. Safe in any thread."""
        return self._native.is_closed()

    def soon(self, callback: Callable[[], object]) -> bool:
        """Have the loop call `callback`; return False if it is closed and never will.

        Safe in any thread and in a signal handler. What it raises is logged by the loop.
        """
        return self._native.soon(callback)

    def spawn(
        self,
        work: Coroutine[object, object, None],
        name: str,
        ended: Callable[[Spawned], object] | None = None,
    ) -> Spawned:
        """Start `work` as a task. The caller keeps the reference, and owns its end.

        Args:
            work: what it does. It raises nothing.
            name: what it is called in a list of tasks, after healthkit's own name.
            ended: called with what this returns, on the loop, when it is over.
        """
        context = None if self._inherit else contextvars.Context()
        return self._native.spawn(work, f"healthkit {name}", context, ended or _unheard)


def _unheard(_task: Spawned) -> None:
    """Take no notice of a task's end."""


def _running() -> Native:
    """Return the loop that runs the caller."""
    if _on_trio():
        from healthkit._loop_trio import TrioLoop  # noqa: PLC0415  # only where trio is

        return TrioLoop()
    try:
        return AsyncioLoop()
    except RuntimeError as exc:
        message = "no event loop is running: expected a server on asyncio, uvloop or trio"
        raise ConfigError(message) from exc


def _on_trio() -> bool:
    """Whether the caller runs on trio. A process that has not imported it does not."""
    if "trio" not in sys.modules:
        return False
    from healthkit import _loop_trio  # noqa: PLC0415  # only where trio is

    return _loop_trio.is_running()


def current_time() -> float:
    """Return the clock of the loop that runs the caller: what a `Loop` made there says.

    Not `anyio.current_time` where that is trio's own clock, which has a random offset. On uvloop it
    is the time at which the loop woke up.
    """
    if _on_trio():
        from healthkit import _loop_trio  # noqa: PLC0415  # only where trio is

        return _loop_trio.current_time()
    return anyio.current_time()


class Tasks:
    """The tasks of one life. Start them on the loop; cancel them from any thread."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._tasks: set[Spawned] = set()
        self._cancelled = False
        #: Set when none is left; replaced by whoever waits for that.
        self._empty = anyio.Event()

    def __repr__(self) -> str:
        return f"<Tasks {len(self._tasks)}>"

    def start(self, work: Coroutine[object, object, None], name: str) -> Spawned | None:
        """Start `work` as a task that is kept until it ends; nothing, and None, after `cancel`."""
        if self._cancelled:
            work.close()
            return None
        task = self._loop.spawn(work, name, self._over)
        self._tasks.add(task)
        return task

    def cancel(self) -> None:
        """Ask all tasks to end, and start no more. Safe in any thread; never blocks."""
        self._cancelled = True
        for task in tuple(self._tasks):
            self._loop.soon(task.cancel)

    def forsake(self) -> None:
        """Interrupt what refuses to end, so that it can't keep the loop from closing.

        A loop waits for every task that it has cancelled. One that swallows its cancellation would
        keep the process from ever exiting.
        """
        for task in tuple(self._tasks):
            task.forsake()

    async def ended(self, within: float) -> bool:
        """Wait `within` seconds at most for all tasks to end; return whether they have."""
        if self._tasks:
            self._empty = anyio.Event()
            with anyio.move_on_after(within):
                await self._empty.wait()
        return not self._tasks

    def _over(self, task: Spawned) -> None:
        self._tasks.discard(task)
        if not self._tasks:
            self._empty.set()
