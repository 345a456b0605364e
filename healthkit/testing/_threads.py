"""Which of the other threads work: while one does, virtual time stands still.

An app's sync endpoint runs in a thread and takes real time, so a clock that jumps would time it out
before it has begun. Nothing announces such work (an executor, anyio's workers, a bare thread), so
the threads themselves are looked at, each time the clock is about to jump.

A thread waits if the call in its innermost Python frame is one that blocks: `acquire`, `wait`,
`get`, `join`, or a selector's; the method is C's, or it would have a frame of its own. Everything
else is work, `time.sleep` too: it takes real time and no virtual time. What makes that certain:

1. `get` and `join` are methods of dicts and strings too, and a woken thread may be past its lock
   and wait for the interpreter. So a thread waits only if its CPU time stands still from one look
   to the next, with a real pause in between in which the interpreter is free, and if the kernel
   says that it sleeps: one that was woken in the pause and had no processor yet is runnable.
2. A thread that waited at the last look and has used no CPU since waits still, unless it was woken.
   Then its lock is free, or its queue has an item; where that can't be seen (an attribute, a
   ``with``, a SimpleQueue since Python 3.13), the kernel is asked again.

CPU time and sleep are Linux', read by the thread's number in the kernel, so that it can't be asked
of a wrong thread. Elsewhere the pause alone decides, before each jump.

What is not seen: other processes, real I/O that a thread selects or polls for, and the end of a
thread's own real timeout; in none of them does time stand still. A thread that worked before the
first look belongs to somebody else, and is never waited for.
"""

from __future__ import annotations

import threading
import time
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from healthkit.testing._doing import Used, doing, is_endless, used
from healthkit.testing._stuck import frame_named, frames, is_for_users

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType


#: How long the interpreter is left to other threads before they are looked at again, in seconds.
PAUSE: Final = 0.001


class Watcher(threading.Thread):
    """A thread of the simulation's own, which no simulation waits for."""


@dataclass(slots=True)
class _Seen:
    """What is known of a thread from the looks before."""

    #: Since when it works, in real seconds; None if it waits.
    since: float | None = None
    #: What it had used at the last look at which it seemed to wait.
    used: Used | None = None
    #: Whether it did wait then.
    is_settled: bool = False
    is_background: bool = False
    is_named: bool = False


class Threads:
    """The threads beside the loop's own. Used in the loop's thread only."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._seen: dict[tuple[int, int | None], _Seen] = {}
        self._foreign = self._at_work()

    def __repr__(self) -> str:
        busy = sum(one.since is not None for one in self._seen.values())
        return f"<Threads: {len(self._seen)} known, {busy} at work>"

    def _at_work(self) -> set[tuple[int, int | None]]:
        """Return who doesn't wait now, by two looks as `hold` takes them."""
        seen = self._seen
        found: set[tuple[int, int | None]] = set()
        for pause in (PAUSE, 0):
            found = {
                key
                for key, thread, frame in self._others()
                if not self._waits(seen.setdefault(key, _Seen()), thread, frame, first=False)
            }
            if found:
                time.sleep(pause)
        return found

    def hold(self, *, first: bool) -> bool:
        """Whether time must stand still, because a thread works or may be about to.

        Args:
            first: whether this is the first look since time was last to go on. The next comes
                after a pause in which the interpreter was free.
        """
        now = time.monotonic()
        before, self._seen = self._seen, {}
        # One that is being started has neither a number nor a frame, and somebody waits for it.
        held = any(thread.ident is None for thread in threading.enumerate())
        for key, thread, frame in self._others():
            if key not in self._foreign:
                seen = self._seen[key] = before.get(key) or _Seen()
                held |= self._holds(seen, thread, frame, first=first, now=now)
        return held

    def may_wake(self) -> bool:
        """Whether anybody could wake the loop without being woken first."""
        return any(
            key not in self._foreign and not is_endless(frame) for key, _, frame in self._others()
        )

    def has_background(self) -> bool:
        """Whether a thread that is not waited for any more worked at the last look."""
        return any(one.is_background for one in self._seen.values())

    def named(self) -> list[str]:
        """Name the threads that run the user's code, and where they stand."""
        return [
            f"{_name(thread)}{frame_named(frame)}"
            for _, thread, frame in self._others()
            if is_for_users(frame)
        ]

    def _others(
        self,
    ) -> Iterator[tuple[tuple[int, int | None], threading.Thread | None, FrameType]]:
        """Yield each other thread of Python's: what tells it from others, and its innermost frame.

        A number is given again to a later thread, so there are two of them.
        """
        known = {thread.ident: thread for thread in threading.enumerate()}
        found = frames()
        found.pop(threading.get_ident())
        for ident, frame in found.items():
            thread = known.get(ident)
            if not isinstance(thread, Watcher):
                yield (ident, thread.native_id if thread else None), thread, frame

    def _holds(
        self,
        seen: _Seen,
        thread: threading.Thread | None,
        frame: FrameType,
        *,
        first: bool,
        now: float,
    ) -> bool:
        """Whether this thread holds time up; keep what was seen."""
        if self._waits(seen, thread, frame, first=first):
            seen.since, seen.is_background = None, False
            return False
        if seen.since is None:
            seen.since = now
        if now - seen.since > self._patience:
            seen.is_background = True
            self._name_once(seen, thread, frame)
        return not seen.is_background

    def _waits(
        self, seen: _Seen, thread: threading.Thread | None, frame: FrameType, *, first: bool
    ) -> bool:
        """Whether a thread waits, and has since the look before."""
        before, seen.used = seen.used, None
        was_settled, seen.is_settled = seen.is_settled, False
        does = doing(frame)
        if not does.waits:
            return False
        seen.used = used(thread)
        if seen.used is None:
            return not first
        if seen.used != before:
            return False
        seen.is_settled = (was_settled and does.is_certain) or seen.used.sleeps()
        return seen.is_settled

    def _name_once(self, seen: _Seen, thread: threading.Thread | None, frame: FrameType) -> None:
        if seen.is_named:
            return
        seen.is_named = True
        warnings.warn(
            f"{_name(thread)} has worked for {self._patience:g} s{frame_named(frame)}: "
            "expected it to end or to wait; virtual time goes on without it",
            RuntimeWarning,
            stacklevel=2,
        )


def _name(thread: threading.Thread | None) -> str:
    return f"thread {thread.name!r}" if thread else "a thread without a name"
