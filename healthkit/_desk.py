"""Where a path is answered: what is told at once, what has to be looked at, and the counts.

A pod is asked for ever, so the plain answer to a probe is kept where the middleware finds it
without a call (`Desk.at_once`): an iterator that yields the answer as often as it is asked for and
is itself the count of that. It is taken away when anything changes.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from itertools import repeat
from operator import length_hint
from typing import TYPE_CHECKING, Final

from healthkit._model import Probe
from healthkit._render import OK, UNAVAILABLE, WRONG_METHOD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from starlette.types import Scope

    from healthkit._render import Answer

#: Status, headers and body of an answer.
Wire = tuple[int, tuple[tuple[bytes, bytes], ...], bytes]

#: How often an answer is told at once: at a million a second it takes 292,000 years.
ENDLESS: Final = 2**63 - 1

#: The kubelet's Accept header, and curl's. To find it in the list is one step. Who sends another,
#: or none, or whose server makes lists of its headers, is looked at more closely.
ANYTHING: Final = (b"accept", b"*/*")

#: The methods that are answered.
ASKING: Final = frozenset({"GET", "HEAD"})


class Desk(ABC):
    """Where one path is answered. On the loop, unless a method says otherwise."""

    __slots__ = ("at_once", "given", "unconditional")

    def __init__(self) -> None:
        #: What a plain GET is to be told now: status, headers and body, as often as it is asked
        #: for. Empty when that has to be looked at.
        self.at_once: Iterable[Wire] = ()
        #: Whether it is told whatever else a GET says. If not, `recall` knows.
        self.unconditional = False
        #: How many answers were looked at, by status code.
        self.given: dict[int, int] = {OK: 0, UNAVAILABLE: 0}

    def recall(self, scope: Scope) -> Iterable[Wire]:
        """Return `at_once` if this GET is to be told that."""
        del scope
        return ()

    def answer(self, scope: Scope) -> Answer:
        """Return what a request is to be told now, and count it."""
        return self.note(self._look(scope) if scope["method"] in ASKING else WRONG_METHOD)

    def note(self, answer: Answer) -> Answer:
        """Count an answer that is about to be given."""
        self.given[answer.status] = self.given.get(answer.status, 0) + 1
        return answer

    @abstractmethod
    def _look(self, scope: Scope) -> Answer:
        """Return what a GET is to be told now."""


class ProbeDesk(Desk):
    """Where one probe is answered."""

    __slots__ = ("_ask", "_clock", "_fresh_until", "_handed_out", "probe")

    def __init__(self, probe: Probe, ask: Callable[[Probe, Scope], Answer]) -> None:
        """Open a desk that has nothing to tell yet.

        Args:
            probe: which.
            ask: looks what a GET is to be told now.
        """
        super().__init__()
        self.probe = probe
        self.unconditional = probe is Probe.LIVE
        self._ask = ask
        #: The status that is told at once, and the iterator, which knows how often it was.
        self._handed_out: tuple[int, repeat[Wire]] = (OK, repeat((OK, (), b""), ENDLESS))
        self._fresh_until = math.inf
        self._clock: Callable[[], float] | None = None

    def __repr__(self) -> str:
        return f"<ProbeDesk {self.probe} {self.counts()}>"

    def tell_at_once(
        self, answer: Answer, fresh_until: float, clock: Callable[[], float] | None
    ) -> None:
        """Tell every plain GET this until `at_once` is emptied.

        Args:
            answer: what.
            fresh_until: the moment at which it expires.
            clock: what tells that moment; None if it does not expire.
        """
        self.given = self.counts()
        wire = (answer.status, answer.headers, answer.body)
        self._handed_out = (answer.status, repeat(wire, ENDLESS))
        self._fresh_until = fresh_until
        self._clock = clock
        self.at_once = self._handed_out[1]

    def recall(self, scope: Scope) -> Iterable[Wire]:
        """Return `at_once`, unless it has expired or the request may ask for something else."""
        if scope["method"] != "GET" or scope.get("query_string"):
            return ()
        if ANYTHING not in scope["headers"]:
            return ()
        if self._clock is not None and self._clock() >= self._fresh_until:
            return ()
        return self.at_once

    def counts(self) -> dict[int, int]:
        """Return how many answers were given, by status code. Safe in any thread."""
        given = self.given.copy()
        status, left = self._handed_out
        given[status] += ENDLESS - length_hint(left)
        return given

    def _look(self, scope: Scope) -> Answer:
        return self._ask(self.probe, scope)
