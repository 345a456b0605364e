"""Where a path is answered: what is told at once, what has to be looked at, and the counts.

A pod is asked for ever, so the plain answer to a probe is kept where the middleware finds it
without a call (`Desk.at_once`): an iterator that yields the answer as often as it is asked for and
is itself the count of that. It is taken away when anything changes.
"""

from __future__ import annotations

import math
import sys
from abc import ABC, abstractmethod
from itertools import repeat
from operator import length_hint
from typing import TYPE_CHECKING, Final

from healthkit._question import ANYTHING
from healthkit._render import OK, UNAVAILABLE, WRONG_METHOD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from starlette.types import Scope

    from healthkit._model import Probe
    from healthkit._render import Answer

#: Status, headers and body of an answer.
Wire = tuple[int, tuple[tuple[bytes, bytes], ...], bytes]

#: How often an answer is told at once: at a million a second it takes 292,000 years.
ENDLESS: Final = sys.maxsize

#: The methods that are answered.
ASKING: Final = frozenset({"GET", "HEAD"})


class Desk(ABC):
    """Where one path is answered. `at_once` is for the loop; `answer` is safe in any thread."""

    __slots__ = ("_looked_at", "at_once")

    def __init__(self) -> None:
        #: What a plain GET is to be told now: status, headers and body, as often as it is asked
        #: for. Empty when that has to be looked at.
        self.at_once: Iterable[Wire] = ()
        #: How many answers were looked at, by status code: as many as were taken. To take one is a
        #: single step, which threads can't do at the same time.
        self._looked_at = {OK: repeat(None, ENDLESS), UNAVAILABLE: repeat(None, ENDLESS)}

    def recall(self, scope: Scope) -> Iterable[Wire]:
        """Return `at_once` if that is what this request is to be told."""
        del scope
        return ()

    def answer(self, scope: Scope) -> Answer:
        """Return what a request is to be told now, and count it. Safe in any thread."""
        answer = self._look(scope) if scope["method"] in ASKING else WRONG_METHOD
        taken = self._looked_at.get(answer.status)
        if taken is None:
            taken = self._looked_at.setdefault(answer.status, repeat(None, ENDLESS))
        next(taken)
        return answer

    @abstractmethod
    def _look(self, scope: Scope) -> Answer:
        """Return what a GET is to be told now."""


class ProbeDesk(Desk):
    """Where one probe is answered."""

    __slots__ = ("_ask", "_clock", "_fresh_until", "_told", "probe")

    def __init__(self, probe: Probe, ask: Callable[[Probe, Scope], Answer]) -> None:
        """Open a desk that has nothing to tell yet.

        Args:
            probe: which.
            ask: looks what a GET is to be told now.
        """
        super().__init__()
        self.probe = probe
        self._ask = ask
        #: The status that is told at once, the iterator, which knows how often it was, and how
        #: often that status was before. One value, so that a thread that counts sees all or none.
        self._told: tuple[int, repeat[Wire], dict[int, int]]
        self._told = (OK, repeat((OK, (), b""), ENDLESS), {})
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
        endless = repeat((answer.status, answer.headers, answer.body), ENDLESS)
        self._told = (answer.status, endless, self._counts_at_once())
        self._fresh_until = fresh_until
        self._clock = clock
        self.at_once = endless

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
        looked_at = self._looked_at.copy()
        given = {status: ENDLESS - length_hint(left) for status, left in looked_at.items()}
        for status, count in self._counts_at_once().items():
            given[status] += count
        return given

    def _counts_at_once(self) -> dict[int, int]:
        status, left, before = self._told
        return before | {status: before.get(status, 0) + ENDLESS - length_hint(left)}

    def _look(self, scope: Scope) -> Answer:
        return self._ask(self.probe, scope)
