"""What the parent does with its signals: the order of SIGTERM, drain and the server's end.

Owns the order, and nothing else: signals, time, the server and the drain come in through small
arguments. Three stages:

    serving --terminated--> draining --drained, or terminated again--> ending --terminated--> ending

- *serving*: the server does what it does.
- *draining*: SIGTERM has come, and the workers have been told to drain. The server has not seen the
  signal: it accepts and serves. When the drain is over, or when another SIGTERM shows that somebody
  does not want to wait, it gets it.
- *ending*: it has had its SIGTERM, and ends as it always does. A further one is passed on.

SIGTERMs within a second of each other are one (see `_signals`). Where no worker has a record, the
drain is over at once: a server that still imports gets its SIGTERM as if nobody stood before it.

Every other signal is passed on in every stage without delay, SIGINT too: who presses Ctrl-C does
not wait for a load balancer. Two are the parent's own: SIGCHLD, and SIGCONT, which is for the whole
of the server's process group (see `_child`).
"""

from __future__ import annotations

import enum
import signal
import time
from typing import TYPE_CHECKING, Final, Protocol

from healthkit._signals import SAME_SIGNAL
from healthkit.errors import LifecycleError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: How often the drain is looked at, in seconds.
LOOK_EVERY: Final = 0.05


class Signals(Protocol):
    """Where the signals come from."""

    def wait(self, timeout: float | None) -> int | None:
        """Return the next signal; None after `timeout` seconds, which may be None: for ever."""
        ...


class Child(Protocol):
    """The server, as the parent deals with it."""

    def send(self, signum: int) -> None:
        """Send it a signal."""
        ...

    def resume(self) -> None:
        """Let it go on, after its parent was continued."""
        ...

    def reap(self) -> int | None:
        """Wait for whatever has ended; return the exit status if the server is among it."""
        ...


class Drain(Protocol):
    """The drain of all workers (`_pod_drain.PodDrain`)."""

    def begin(self) -> None:
        """Tell the workers."""
        ...

    def step(self) -> bool:
        """Look once; return whether there is nothing more to wait for."""
        ...

    def end(self) -> None:
        """Tell them no more. Idempotent."""
        ...


class Stage(enum.Enum):
    """How far the end of the server has come."""

    #: Nobody has asked for its end.
    SERVING = "serving"
    #: It serves, its workers drain, and it does not know of the SIGTERM.
    DRAINING = "draining"
    #: It has had its SIGTERM.
    ENDING = "ending"


class Event(enum.Enum):
    """What moves it on."""

    #: A SIGTERM has come that is not the echo of another.
    TERMINATED = "terminated"
    #: There is nothing more to wait for.
    DRAINED = "drained"


TRANSITIONS: Final[Mapping[tuple[Stage, Event], Stage]] = {
    (Stage.SERVING, Event.TERMINATED): Stage.DRAINING,
    (Stage.DRAINING, Event.DRAINED): Stage.ENDING,
    (Stage.DRAINING, Event.TERMINATED): Stage.ENDING,
    (Stage.ENDING, Event.TERMINATED): Stage.ENDING,
}


class Parent:
    """Stands between the platform and one server."""

    def __init__(
        self,
        child: Child,
        drain: Drain,
        signals: Signals,
        say: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make a parent.

        Args:
            child: the server. It runs.
            drain: of its workers; not begun.
            signals: what the parent is sent.
            say: takes a line for whoever reads the log.
            clock: monotonic, in seconds.
        """
        self.stage = Stage.SERVING
        self._child = child
        self._drain = drain
        self._signals = signals
        self._say = say
        self._clock = clock
        #: The last SIGTERM that was no echo, and when the drain is to be looked at.
        self._terminated_at: float | None = None
        self._look_at = 0.0

    def __repr__(self) -> str:
        return f"<Parent {self.stage.value}>"

    def run(self) -> int:
        """Stay until the server has ended; return its exit status."""
        try:
            status = self._child.reap()  # whose end may have been faster than the handlers
            while status is None:
                status = self._turn()
        finally:
            self._drain.end()
        return status

    def _turn(self) -> int | None:
        """Wait for one thing, and do what it takes; return the exit status when there is one."""
        signum = self._signals.wait(self._patience())
        if signum == signal.SIGCHLD:
            status = self._child.reap()
            if status is not None:
                return status
        elif signum is not None:
            self._take(signum)
        if self.stage is Stage.DRAINING and self._clock() >= self._look_at:
            self._look()
        return None

    def _patience(self) -> float | None:
        """Return for how long there is nothing to do but to take signals; None for ever."""
        if self.stage is not Stage.DRAINING:
            return None
        return max(0.0, self._look_at - self._clock())

    def _take(self, signum: int) -> None:
        if signum == signal.SIGTERM:
            self._terminated()
        elif signum == signal.SIGCONT:
            self._child.resume()
        else:
            self._child.send(signum)

    def _terminated(self) -> None:
        now = self._clock()
        if self._terminated_at is None or now - self._terminated_at >= SAME_SIGNAL:
            self._terminated_at = now
            self._happened(Event.TERMINATED)

    def _look(self) -> None:
        self._look_at = self._clock() + LOOK_EVERY
        if self._safely(self._drain.step):
            self._happened(Event.DRAINED)

    def _happened(self, event: Event) -> None:
        stage = TRANSITIONS.get((self.stage, event))
        if stage is None:
            raise LifecycleError(f"{event.value} while {self.stage.value}: expected it only before")
        self.stage = stage
        if stage is Stage.DRAINING:
            self._say("SIGTERM: draining")
            self._safely(self._drain.begin)
            self._look_at = self._clock()
        else:
            self._say("passing SIGTERM on")
            self._child.send(signal.SIGTERM)

    def _safely(self, of_the_drain: Callable[[], object]) -> object:
        """Call it; whatever it raises is said, and counts as nothing more to wait for.

        PID 1 takes the whole container with it: it does not die of a drain.
        """
        try:
            return of_the_drain()
        except Exception as exc:  # noqa: BLE001  # as the docstring says
            self._say(f"the drain failed: {exc!r}")
            return True
