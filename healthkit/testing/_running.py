"""Virtual time as it is used: the simulator's clock on a loop, and a function that runs in one.

The loop itself is `_virtual`.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple

from healthkit import _validate
from healthkit.errors import ConfigError
from healthkit.testing._virtual import PATIENCE, VirtualLoop

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from healthkit.testing._clock import Timer

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class LoopClock:
    """The simulator's clock (`healthkit.testing._clock.Clock`) on an event loop in virtual time."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def __repr__(self) -> str:
        return f"<LoopClock at {self.now():g} s>"

    def now(self) -> float:
        """Return the moment."""
        return self._loop.time()

    def call_at(self, when: float, callback: Callable[[], object]) -> Timer:
        """Have `callback` called at a moment. What it raises ends the simulation."""
        return self._loop.call_at(max(when, self.now()), self._call, callback)

    def _call(self, callback: Callable[[], object]) -> None:
        try:
            callback()
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as exc:  # noqa: BLE001  # handed to whoever awaits the simulation
            self._loop.fail(exc)


def run(main: Callable[[*Ts], Coroutine[Any, Any, T]], *args: *Ts, patience: float = PATIENCE) -> T:
    """Run a coroutine function in virtual time, in a loop of its own, and return its result.

    Works in any thread without a running loop.

    Args:
        main: called with `args`.
        args: its arguments.
        patience: in real seconds; see `VirtualLoop`.

    Raises:
        ConfigError: `main` is no coroutine function, or this thread already runs a loop.
        StuckError: the simulation can't go on.
    """
    if not inspect.iscoroutinefunction(main):
        raise _validate.refuse("main", main, "a coroutine function: run(main), not run(main())")
    with contextlib.suppress(RuntimeError):
        running = asyncio.get_running_loop()
        raise ConfigError(f"found a running loop ({running!r}): await {main.__name__}() in it")
    factory = functools.partial(VirtualLoop, patience)
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main(*args))
