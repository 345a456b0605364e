"""A worker's place in the state directory: taken when it can be, kept up to date, and given up.

Owns when a record is written, who is rung for it, and who may stay where two apps meet. How a place
is made is `_seat`'s business, what lies in the directory `_state_dir`'s, and what follows from it
for the pod `_pod`'s. All of it blocks for as long as the disk does, and is called in a clerk's
thread, never on an app's loop.

Nothing that happens in the directory is an exception to anybody. What keeps a worker out of it is
said once, and the worker speaks for itself until a later note finds it well again.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from healthkit import _records
from healthkit._facts import Details, Facts, body_of
from healthkit._log import logger
from healthkit._seat import Seat
from healthkit._state_dir import StateDir, View
from healthkit.errors import StateDirError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from healthkit._model import Probe


@dataclass(frozen=True, slots=True)
class Note:
    """What a worker says about itself."""

    facts: Facts
    details: Details
    #: What it would answer for the pod.
    says: Mapping[Probe, tuple[bool, str]]
    #: Whether it is time to look at the others, too.
    look: bool = True


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
        except StateDirError as exc:
            if isinstance(exc, _InUseError):
                self.leave()  # else a record that is in its place stays: what it says is true
            self.view = View(alone=True)
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
        body = body_of(note.facts, note.details, note.says, _now())
        complaint = None
        if self._seat is not None and self._seat.is_in_place():
            complaint = self._write(self._seat, note, body)
        else:
            self._join(note.facts, body)
        self._facts, self._written = note.facts, complaint is None
        if note.look or self.view.alone or not (self._stays and self._written):
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

    def _write(self, seat: Seat, note: Note, body: bytes) -> str | None:
        """Write the record, in its place; return what is wrong.

        Where there is no room for all of it there may be for the facts, and a worker that goes on
        writing is not taken for a hung one.
        """
        try:
            seat.write(body)
        except OSError as exc:
            what = exc.strerror or type(exc).__name__
            held = len(note.facts.holds)
            # Counted still: a drain waits for them.
            short = replace(note.facts, holds=(f"{held} holds",) if held else ())
            with contextlib.suppress(OSError):
                seat.write(body_of(short, Details(), note.says, _now()))
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
        # Whoever can't write as it should may not be believed by the others, so it does not count
        # on them. But it drains when it is told to.
        alone = View(told=view.told, alone=True)
        self.view = replace(view, peers=ours) if self._written else alone

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


def _now() -> int:
    return time.monotonic_ns()
