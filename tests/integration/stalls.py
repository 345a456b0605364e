"""What is played in real time is played again if the machine stood still meanwhile.

Some premises can't be waited for: that a late request arrives within the delay, that a client is
told to go before the server has ended. A machine that gives nobody a turn for a moment breaks them,
and then the play has shown nothing, whatever it found. Where nobody was held up, a failure is one,
at the first play.
"""

from __future__ import annotations

import functools
import threading
import time
import traceback
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, ParamSpec, cast

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Generator
    from contextlib import AbstractContextManager

P = ParamSpec("P")

#: Seconds between two looks at the clock, and what more between two of them is a stall: less than
#: any premise has to spare.
LOOK: Final = 0.02
STALL: Final = 0.2
#: How often something is played at most.
PLAYS: Final = 4


class Stalls:
    """Looks at the clock all the time, and keeps how late it came."""

    def __init__(self, clock: Callable[[], float], pause: Callable[[float], object]) -> None:
        """Make one that has not looked.

        Args:
            clock: monotonic, in seconds.
            pause: returns after so many seconds; true if it is to look no more.
        """
        self._clock = clock
        self._pause = pause
        #: The longest time for which this was not given its turn, in seconds.
        self.longest = 0.0

    def look(self) -> None:
        """Look until it is told to stop."""
        over = False
        while not over:
            before = self._clock()
            over = bool(self._pause(LOOK))
            self.longest = max(self.longest, self._clock() - before - LOOK)


@contextmanager
def watched() -> Generator[Stalls]:
    """Look at the clock in a thread, as long as this lasts."""
    over = threading.Event()
    stalls = Stalls(time.monotonic, over.wait)
    thread = threading.Thread(target=stalls.look, name="stalls", daemon=True)
    thread.start()
    try:
        yield stalls
    finally:
        over.set()
        thread.join()


def again_after_a_stall(
    play: Callable[P, Awaitable[None]],
    watch: Callable[[], AbstractContextManager[Stalls]] = watched,
) -> Callable[P, Coroutine[object, object, None]]:
    """Have it played again. Each directory among its arguments is a new one then."""

    @functools.wraps(play)
    async def played(*args: P.args, **kwargs: P.kwargs) -> None:
        again = cast("Callable[..., Awaitable[None]]", play)
        for number in range(1, PLAYS + 1):
            named = {name: _afresh(value, number) for name, value in kwargs.items()}
            with watch() as stalls:
                try:
                    await again(*(_afresh(value, number) for value in args), **named)
                except Exception:
                    if stalls.longest < STALL or number == PLAYS:
                        raise
                    traceback.print_exc()  # shown if it fails in the end
                else:
                    return

    return played


def _afresh(argument: object, number: int) -> object:
    if not isinstance(argument, Path):
        return argument
    directory = argument / f"play-{number}"
    directory.mkdir()
    return directory
