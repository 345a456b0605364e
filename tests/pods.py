"""Workers of a pod as values, and a state directory that is a dictionary."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from healthkit._facts import Details, Facts, body_of
from healthkit._model import Phase, Probe
from healthkit._state_dir import Peer, View

if TYPE_CHECKING:
    from collections.abc import Callable

    from healthkit._place import Note

#: A worker that could serve, and what stands in its way at the earlier stages.
READY = Facts(
    pid=1, app="shop", joined=0, phase=Phase.SERVING, started=True, warmed=True, ready=True
)
FAILING = replace(READY, ready=False)
WARMING = replace(READY, phase=Phase.WARMING, warmed=False, ready=False)
STARTING = replace(WARMING, phase=Phase.STARTING, started=False)
ENDING = replace(READY, phase=Phase.DRAINING, ready=False)


def a_peer(
    facts: Facts, details: Details | None = None, *, fresh: bool = True, written: float = 0.0
) -> Peer:
    """Make another worker's record, as it is read, that was written at that moment."""
    says = dict.fromkeys(Probe, (True, "ok"))
    body = body_of(facts, details or Details(), says, int(written * 1e9))
    return Peer(f"worker-{facts.pid}", facts, fresh, body)


@dataclass
class Board:
    """A directory in memory. What is posted is seen by the others when `deliver` is called.

    By default that is at once.
    """

    notes: dict[int, Note] = field(default_factory=dict["int", "Note"])
    news: dict[int, Callable[[], object]] = field(
        default_factory=dict["int", "Callable[[], object]"]
    )
    #: How often each worker has written.
    posts: dict[int, int] = field(default_factory=dict["int", "int"])
    #: When each has written last, on the loop's clock.
    written: dict[int, float] = field(default_factory=dict["int", "float"])
    #: What somebody outside asks for.
    told: float | None = None
    settled: bool = False
    #: Who is hung, as far as the others can tell.
    stale: set[int] = field(default_factory=set["int"])
    by_hand: bool = False
    #: Whether whoever begins now does not get to look, as with a slow disk.
    blind: bool = False
    clerks: list[BoardClerk] = field(default_factory=list["BoardClerk"])

    def clerk(self, directory: object = None) -> BoardClerk:
        """Hire one."""
        del directory
        clerk = BoardClerk(self, len(self.clerks) + 1)
        self.clerks.append(clerk)
        self.posts[clerk.number] = 0
        return clerk

    def view(self, but: int) -> View:
        """Return what a worker sees of the others."""
        peers = [
            a_peer(
                replace(note.facts, pid=number),
                note.details,
                fresh=number not in self.stale,
                written=self.written[number],
            )
            for number, note in sorted(self.notes.items())
            if number != but
        ]
        return View(tuple(peers), self.told, self.settled)

    def kill(self, number: int) -> None:
        """Have a worker's record gone, as after kill -9: it says nothing any more."""
        del self.news[number], self.notes[number]
        self.deliver()

    def deliver(self) -> None:
        """Show everybody what is on the board; tell those for whom it is news."""
        for clerk in self.clerks:
            if clerk.number in self.news:
                clerk.look()


class BoardClerk:
    """Writes on a board."""

    def __init__(self, board: Board, number: int) -> None:
        self.board = board
        self.number = number
        self.looked = False
        self.view = View()

    @property
    def gone(self) -> bool:
        """Whether its note is off the board."""
        return self.number not in self.board.news

    def begin(self, news: Callable[[], object]) -> None:
        """Be ready."""
        self.looked = self.board.blind
        self.board.news[self.number] = news

    def post(self, note: Note) -> None:
        """Write it down, and show it to the others."""
        if self.number in self.board.news:
            self.board.notes[self.number] = replace(
                note, facts=replace(note.facts, pid=self.number)
            )
            self.board.posts[self.number] += 1
            self.board.written[self.number] = asyncio.get_running_loop().time()
            self.board.settled = self.board.settled or note.facts.pod_ready
            if not self.board.by_hand:
                self.board.deliver()
            if not self.looked:
                self.looked = True
                self.board.news[self.number]()

    def end(self) -> None:
        """Take it away."""
        self.board.notes.pop(self.number, None)
        news = self.board.news.pop(self.number, None)
        self.view = View()
        if news is not None:
            news()
            self.board.deliver()

    def look(self) -> None:
        """See what there is."""
        if self.board.blind:
            return
        before, self.view = self.view, self.board.view(self.number)
        if self.view != before and self.number in self.board.news:
            self.board.news[self.number]()
