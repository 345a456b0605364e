"""The signals of one played process: its own table of handlers, and no other's.

Several processes are played in one, so none may touch the real table. Code that knows of it uses
`healthkit._signal_table`, as the loop's ``add_signal_handler`` does here (`_loop_signals`); an app
that calls `signal.signal` in its lifespan start-up is watched step by step: while a step of it
runs, the real table shows the played process's handler of SIGTERM, and what is found there
afterwards is moved to where it belongs. So a handler that chains to the server's finds the
server's.

The limits:

1. Only the main thread can do that; elsewhere such a call raises ValueError, as in any thread.
2. Only the lifespan's own task is watched, not those that it starts, and no requests.
3. ``os.kill(os.getpid(), ...)`` and ``signal.raise_signal`` of the app's reach the real process.
4. SIGINT is put back but not shown: Ctrl-C stays the developer's.

Signal 15 with nobody to handle it does nothing: the process is PID 1 of its container, for which
the kernel ignores what has the default action (Linux kernel/signal.c, sig_task_ignored).
"""

from __future__ import annotations

import signal
import threading
import types
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable, Coroutine, Generator

    from healthkit._signal_table import Handler

#: What a server handles, and so what is watched.
HANDLED: Final = (signal.SIGTERM, signal.SIGINT)


class PodSignals:
    """A table of signal handlers: see `healthkit._signal_table.SignalTable`."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        call: Callable[[Callable[[int, types.FrameType | None], object], int], object],
    ) -> None:
        """Make a table in which nothing is installed. On the loop's thread.

        Args:
            loop: where handlers are called.
            call: calls a handler with a signal, as the process would.
        """
        self.gate: object = None
        self._loop = loop
        self._call = call
        self._thread = threading.get_ident()
        self._handlers: dict[int, Handler] = {}
        self._dead = False

    def __repr__(self) -> str:
        names = ", ".join(signal.Signals(number).name for number in sorted(self._handlers))
        return f"<PodSignals {names or 'none handled'}>"

    def now(self) -> float:
        """Return the loop's time."""
        return self._loop.time()

    def getsignal(self, number: int, /) -> Handler:
        """Return the handler of a signal."""
        return self._handlers.get(number, signal.SIG_DFL)

    def signal(self, number: int, handler: Handler, /) -> Handler:
        """Install a handler, and return the one before it. In any thread."""
        before = self.getsignal(number)
        self._handlers[number] = handler
        return before

    def siginterrupt(self, number: int, flag: bool, /) -> None:  # noqa: FBT001  # the module's own
        """Do nothing: there are no system calls here that it could interrupt."""

    def raise_signal(self, number: int, /) -> None:
        """Deliver a signal: now on the loop's thread, else as soon as the loop turns."""
        if threading.get_ident() == self._thread:
            self._deliver(number)
        else:
            self._loop.call_soon_threadsafe(self._deliver, number)

    def send_signal(self, number: int, /) -> None:
        """Deliver a signal. No thread is preferred here."""
        self.raise_signal(number)

    def die(self) -> None:
        """Let the process be no more: whatever is delivered now reaches nobody."""
        self._dead = True

    def _deliver(self, number: int) -> None:
        handler = self.getsignal(number)
        if callable(handler) and not self._dead:
            self._call(handler, number)


def watched(work: Coroutine[Any, Any, object], table: PodSignals) -> Awaitable[object]:
    """Return what does the same as `work`, and moves the handlers that it installs to `table`."""
    in_main_thread = threading.current_thread() is threading.main_thread()
    if not in_main_thread or None in map(signal.getsignal, HANDLED):
        return work  # what is no Python handler could not be put back
    return _step_by_step(work, table)


@types.coroutine
def _step_by_step(
    work: Coroutine[Any, Any, object], table: PodSignals
) -> Generator[Any, Any, object]:
    """Drive a coroutine, and look at the real table around each of its steps."""
    step: Callable[[], Any] = _sending(work, None)
    while True:
        try:
            with _Shown(table):
                awaited = step()
        except StopIteration as end:
            return end.value
        try:
            step = _sending(work, (yield awaited))
        except BaseException as exc:  # noqa: BLE001  # what is thrown in, a cancellation for one
            step = _throwing(work, exc)


#: By this a frame is known that stands between a task and the coroutine `work`.
DRIVER: Final[types.CodeType] = getattr(_step_by_step, "__code__")  # noqa: B009  # types hide it


def _sending(work: Coroutine[Any, Any, object], value: object) -> Callable[[], Any]:
    return lambda: work.send(value)


def _throwing(work: Coroutine[Any, Any, object], exc: BaseException) -> Callable[[], Any]:
    return lambda: work.throw(exc)


class _Shown:
    """A played process's table in the real one's place, for one step of its code."""

    def __init__(self, table: PodSignals) -> None:
        self._table = table

    def __enter__(self) -> None:
        self._before = {number: signal.getsignal(number) for number in HANDLED}
        self._shown = {**self._before, signal.SIGTERM: self._table.getsignal(signal.SIGTERM)}
        signal.signal(signal.SIGTERM, self._shown[signal.SIGTERM])

    def __exit__(self, *_: object) -> None:
        for number in HANDLED:
            found = signal.getsignal(number)
            if found is not self._shown[number]:
                self._table.signal(number, found)
            if found is not self._before[number]:
                signal.signal(number, self._before[number])
