"""The gate: stand in front of the server's SIGTERM handler until the drain is over.

The server's handler is remembered and put back: nothing of the server is patched. The sequence is

1. The first SIGTERM begins the drain; the server does not see it yet.
2. One that follows within a second is the same (a process group delivers two).
3. When the drain is over, or at a later SIGTERM, the server's handler is restored and the signal
   raised again: from there the server ends as it always does, with its own exit code.

There is one gate per process, and it may have several keepers: an app and one that is mounted in
it, each with a drain of its own. The first SIGTERM begins all drains at once, and the gate opens
when the last one is over.

uvicorn installs its handler with ``signal.signal`` before it opens the lifespan (0.54
uvicorn/server.py, Server.capture_signals), on every loop, so that chaining is all that it takes.

The gate is not closed where it can't hold the signal back:

- nobody in Python handles SIGTERM: there is no graceful end to stand in front of;
- the event loop handles it (``loop.add_signal_handler``; granian, gunicorn's own ASGI worker): the
  loop acts on the byte in its wakeup descriptor, whatever Python handler is installed on top.

In a forked child the handler is put back: the child's SIGTERM is none of the app's drain.
"""

from __future__ import annotations

import functools
import os
import signal
import threading
import time
from typing import TYPE_CHECKING, Final

from healthkit._log import logger

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

#: Signals this close to the first are one, in seconds: a shell, a supervisor or a container runtime
#: that signals the process group delivers two within milliseconds.
SAME_SIGNAL: Final = 1.0


class Keeper:
    """One who keeps the gate closed: a life with a drain."""

    def __init__(self, began: Callable[[], bool]) -> None:
        """Make a keeper that is nowhere yet.

        Args:
            began: called by the first SIGTERM, in the signal handler: it must not block, lock or
                log. False means that it will never be done: its loop is gone.
        """
        self.began = began
        #: Whether its drain is over.
        self.done = False
        #: Whether a later SIGTERM has passed the gate: somebody does not want to wait.
        self.hurried = False


class Gate:
    """Holds SIGTERM back from the server. Everything but `leave` belongs to the main thread."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        """Make a gate that is open.

        Args:
            now: a monotonic clock, in seconds.
        """
        self.now = now
        self._keepers: tuple[Keeper, ...] = ()
        #: Our handler, where it is installed, and the one that it stands before.
        self._handler: _Handler | None = None
        self._first: float | None = None

    def __repr__(self) -> str:
        return f"<Gate {'closed' if self.closed else 'open'}>"

    def close(self, keeper: Keeper) -> bool:
        """Close the gate, for `keeper` too; return whether there was a handler to stand before.

        Idempotent.
        """
        if keeper in self._keepers:
            return True
        if threading.current_thread() is not threading.main_thread():
            logger.info("not in the main thread: SIGTERM is left alone, health.drain() drains")
            return False
        if not self._keepers and not self._install():
            return False
        self._keepers = (*self._keepers, keeper)
        if self._first is not None:
            # Somebody joins while the others end: it drains as well, and holds up nobody.
            keeper.began()
            keeper.done = True
        return True

    def finished(self, keeper: Keeper) -> None:
        """Note that the drain of `keeper` is over; open the gate if it was the last."""
        keeper.done = True
        self._pass_if_done()

    def leave(self, keeper: Keeper) -> None:
        """Forget `keeper`; open the gate if nobody else keeps it. Idempotent.

        A signal that was held back is not lost: the server gets it now. In another thread than the
        main one the handler stays where it is, and passes everything on.
        """
        if keeper not in self._keepers:
            return  # never there, perhaps of another thread: it must not touch what others change
        self._keepers = tuple(other for other in self._keepers if other is not keeper)
        self._pass_if_done()

    def hand_over(self) -> None:
        """Open the gate, and give the server the SIGTERM that was held back, if there was one."""
        held, self._first = self._first is not None, None
        self._keepers = ()
        self._open()
        if held:
            signal.raise_signal(signal.SIGTERM)

    def _install(self) -> bool:
        server = signal.getsignal(signal.SIGTERM)
        if not callable(server) or _is_of_a_loop(server):
            who = "the event loop" if callable(server) else "nobody"
            line = "%s handles SIGTERM: it is left alone; `healthkit drain` and `run` come before"
            logger.info(line, who)
            return False
        self._first = None
        handler = self._handler = _Handler(self, server)
        signal.signal(signal.SIGTERM, handler)
        _hook_into_fork()
        return True

    def _open(self) -> None:
        """Put the server's handler back, if nobody has chained to ours since."""
        if threading.current_thread() is not threading.main_thread():
            return
        handler = signal.getsignal(signal.SIGTERM)
        if isinstance(handler, _Handler) and handler is self._handler:
            signal.signal(signal.SIGTERM, handler.server)

    @property
    def closed(self) -> bool:
        """Whether a signal is to be held back."""
        return bool(self._keepers)

    def take(self) -> None:
        """Take a SIGTERM. Runs between two bytecodes of whatever the main thread is doing."""
        now = self.now()
        if self._first is None:
            self._first = now
            for keeper in self._keepers:
                keeper.done = not keeper.began()
            self._pass_if_done()
        elif now - self._first >= SAME_SIGNAL:
            for keeper in self._keepers:
                keeper.hurried = True
            self.hand_over()

    def _pass_if_done(self) -> None:
        if all(keeper.done for keeper in self._keepers):
            self.hand_over()

    def forked(self) -> None:
        """Be in a forked child: the server's handler is put back, nobody keeps the gate."""
        self._keepers = ()
        self._first = None
        self._open()


class _Handler:
    """The gate's signal handler, from one closing of the gate to its opening.

    Each closing has its own: somebody may have chained to an earlier one, and calls it still.
    """

    def __init__(self, gate: Gate, server: Callable[[int, FrameType | None], object]) -> None:
        self._gate = gate
        self.server = server

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        """Hold the signal back, or pass it on."""
        if self._gate.closed:
            self._gate.take()
        else:
            self.server(signum, frame)


#: The process's own.
GATE: Final = Gate()


@functools.cache
def _hook_into_fork() -> None:
    """Register with the interpreter, once per process: a registration can't be taken back."""
    if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
        os.register_at_fork(after_in_child=GATE.forked)


def _is_of_a_loop(handler: object) -> bool:
    """Whether `handler` only stands for a loop's own: both loops install a function of theirs."""
    module = getattr(handler, "__module__", None) or ""
    return module.partition(".")[0] in {"asyncio", "uvloop"}
