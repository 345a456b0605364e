"""The gate: stand in front of the server's SIGTERM handler until the drain is over.

The server's handler is remembered and put back: nothing of the server is patched. The sequence is

1. The first SIGTERM begins the drain; the server does not see it yet.
2. One that follows within a second is the same (a process group delivers two).
3. When the drain is over, or at a later SIGTERM, the server's handler is restored and the signal
   raised again: from there the server ends as it always does, with its own exit code.

uvicorn installs its handler with ``signal.signal`` before it opens the lifespan (0.54
uvicorn/server.py, Server.capture_signals), on every loop, so that chaining is all that it takes.

The gate stays open where it can't hold the signal back:

- nobody in Python handles SIGTERM: there is no graceful end to stand in front of;
- the event loop handles it (``loop.add_signal_handler``; granian, gunicorn's own ASGI worker): the
  loop acts on the byte in its wakeup descriptor, whatever Python handler is installed on top.

In a forked child the handler is put back: the child's SIGTERM is none of the app's drain.
"""

from __future__ import annotations

import functools
import logging
import os
import signal
import threading
import time
import weakref
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

logger = logging.getLogger("healthkit")

#: Signals this close to the first are one, in seconds: a shell, a supervisor or a container runtime
#: that signals the process group delivers two within milliseconds.
SAME_SIGNAL: Final = 1.0


class Gate:
    """Holds SIGTERM back from the server. Install and open it in the main thread."""

    def __init__(
        self,
        began: Callable[[], bool],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make a gate that is open.

        Args:
            began: called by the first SIGTERM, in the signal handler: it must not block, lock or
                log. False means that nobody will ever open the gate: the signal passes on.
            now: a monotonic clock, in seconds.
        """
        self._began = began
        self._now = now
        self._server: Callable[[int, FrameType | None], object] = _nobody
        self._closed = False
        self._first: float | None = None
        self._held = False

    def __repr__(self) -> str:
        return f"<Gate {'closed' if self._closed else 'open'}>"

    def install(self) -> bool:
        """Close the gate; return whether there was a handler to stand in front of."""
        if threading.current_thread() is not threading.main_thread():
            logger.info("not in the main thread: SIGTERM is left alone, health.drain() drains")
            return False
        server = signal.getsignal(signal.SIGTERM)
        if not callable(server):
            logger.info("nobody handles SIGTERM: it is left alone, health.drain() drains")
            return False
        if _is_of_a_loop(server):
            logger.info("the event loop handles SIGTERM: it is left alone, health.drain() drains")
            return False
        self._server = server
        self._closed = True
        signal.signal(signal.SIGTERM, self._handle)
        _restore_after_fork(self)
        return True

    def hand_over(self) -> None:
        """Open the gate, and give the server the SIGTERM that was held back, if there was one.

        Call it in the main thread: the handler runs before this returns to Python code.
        """
        self.open()
        if self._held:
            self._held = False
            signal.raise_signal(signal.SIGTERM)

    def open(self) -> None:
        """Put the server's handler back, if nobody has chained to ours since. Idempotent."""
        self._closed = False
        if threading.current_thread() is not threading.main_thread():
            return
        if signal.getsignal(signal.SIGTERM) == self._handle:
            signal.signal(signal.SIGTERM, self._server)

    def _handle(self, signum: int, frame: FrameType | None) -> None:
        """Take a SIGTERM. Runs between two bytecodes of whatever the main thread is doing."""
        now = self._now()
        if not self._closed:
            # Somebody chained to this handler and calls it still.
            self._server(signum, frame)
        elif self._first is None:
            self._first = now
            self._held = True
            if not self._began():
                self.hand_over()
        elif now - self._first >= SAME_SIGNAL:
            self.hand_over()


def _is_of_a_loop(handler: object) -> bool:
    """Whether `handler` only stands for a loop's own: both loops install a function of theirs."""
    return getattr(handler, "__module__", "").partition(".")[0] in {"asyncio", "uvloop"}


def _nobody(signum: int, frame: FrameType | None) -> None:
    """Stand for the server of a gate that was never installed."""


_gates: Final[weakref.WeakSet[Gate]] = weakref.WeakSet()


def _restore_after_fork(gate: Gate) -> None:
    """See to it that a forked child gets back what `gate` has replaced."""
    _gates.add(gate)
    _hook_into_fork()


@functools.cache
def _hook_into_fork() -> None:
    """Register with the interpreter, once per process: a registration can't be taken back."""
    if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
        os.register_at_fork(after_in_child=_open_all)


def _open_all() -> None:
    for gate in list(_gates):
        gate.open()
