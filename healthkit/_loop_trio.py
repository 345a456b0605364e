"""What `_loop` needs of trio. Imported only in a process that has imported trio by itself.

Two rules of trio's shape this. What escapes from a system task, or from a callback of
`run_sync_soon`, is a `TrioInternalError` that takes the whole run down; so what healthkit runs
there is contained and logged, as asyncio would. And a cancelled scope stays cancelled: each further
`await` in it is cancelled too, unless it is shielded. A user of trio expects exactly that, so a
late check is cancelled that way here, and not once as on asyncio.

`SystemExit` and `KeyboardInterrupt` of a callback do end the run, as on asyncio: a server's handler
for SIGTERM may raise them when it is given the signal in the end.
"""

from __future__ import annotations

import contextvars
import signal
import time
from functools import partial
from typing import TYPE_CHECKING

import trio

from healthkit._log import logger

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine


def is_running() -> bool:
    """Whether the caller runs on trio."""
    return _token() is not None


def current_time() -> float:
    """Return what the clock of the running `TrioLoop` says."""
    return _clock()()


def _token() -> trio.lowlevel.TrioToken | None:
    try:
        return trio.lowlevel.current_trio_token()
    except RuntimeError:
        return None


def _clock() -> Callable[[], float]:
    """Return the system's monotonic clock, unless a test has one of its own.

    trio's is the same with a random offset (trio/_core/_run.py, SystemClock), and the workers of a
    pod must agree on a time. The class has no public name.
    """
    clock = trio.lowlevel.current_clock()
    return time.monotonic if type(clock).__name__ == "SystemClock" else clock.current_time


def _contained(callback: Callable[[], object]) -> None:
    """Call back; what it raises is logged and ends nothing."""
    try:
        callback()
    except Exception:  # noqa: BLE001  # logged with all that it says
        logger.exception("a callback on the event loop failed: expected no exception")


def _nothing() -> None:
    """Be called, to see whether anything is."""


class TrioLoop:
    """The running `trio.run`. See `_loop.Native` and `_loop.Loop`.

    Raises:
        RuntimeError: there is none.
    """

    def __init__(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        self.clock = _clock()
        #: trio handles this signal itself and no other (trio/_core/_ki.py): KeyboardInterrupt.
        self.ends_by: signal.Signals | None = signal.SIGINT

    def is_running_here(self) -> bool:
        """Whether this very run is the one that runs the caller."""
        return _token() is self._token

    def is_closed(self) -> bool:
        """Whether nothing can run on it any more."""
        return not self.is_running_here() and not self.soon(_nothing)

    def soon(self, callback: Callable[[], object]) -> bool:
        """Have the run call `callback`; return False if it is over and never will.

        It appends to a deque and writes to a socket; its lock is reentrant, and meant to be taken
        in a signal handler (trio/_core/_entry_queue.py). As on asyncio, the callback sees the
        context variables of whoever asks for it.
        """
        context = contextvars.copy_context()
        try:
            self._token.run_sync_soon(lambda: context.run(_contained, callback))
        except trio.RunFinishedError:
            return False
        return True

    def spawn(
        self,
        work: Coroutine[object, object, None],
        name: str,
        context: contextvars.Context | None,
        ended: Callable[[TrioTask], object],
    ) -> TrioTask:
        """Start `work` as a system task: the run cancels it when the main task is over."""
        made = TrioTask(work, ended)
        context = contextvars.copy_context() if context is None else context
        trio.lowlevel.spawn_system_task(made.run, name=name, context=context)
        return made


class TrioTask:
    """See `_loop.Spawned`."""

    __slots__ = ("_cancelled", "_ended", "_forsaken", "_scope", "_work")

    def __init__(
        self, work: Coroutine[object, object, None], ended: Callable[[TrioTask], object]
    ) -> None:
        self._work = work
        self._ended = ended
        self._scope = trio.CancelScope()
        self._cancelled = False
        #: Whether nobody cares how it ends.
        self._forsaken = False

    def cancel(self) -> None:
        """Ask it to end, and each `await` in it that is not shielded."""
        self._scope.cancel()

    def cancelled(self) -> bool:
        """Whether it has ended by its cancellation."""
        return self._cancelled

    def forsake(self) -> None:
        """Ask again, and tell nobody how it ends.

        trio has no public way to end a wait that is shielded, or work that swallows whatever is
        raised in it: its run waits for that, as it does for the app's own.
        """
        self._forsaken = True
        self._scope.cancel()

    async def run(self) -> None:
        """Do the work. The body of the task: nothing escapes."""
        try:
            with self._scope:
                await self._work
            self._cancelled = self._scope.cancelled_caught
        except trio.Cancelled:  # the end of the run
            self._cancelled = True
        except BaseException as exc:
            if isinstance(exc, GeneratorExit) and not self._forsaken:
                raise  # the run was never finished, and its tasks are collected
            if not self._forsaken:
                logger.exception("a task of healthkit's failed: expected no exception")
        _contained(partial(self._ended, self))
