"""Virtual time as the simulator sees it: what moment it is, and what is to happen when.

Two clocks fulfil it: `Schedule`, which knows nothing but its own callbacks and is as fast as a heap
(an hour in the life of a thousand described pods), and an event loop in virtual time, for real apps
(`_virtual`). The simulator runs on either, and everything of it in one thread.
"""

from __future__ import annotations

import heapq
import math
from typing import TYPE_CHECKING, Protocol

from healthkit import _validate

if TYPE_CHECKING:
    from collections.abc import Callable


class Timer(Protocol):
    """Something that is to happen."""

    def cancel(self) -> None:
        """Let it not happen. Harmless when it already has."""
        ...


class Clock(Protocol):
    """Virtual time, in seconds from the simulation's beginning."""

    def now(self) -> float:
        """Return the moment."""
        ...

    def call_at(self, when: float, callback: Callable[[], object]) -> Timer:
        """Have `callback` called at a moment, not before what was asked for earlier for then.

        A moment that is past is now. What the callback raises ends the simulation.
        """
        ...


class _Entry:
    """A callback in the heap."""

    __slots__ = ("callback",)

    def __init__(self, callback: Callable[[], object]) -> None:
        self.callback: Callable[[], object] | None = callback

    def cancel(self) -> None:
        """Let it not happen."""
        self.callback = None


class Schedule:
    """A clock of callbacks alone. Time stands still but in `run_until`."""

    def __init__(self, start: float = 0.0) -> None:
        """Make one that stands at `start`, in seconds."""
        self._now = start
        self._order = 0
        #: By moment, then by when it was asked for: tuples are compared without any Python code.
        self._heap: list[tuple[float, int, _Entry]] = []

    def __repr__(self) -> str:
        return f"<Schedule at {self._now:g} s, {len(self._heap)} to come>"

    def now(self) -> float:
        """Return the moment."""
        return self._now

    def call_at(self, when: float, callback: Callable[[], object]) -> Timer:
        """Have `callback` called at a moment."""
        self._order += 1
        entry = _Entry(callback)
        heapq.heappush(self._heap, (max(when, self._now), self._order, entry))
        return entry

    def run_until(self, when: float) -> None:
        """Let time pass up to a moment, and everything happen that is due by then."""
        heap = self._heap
        while heap and heap[0][0] <= when:
            moment, _, entry = heapq.heappop(heap)
            if entry.callback is not None:
                self._now = moment
                entry.callback()
        self._now = max(self._now, when)


def length(what: str, value: object, *, endless: bool = False) -> float:
    """Return a length of virtual time in seconds, from 0. It may be more than a day.

    Raises:
        ConfigError: it is no such number, or it is infinite and not `endless`: no time gets there.
    """
    expected = f"seconds as a {'' if endless else 'finite '}number from 0"
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _validate.refuse(what, value, expected)
    if not value >= 0 or (value == math.inf and not endless):  # NaN: no comparison is true of it
        raise _validate.refuse(what, value, expected)
    return value
