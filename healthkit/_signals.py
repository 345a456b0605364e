"""The gate: stand in front of the server's SIGTERM handler until the drain is over.

The server's handler is remembered and put back: nothing of the server is patched. The sequence is

1. The first SIGTERM begins the drain; the server does not see it yet.
2. One that follows within a second is the same (a process group delivers two). So is what
   gunicorn's master repeats, second by second, to a worker that is one too many (TTOU).
3. When the drain is over, or at a later SIGTERM, the server's handler is restored and the signal
   raised again: from there the server ends as it always does, with its own exit code. (A loop is
   given a later SIGTERM at once, too; what comes after that one is kept from it.)

There is one gate per process, and it may have several keepers: an app and one that is mounted in
it, each with a drain of its own. The first SIGTERM begins all drains at once, and the gate opens
when the last one is over. (Where a simulator plays several pods in one process, there is one per
pod: one per table of signal handlers, see `_signal_table`.)

Servers handle the signal in three ways:

- by ``signal.signal`` (uvicorn, gunicorn's UvicornWorker and WSGI workers, daphne): chaining is all
  that it takes;
- by ``loop.add_signal_handler`` (granian, gunicorn's ASGI worker, hypercorn with ``-w 0``): the
  loop acts on a byte in its wakeup descriptor, so that `_wakeup` stands before that as well;
- not at all. On trio hypercorn's ``-w 0`` ends by SIGINT only, so that is what it gets. Elsewhere
  there is no graceful end to stand in front of, and the gate is not closed: the workers of
  hypercorn's default poll an event that its master sets (hypercorn 0.18 hypercorn/run.py, run).

In a forked child everything is put back: the child's SIGTERM is none of the app's drain.
"""

from __future__ import annotations

import functools
import os
import signal
from typing import TYPE_CHECKING, Final, Literal

from healthkit._signal_table import CURRENT, REAL
from healthkit._wakeup import Wakeup

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from healthkit._signal_table import Handler, SignalTable

#: Signals this close to the first are one, in seconds: a shell, a supervisor or a container runtime
#: that signals the process group delivers two within milliseconds.
SAME_SIGNAL: Final = 1.0

#: In seconds: gunicorn's master looks at its workers once a second, and each time sends SIGTERM to
#: those that are too many, until they are gone (gunicorn 27 gunicorn/arbiter.py, manage_workers).
#: Nobody is in a hurry then. Twice as long, for machines on which a lot else is going on.
REPEATED_WITHIN: Final = 2.0

#: Why a gate can't be closed.
Refusal = Literal[
    "not in the main thread",
    "nobody handles SIGTERM here",
    "no descriptor or no thread is left",
]


class Keeper:
    """One who keeps the gate closed: a life with a drain."""

    def __init__(self, began: Callable[[], bool], wake: Callable[[], object]) -> None:
        """Make a keeper that is nowhere yet.

        Args:
            began: called by the first SIGTERM, in the signal handler: it must not block, lock or
                log. False means that it will never be done: its loop is gone.
            wake: called in a thread; has the loop run Python code.
        """
        self.began = began
        self.wake = wake
        #: Whether its drain is over.
        self.done = False
        #: Whether a later SIGTERM has passed the gate: somebody does not want to wait.
        self.hurried = False


class Gate:
    """Holds SIGTERM back from the server. To be closed in the main thread; opened in any."""

    def __init__(self, now: Callable[[], float] | None = None, table: SignalTable = REAL) -> None:
        """Make a gate that is open.

        Args:
            now: a monotonic clock, in seconds; None is the table's.
            table: where it is installed.
        """
        self.now = now or table.now
        self._table = table
        self._keepers: tuple[Keeper, ...] = ()
        #: Our handler, where it is installed, and the one that it stands before.
        self._handler: _Handler | None = None
        #: What stands before the loop, where that handles the signal.
        self._wakeup: Wakeup | None = None
        #: When SIGTERM came, at first and last.
        self._first: float | None = None
        self._last = 0.0
        #: Whether the server has got it though the gate is closed.
        self._given = False

    def __repr__(self) -> str:
        return f"<Gate {'closed' if self.closed else 'open'}>"

    def close(self, keeper: Keeper, instead: signal.Signals | None = None) -> Refusal | None:
        """Close the gate, for `keeper` too; return why that can't be done, if so. Idempotent.

        Args:
            keeper: whose drain is to be over before the gate opens.
            instead: the signal that ends the server gracefully where nobody handles SIGTERM.
        """
        if keeper in self._keepers:
            return None
        others = self._keepers
        if not others:
            self._first = None
        late = self._first is not None
        # Before anything is installed: a signal that comes then must find somebody.
        self._keepers = (*others, keeper)
        refusal = self._install(instead)
        if refusal is not None and not others:
            self._keepers = ()
            return refusal
        if late:
            # Somebody joins while the others end: it drains as well, and holds up nobody.
            keeper.began()
            keeper.done = True
        return None

    def renew(self) -> None:
        """Close it again, if the server has put its own things back since. In the main thread."""
        if not self.closed or self._handler is None:
            return
        found = self._table.getsignal(signal.SIGTERM)
        try:
            if callable(found) and _is_of_a_loop(found):
                self._take_place(found, signal.SIGTERM)
                self._wakeup = self._wakeup or Wakeup(self._wake)
            if self._wakeup is not None:
                self._wakeup.renew()
        except (OSError, RuntimeError, ValueError):
            return  # nothing is left to do it with; in another thread there is no loop to do it for

    @property
    def is_before_a_loop(self) -> bool:
        """Whether it stands before a loop, which may put its own descriptor back at any time."""
        return self._wakeup is not None

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
        if self._wakeup is not None:
            self._wakeup.let_pass()  # before nobody is there to hold a signal back
        self._keepers = ()
        held = self._first is not None and not self._given  # only now: one may have come meanwhile
        self._given = False
        number = signal.SIGTERM if self._handler is None else self._handler.signal
        in_main_thread = self._open()
        self._first = None
        if held and in_main_thread:
            self._table.raise_signal(number)
        elif held:
            self._table.send_signal(signal.SIGTERM)

    @property
    def closed(self) -> bool:
        """Whether a signal is to be held back."""
        return bool(self._keepers)

    def take(self) -> None:
        """Take a SIGTERM. Runs between two bytecodes of whatever the main thread is doing."""
        now = self.now()
        last, self._last = self._last, now
        if self._first is None:
            self._first = now
            for keeper in self._keepers:
                keeper.done = False
                if not keeper.began():  # its drain may be over by now, in another thread
                    keeper.done = True
            self._pass_if_done()
        elif now - self._first >= SAME_SIGNAL and not _is_repeated(now - last):
            for keeper in self._keepers:
                keeper.hurried = True
            # A loop gets its byte, and no other for as long as there is work: granian's worker
            # hangs for ever at the third (emmett-framework/granian 2.8 granian/_signals.py).
            self._given = self._given or (self._wakeup is not None and self._wakeup.give())
            if not self._given:
                self.hand_over()

    def forked(self) -> None:
        """Be in a forked child: everything is put back, nobody keeps the gate."""
        self._keepers = ()
        self._first = None
        self._given = False
        wakeup, self._wakeup = self._wakeup, None
        self._open()
        if wakeup is not None:
            wakeup.forget()

    def _install(self, instead: signal.Signals | None) -> Refusal | None:
        """Stand before whoever handles the signal, unless that is done; return why not, if so."""
        server = self._table.getsignal(signal.SIGTERM)
        if self._wakeup is not None or (server is self._handler and len(self._keepers) > 1):
            return None
        while isinstance(server, _Handler):  # of an earlier closing, opened in another thread
            server = server.server
        if not callable(server):
            ends = instead is not None and callable(self._table.getsignal(instead))
            if not ends or server is not signal.SIG_DFL:
                return "nobody handles SIGTERM here"
        try:
            self._take_place(server, signal.SIGTERM if callable(server) else instead)
            if callable(server) and _is_of_a_loop(server):
                self._wakeup = Wakeup(self._wake)
        except ValueError:
            return "not in the main thread"
        except (OSError, RuntimeError):
            self._table.signal(signal.SIGTERM, server)
            return "no descriptor or no thread is left"
        _hook_into_fork()
        return None

    def _take_place(self, server: Handler, number: signal.Signals | None) -> None:
        handler = _Handler(self, self._table, server, number or signal.SIGTERM)
        self._table.signal(signal.SIGTERM, handler)
        self._handler = handler

    def _wake(self) -> None:
        for keeper in self._keepers:
            keeper.wake()

    def _open(self) -> bool:
        """Put the server's handler back, if nobody has chained to ours since.

        Returns:
            False if that can't be done here: not in the main thread. What is there passes on.
        """
        wakeup, self._wakeup = self._wakeup, None
        try:
            if wakeup is not None:
                wakeup.remove()
            handler = self._table.getsignal(signal.SIGTERM)
            if isinstance(handler, _Handler) and handler is self._handler:
                self._table.signal(signal.SIGTERM, handler.server)
                if _is_of_a_loop(handler.server):
                    # As the loop had it (CPython Lib/asyncio/unix_events.py, add_signal_handler).
                    self._table.siginterrupt(signal.SIGTERM, False)  # noqa: FBT003  # its own
        except ValueError:
            return False
        return True

    def _pass_if_done(self) -> None:
        if all(keeper.done for keeper in self._keepers):
            self.hand_over()


class _Handler:
    """The gate's signal handler, from one closing of the gate to its opening.

    Each closing has its own: somebody may have chained to an earlier one, and calls it still.
    """

    def __init__(
        self, gate: Gate, table: SignalTable, server: Handler, number: signal.Signals
    ) -> None:
        self._gate = gate
        self._table = table
        self.server = server
        #: What the server is given when the gate opens.
        self.signal = number

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        """Hold the signal back, or pass it on."""
        if self._gate.closed:
            self._gate.take()
        elif callable(self.server):
            self.server(signum, frame)
        else:
            self._table.raise_signal(self.signal)


#: The process's own.
GATE: Final = Gate()
REAL.gate = GATE


def current_gate() -> Gate:
    """Return the gate of the present table of signal handlers: the process's, or a played pod's."""
    table = CURRENT.get()
    if not isinstance(table.gate, Gate):
        table.gate = Gate(table=table)
    return table.gate


@functools.cache
def _hook_into_fork() -> None:
    """Register with the interpreter, once per process: a registration can't be taken back."""
    if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
        os.register_at_fork(after_in_child=GATE.forked)


def _is_repeated(after: float) -> bool:
    """Whether a SIGTERM that comes so long after the last is the server's own repetition.

    Gunicorn's says in the environment that it is there (gunicorn/arbiter.py, Arbiter.__init__).
    """
    software = os.environ.get("SERVER_SOFTWARE", "")
    return after < REPEATED_WITHIN and software.startswith("gunicorn/")


def _is_of_a_loop(handler: object) -> bool:
    """Whether `handler` only stands for a loop's own: both loops install a function of theirs."""
    module = getattr(handler, "__module__", None) or ""
    return module.partition(".")[0] in {"asyncio", "uvloop"}
