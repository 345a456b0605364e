"""A second chance for what is played in real time, on a machine that may take away any process.

Some premises can't be waited for: that a late request arrives in the delay, that a client is told
to go before the server has ended. A machine that stands still for a second breaks them, and then
the play has shown nothing. It is played again, more often than before: what goes wrong by itself
more than once in a while still fails.
"""

from __future__ import annotations

import functools
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Final, ParamSpec, cast

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

P = ParamSpec("P")

#: How often it must succeed after a failure.
AGAIN: Final = 2


def second_chance(
    play: Callable[P, Awaitable[None]],
) -> Callable[P, Coroutine[object, object, None]]:
    """Make a play that may fail once. Each directory among its arguments is a new one then."""

    @functools.wraps(play)
    async def played(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            await play(*args, **kwargs)
        except Exception:  # noqa: BLE001  # whatever a late machine may lead to
            traceback.print_exc()  # shown if it fails again
            for number in range(AGAIN):
                again = cast("Callable[..., Awaitable[None]]", play)
                named = {name: _afresh(value, number) for name, value in kwargs.items()}
                await again(*(_afresh(value, number) for value in args), **named)

    return played


def _afresh(argument: object, number: int) -> object:
    if not isinstance(argument, Path):
        return argument
    directory = argument / f"again-{number}"
    directory.mkdir()
    return directory
