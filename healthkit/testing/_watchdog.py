"""Ends a callback that blocks the event loop: somebody outside of it has to.

A thread looks at the loop some ten times in the span of its patience. When one callback takes all
of it, the main thread gets a signal whose handler raises there, in the middle of the ``sleep`` or
the loop; in another thread nothing can be raised safely, so it is reported on stderr, and raised
when the callback ends after all.

Looks are counted, and no clock is read: while the whole process stands still, as on a machine that
is busy or asleep, nobody looks, and nobody has blocked anything.

The signal is SIGURG: nobody uses it, it interrupts what waits in the kernel, and by default it is
ignored, so one that comes a moment late does no harm. Runner's SIGINT and a test runner's SIGALRM
stay as they are. While a debugger's prompt is open, nobody is interrupted.

Not to be ended: code that catches every exception and goes on (it is interrupted again and again),
and C code that never looks for signals.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import TYPE_CHECKING, Final

from healthkit.testing._stuck import StuckError, frame_named, frames, is_debugged, report
from healthkit.testing._threads import Watcher

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from types import FrameType

#: How often it looks in the span of its patience.
LOOKS: Final = 10

SIGNAL: Final = signal.SIGURG


class Watchdog:
    """Watches one loop while it runs.

    Args:
        patience: how long a callback may take, in real seconds.
        who: names what runs in the loop, whose innermost frame it is given.
        blocked: told of the error, in the loop's thread; in the main thread the error is raised
            right after.
        later: has something called in the loop's thread when it is free again.
    """

    def __init__(
        self,
        patience: float,
        who: Callable[[FrameType | None], str],
        blocked: Callable[[StuckError], None],
        later: Callable[[Callable[[], None]], object],
    ) -> None:
        self._patience = patience
        self._who = who
        self._blocked = blocked
        self._later = later
        self._stop = threading.Event()
        self._late: int | None = None
        #: Counted up whenever the loop begins to wait for events and when it ends: odd in between.
        self.turn = 0

    def __repr__(self) -> str:
        return f"<Watchdog at turn {self.turn}>"

    @contextlib.contextmanager
    def watching(self) -> Generator[None]:
        """Watch the thread that runs the block."""
        with self._interrupting() as interrupt:
            self._stop.clear()
            watcher = Watcher(
                target=self._watch, args=(interrupt,), name="healthkit watchdog", daemon=True
            )
            try:
                watcher.start()  # it may strike before this returns
                yield
            finally:
                self._stop.set()
                if watcher.ident is not None:
                    watcher.join()

    @contextlib.contextmanager
    def _interrupting(self) -> Generator[Callable[[], object]]:
        """Install the signal's handler, and put back what was there."""
        ident = threading.get_ident()
        if threading.current_thread() is not threading.main_thread():
            yield lambda: self._tell(ident)
            return
        before = signal.signal(SIGNAL, self._interrupted)
        try:
            yield lambda: signal.pthread_kill(ident, SIGNAL)
        finally:
            signal.signal(SIGNAL, signal.SIG_DFL if before is None else before)

    def _watch(self, interrupt: Callable[[], object]) -> None:
        """Look, until told to stop. Runs in the watchdog's thread."""
        seen, looks = self.turn, 0
        while not self._stop.wait(self._patience / LOOKS):
            looks += 1
            if self.turn != seen or seen % 2:
                seen, looks = self.turn, 0
            elif looks == LOOKS:
                self._late, looks = seen, 0
                interrupt()

    def _interrupted(self, _signum: int, frame: FrameType | None) -> None:
        """Raise in the blocked code, if it is that. The signal's handler."""
        if self._late != self.turn or is_debugged(frame):
            return
        error = self._error(frame)
        self._blocked(error)
        raise error

    def _tell(self, ident: int) -> None:
        """Report the code that blocks a thread. Runs in the watchdog's own."""
        frame = frames().get(ident)
        if is_debugged(frame):
            return
        error = self._error(frame)
        self._later(lambda: self._blocked(error))  # first: what was reported is raised, too
        report(str(error))

    def _error(self, frame: FrameType | None) -> StuckError:
        return StuckError(
            f"{self._who(frame)} has blocked the event loop for {self._patience:g} s"
            f"{frame_named(frame)}: expected it to await; move the work to a thread, or raise "
            "`patience` if it is real work"
        )
