"""The table of signal handlers: the process's own, or that of a pod which a simulator plays in it.

The engine installs, asks for and raises signals through the present table, so that several pods can
live in one Python process and a SIGTERM reaches one of them. Real servers only ever see `REAL`, and
pay one look at a context variable for each start of an app.

The surprising fact: a table has its own clock. Two SIGTERMs within a second are one, and a second
of a simulated pod is not one of the machine's.
"""

from __future__ import annotations

import os
import signal
import time
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    #: A signal handler, as `signal.getsignal` returns it.
    Handler: TypeAlias = Callable[[int, FrameType | None], object] | int | None


class SignalTable(Protocol):
    """What the engine needs of the module `signal`, under the same names."""

    #: What stands before the server's handler in this table; None as long as nothing does. It is
    #: `_signals` that keeps it here.
    gate: object

    def now(self) -> float:
        """Return a monotonic moment, in seconds."""
        ...

    def getsignal(self, number: int, /) -> Handler:
        """Return the handler of a signal."""
        ...

    def signal(self, number: int, handler: Handler, /) -> Handler:
        """Install a handler, and return the one before it.

        Raises:
            ValueError: not in the main thread, where the table is the process's.
        """
        ...

    def siginterrupt(self, number: int, flag: bool, /) -> None:  # noqa: FBT001  # the module's own
        """Say whether the signal interrupts system calls."""
        ...

    def raise_signal(self, number: int, /) -> None:
        """Deliver a signal in this thread. Its handler has run on return, in the main thread."""
        ...

    def send_signal(self, number: int, /) -> None:
        """Deliver a signal from another thread than the main one."""
        ...


class _RealTable:
    """The process's own table."""

    def __init__(self) -> None:
        self.gate: object = None
        self.now = time.monotonic
        self.raise_signal = signal.raise_signal

    def __repr__(self) -> str:
        return "<the process's signals>"

    def getsignal(self, number: int, /) -> Handler:
        """Return the handler of a signal."""
        return signal.getsignal(number)

    def signal(self, number: int, handler: Handler, /) -> Handler:
        """Install a handler. See `SignalTable.signal`."""
        return signal.signal(number, handler)

    def siginterrupt(self, number: int, flag: bool, /) -> None:  # noqa: FBT001  # the module's own
        """Say whether the signal interrupts system calls."""
        signal.siginterrupt(number, flag)

    def send_signal(self, number: int, /) -> None:
        """Deliver a signal to the process.

        The kernel prefers its main thread (Linux kernel/signal.c, complete_signal), which may wait
        in a system call.
        """
        os.kill(os.getpid(), number)


#: The process's.
REAL: Final[SignalTable] = _RealTable()

#: The present one. Tasks inherit it from whoever starts them.
CURRENT: Final = ContextVar[SignalTable]("healthkit signal table", default=REAL)
