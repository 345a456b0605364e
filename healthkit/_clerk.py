"""The clerk: a thread of its own for a worker's place in the state directory.

A disk can take its time, and neither a probe nor a request may wait for it. The worker's loop hands
in what it has to say about itself; the clerk writes it down, looks at what the others say, and
calls back when that is news. It also looks when another worker rings. In between it sleeps: it has
no timer, so that a worker whose loop stands still stops writing, and is seen to.

Nothing that happens in the directory ends the thread: see `_place`. What ends it nevertheless is
said, and the next note starts another.

There is no lock. `end` may interrupt a `post` that has not returned, in a signal handler or in the
garbage collector, and a lock that was held during a fork is never released in the child.
"""

from __future__ import annotations

import contextlib
import os
import select
import time
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from healthkit import _real, _records
from healthkit._place import Note, Place
from healthkit._state_dir import View

if TYPE_CHECKING:
    from collections.abc import Callable

    from healthkit._real import Thread
    from healthkit._state_dir import StateDir

#: Seconds that a disk may take before its worker speaks for itself. The others do not believe what
#: it has written before any longer then.
PATIENCE: Final = _records.STALE_AFTER / 1e9


class Clerking(Protocol):
    """What a worker's loop needs of its clerk. No method blocks."""

    @property
    def view(self) -> View:
        """What was seen last. Safe in any thread."""
        ...

    @property
    def gone(self) -> bool:
        """Whether it has ended, and the worker's record was taken away. Safe in any thread."""
        ...

    def begin(self, news: Callable[[], object]) -> None:
        """Be ready for notes. On the loop.

        Args:
            news: called, in any thread, after the first look, or when there can be none; after
                each change of the view; and at the end.
        """
        ...

    def post(self, note: Note) -> None:
        """Have `note` written down. On the loop.

        A newer one takes the place of one that is still waiting; after the end nothing happens.
        """
        ...

    def end(self) -> None:
        """Have the worker's record taken away. Safe in any thread, and in a signal handler."""
        ...


class Clerk:
    """The thread around a `Place`. See `Clerking`."""

    def __init__(self, directory: StateDir) -> None:
        self._directory = directory
        self._session: _Session | None = None

    def __repr__(self) -> str:
        return f"<Clerk {self._session or 'idle'}>"

    @property
    def view(self) -> View:
        """What was seen last; nothing if that is too long ago."""
        return self._session.view if self._session is not None else View()

    @property
    def gone(self) -> bool:
        """Whether the session is over, and nothing of it is left."""
        return self._session is None or self._session.gone

    def begin(self, news: Callable[[], object]) -> None:
        """Begin a session, and end the one before."""
        self.end()
        before = self._session.thread if self._session is not None else None
        self._session = _Session(Place(self._directory), news, before)
        self._session.start()  # only now: whoever interrupts it can end it

    def post(self, note: Note) -> None:
        """Hand a note in."""
        if self._session is not None:
            self._session.post(note)

    def end(self) -> None:
        """End the session. Idempotent."""
        if self._session is not None:
            self._session.end()


class _Session:
    """One life's thread, or the lack of one. A forked child has none of its parent's."""

    def __init__(self, place: Place, news: Callable[[], object], before: Thread | None) -> None:
        """Make one that has no thread yet.

        Args:
            place: for this session alone.
            news: see `Clerking.begin`.
            before: a thread that may not have left its place yet.
        """
        self._place = place
        self._news = news
        self._before = before
        self._pid = os.getpid()
        #: The newest note, if the thread has not taken it.
        self._notes = deque[Note](maxlen=1)
        self._wire: _Wire | None = None
        self._thread: Thread | None = None
        self._over = False
        self._view = View()
        #: Since when the disk has been kept waiting for, on CLOCK_MONOTONIC; None if it is not.
        self._busy: float | None = None
        self._given_up = False
        #: Whether nothing was said yet.
        self._silent = True

    def __repr__(self) -> str:
        return f"<_Session{' over' if self._over else ''} {self._place!r}>"

    @property
    def view(self) -> View:
        """What was seen last; nothing if that is too long ago."""
        if self._over:
            return View()
        return View(alone=True) if self._given_up else self._view

    @property
    def gone(self) -> bool:
        """Whether it is over, and its thread has left the place."""
        return self._over and self._thread is None

    @property
    def thread(self) -> Thread | None:
        """The thread that may have a place in the directory."""
        return (self._thread or self._before) if self._is_here() else None

    def start(self) -> None:
        """Start a thread. If there can't be one, that is said, and `post` tries again."""
        try:
            self._wire = _Wire(os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK))
            self._thread = _real.thread(partial(self._run, self._wire), "healthkit clerk")
            self._thread.start()
        except (OSError, RuntimeError) as exc:
            self._thread = self._wire = None
            self._view = View(alone=True)
            what = f"can't start a thread ({exc}): expected one, and a descriptor"
            self._place.complain(self._place.found(what))
            self._say(news=self._over)  # `end` has left that to the thread

    def post(self, note: Note) -> None:
        """Hand in a note."""
        if self._over or not self._is_here():
            return
        self._notes.append(note)
        if self._thread is None:
            self.start()
        self._look_after()
        self._wake()

    def end(self) -> None:
        """Ask for the end."""
        if self._over or not self._is_here():
            return
        self._over = True
        nobody = self._thread is None  # to say that it is over
        self._wake()
        if nobody:
            self._news()

    # -- anywhere ---------------------------------------------------------------------------------

    def _is_here(self) -> bool:
        """Whether this is the process that began it."""
        return self._pid == os.getpid()

    def _say(self, *, news: bool) -> None:
        """Call back if there is news, or if it is the first word: a worker that joins waits for it.

        Not each time that something fails: whoever is called posts a note, and that tries it again.
        """
        first, self._silent = self._silent, False
        if news or first:
            self._news()

    def _wake(self) -> None:
        wire = self._wire  # held, and so open, while it is written to
        if wire is not None:
            wire.ring()

    def _look_after(self) -> None:
        """Stop counting on a disk that does not answer. On the loop."""
        busy = self._busy
        if busy is not None and time.monotonic() - busy > PATIENCE and not self._given_up:
            self._given_up = True
            what = f"has not answered for {PATIENCE:g} s: expected a disk that does"
            self._place.complain(self._place.found(what))
            self._say(news=True)

    # -- in the thread ----------------------------------------------------------------------------

    def _run(self, wire: _Wire) -> None:
        self._busy = time.monotonic()
        try:
            if self._before is not None:
                self._before.join()  # one process has one place at a time
                self._before = None
            while not self._over:
                self._turn(wire)
        except Exception as exc:  # noqa: BLE001  # a bug must be heard of, and take no more with it
            what = f"{type(exc).__name__}: expected nothing of the kind; a bug in healthkit"
            self._place.complain(self._place.found(what), exc)
        finally:
            self._close()

    def _turn(self, wire: _Wire) -> None:
        """Wait for a note or for the bell, and do what there is to do."""
        self._busy = None
        self._wait(wire)
        self._busy = time.monotonic()
        if self._over:
            return
        changed = self._place.exchange(self._notes.popleft() if self._notes else None)
        self._view = self._place.view
        back, self._given_up = self._given_up, False
        if not self._over:  # else the record has yet to go
            self._say(news=changed or back)

    def _wait(self, wire: _Wire) -> None:
        waiting = _real.poll()  # select() refuses descriptors beyond 1,023
        bell = self._place.bell
        for descriptor in (wire.descriptor, bell):
            if descriptor is not None:
                waiting.register(descriptor, select.POLLIN)
        for descriptor, _event in waiting.poll():
            with contextlib.suppress(BlockingIOError):  # somebody else has heard it
                os.read(descriptor, 1024)

    def _close(self) -> None:
        self._place.leave()
        seen, self._view = self._view, View(alone=True)
        self._busy = self._wire = None
        self._given_up = False
        self._thread = None  # another may be started
        self._say(news=self._over or seen != self._view)


class _Wire:
    """What wakes a thread: an eventfd, open for as long as somebody has it in hand.

    Whoever rings it has it in hand, so that its number is nobody else's yet.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def __del__(self) -> None:
        with contextlib.suppress(OSError):  # closed behind our back
            os.close(self.descriptor)

    def ring(self) -> None:
        """Wake the thread. Never waits, never raises."""
        with contextlib.suppress(OSError):  # as above
            os.eventfd_write(self.descriptor, 1)
