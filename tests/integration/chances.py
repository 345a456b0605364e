"""A second chance for what is played in real time, on a machine that may take away any process.

Some premises can't be waited for: that a late request arrives in the delay, that a client is told
to go before the server has ended. A machine that stands still for a second breaks them, and then
the play has shown nothing. It is played again, until it has succeeded twice or failed three times:
what goes wrong by itself fails, unless it is rare; `make zero-loss` is there for what is.
"""

from __future__ import annotations

import functools
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Final, ParamSpec, cast

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

P = ParamSpec("P")

#: How often it must succeed after a failure, and with how many it has failed.
AGAIN: Final = 2
FAILURES: Final = 3


def second_chance(
    play: Callable[P, Awaitable[None]],
) -> Callable[P, Coroutine[object, object, None]]:
    """Make a play that may fail. Each directory among its arguments is a new one then."""

    @functools.wraps(play)
    async def played(*args: P.args, **kwargs: P.kwargs) -> None:
        again = cast("Callable[..., Awaitable[None]]", play)
        failures = successes = 0
        while successes < (AGAIN if failures else 1):
            number = failures + successes
            named = {name: _afresh(value, number) for name, value in kwargs.items()}
            try:
                await again(*(_afresh(value, number) for value in args), **named)
            except Exception:
                failures += 1
                if failures == FAILURES:
                    raise
                traceback.print_exc()  # shown if it fails in the end
            else:
                successes += 1

    return played


def _afresh(argument: object, number: int) -> object:
    if not isinstance(argument, Path):
        return argument
    directory = argument / f"play-{number}"
    directory.mkdir()
    return directory
