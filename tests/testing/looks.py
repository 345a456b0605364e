"""A watchdog whose looks are a test's: one that looks by the clock also sees a busy machine."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from healthkit.testing._watchdog import LOOKS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class Played:
    """In the place of a watchdog's event: before each look something is done, till all is."""

    def __init__(self, steps: Iterable[Callable[[], object]]) -> None:
        self._steps = iter(steps)
        #: Seconds from the beginning, if each look comes when it is due.
        self.moment = 0.0

    def wait(self, timeout: float) -> bool:
        """Take a step; say whether there is none."""
        for step in self._steps:
            self.moment += timeout
            step()
            return False
        return True


class Looks(threading.Event):
    """The same for real: the watchdog's thread looks as often as a test lets it."""

    def __init__(self) -> None:
        super().__init__()
        self._left = 0

    def allow(self) -> None:
        """Let it find the turn of the loop, and interrupt it once."""
        self._left = LOOKS + 1

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the next look, or the end."""
        while not super().wait(timeout):
            if self._left:
                self._left -= 1
                return False
        return True
