"""The clerk: does a worker's reading and writing in the state directory, in a thread of its own.

A disk can take its time, and neither a probe nor a request may wait for it. The worker's loop hands
in what it has to say about itself; the clerk writes it down, looks at what the others say, and
calls back when that is news. It also looks when another worker rings. In between it sleeps: it has
no timer, so that a worker whose loop stands still stops writing, and is seen to.

Nothing that happens in the directory is an exception to anybody. What keeps a worker out of it is
said once, and the worker speaks for itself until a later note finds it well again. What ends the
thread nevertheless is said too, and the next note starts another.

There is no lock. `end` may interrupt a `post` that has not returned, in a signal handler or in the
garbage collector, and a lock that was held during a fork is never released in the child.
"""

from __future__ import annotations

import contextlib
import os
import select
import threading
import time
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Protocol

from healthkit import _records
from healthkit._facts import Details, Facts, body_of
from healthkit._log import logger
from healthkit._seat import Seat
from healthkit._state_dir import StateDir, View
from healthkit.errors import StateDirError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from healthkit._model import Probe

#: Seconds that a disk may take before its worker speaks for itself. The others do not believe what
#: it has written before any longer then.
PATIENCE: Final = _records.STALE_AFTER / 1e9


@dataclass(frozen=True, slots=True)
class Note:
    """What a worker says about itself."""

    facts: Facts
    details: Details
    #: What it would answer for the pod.
    says: Mapping[Probe, tuple[bool, str]]


class Clerking(Protocol):
    """What a worker's loop needs of its clerk. No method blocks."""

    @property
    def view(self) -> View:
        """What was seen last. Safe in any thread."""
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


class _InUseError(StateDirError):
    """The directory is somebody else's."""


class Place:
    """A worker's place in the directory, or the search for one. Blocks; for one thread."""

    def __init__(self, directory: StateDir) -> None:
        self._directory = directory
        self._seat: Seat | None = None
        #: What this worker has said of itself last, as long as it has a place.
        self._facts: Facts | None = None
        #: Whether the record says what it should.
        self._written = False
        #: Whether it has looked around since it took the place, and could stay.
        self._stays = False
        #: Those to ring, and what they were last rung for.
        self._neighbours: frozenset[str] = frozenset()
        self._rung_for: tuple[object, ...] | None = None
        #: Whether somebody may have left something behind.
        self._litter = False
        self._settled = False
        self._complaint: str | None = None
        self.view = View()

    def __repr__(self) -> str:
        return f"<Place {self._seat or self._complaint or 'nowhere'}>"

    @property
    def bell(self) -> int | None:
        """What to wait for beside notes: the others ring here."""
        return self._seat.bell if self._seat is not None else None

    def exchange(self, note: Note | None) -> bool:
        """Write `note` if there is one, and look around; return whether the view has changed."""
        before, complaint = self.view, None
        try:
            if note is None:
                self._glance()
            else:
                complaint = self._keep(note)
        except _InUseError as exc:
            self.leave()
            complaint = str(exc)
        except StateDirError as exc:  # a record that is in its place stays: what it says is true
            self.view = View()
            complaint = str(exc)
        if note is not None or complaint is not None:  # a glance does not tell that all is well
            self.complain(complaint)
        return self.view != before

    def leave(self) -> None:
        """Take the record away, and tell the others. Idempotent; never raises."""
        seat, self._seat = self._seat, None
        if seat is not None:
            seat.leave()
            self._ring()
        self.view = View()
        self._facts = self._rung_for = None
        self._stays = self._settled = False

    def complain(self, complaint: str | None, exc: Exception | None = None) -> None:
        """Say what is wrong once, and once that it is well again."""
        before, self._complaint = self._complaint, complaint
        if complaint is not None and before is None:
            logger.error("%s; until then this worker speaks for itself", complaint, exc_info=exc)
        elif complaint is None and before is not None:
            logger.info("%s: this worker speaks for its pod now", self._named())

    def found(self, what: str) -> str:
        """Return a complaint about the directory."""
        return f"{self._named()}: {what}"

    # -- inside -----------------------------------------------------------------------------------

    def _named(self) -> str:
        return f"state_dir={self._directory.path!r}"

    def _keep(self, note: Note) -> str | None:
        """Do all there is to do; return what is wrong if it can't be written, and only that.

        Raises:
            StateDirError: something else is.
        """
        body = body_of(note.facts, note.details, note.says, time.monotonic_ns())
        complaint = None
        if self._seat is not None and self._seat.is_in_place():
            complaint = self._write(self._seat, body)
        else:
            self._join(note.facts, body)
        self._facts, self._written = note.facts, complaint is None
        self._see(note.facts)
        self._tidy(note.facts)
        matters = note.facts.matters_to_others()
        if self._written and matters != self._rung_for:
            self._rung_for = matters
            self._ring()
        return complaint

    def _glance(self) -> None:
        """Look around if there is a place to look from.

        Raises:
            StateDirError: there is none any more, or nothing can be seen.
        """
        if self._facts is not None:
            self._see(self._facts)

    def _join(self, facts: Facts, body: bytes) -> None:
        """Take a place, if nobody else lives here. One without its record is given up.

        Raises:
            StateDirError: somebody does, or the directory can't be used.
        """
        lost = self._seat is not None
        self.leave()
        if self._directory.exists():
            self._give_way(self._look(), facts.app)
        self._seat = Seat(self._directory, _records.WORKER, body)
        self._litter = True
        if lost:
            what = "somebody has removed a worker's record: expected a directory that nobody cleans"
            logger.error("%s; it is made anew", self.found(what))

    def _write(self, seat: Seat, body: bytes) -> str | None:
        """Write the record, in its place; return what is wrong."""
        try:
            seat.write(body)
        except OSError as exc:
            what = exc.strerror or type(exc).__name__
            return self.found(f"can't write ({what}): expected room for its records")
        return None

    def _look(self) -> View:
        return self._directory.look(self._seat.name if self._seat is not None else "")

    def _see(self, facts: Facts) -> None:
        """Look at the others, from the place that there is.

        Raises:
            StateDirError: nothing can be seen, or the directory is another app's.
        """
        view = self._look()
        self._give_way(view, facts.app, facts)
        self._stays = True
        ours = tuple(peer for peer in view.peers if peer.facts.app == facts.app)
        before, self._neighbours = self._neighbours, frozenset(peer.name for peer in ours)
        self._litter = self._litter or bool(before - self._neighbours)
        self._settled = view.settled
        # Whoever can't write is not believed by the others, so it does not count on them. But it
        # drains when it is told to.
        self.view = replace(view, peers=ours) if self._written else View(told=view.told)

    def _give_way(self, view: View, app: str, *own: Facts) -> None:
        """Leave the directory to an app that came first; if this one did, the others leave.

        The age of a worker without a place counts for nothing: an app that waits stays outside.
        With another version nobody can tell who came first: whoever sees the other right after it
        has taken its place goes. Both may, but not both stay.

        Raises:
            _InUseError: it is somebody else's.
        """
        if view.other_version is not None and not self._stays:
            raise self._in_use(f"another version of healthkit ({view.other_version})")
        everybody = [*own, *(peer.facts for peer in view.peers)]
        if everybody:
            first = min(everybody, key=lambda facts: (facts.joined, facts.pid, facts.app))
            if first.app != app:
                raise self._in_use(f"another app (process {first.pid})")

    def _in_use(self, whom: str) -> _InUseError:
        return _InUseError(self.found(f"is in use by {whom}: expected a directory for each"))

    def _tidy(self, facts: Facts) -> None:
        """Remove what the dead have left, and mark what must outlive the workers."""
        if self._litter:
            self._litter = False
            self._directory.clean()
        if facts.pod_ready and not self._settled:
            self._directory.settle()

    def _ring(self) -> None:
        for name in self._neighbours:
            self._directory.ring(name)


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

    def __init__(
        self, place: Place, news: Callable[[], object], before: threading.Thread | None
    ) -> None:
        """Make one that has no thread yet.

        Args:
            place: for this session alone.
            news: called after each change of the view, and at the end.
            before: a thread that may not have left its place yet.
        """
        self._place = place
        self._news = news
        self._before = before
        self._pid = os.getpid()
        #: The newest note, if the thread has not taken it.
        self._notes = deque[Note](maxlen=1)
        self._wire: _Wire | None = None
        self._thread: threading.Thread | None = None
        self._over = False
        self._view = View()
        #: Since when the disk has been kept waiting for, on CLOCK_MONOTONIC; None if it is not.
        self._busy: float | None = None
        self._given_up = False
        #: Whether anything was looked at yet, with whatever result.
        self._looked = False

    def __repr__(self) -> str:
        return f"<_Session{' over' if self._over else ''} {self._place!r}>"

    @property
    def view(self) -> View:
        """What was seen last; nothing if that is too long ago."""
        return View() if self._over or self._given_up else self._view

    @property
    def thread(self) -> threading.Thread | None:
        """The thread that may have a place in the directory."""
        return (self._thread or self._before) if self._is_here() else None

    def start(self) -> None:
        """Start a thread. If there can't be one, that is said, and `post` tries again."""
        try:
            self._wire = _Wire(os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK))
            self._thread = threading.Thread(
                target=self._run, args=(self._wire,), name="healthkit clerk", daemon=True
            )
            self._thread.start()
        except (OSError, RuntimeError) as exc:
            self._thread = self._wire = None
            what = f"can't start a thread ({exc}): expected one, and a descriptor"
            self._place.complain(self._place.found(what))
            self._news()

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
        nobody = self._thread is None  # to say that it is over
        self._over = True
        self._wake()
        if nobody:
            self._news()

    # -- anywhere ---------------------------------------------------------------------------------

    def _is_here(self) -> bool:
        """Whether this is the process that began it."""
        return self._pid == os.getpid()

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
            self._news()

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
        first, self._looked = not self._looked, True
        if changed or back or first:
            self._news()

    def _wait(self, wire: _Wire) -> None:
        waiting = select.poll()  # select() refuses descriptors beyond 1,023
        bell = self._place.bell
        for descriptor in (wire.descriptor, bell):
            if descriptor is not None:
                waiting.register(descriptor, select.POLLIN)
        for descriptor, _event in waiting.poll():
            with contextlib.suppress(BlockingIOError):  # somebody else has heard it
                os.read(descriptor, 1024)

    def _close(self) -> None:
        self._place.leave()
        self._view = View()
        self._busy = self._wire = None
        self._given_up = False
        self._thread = None  # another may be started
        self._news()


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
