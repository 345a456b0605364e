"""Hold SIGTERM back from an event loop, which does not hear of it by a Python handler.

A loop with ``add_signal_handler`` acts on the byte that the interpreter writes to its wakeup
descriptor for each signal (CPython Modules/signalmodule.c, trip_signal), whatever Python handler is
installed. So a socket of ours takes the descriptor's place, and a thread passes on every byte but
SIGTERM's. It does so also while the loop is blocked.

The surprising fact: a loop that is started again puts its own descriptor back (uvloop does, in each
``run_forever``; granian starts it twice). So whoever holds the signal back looks again, by `renew`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from threading import Lock, Thread
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_NONE: Final = -1
_SIGTERM: Final = bytes([signal.SIGTERM])
#: Among the bytes: what comes after it passes. No signal has this number.
_OPENED: Final = b"\0"
#: Bytes in one reading.
_MANY: Final = 4096


class Wakeup:
    """Our own descriptor in place of the loop's. All but `let_pass` belong to the main thread."""

    def __init__(self, held: Callable[[], object]) -> None:
        """Take the descriptor's place.

        Args:
            held: called in a thread when a SIGTERM was held back. It wakes the loop up: the Python
                handler runs only when the main thread runs Python code again.

        Raises:
            ValueError: not in the main thread.
            OSError: no descriptor is left.
            RuntimeError: no thread is left.
        """
        self._held = held
        self._ours, self._in_thread = socket.socketpair()
        self._ours.setblocking(False)  # noqa: FBT003  # the socket's own
        self._in_thread.settimeout(None)  # whatever `socket.setdefaulttimeout` says
        self._passes = False
        #: Whose place it is, and a duplicate of it: its number may be closed, and used again.
        self._theirs = _NONE
        self._duplicate = _NONE
        self._spare: list[int] = []
        #: Held while the place is taken: a byte that comes at once must find whose it is.
        self._taking = Lock()
        try:
            # First the thread: a byte that nobody passes on would be lost.
            Thread(target=self._pass_on, name="healthkit signals", daemon=True).start()
        except RuntimeError:
            self._in_thread.close()
            self._ours.close()
            raise
        try:
            self._replace()
        except (OSError, ValueError):
            self._ours.close()  # the thread closes the rest
            raise

    def __repr__(self) -> str:
        return f"<Wakeup {self._ours.fileno()} before {self._theirs}>"

    def renew(self) -> None:
        """Take the place again, if somebody has put his own descriptor there since."""
        self._replace()

    def give(self) -> bool:
        """Give them one SIGTERM, now; return whether there is anybody. May be in a handler."""
        if self._duplicate == _NONE:
            return False
        with contextlib.suppress(OSError):  # full: the loop has not even got what came before
            os.write(self._duplicate, _SIGTERM)
        return True

    def let_pass(self) -> None:
        """Pass SIGTERM on as well, from now on. Safe in any thread.

        What came before and was not read yet is held back still: a thread may be late. Only where
        so much was not read that nothing more can be said to the thread, it passes as well.
        """
        try:
            self._ours.send(_OPENED)
        except OSError:  # full
            self._passes = True

    def remove(self) -> None:
        """Put theirs back, unless somebody has put another one there, or theirs is closed.

        Bytes that came before, and that the thread has not read, are still passed on or held back.
        """
        theirs = self._theirs if _same_file(self._theirs, self._duplicate) else _NONE
        found = signal.set_wakeup_fd(theirs, warn_on_full_buffer=False)
        if found != self._ours.fileno():
            signal.set_wakeup_fd(found, warn_on_full_buffer=False)
        self._ours.close()

    def forget(self) -> None:
        """Be in a forked child, where the thread is not: put theirs back, and close everything."""
        self.remove()
        self._close()

    def _replace(self) -> None:
        with self._taking:
            found = signal.set_wakeup_fd(self._ours.fileno(), warn_on_full_buffer=False)
            if found == self._ours.fileno():
                return
            try:
                duplicate = os.dup(found) if found != _NONE else _NONE
            except OSError:
                signal.set_wakeup_fd(found, warn_on_full_buffer=False)
                raise
            self._spare.append(self._duplicate)
            self._theirs, self._duplicate = found, duplicate

    def _pass_on(self) -> None:
        """Pass bytes on until ours is closed. Runs in the thread."""
        while signals := self._in_thread.recv(_MANY):
            before, opened, after = signals.partition(_OPENED)
            passed = before if self._passes else before.replace(_SIGTERM, b"")
            passed += after.replace(_OPENED, b"")
            with self._taking:
                theirs = self._duplicate
            if passed and theirs != _NONE:
                with contextlib.suppress(OSError):  # full: the loop is awake anyway
                    os.write(theirs, passed)
            if not self._passes and _SIGTERM in before:
                self._held()
            self._passes = self._passes or bool(opened)
        self._close()

    def _close(self) -> None:
        self._in_thread.close()
        for duplicate in (*self._spare, self._duplicate):
            if duplicate != _NONE:
                os.close(duplicate)


def _same_file(descriptor: int, duplicate: int) -> bool:
    """Whether a descriptor is still what it was when it was duplicated."""
    if descriptor == _NONE:
        return False
    try:
        return os.path.samestat(os.fstat(descriptor), os.fstat(duplicate))
    except OSError:
        return False
