"""The event loop that a life runs on: the one seam to asyncio.

Owns how work gets onto the loop from another thread or from a signal handler, how a task is
started that belongs to nobody's task group, and what time it is. Everything that runs inside such a
task uses anyio and does not know which loop it is on.
"""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine


class Loop:
    """The running loop, as seen from any thread. Make it inside the loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()

    def now(self) -> float:
        """Return the loop's monotonic clock, in seconds. Safe in any thread."""
        return self._loop.time()

    def is_mine(self) -> bool:
        """Whether the caller runs in the loop's own thread."""
        return threading.get_ident() == self._thread

    def is_running_here(self) -> bool:
        """Whether this very loop is the one that runs the caller."""
        return asyncio.get_running_loop() is self._loop

    def is_closed(self) -> bool:
        """Whether nothing can run on it any more."""
        return self._loop.is_closed()

    def soon(self, callback: Callable[[], object]) -> bool:
        """Have the loop call `callback`; return False if it is closed and never will.

        Safe in any thread and in a signal handler: it appends to a deque and writes to the loop's
        self-pipe, and takes no lock (CPython Lib/asyncio/base_events.py, call_soon_threadsafe).
        """
        try:
            self._loop.call_soon_threadsafe(callback)
        except RuntimeError:
            return False
        return True

    def spawn(self, work: Coroutine[object, object, None], name: str) -> asyncio.Task[None]:
        """Start `work` as a task of its own. The caller keeps the reference, and owns its end."""
        return self._loop.create_task(work, name=name)
